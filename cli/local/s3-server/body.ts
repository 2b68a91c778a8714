import { createHash } from 'node:crypto'
import { sha256Hex, type Payload } from './auth'
import { ChunkedDecoder } from './aws-chunked'
import { gather } from './bodies'
import { CHECKSUM_NAMES, checkedValue, Digest, type Checksum, type ChecksumName } from './checksums'
import { S3Error } from './errors'
import { headerOf, wholeNumber, type S3Request } from './request'

/** Largest body of one PUT, in bytes: 5 GiB (Amazon S3 user guide, "Uploading objects"). */
export const MAX_PUT_BYTES = 5 * 2 ** 30
/** Largest XML body, in bytes: 10,000 parts with checksums come to about 2 MB. */
const MAX_XML_BYTES = 4 * 2 ** 20
const EMPTY_SHA256 = sha256Hex('')

export interface Received {
  /** bytes */
  size: number
  md5: Buffer
  checksum: Checksum | undefined
}

interface ExpectedChecksum {
  algorithm: ChecksumName
  /** undefined: it comes in the trailer */
  value: string | undefined
}

const expectedChecksum = (request: S3Request, payload: Payload): ExpectedChecksum | undefined => {
  const given = CHECKSUM_NAMES.filter((name) => request.headers[`x-amz-checksum-${name}`] !== undefined)
  const trailer = payload.kind === 'chunked' && payload.trailer ? headerOf(request.headers, 'x-amz-trailer')?.toLowerCase() : undefined
  const promised = CHECKSUM_NAMES.find((name) => trailer === `x-amz-checksum-${name}`)
  if (trailer !== undefined && promised === undefined) throw new S3Error('NotImplemented', `x-amz-trailer: ${trailer} is not implemented.`)
  if (given.length + (promised ? 1 : 0) > 1) throw new S3Error('InvalidRequest', 'Expecting a single x-amz-checksum- header.')
  if (promised) return { algorithm: promised, value: undefined }
  const [algorithm] = given
  return algorithm && { algorithm, value: checkedValue(algorithm, headerOf(request.headers, `x-amz-checksum-${algorithm}`) ?? '') }
}

const expectedMd5 = (request: S3Request): string | undefined => {
  const value = headerOf(request.headers, 'content-md5')
  if (value !== undefined && (Buffer.from(value, 'base64').length !== 16 || value.length !== 24)) throw new S3Error('InvalidDigest')
  return value
}

/** Throws MissingContentLength, or EntityTooLarge. */
const expectedSize = (request: S3Request, payload: Payload): number => {
  const name = payload.kind === 'chunked' ? 'x-amz-decoded-content-length' : 'content-length'
  const size = wholeNumber(name, headerOf(request.headers, name), 0, Number.MAX_SAFE_INTEGER)
  if (size === undefined) throw new S3Error('MissingContentLength')
  if (size > MAX_PUT_BYTES) throw new S3Error('EntityTooLarge')
  return size
}

/**
 * A request's body, read once and as fast as its reader takes it. Everything the request says of it is verified before
 * `chunks` ends: its length, the payload hash or the signatures of its chunks, Content-MD5, a checksum in header or trailer.
 */
export class VerifiedBody {
  /** bytes, as announced */
  readonly size: number
  /** the algorithm of the checksum that the client sends */
  readonly announced: ChecksumName | undefined
  private readonly md5: string | undefined
  private readonly checksum: ExpectedChecksum | undefined
  private readonly decoder: ChunkedDecoder | undefined
  private result: Received | undefined

  constructor(
    private readonly request: S3Request,
    private readonly payload: Payload,
    checksumIs: 'of the body' | 'of the object' = 'of the body',
    /** what is computed when the client says none */
    private readonly computed?: ChecksumName,
  ) {
    this.size = expectedSize(request, payload)
    this.md5 = expectedMd5(request)
    this.checksum = checksumIs === 'of the body' ? expectedChecksum(request, payload) : undefined
    this.announced = this.checksum?.algorithm
    this.decoder = payload.kind === 'chunked' ? new ChunkedDecoder(payload.signing, payload.trailer) : undefined
  }

  /** Throws IncompleteBody, BadDigest, XAmzContentSHA256Mismatch, SignatureDoesNotMatch, MalformedTrailerError. */
  async *chunks(): AsyncGenerator<Buffer> {
    const digest = new Digest(this.announced ?? this.computed)
    const sha256 = this.payload.kind === 'sha256' ? createHash('sha256') : undefined
    // not destroyed on an error: the client is to read the answer instead of a reset
    for await (const raw of this.request.message.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (const data of this.decoder ? this.decoder.push(raw) : [raw]) {
        digest.update(data)
        sha256?.update(data)
        if (digest.size > this.size) throw new S3Error('IncompleteBody')
        yield data
      }
    }
    this.decoder?.finish()
    if (this.payload.kind === 'sha256' && sha256?.digest('hex') !== this.payload.hex) throw new S3Error('XAmzContentSHA256Mismatch')
    this.result = this.check(digest.finish())
  }

  /** What was received, once `chunks` has ended. */
  received(): Received {
    if (!this.result) throw new Error('the body was not read to its end')
    return this.result
  }

  private check(received: Received): Received {
    if (received.size !== this.size) throw new S3Error('IncompleteBody')
    if (this.md5 !== undefined && received.md5.toString('base64') !== this.md5) throw new S3Error('BadDigest')
    const unknown = [...(this.decoder?.trailers.keys() ?? [])].find((name) => name !== `x-amz-checksum-${this.announced}`)
    if (unknown !== undefined) throw new S3Error('MalformedTrailerError', `The trailer ${unknown} was not announced.`)
    if (this.checksum === undefined) return received
    const { algorithm } = this.checksum
    const claimed = this.checksum.value ?? this.decoder?.trailers.get(`x-amz-checksum-${algorithm}`)
    if (claimed === undefined) throw new S3Error('MalformedTrailerError')
    if (claimed !== received.checksum?.value)
      throw new S3Error('BadDigest', `The ${algorithm} you specified did not match the calculated checksum.`)
    return received
  }
}

/**
 * A small body, whole: XML, or nothing at all. CompleteMultipartUpload's checksum headers speak of the object, not of the XML.
 * Throws as VerifiedBody does, and MalformedXML over 4 MiB.
 */
export const readSmallBody = async (request: S3Request, payload: Payload, checksumIs: 'of the body' | 'of the object'): Promise<Buffer> => {
  const { headers } = request
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
    if (payload.kind === 'sha256' && payload.hex !== EMPTY_SHA256) throw new S3Error('XAmzContentSHA256Mismatch')
    return Buffer.alloc(0)
  }
  const body = new VerifiedBody(request, payload, checksumIs)
  if (body.size > MAX_XML_BYTES) throw new S3Error('MalformedXML')
  return gather(body.chunks())
}
