import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { S3Error } from './errors'

/** Reflected generator polynomials: Amazon S3 user guide, "Checking object integrity". */
const CRCS = {
  crc32: { bits: 32, polynomial: 0xedb88320n },
  crc32c: { bits: 32, polynomial: 0x82f63b78n },
  crc64nvme: { bits: 64, polynomial: 0x9a6c9329ac4bc9b5n },
} as const

const BYTES = { crc32: 4, crc32c: 4, crc64nvme: 8, sha1: 20, sha256: 32 } as const

export type ChecksumName = keyof typeof BYTES
export const CHECKSUM_NAMES = Object.keys(BYTES) as ChecksumName[]

export interface Checksum {
  algorithm: ChecksumName
  /** base64; a composite one ends in `-` and the number of parts */
  value: string
}

export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE'

export const isCrc = (name: ChecksumName): name is keyof typeof CRCS => name in CRCS

/** The name from an `x-amz-checksum-algorithm` header. Throws InvalidRequest for any other. */
export const checksumNamed = (word: string): ChecksumName => {
  const name = word.toLowerCase() as ChecksumName
  if (!Object.hasOwn(BYTES, name)) throw new S3Error('InvalidRequest', `Checksum algorithm ${word} is not known.`)
  return name
}

/** Throws InvalidRequest unless the value is base64 of the algorithm's length. */
export const checkedValue = (algorithm: ChecksumName, value: string): string => {
  const bytes = Buffer.from(value, 'base64')
  if (bytes.length !== BYTES[algorithm] || bytes.toString('base64') !== value)
    throw new S3Error('InvalidRequest', `Value for x-amz-checksum-${algorithm} header is invalid.`)
  return value
}

interface Hasher {
  update(bytes: Buffer): void
  digest(): Buffer
}

const bytewiseTable = (polynomial: bigint, shift: bigint): Uint32Array =>
  Uint32Array.from({ length: 256 }, (_, byte) => {
    let remainder = BigInt(byte)
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1n ? (remainder >> 1n) ^ polynomial : remainder >> 1n
    return Number((remainder >> shift) & 0xffffffffn)
  })

const LOW = bytewiseTable(CRCS.crc64nvme.polynomial, 0n)
const HIGH = bytewiseTable(CRCS.crc64nvme.polynomial, 32n)
const CASTAGNOLI = bytewiseTable(CRCS.crc32c.polynomial, 0n)

const fromWords = (...words: number[]): Buffer => {
  const bytes = Buffer.alloc(words.length * 4)
  words.forEach((word, at) => bytes.writeUInt32BE(word >>> 0, at * 4))
  return bytes
}

const crc32Hasher = (): Hasher => {
  let sum = 0
  return { update: (bytes) => void (sum = crc32(bytes, sum)), digest: () => fromWords(sum) }
}

const crc32cHasher = (): Hasher => {
  let sum = -1
  return {
    update: (bytes) => {
      let running = sum
      for (let at = 0; at < bytes.length; at++) running = (running >>> 8) ^ (CASTAGNOLI[(running ^ (bytes[at] as number)) & 255] as number)
      sum = running
    },
    digest: () => fromWords(~sum),
  }
}

/** In two 32-bit halves: BigInt arithmetic is some hundred times slower. */
const crc64Hasher = (): Hasher => {
  let low = -1
  let high = -1
  return {
    update: (bytes) => {
      let [l, h] = [low, high]
      for (let at = 0; at < bytes.length; at++) {
        const index = (l ^ (bytes[at] as number)) & 255
        l = ((l >>> 8) | (h << 24)) ^ (LOW[index] as number)
        h = (h >>> 8) ^ (HIGH[index] as number)
      }
      ;[low, high] = [l, h]
    },
    digest: () => fromWords(~high, ~low),
  }
}

export const hasherOf = (name: ChecksumName): Hasher =>
  name === 'crc32' ? crc32Hasher() : name === 'crc32c' ? crc32cHasher() : name === 'crc64nvme' ? crc64Hasher() : createHash(name)

/** a·b modulo the polynomial, in reflected form: the highest bit is x to the power of 0. */
const multiply = (a: bigint, b: bigint, bits: number, polynomial: bigint): bigint => {
  let product = 0n
  for (let bit = bits - 1, power = b; bit >= 0; bit--) {
    if ((a >> BigInt(bit)) & 1n) product ^= power
    power = power & 1n ? (power >> 1n) ^ polynomial : power >> 1n
  }
  return product
}

/** The CRC of A followed by B, from their CRCs and B's length in bytes: crc(A)·x^(8·length) + crc(B). */
const append = (name: keyof typeof CRCS, a: bigint, b: bigint, length: number): bigint => {
  const { bits, polynomial } = CRCS[name]
  let factor = 1n << BigInt(bits - 1)
  let square = 1n << BigInt(bits - 9)
  for (let rest = length; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) factor = multiply(factor, square, bits, polynomial)
    square = multiply(square, square, bits, polynomial)
  }
  return multiply(a, factor, bits, polynomial) ^ b
}

/** The object's checksum from its parts': composite, or the whole object's, which only CRCs can give. */
export const checksumOfParts = (algorithm: ChecksumName, type: ChecksumType, parts: { value: string; size: number }[]): string => {
  const values = parts.map(({ value }) => Buffer.from(value, 'base64'))
  if (type === 'FULL_OBJECT' && isCrc(algorithm)) {
    const numbers = values.map((bytes) => BigInt(`0x${bytes.toString('hex')}`))
    const whole = numbers.reduce((sum, next, at) => (at === 0 ? next : append(algorithm, sum, next, parts[at]?.size ?? 0)))
    return Buffer.from(whole.toString(16).padStart(BYTES[algorithm] * 2, '0'), 'hex').toString('base64')
  }
  const hasher = hasherOf(algorithm)
  hasher.update(Buffer.concat(values))
  return `${hasher.digest().toString('base64')}-${parts.length}`
}

/** What is computed of every body on its way: its length, its MD5 (the ETag) and the checksum that was asked for. */
export class Digest {
  size = 0
  private readonly md5 = createHash('md5')
  private readonly hasher: Hasher | undefined

  constructor(private readonly algorithm: ChecksumName | undefined) {
    this.hasher = algorithm && hasherOf(algorithm)
  }

  update(bytes: Buffer): void {
    this.size += bytes.length
    this.md5.update(bytes)
    this.hasher?.update(bytes)
  }

  /** Once only. */
  finish(): { size: number; md5: Buffer; checksum: Checksum | undefined } {
    const checksum = this.algorithm && this.hasher && { algorithm: this.algorithm, value: this.hasher.digest().toString('base64') }
    return { size: this.size, md5: this.md5.digest(), checksum }
  }
}
