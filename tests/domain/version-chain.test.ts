import fc from 'fast-check'
import { judgeChain } from '../../layers/core/domain/chain-verdicts'
import type { Outcome } from '../../layers/core/domain/outcomes'
import type { ShardObject } from '../../layers/core/domain/shards'
import { needsMetadata, recognise, type FoundVersion, type SourceVersion } from '../../layers/core/domain/version-chain'

const key = Buffer.from('key')
let ids = 0

/** A version named by a letter; `-` is a delete marker. */
const source = (letters: string): SourceVersion[] =>
  [...letters].map((letter) => (letter === '-' ? { size: 0, etag: '', deleteMarker: true } : { size: 1, etag: `"${letter}"` }))

const found = (letters: string): FoundVersion[] =>
  [...letters].map((letter, index) => ({
    ...{ key, size: letter === '-' ? 0 : 1, etag: letter === '-' ? '' : `"${letter}"`, lastModified: '', versionId: `v${++ids}` },
    ...{ latest: index === letters.length - 1, deleteMarker: letter === '-' },
  }))

const known = (s: string, d: string) => recognise(source(s), found(d)).length

test.each([
  ['abc', '', 0],
  ['abc', 'abc', 3],
  ['abc', 'ab', 2],
  ['abc', 'xabc', 3],
  ['abc', 'axbxc', 3],
  // the newest is written again, so that it is the current one
  ['abc', 'abcx', 2],
  ['abc', 'abc-', 2],
  ['abc', 'acb', 2],
  ['abc', 'bc', 0],
  ['a', 'aa', 1],
  ['a', 'ab', 0],
  ['a-', 'a', 1],
  ['a-', 'a-', 2],
  ['a-a', 'a-', 2],
  ['a-a', 'aa', 1],
  ['--', '-', 1],
  ['aba', 'aba', 3],
  ['aa', 'a', 1],
])('of %s at the source and %s at the destination, %i stand', (s, d, count) => expect(known(s, d)).toBe(count))

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '-'), maxLength: 8 })
const chain = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '-'), minLength: 1, maxLength: 8 })

const isSubsequence = (part: string, whole: string): boolean => {
  let at = -1
  return [...part].every((letter) => (at = whole.indexOf(letter, at + 1)) !== -1)
}

test('what is written makes the chain right, and then nothing more is written', () => {
  fc.assert(
    fc.property(chain, letters, (s, d) => {
      const after = d + s.slice(known(s, d))
      expect(isSubsequence(s, after)).toBe(true)
      expect(after.at(-1)).toBe(s.at(-1))
      expect(known(s, after)).toBe(s.length)
    }),
  )
})

test('no more is written than must be: what stands in order from the oldest on stands', () => {
  fc.assert(
    fc.property(chain, fc.nat(8), (s, cut) => {
      const length = Math.min(cut, s.length)
      expect(known(s, s.slice(0, length))).toBe(length)
    }),
  )
})

test('where ETags are not comparable, the kept ETag of the source says it', () => {
  const encrypted: FoundVersion[] = found('xy').map((version) => version)
  expect(encrypted.every(needsMetadata(source('ab')))).toBe(true)
  encrypted[0]!.sourceEtag = 'a'
  encrypted[1]!.sourceEtag = 'b'
  expect(recognise(source('ab'), encrypted).map(({ evidence }) => evidence)).toEqual(['source-etag', 'source-etag'])
  // nobody has to ask for what is equal, of another size, or a marker
  expect(found('a-').some(needsMetadata(source('ab')))).toBe(false)
  expect(needsMetadata([{ size: 2, etag: '"z"' }])(found('x')[0]!)).toBe(false)
})

describe('a chain is judged', () => {
  const versions: ShardObject[] = source('ab-').map((version, index) => ({
    ...{ key, size: version.size, etag: version.etag, lastModified: '', large: false, versionId: `s${index}` },
    ...(version.deleteMarker ? { deleteMarker: true as const } : {}),
  }))
  const outcomesOf = (there: readonly FoundVersion[]): Outcome[] =>
    versions.map(({ versionId }, index) => ({
      ...{ key, versionId, outcome: 'copied', bytes: 1, at: 0, ms: 0, destinationVersion: there[index]!.versionId },
      ...(there[index]!.deleteMarker ? {} : { etag: there[index]!.etag }),
    }))
  const verdicts = (change: (there: FoundVersion[], outcomes: (Outcome | undefined)[]) => FoundVersion[] | void) => {
    const there = found('ab-')
    const outcomes: (Outcome | undefined)[] = outcomesOf(there)
    return judgeChain(versions, outcomes, change(there, outcomes) ?? there).map(({ verdict }) => verdict)
  }

  test('right', () => expect(verdicts(() => undefined)).toEqual(['verified', 'verified', 'verified']))
  test('right with others in between', () =>
    expect(verdicts(([a, b, c]) => [...found('x'), a!, ...found('y'), b!, c!])).toEqual(['verified', 'verified', 'verified']))
  test('a version that is gone', () => expect(verdicts(([, b, c]) => [b!, c!])).toEqual(['missing', 'verified', 'verified']))
  test('a marker that is gone', () => expect(verdicts(([a, b]) => [a!, b!])).toEqual(['verified', 'verified', 'missing']))
  test('in another order', () => expect(verdicts(([a, b, c]) => [b!, a!, c!])).toEqual(['verified', 'different', 'verified']))
  test('with another current version', () =>
    expect(verdicts(([a, b, c]) => [a!, b!, c!, ...found('x')])).toEqual(['verified', 'verified', 'different']))
  test('altered', () => {
    expect(verdicts(([a]) => void (a!.etag = '"z"'))).toEqual(['different', 'verified', 'verified'])
    expect(verdicts(([a]) => void (a!.size = 9))).toEqual(['different', 'verified', 'verified'])
    expect(verdicts(([, b]) => void (b!.deleteMarker = true))).toEqual(['verified', 'different', 'verified'])
  })
  test('by its outcomes', () => {
    expect(verdicts((_there, outcomes) => void (outcomes[1] = undefined))).toEqual(['verified', 'unaccounted', 'verified'])
    expect(verdicts((_there, outcomes) => void (outcomes[2]!.outcome = 'failed'))).toEqual(['verified', 'verified', 'notExpected'])
    expect(verdicts((_there, outcomes) => void delete outcomes[0]!.destinationVersion)).toEqual(['unverifiable', 'verified', 'verified'])
    expect(verdicts((_there, outcomes) => void delete outcomes[0]!.etag)).toEqual(['unverifiable', 'verified', 'verified'])
  })
})
