import fc from 'fast-check'
import { MAX_PART_BYTES, MAX_PARTS, MIN_PART_BYTES, partCount, partGroups, partRange, partSizeOf } from '../../layers/core/domain/parts'

const LARGEST = 10_000 * MAX_PART_BYTES
const size = fc.oneof(fc.integer({ min: MIN_PART_BYTES, max: LARGEST }), fc.integer({ min: MIN_PART_BYTES, max: 2 ** 31 }))

test("parts cover every byte once and keep to Amazon S3's limits, up to 48.8 TiB", () => {
  fc.assert(
    fc.property(size, (bytes) => {
      const part = partSizeOf(bytes)
      const parts = partCount(bytes, part)
      expect(parts).toBeLessThanOrEqual(MAX_PARTS)
      expect(part).toBeGreaterThanOrEqual(MIN_PART_BYTES)
      expect(part).toBeLessThanOrEqual(MAX_PART_BYTES)
      expect(partRange(bytes, part, 1).from).toBe(0)
      expect(partRange(bytes, part, parts).to).toBe(bytes - 1)
      const middle = Math.max(1, Math.floor(parts / 2))
      if (middle < parts) expect(partRange(bytes, part, middle + 1).from).toBe(partRange(bytes, part, middle).to + 1)
      expect(() => partRange(bytes, part, parts + 1)).toThrow(RangeError)
      expect(() => partRange(bytes, part, 0)).toThrow(RangeError)
    }),
  )
})

test('groups hold every part once, are at most 1,000, and fit into the state', () => {
  fc.assert(
    fc.property(size, (bytes) => {
      const part = partSizeOf(bytes)
      const groups = partGroups(bytes, part)
      expect(groups.length).toBeLessThanOrEqual(1000)
      expect(JSON.stringify(groups).length).toBeLessThan(64 * 1024)
      let next = 1
      for (const { first, last } of groups) {
        expect(first).toBe(next)
        expect(last).toBeGreaterThanOrEqual(first)
        next = last + 1
      }
      expect(next - 1).toBe(partCount(bytes, part))
    }),
  )
})
