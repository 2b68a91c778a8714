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
