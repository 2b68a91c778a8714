import type { Key } from '@drayage/core'

export interface AwkwardObject {
  key: Key
  body: Buffer
}

/**
 * Keys that Amazon S3 allows and that copiers are known to lose, merge or rename: whatever treats a key as a path, decodes it
 * once too often, normalises it, or compares it as UTF-16.
 */
const KEYS: readonly string[] = [
  'a//b',
  'a/b',
  '/leading-slash',
  '//two-leading-slashes',
  '../x',
  './x',
  '.',
  '..',
  'a/../b',
  'marker',
  'plus+and space',
  'plus%2Band%20space',
  'percent%2Fslash',
  'percent/slash',
  '%',
  '100%25',
  ' leading space',
  'trailing space ',
  'two  spaces',
  '\u0001control\u001f',
  'tab\tinside',
  'new\nline',
  'carriage\rreturn',
  'delete\u007f',
  'emoji-😀',
  'caf\u00e9',
  'cafe\u0301',
  'ohm-\u2126-omega-\u03a9',
  'upper-CASE',
  'upper-case',
  '<&>"\'',
  'back\\slash',
  'question?mark&x=y#fragment',
  '__proto__',
  'constructor',
  'utf16-order-\ue000',
  'utf16-order-\u{10000}',
  'bidi-\u202eabc',
  'zero-width-\u200b',
  '\u00e9'.repeat(512),
]

/** The keys with distinct bodies, and beside the object `marker` the zero-byte marker `marker/`, as consoles make "folders". */
export const awkwardObjects = (): AwkwardObject[] => [
  ...KEYS.map((key, index) => ({ key: Buffer.from(key, 'utf8'), body: Buffer.from(`awkward key ${index}\n`) })),
  { key: Buffer.from('marker/'), body: Buffer.alloc(0) },
]
