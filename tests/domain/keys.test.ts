import fc from 'fast-check'
import { destinationKey, destinationPrefix, sourceKey } from '../../layers/core/domain/destination-key'
import { compareKeys, hasPrefix, keyFromJson, keyText, keyToJson, printableKey } from '../../layers/core/domain/keys'
import type { Migration } from '../../layers/core/domain/migration'
import { anyKey, utf8Key } from './arbitraries'

test('a key comes back from JSON byte for byte, UTF-8 or not', () => {
  fc.assert(fc.property(fc.oneof(utf8Key, anyKey), (key) => keyFromJson(JSON.parse(JSON.stringify(keyToJson(key))) as string).equals(key)))
})

test('bytes that are not UTF-8 are never taken for text', () => {
  expect(keyText(Buffer.from([0xff, 0x61]))).toBeUndefined()
  expect(keyToJson(Buffer.from([0xff, 0x61]))).toEqual({ base64: '/2E=' })
  expect(keyText(Buffer.from('é', 'utf8'))).toBe('é')
})

test('order is that of bytes, where JavaScript would say otherwise', () => {
  const [high, low] = [Buffer.from('\u{10000}'), Buffer.from('\uE000')]
  expect(compareKeys(high, low)).toBeGreaterThan(0)
  expect('\u{10000}' < '\uE000').toBe(true)
})

test('a printed key stays on one line', () => {
  fc.assert(fc.property(fc.oneof(utf8Key, anyKey), (key) => !/[\u0000-\u001f]/.test(printableKey(key))))
})

const migration = (destination: string, source: string) =>
  ({ destination: { prefix: destination, replaces: '' }, source: { prefix: source } }) as Migration

test('no two source keys go to one destination key, and all keep their order and the common prefix', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 20 }), utf8Key, utf8Key, (prefix, a, b) => {
      const m = migration(prefix, '')
      const [to, other] = [destinationKey(m, a), destinationKey(m, b)]
      expect(to.equals(other)).toBe(a.equals(b))
      expect(Math.sign(compareKeys(to, other))).toBe(Math.sign(compareKeys(a, b)))
      expect(hasPrefix(to, destinationPrefix(m))).toBe(true)
      expect(sourceKey(m, to).equals(a)).toBe(true)
    }),
  )
})
