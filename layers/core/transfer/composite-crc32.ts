import { crc32 } from 'node:zlib'
import type { UploadPart } from '../domain/object-store'

/**
 * The CRC32 that Amazon S3 keeps of an object made of these parts: the checksum of the parts' checksums, and their number (user
 * guide, "Checking object integrity": composite checksums). Base64; undefined where the store keeps none of a part.
 */
export const compositeCrc32 = (parts: readonly UploadPart[]): string | undefined => {
  const sums = parts.flatMap((part) => (part.crc32 === undefined ? [] : [Buffer.from(part.crc32, 'base64')]))
  if (sums.length !== parts.length) return undefined
  const whole = Buffer.alloc(4)
  whole.writeUInt32BE(crc32(Buffer.concat(sums)))
  return `${whole.toString('base64')}-${parts.length}`
}
