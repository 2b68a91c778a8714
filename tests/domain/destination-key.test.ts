import fc from 'fast-check'
import {
  assertRepresentable,
  destinationKey,
  destinationPrefix,
  destinationRange,
  isRepresentable,
  sourceKey,
} from '../../layers/core/domain/destination-key'
import { KeyNotRepresentable } from '../../layers/core/domain/errors'
import { compareKeys, hasPrefix } from '../../layers/core/domain/keys'
import { anyKey } from './arbitraries'

const text = fc.string({ unit: 'binary', maxLength: 12 }).filter((one) => one.isWellFormed())

/** Every mapping that a request can ask for: `source.prefix` begins with `destination.replaces`. */
const mapping = fc.tuple(text, text, text).map(([replaces, rest, prefix]) => ({
  source: { prefix: replaces + rest },
  destination: { prefix, replaces },
}))

/** A mapping and two keys of its source, of any bytes behind the prefix, and at times equal or one the other's beginning. */
const withKeys = mapping.chain((one) => {
  const below = fc.oneof(anyKey, fc.constant(Buffer.alloc(0))).map((rest) => Buffer.concat([Buffer.from(one.source.prefix, 'utf8'), rest]))
  const pair = fc.oneof(
    fc.tuple(below, below),
    below.map((key) => [key, key] as [Buffer, Buffer]),
    fc.tuple(below, anyKey).map(([key, more]) => [key, Buffer.concat([key, more])] as [Buffer, Buffer]),
  )
  return fc.tuple(fc.constant(one), pair)
})

test('no two keys go to the same place, and their order is kept', () => {
  fc.assert(
    fc.property(withKeys, ([one, [a, b]]) => {
      const order = (x: Buffer, y: Buffer): number => Math.sign(compareKeys(x, y))
      expect(order(destinationKey(one, a), destinationKey(one, b))).toBe(order(a, b))
    }),
    { numRuns: 2000 },
  )
})

test('a destination key leads back to the source key that is written there', () => {
  fc.assert(
    fc.property(withKeys, ([one, keys]) => {
      for (const key of keys) expect(sourceKey(one, destinationKey(one, key)).equals(key)).toBe(true)
    }),
  )
})

test('everything that is written begins with the prefix that is listed, which begins with the one that the roles are for', () => {
  fc.assert(
    fc.property(withKeys, ([one, keys]) => {
      for (const key of keys) expect(hasPrefix(destinationKey(one, key), destinationPrefix(one))).toBe(true)
      expect(hasPrefix(destinationPrefix(one), Buffer.from(one.destination.prefix, 'utf8'))).toBe(true)
      expect(Buffer.from(destinationPrefix(one).toString('utf8'), 'utf8').equals(destinationPrefix(one))).toBe(true)
    }),
  )
})

test.each([
  ['added', '', 'copies/', '', 'a/b', 'copies/a/b'],
  ['stripped', 'old/', '', 'old/', 'old/a', 'a'],
  ['replaced', 'old/a', 'new/', 'old/', 'old/ab', 'new/ab'],
  ['none', '', '', '', '//a/../b', '//a/../b'],
  ['not joined', '', 'copies', '', 'a', 'copiesa'],
])('a prefix %s', (_name, from, prefix, replaces, key, there) => {
  expect(destinationKey({ source: { prefix: from }, destination: { prefix, replaces } }, Buffer.from(key)).toString()).toBe(there)
})

test('a key that would be empty, too long or no UTF-8 at the destination cannot be held', () => {
  const stripped = { source: { prefix: 'a' }, destination: { prefix: '', replaces: 'a' } }
  const there = destinationKey(stripped, Buffer.from('a'))
  expect(() => assertRepresentable(there)).toThrow(KeyNotRepresentable)
  expect(isRepresentable(there)).toBe(false)
  expect(isRepresentable(Buffer.alloc(1025, 'a'))).toBe(false)
  expect(isRepresentable(Buffer.from([0xff]))).toBe(false)
  expect(isRepresentable(Buffer.alloc(1024, 'a'))).toBe(true)
})

test('a range of the destination is asked for from what a store can be told, and holds what lies in it', () => {
  const long = fc.integer({ min: 1015, max: 1030 }).map((length) => Buffer.alloc(length, 'é'))
  const bound = fc.tuple(withKeys, fc.oneof(fc.constant(Buffer.alloc(0)), long)).map(([[one, [a, b]], more]) => {
    return { one, after: Buffer.concat([a, more]), key: b }
  })
  fc.assert(
    fc.property(bound, ({ one, after, key }) => {
      const { query, holds } = destinationRange(one, { after, upTo: undefined })
      expect(query.after === undefined || isRepresentable(query.after)).toBe(true)
      const there = destinationKey(one, key)
      if (!isRepresentable(there)) return
      const listed = query.after === undefined || compareKeys(there, query.after) > 0
      expect(listed && holds({ key: there })).toBe(compareKeys(key, after) > 0)
      if (isRepresentable(destinationKey(one, after))) expect(query.after).toEqual(destinationKey(one, after))
    }),
    { numRuns: 2000 },
  )
  const all = { source: { prefix: '' }, destination: { prefix: '', replaces: '' } }
  expect(destinationRange(all, { after: Buffer.from('a\xff', 'latin1'), upTo: undefined }).query.after).toEqual(Buffer.from('a'))
  expect(destinationRange(all, { after: Buffer.from([0xff]), upTo: undefined }).query.after).toBeUndefined()
})
