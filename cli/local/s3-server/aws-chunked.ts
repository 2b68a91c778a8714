import { createHash, type Hash } from 'node:crypto'
import { hmac, sha256Hex, type ChunkSigning } from './auth'
import { S3Error } from './errors'

/** Longest line between chunks, in bytes: a chunk's head or a trailer. */
const MAX_LINE = 4096
const EMPTY_SHA256 = sha256Hex('')

/**
 * Takes an aws-chunked body apart as it comes, without copying data, and checks each chunk's signature where it is signed. Data
 * is handed on before its chunk's signature is known to be right: nothing may be kept of it until `finish` has returned.
 */
export class ChunkedDecoder {
  private state: 'head' | 'data' | 'end-of-data' | 'trailer' | 'done' = 'head'
  private line = ''
  private rest = 0
  private chunkHash: Hash | undefined
  private chunkSignature = ''
  private previous: string
  readonly trailers = new Map<string, string>()

  constructor(
    private readonly signing: ChunkSigning | undefined,
    private readonly withTrailer: boolean,
  ) {
    this.previous = signing?.seed ?? ''
  }

  /** The data in these bytes. Throws IncompleteBody, SignatureDoesNotMatch, MalformedTrailerError. */
  push(bytes: Buffer): Buffer[] {
    const data: Buffer[] = []
    let at = 0
    while (at < bytes.length) {
      if (this.state === 'data') {
        const piece = bytes.subarray(at, at + this.rest)
        at += piece.length
        this.rest -= piece.length
        this.chunkHash?.update(piece)
        data.push(piece)
        if (this.rest === 0) this.state = 'end-of-data'
        continue
      }
      const newline = bytes.indexOf(10, at)
      this.line += bytes.toString('latin1', at, newline < 0 ? bytes.length : newline)
      if (this.line.length > MAX_LINE) throw new S3Error('IncompleteBody', 'A line of the aws-chunked body is too long.')
      if (newline < 0) break
      at = newline + 1
      const line = this.line.endsWith('\r') ? this.line.slice(0, -1) : this.line
      this.line = ''
      this.takeLine(line)
    }
    return data
  }

  /** To be called after the last bytes. Throws IncompleteBody when the body ended too early. */
  finish(): void {
    if (this.state !== 'done') throw new S3Error('IncompleteBody', 'The aws-chunked body ended early.')
  }

  private takeLine(line: string): void {
    if (this.state === 'head') this.takeHead(line)
    else if (this.state === 'end-of-data' && line === '') this.endChunk()
    else if (this.state === 'trailer') this.takeTrailer(line)
    else throw new S3Error('IncompleteBody', 'The aws-chunked body is malformed.')
  }

  private takeHead(line: string): void {
    const [, size, signature] = /^([0-9a-fA-F]{1,13})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line) ?? []
    if (size === undefined || (this.signing !== undefined && signature === undefined))
      throw new S3Error('IncompleteBody', 'A chunk of the aws-chunked body has no valid head.')
    this.rest = Number.parseInt(size, 16)
    this.chunkSignature = signature ?? ''
    this.chunkHash = this.signing && createHash('sha256')
    if (this.rest > 0) this.state = 'data'
    else {
      this.checkChunk()
      this.state = 'trailer'
    }
  }

  private endChunk(): void {
    this.checkChunk()
    this.state = 'head'
  }

  private checkChunk(): void {
    if (this.signing === undefined || this.chunkHash === undefined) return
    this.checkLink('AWS4-HMAC-SHA256-PAYLOAD', `${EMPTY_SHA256}\n${this.chunkHash.digest('hex')}`, this.chunkSignature)
  }

  private checkLink(kind: string, hashes: string, signature: string): void {
    if (this.signing === undefined) return
    const { signingKey, amzDate, scope } = this.signing
    const expected = hmac(signingKey, `${kind}\n${amzDate}\n${scope}\n${this.previous}\n${hashes}`).toString('hex')
    if (expected !== signature) throw new S3Error('SignatureDoesNotMatch', 'The signature of a chunk does not match.')
    this.previous = expected
  }

  private takeTrailer(line: string): void {
    if (line === '') return this.endTrailer()
    const colon = line.indexOf(':')
    if (colon < 1 || !this.withTrailer) throw new S3Error('MalformedTrailerError')
    this.trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim())
  }

  private endTrailer(): void {
    if (this.signing !== undefined && this.withTrailer) {
      const signature = this.trailers.get('x-amz-trailer-signature') ?? ''
      this.trailers.delete('x-amz-trailer-signature')
      const lines = [...this.trailers].map(([name, value]) => `${name}:${value}\n`).join('')
      this.checkLink('AWS4-HMAC-SHA256-TRAILER', sha256Hex(lines), signature)
    }
    this.state = 'done'
  }
}
