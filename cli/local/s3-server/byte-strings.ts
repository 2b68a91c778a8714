import { isUtf8 } from 'node:buffer'
import { S3Error } from './errors'

/**
 * The UTF-8 bytes of a key as a latin1 string, one character a byte: `<` compares it in byte order, `startsWith` is exact, and
 * V8 keeps it in one byte a character.
 */
export type ByteString = string

/** Amazon S3 user guide, "Naming Amazon S3 objects". */
const MAX_KEY_BYTES = 1024

export const bytesOf = (text: string): ByteString => Buffer.from(text, 'utf8').toString('latin1')

export const textOf = (bytes: ByteString): string => (/[\x80-\xff]/.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes)

/** Throws InvalidURI for a `%` that two hex digits do not follow. */
export const percentDecode = (encoded: string): ByteString =>
  encoded.includes('%')
    ? encoded.replace(/%([0-9A-Fa-f]{2})?/g, (_, hex: string | undefined) => {
        if (hex === undefined) throw new S3Error('InvalidURI')
        return String.fromCharCode(Number.parseInt(hex, 16))
      })
    : encoded

/** The key if it may be one; throws KeyTooLongError over 1,024 bytes and InvalidURI for bytes that are not UTF-8. */
export const legalKey = (bytes: ByteString): ByteString => {
  if (bytes.length > MAX_KEY_BYTES) throw new S3Error('KeyTooLongError')
  const buffer = Buffer.from(bytes, 'latin1')
  if (!isUtf8(buffer)) throw new S3Error('InvalidURI', 'The key is not UTF-8.')
  // a new flat string: a slice would keep the whole URL alive in the index
  return buffer.toString('latin1')
}

const escapes = (kept: RegExp, space: string): string[] =>
  Array.from({ length: 256 }, (_, byte) => {
    const character = String.fromCharCode(byte)
    return kept.test(character) ? character : character === ' ' ? space : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  })

const encoder = (kept: RegExp, space: string) => {
  const table = escapes(kept, space)
  const plain = new RegExp(`^(?:${kept.source})*$`)
  return (bytes: ByteString): string =>
    plain.test(bytes) ? bytes : bytes.replace(/[^]/g, (character) => table[character.charCodeAt(0)] ?? '')
}

/** SigV4's canonical path: RFC 3986 unreserved characters and `/` stay. */
export const encodePath = encoder(/[A-Za-z0-9\-._~/]/, '%20')
/** SigV4's canonical query. */
export const encodeQuery = encoder(/[A-Za-z0-9\-._~]/, '%20')
/** `encoding-type=url` as Amazon S3 does it: a form encoding, a space is `+`. */
export const encodeListed = encoder(/[A-Za-z0-9\-._*/]/, '+')

/** The least string greater than everything that begins with `prefix`, which is not empty and does not end in 0xFF (UTF-8 never does). */
export const afterPrefix = (prefix: ByteString): ByteString =>
  prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)

/** The least string greater than this one. */
export const after = (bytes: ByteString): ByteString => `${bytes}\0`
