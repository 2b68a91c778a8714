import fc from 'fast-check'
import {
  canBeFollowed,
  guessedPartSize,
  MAX_PART_BYTES,
  MAX_PARTS,
  MIN_PART_BYTES,
  partCount,
  partGroups,
  partRange,
  partSizeOf,
  partsOfEtag,
} from '../../layers/core/domain/parts'

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

const MIB = 1024 * 1024
const HEX = '0123456789abcdef0123456789ABCDEF'

test.each([
  [`"${HEX}-3"`, 3],
  [`${HEX}-10000`, 10_000],
  [`W/"${HEX}-1"`, 1],
  [`"${HEX}-0"`, undefined],
  [`"${HEX}-10001"`, undefined],
  [`"${HEX}"`, undefined],
  ['"abc-3"', undefined],
  ['', undefined],
])('an ETag %s says that its object was made of %s parts', (etag, parts) => expect(partsOfEtag(etag)).toBe(parts))

test('parts that are followed keep to the limits too: at most 1,000 groups of about 1 GiB, a part in one call', () => {
  const followed = fc
    .integer({ min: MIN_PART_BYTES, max: 1024 * MIB })
    .chain((part) => fc.record({ part: fc.constant(part), size: fc.integer({ min: part, max: part * MAX_PARTS }) }))
  fc.assert(
    fc.property(followed, ({ part, size }) => {
      const parts = partCount(size, part)
      fc.pre(parts > 1)
      expect(canBeFollowed(size, part, parts)).toBe(true)
      expect(canBeFollowed(size, part, parts + 1)).toBe(false)
      const groups = partGroups(size, part)
      expect(groups.length).toBeLessThanOrEqual(1000)
      expect(groups.at(-1)!.last).toBe(parts)
      if (parts <= 1000) for (const { first, last } of groups) expect((last - first) * part).toBeLessThan(1024 * MIB)
    }),
  )
})

test.each([
  ['one part, which is the object', 20 * MIB, 20 * MIB, 1, true],
  ['one part and another size', 20 * MIB, 24 * MIB, 1, false],
  ['too small for Amazon S3', 12 * MIB, 4 * MIB, 3, false],
  ['too large for one call', 3 * 1025 * MIB, 1025 * MIB, 3, false],
  ['as large as one call copies', 3 * 1024 * MIB, 1024 * MIB, 3, true],
])('parts that can be followed: %s', (_name, size, part, parts, can) => expect(canBeFollowed(size, part, parts)).toBe(can))

test('a guess makes as many parts as the source has, is found wherever it is the only one, and is none where several would do', () => {
  fc.assert(
    fc.property(fc.integer({ min: MIN_PART_BYTES, max: 2 ** 40 }), fc.integer({ min: 1, max: MAX_PARTS }), (size, parts) => {
      const guess = guessedPartSize(size, parts)
      if (guess !== undefined) expect(canBeFollowed(size, guess, parts)).toBe(true)
    }),
  )
  expect(guessedPartSize(1000 * MIB, 125)).toBe(8 * MIB)
  expect(guessedPartSize(1000_000_000, 200)).toBeUndefined()
  expect(guessedPartSize(1000_000_000, 125)).toBe(8_000_000)
  expect(guessedPartSize(20 * MIB, 2)).toBeUndefined()
  expect(guessedPartSize(20 * MIB, 1)).toBe(20 * MIB)
})
