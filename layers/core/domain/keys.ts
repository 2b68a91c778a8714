import { createHash } from 'node:crypto'

/**
 * An object's key as the bytes the store sent. In Amazon S3 they are UTF-8, at most 1,024 of them.
 * Keys are never joined with separators, normalised, trimmed or compared as JavaScript strings: `<` on strings is UTF-16
 * order, which disagrees with the stores' byte order above U+FFFF.
 */
export type Key = Buffer

/** Longest key Amazon S3 takes, in bytes (Amazon S3 user guide, "Naming Amazon S3 objects"). */
export const MAX_KEY_BYTES = 1024

export const compareKeys = (a: Key, b: Key): number => Buffer.compare(a, b)

export const hasPrefix = (key: Key, prefix: Key): boolean => key.length >= prefix.length && key.subarray(0, prefix.length).equals(prefix)

/** The bytes as text, or undefined when they are not UTF-8 and text would lose something. */
export const keyText = (key: Key): string | undefined => {
  const text = key.toString('utf8')
  return Buffer.from(text, 'utf8').equals(key) ? text : undefined
}

/** A key in a JSON file: text where the bytes are UTF-8, otherwise base64 under a name of its own. */
export type KeyJson = string | { base64: string }

export const keyToJson = (key: Key): KeyJson => keyText(key) ?? { base64: key.toString('base64') }

export const keyFromJson = (json: KeyJson): Key =>
  typeof json === 'string' ? Buffer.from(json, 'utf8') : Buffer.from(json.base64, 'base64')

/** A key for eyes: control characters and stray bytes escaped, so that one key stays on one line of a terminal or log. */
export const printableKey = (key: Key): string => JSON.stringify(keyText(key) ?? `base64:${key.toString('base64')}`).slice(1, -1)

/**
 * A key in a message, as every message holds it: `key "a/b"`, or `key base64 "/w=="` where the bytes are not UTF-8. JSON's quotes
 * end it beyond doubt whatever the key holds, so that `hashKeys` finds it again in a text that has travelled.
 */
export const namedKey = (key: Key): string => {
  const text = keyText(key)
  return text === undefined ? `key base64 "${key.toString('base64')}"` : `key ${JSON.stringify(text)}`
}

/** Hex digits of a key's hash in a log: with 16 no two of a billion keys are likely to share one. */
const HASH_DIGITS = 16

/** What stands in place of a key: the first digits of its SHA-256, like those in the name of a large object's shard. */
export const hashedKey = (key: Key): string => createHash('sha256').update(key).digest('hex').slice(0, HASH_DIGITS)

/** A named key, also one whose end was cut off: past `key "` there is always a match, so that no text makes it slow. */
const NAMED = /key (base64 )?"((?:[^"\\]|\\(?:[^]|$))*)(?:"|$)/g

/** The text with `key #…` in place of every key that `namedKey` put into it. */
export const hashKeys = (text: string): string =>
  text.replace(NAMED, (_named, base64: string | undefined, quoted: string) => {
    const key = base64 === undefined ? unquoted(quoted) : Buffer.from(quoted, 'base64')
    return `key #${key === undefined ? 'unreadable' : hashedKey(key)}`
  })

const unquoted = (quoted: string): Key | undefined => {
  try {
    return Buffer.from(JSON.parse(`"${quoted}"`) as string, 'utf8')
  } catch {
    return undefined
  }
}
