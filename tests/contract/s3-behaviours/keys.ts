import { absent, allKeys, decoded, group, refused, same, utf8Order, type Place } from './behaviour'

const NAMING = 'Naming Amazon S3 objects'

/** Legal keys that are known to be lost, merged or renamed, each with what is odd about it. */
export const ODD_KEYS = [
  ['of several scripts', 'ключ/日本語/é.txt'],
  ['beyond the basic plane', '😀'],
  ['with + and space', 'a+b c'],
  ['that is +', '+'],
  ['with %41, which is not A', 'x%41'],
  ['that is a percent sign', '%'],
  ['with %2F, which is not /', 'p%2Fq'],
  ['with ? & = #', 'd&e=f?g#h'],
  ['with two slashes inside', 'x//y///z'],
  ['with a slash in front', '/lead'],
  ['of two slashes', '//'],
  ['with ..', '../up/../x'],
  ['that is .', '.'],
  ['that is ..', '..'],
  ['with ./', './a/./b'],
  ['that is a space', ' '],
  ['with a space at its end', 'end '],
  ['with control characters', 'ctl\u0001\u000bx'],
  ['with a line break', 'line\nbreak'],
  ['with a carriage return', 'cr\rlf\r\n'],
  ['with a tab', 'tab\t'],
  ['with U+007F', 'del\u007f'],
  ['with U+FFFE', 'nonchar\ufffe'],
  ['with < & > " and \'', '<&>"\''],
  ["with ~ ! * ' ( )", "~!*'()"],
  ['with a backslash', 'back\\slash'],
  ['that JavaScript knows', '__proto__'],
  ['of 1,024 ASCII characters', 'k'.repeat(1024)],
  ['of 1,024 bytes in 512 characters', 'é'.repeat(512)],
  ['of 1,024 bytes in 341 levels', 'ab/'.repeat(340) + 'abcd'],
] as const

/** Keys that are two objects, and one for whoever normalises. */
const PAIRS = [
  ['composed and decomposed é', 'caf\u00e9', 'cafe\u0301'],
  ['capital and small letters', 'CaSe', 'case'],
  ['with and without a slash at the end', 'dir/', 'dir'],
  ['one slash and two', 'a/b', 'a//b'],
  ['with and without a slash in front', '/a', 'a'],
] as const

const twoApart = async (at: Place, first: string, second: string): Promise<void> => {
  await at.put(first, 'first')
  await at.put(second, 'second')
  same('the one', (await at.get(first)).bytes.toString(), 'first')
  same('the other', (await at.get(second)).bytes.toString(), 'second')
  same('listing', await allKeys(at), [first, second].sort(utf8Order))
}

export const keys = group('keys', [
  ...ODD_KEYS.map(
    ([oddity, key]) =>
      [
        `a key ${oddity} is kept as it is`,
        async (at) => {
          await at.put(key, oddity)
          same('body', (await at.get(key)).bytes.toString(), oddity)
          const listed = (await at.list({ EncodingType: 'url' })).Contents?.map(({ Key }) => decoded(Key))
          same('listed as itself', JSON.stringify(listed) === JSON.stringify([key]), true)
          await at.remove(key)
          await refused('HEAD after DELETE', at.head(key), 404)
        },
        NAMING,
      ] as const satisfies Parameters<typeof group>[1][number],
  ),
  ...PAIRS.map(
    ([difference, first, second]) =>
      [`two objects: ${difference}`, (at) => twoApart(at, first, second), NAMING] as const satisfies Parameters<typeof group>[1][number],
  ),
  [
    'a key of 1,025 bytes is refused, by PUT and by CreateMultipartUpload',
    async (at) => {
      await refused('PUT', at.put('k'.repeat(1025)), '400 KeyTooLongError')
      await refused('PUT of 1,026 bytes in 513 characters', at.put('é'.repeat(513)), '400 KeyTooLongError')
      await refused('CreateMultipartUpload', at.open('k'.repeat(1025)), '400 KeyTooLongError')
    },
    NAMING,
  ],
  [
    'odd keys are deleted by DeleteObjects, and only those',
    async (at) => {
      // The SDK writes these keys into XML 1.0, which has no such characters.
      const named = ODD_KEYS.map(([, key]) => key).filter((key) => !/[\u0000-\u0008\u000b\ufffe]/.test(key))
      for (const key of [...named, 'stays']) await at.put(key)
      const { Deleted = [], Errors = [] } = await at.removeAll(named.map((Key) => ({ Key })))
      same('deleted', [Deleted.length, Errors.length], [named.length, 0])
      same('left', await allKeys(at), ['stays'])
    },
    'DeleteObjects',
  ],
  [
    'odd keys can be copied from',
    async (at) => {
      for (const key of ['a+b c', '../up', 'x%41', '/lead', 'd&e=f?g#h', 'é']) {
        await at.put(key, key)
        await at.copy('copy', key)
        same('body', (await at.get('copy')).bytes.toString(), key)
      }
      await at.remove('copy')
      await absent(at, 'copy')
    },
    'CopyObject',
  ],
])
