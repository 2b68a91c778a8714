import { crc32 } from 'node:zlib'
import { BodyMismatch } from '../../domain/errors'
import { count, counted } from '../../domain/units'

/** Bytes of data a chunk: the framing then costs 11 bytes a MiB. (Amazon S3 asks for at least 8 KiB.) */
const CHUNK_BYTES = 1024 * 1024

const TRAILER = 'x-amz-checksum-crc32'
/** base64 of 4 bytes */
const CRC_CHARACTERS = 8

const crcText = (crc: number): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc)
  return bytes.toString('base64')
}

/** base64 of the CRC32, as x-amz-checksum-crc32 holds it. */
export const crc32Of = (data: Buffer): string => crcText(crc32(data))

const frameBytes = (data: number): number => data.toString(16).length + 2 + data + 2

/** Bytes of the framed body of `size` bytes: known beforehand, so that a Content-Length can be sent. */
export const framedLength = (size: number): number => {
  const rest = size % CHUNK_BYTES
  const full = (size - rest) / CHUNK_BYTES
  return full * frameBytes(CHUNK_BYTES) + (rest > 0 ? frameBytes(rest) : 0) + `0\r\n${TRAILER}:`.length + CRC_CHARACTERS + '\r\n\r\n'.length
}

export interface Framed {
  body: AsyncIterable<Uint8Array>
  /** what ended the body early: the reader's own error, or BodyMismatch */
  failure(): { error: unknown } | undefined
  /** base64 CRC32 of all data; undefined until the last byte was handed over */
  crc32(): string | undefined
}

export interface Pace {
  /** a piece was handed over, and the connection is to take it */
  waits(): void
  /** it took it */
  moved(): void
}

/**
 * aws-chunked with an unsigned trailer (Amazon S3 API reference, "Signature calculations: including trailing headers"). Chunk
 * headers come before the data is in hand, since all sizes follow from `size`: nothing is gathered or copied. The last chunk is
 * withheld unless the stream has exactly `size` bytes, so that a store never sees a complete body of anything else.
 */
export const frame = (what: string, stream: AsyncIterable<Uint8Array>, size: number, pace: Pace): Framed => {
  let failure: { error: unknown } | undefined
  let checksum: string | undefined

  async function* pieces(): AsyncGenerator<Uint8Array> {
    let crc = 0
    let seen = 0
    let left = 0
    for await (const chunk of stream) {
      if (seen + chunk.length > size) throw new BodyMismatch(`${what}: the stream has more than its ${counted(size, 'byte')}`)
      crc = crc32(chunk, crc)
      for (let from = 0; from < chunk.length;) {
        if (left === 0) {
          left = Math.min(CHUNK_BYTES, size - seen)
          yield Buffer.from(`${seen > 0 ? '\r\n' : ''}${left.toString(16)}\r\n`, 'latin1')
        }
        const piece = chunk.subarray(from, from + left)
        from += piece.length
        seen += piece.length
        left -= piece.length
        yield piece
      }
    }
    if (seen < size) throw new BodyMismatch(`${what}: the stream ended after ${count(seen)} of ${counted(size, 'byte')}`)
    checksum = crcText(crc)
    yield Buffer.from(`${seen > 0 ? '\r\n' : ''}0\r\n${TRAILER}:${checksum}\r\n\r\n`, 'latin1')
  }

  async function* paced(): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of pieces()) {
        pace.waits()
        yield piece
        pace.moved()
      }
    } catch (error) {
      failure = { error }
      throw error
    }
    pace.waits()
  }

  return { body: paced(), failure: () => failure, crc32: () => checksum }
}

export const FRAMED_PAYLOAD = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'

/** The headers that announce such a body. An encoding of the object's own stays beside `aws-chunked`, which the store takes off. */
export const framedHeaders = (size: number, contentEncoding: string | undefined): Record<string, string> => ({
  'content-encoding': contentEncoding === undefined || contentEncoding === '' ? 'aws-chunked' : `aws-chunked,${contentEncoding}`,
  'content-length': String(framedLength(size)),
  'x-amz-decoded-content-length': String(size),
  'x-amz-trailer': TRAILER,
})
