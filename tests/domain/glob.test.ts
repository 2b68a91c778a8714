import fc from 'fast-check'
import { charactersOf, GlobProblem, matchesGlob, parseGlob, type Glob } from '../../layers/core/domain/glob'
import { anyKey, utf8Key } from './arbitraries'

const bytes = (key: string | Buffer): Buffer => (typeof key === 'string' ? Buffer.from(key, 'utf8') : key)
const matchesKey = (glob: Glob, key: Buffer): boolean => matchesGlob(glob, charactersOf(key))
const matches = (glob: string, key: string | Buffer): boolean => matchesKey(parseGlob(glob), bytes(key))

const STRAY = Buffer.from([0x61, 0xff, 0x62])
/** the first half of é, and é whole */
const HALF = Buffer.from([0xc3])

test.each<[glob: string, key: string | Buffer, matches: boolean]>([
  ['logs/*', 'logs/a', true],
  ['logs/*', 'logs/', true],
  ['logs/*', 'logs/a/b', false],
  ['logs/**', 'logs/a/b', true],
  ['logs/**', 'logs/', true],
  ['logs/**', 'log', false],
  ['**/x', 'x', false],
  ['**/x', '/x', true],
  ['**/x', 'a/b/x', true],
  ['***', 'a/b', true],
  ['*', '.hidden', true],
  ['*', '..', true],
  ['**', 'a/../b//c/./.d', true],
  ['a/*/b', 'a//b', true],
  ['a/*/b', 'a/../b', true],
  ['*', '/', false],
  ['?', 'é', true],
  ['?', '😀', true],
  ['?', 'e\u0301', false],
  ['??', 'e\u0301', true],
  ['?', '/', false],
  ['a?b', STRAY, true],
  ['a??b', STRAY, false],
  ['a*b', STRAY, true],
  ['?', HALF, true],
  ['a', 'A', false],
  ['é', 'e\u0301', false],
  ['[abc]', 'b', true],
  ['[abc]', 'd', false],
  ['[a-c]', 'b', true],
  ['[a-c]', '-', false],
  ['[ac-]', '-', true],
  ['[-a]', '-', true],
  ['[!a-c]', 'd', true],
  ['[!a-c]', 'a', false],
  ['[!a-c]', '/', false],
  ['[!a]', HALF, true],
  ['[a!]', '!', true],
  ['[+-9]', '/', false],
  ['[+-9]', '0', true],
  ['[α-ω]', 'λ', true],
  ['[\\]\\-]', ']', true],
  ['[*?{]', '*', true],
  ['{a,b}', 'b', true],
  ['{a,b}', 'c', false],
  ['a{,.gz}', 'a', true],
  ['a{,.gz}', 'a.gz', true],
  ['{a,{b,c}d}/e', 'cd/e', true],
  ['{a,{b,c}d}/e', 'c/e', false],
  ['{*.csv,2026-??/**}', '2026-11/x/y', true],
  ['a,b', 'a,b', true],
  ['\\*', '*', true],
  ['\\*', 'a', false],
  ['\\{a\\}', '{a}', true],
  ['\\\\', '\\', true],
  ['\\a', 'a', true],
  ['!a', '!a', true],
  ['a ', 'a', false],
  ['', 'a', false],
])('glob %j, key %j: %s', (glob, key, expected) => {
  expect(matches(glob, key)).toBe(expected)
})

test.each<[glob: string, column: number, problem: RegExp]>([
  ['a[', 2, /a \[ without its \]; close it, or quote it as \\\[/],
  ['a[b', 2, /without its \]/],
  ['é😀[b', 3, /without its \]/],
  ['[]', 1, /an empty set/],
  ['[!]', 1, /an empty set/],
  ['[^a]', 2, /does not begin with \^; write \[!/],
  ['[z-a]', 2, /runs backwards/],
  ['[/]', 2, /a set never matches it/],
  ['a]', 2, /a \] with no \[/],
  ['{a,b', 1, /a \{ without its \}/],
  ['x{a,{b,c}', 2, /a \{ without its \}/],
  ['a}', 2, /a \} with no \{/],
  ['{a}', 1, /one alternative/],
  ['{}', 1, /one alternative/],
  ['a\\', 2, /quotes nothing/],
  ['[\\', 2, /quotes nothing/],
  ['\ud800', 1, /surrogate/],
])('glob %j does not parse at column %i', (glob, column, problem) => {
  expect(() => parseGlob(glob)).toThrow(GlobProblem)
  expect(() => parseGlob(glob)).toThrow(problem)
  try {
    parseGlob(glob)
  } catch (error) {
    expect((error as GlobProblem).column).toBe(column)
  }
})

