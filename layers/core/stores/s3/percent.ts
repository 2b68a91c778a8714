/** The bytes RFC 3986 calls unreserved; Amazon S3's canonical URI keeps exactly these, and `/` in paths. */
const UNRESERVED = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~'

const tableOf = (kept: string): readonly string[] =>
  Array.from({ length: 256 }, (_, byte) => {
    const char = String.fromCharCode(byte)
    return kept.includes(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  })

const IN_PATH = tableOf(`${UNRESERVED}/`)
const IN_QUERY = tableOf(UNRESERVED)

const encodeWith = (table: readonly string[], bytes: Buffer): string => {
  let text = ''
  for (let at = 0; at < bytes.length; at += 1) text += table[bytes[at] as number]
  return text
}

/** A key as it stands in a request line: each byte encoded once, `/` and `.` untouched, nothing normalised. */
export const encodePath = (key: Buffer): string => encodeWith(IN_PATH, key)

export const encodeQueryValue = (value: Buffer | string): string =>
  encodeWith(IN_QUERY, typeof value === 'string' ? Buffer.from(value, 'utf8') : value)

const PLUS = 0x2b
const PERCENT = 0x25
const SPACE = 0x20

const hexDigit = (byte: number | undefined): number => {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/**
 * Undoes `encoding-type=url` to bytes: `+` is a space, `%XX` a byte. Not through strings: the bytes need not be UTF-8.
 * Returns undefined if a `%` is not followed by two hex digits.
 */
export const decodeUrlBytes = (encoded: Buffer): Buffer | undefined => {
  const decoded = Buffer.allocUnsafe(encoded.length)
  let length = 0
  for (let at = 0; at < encoded.length; at += 1) {
    const byte = encoded[at] as number
    if (byte === PERCENT) {
      const high = hexDigit(encoded[at + 1])
      const low = hexDigit(encoded[at + 2])
      if (high < 0 || low < 0) return undefined
      decoded[length] = high * 16 + low
      at += 2
    } else {
      decoded[length] = byte === PLUS ? SPACE : byte
    }
    length += 1
  }
  return decoded.subarray(0, length)
}
