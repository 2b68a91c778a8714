import { hasPrefix, keyFromJson, keyText, MAX_KEY_BYTES, type Key, type KeyJson } from './keys'

/** `txt`: one key a line, byte for byte. `jsonl`: one JSON key a line, as `keyToJson` writes it. */
export type KeyListForm = 'txt' | 'jsonl'

/** By the name's end. */
export const keyListForm = (name: string): KeyListForm | undefined => {
  if (name.endsWith('.txt')) return 'txt'
  return name.endsWith('.jsonl') ? 'jsonl' : undefined
}

/** Keys and bytes that a list holds, at most: they are sorted in the memory of one function. */
export const MAX_LIST_KEYS = 1_000_000
export const MAX_LIST_BYTES = 256 * 1024 * 1024

const CR = 0x0d

/** What a file in another encoding than UTF-8 begins with, or one of UTF-8 that says so. */
const MARKS = ['efbbbf', 'fffe', 'feff', '00'].map((hex) => Buffer.from(hex, 'hex'))

const isKeyJson = (value: unknown): value is KeyJson => {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return false
  const { base64 } = value as { base64?: unknown }
  return typeof base64 === 'string' && Buffer.from(base64, 'base64').toString('base64') === base64
}

const NO_JSON_KEY = 'is no JSON key; write a string, or {"base64": "…"} where the key is not UTF-8'

const jsonKey = (line: Buffer): Key | string => {
  const text = keyText(line)
  if (text === undefined) return 'is not UTF-8; write such a key as {"base64": "…"}'
  try {
    const value: unknown = JSON.parse(text)
    return isKeyJson(value) ? keyFromJson(value) : NO_JSON_KEY
  } catch {
    return NO_JSON_KEY
  }
}

const plainKey = (line: Buffer): Key | string =>
  line.at(-1) === CR ? 'ends in a carriage return; end lines with a line feed alone, or, if the key ends so, use a .jsonl list' : line

/**
 * The key that a line names, without its line feed; or what is wrong with the line and what to do. `first`: the list's first line.
 * `longest`: bytes of a key, at most.
 */
export const keyOfLine = (
  line: Buffer,
  form: KeyListForm,
  first: boolean,
  sourcePrefix: Key,
  longest: number = MAX_KEY_BYTES,
): Key | string => {
  if (first && MARKS.some((mark) => hasPrefix(line, mark)))
    return 'begins with a byte order mark or a NUL; save the list as UTF-8 without a mark (or, if the key begins so, use a .jsonl list)'
  if (line.length === 0) return 'is empty; leave it out'
  const key = form === 'txt' ? plainKey(line) : jsonKey(line)
  if (typeof key === 'string') return key
  if (key.length === 0) return 'names an empty key; leave it out'
  if (key.length > longest) return `names a key of ${key.length} bytes; no key is longer than ${longest}`
  if (!hasPrefix(key, sourcePrefix)) return 'names a key that does not begin with source.prefix; leave it out, or widen source.prefix'
  return key
}