const quotedGlob = (key: Buffer): string => key.toString('utf8').replace(/[\\*?[\]{}]/g, '\\$&')

test('a key whose special characters are quoted matches itself and nothing longer, shorter or other', () => {
  fc.assert(
    fc.property(utf8Key, utf8Key, (key, other) => {
      const glob = parseGlob(quotedGlob(key))
      expect(matchesKey(glob, key)).toBe(true)
      expect(glob.literal).toEqual(charactersOf(key))
      expect(matchesKey(glob, other)).toBe(other.equals(key))
      expect(matchesKey(glob, Buffer.concat([key, Buffer.from('a')]))).toBe(false)
      expect(matchesKey(glob, key.subarray(1))).toBe(false)
    }),
  )
})

test('** matches every key, whatever its bytes; * every one without a slash', () => {
  fc.assert(
    fc.property(fc.oneof(anyKey, utf8Key), (key) => {
      expect(matches('**', key)).toBe(true)
      expect(matches('*', key)).toBe(!key.includes('/'))
    }),
  )
})

type Tree = string | { either: Tree[][] }

const SIMPLE = ['a', 'b', '/', '*', '**', '?', '[ab]', '[!a]', '\\*']
const tree: fc.Arbitrary<Tree[]> = fc.letrec<{ sequence: Tree[]; part: Tree }>((tie) => ({
  sequence: fc.array(tie('part'), { maxLength: 5 }),
  part: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...SIMPLE) },
    { weight: 1, arbitrary: fc.array(tie('sequence'), { minLength: 2, maxLength: 3 }).map((either) => ({ either })) },
  ),
})).sequence

const globText = (parts: readonly Tree[]): string =>
  parts.map((part) => (typeof part === 'string' ? part : `{${part.either.map(globText).join(',')}}`)).join('')

const AS_PATTERN: Record<string, string> = { '*': '[^/]*', '**': '[^]*', '?': '[^/]', '[ab]': '[ab]', '[!a]': '[^a/]', '\\*': '\\*' }
const patternText = (parts: readonly Tree[]): string =>
  parts.map((part) => (typeof part === 'string' ? (AS_PATTERN[part] ?? part) : `(?:${part.either.map(patternText).join('|')})`)).join('')

const isStar = (part: Tree | undefined): boolean => part === '*' || part === '**'
const starsTouch = (parts: readonly Tree[]): boolean =>
  parts.some((part, at) => (typeof part === 'string' ? isStar(part) && isStar(parts[at + 1]) : part.either.some(starsTouch)))

test('agrees with a regular expression of the same meaning', () => {
  let matched = 0
  fc.assert(
    fc.property(tree, fc.array(fc.constantFrom('a', 'b', '/', '*'), { maxLength: 8 }), (parts, letters) => {
      const key = letters.join('')
      // Stars side by side would be read as others than the parts that the pattern is made of.
      fc.pre(!starsTouch(parts))
      const expected = new RegExp(`^(?:${patternText(parts)})$`, 'u').test(key)
      if (expected) matched++
      expect(matches(globText(parts), key)).toBe(expected)
    }),
    { numRuns: 3000 },
  )
  expect(matched).toBeGreaterThan(50)
})

const alone = 'a'.repeat(1024)

test.each([
  ['many stars', '*a'.repeat(400) + 'b'],
  ['many double stars', '**a'.repeat(300) + 'b'],
  ['nested alternatives', '{a,{a,{a,{a,{a,a}}}}}'.repeat(45) + '*b'],
  ['empty alternatives', '{,a}'.repeat(250) + 'b'],
  ['stars alone', '*'.repeat(1023) + 'b'],
])('the work on a key of 1,024 bytes is bounded by its length and the glob: %s', (_name, text) => {
  const glob = parseGlob(text)
  expect(text.length).toBeLessThanOrEqual(1024)
  const tally = { steps: 0 }
  expect(matchesGlob(glob, charactersOf(Buffer.from(alone)), tally)).toBe(false)
  expect(tally.steps).toBeGreaterThan(1000)
  expect(tally.steps).toBeLessThanOrEqual((glob.program.length + 1) * (alone.length + 1))
  expect(glob.program.length).toBeLessThanOrEqual(3 * text.length)
})
