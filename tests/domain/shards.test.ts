import fc from 'fast-check'
import { StateBroken } from '../../layers/core/domain/errors'
import { compareKeys } from '../../layers/core/domain/keys'
import {
  largeFromText,
  largeToText,
  listedIn,
  objectId,
  ShardCutter,
  shardFromText,
  shardToText,
  tilingFault,
  type Shard,
} from '../../layers/core/domain/shards'
import { batchName, firstIndex, outcomesKey, runIdOf, shardKey, shardOf } from '../../layers/core/domain/state-keys'
import { utf8Key } from './arbitraries'

const object = (key: Buffer, size = 1) => ({ key, size, etag: '"e"', lastModified: '2026-01-01T00:00:00.000Z' })

const listing = fc
  .uniqueArray(utf8Key, { selector: (key) => key.toString('latin1'), maxLength: 60 })
  .map((keys) => [...keys].sort(compareKeys))
  .chain((keys) =>
    fc
      .array(fc.nat({ max: 200 }), { minLength: keys.length, maxLength: keys.length })
      .map((sizes) => keys.map((key, at) => object(key, sizes[at]))),
  )

const bounds = fc.record({
  batchObjects: fc.integer({ min: 1, max: 10 }),
  batchBytes: fc.integer({ min: 1, max: 500 }),
  largeObjectBytes: fc.integer({ min: 50, max: 150 }),
})

const cutAll = (
  objects: ReturnType<typeof object>[],
  by: { batchObjects: number; batchBytes: number; largeObjectBytes: number },
): Shard[] => {
  const cutter = new ShardCutter(undefined, by)
  return [...objects.flatMap((one) => cutter.add(one) ?? []), cutter.end(undefined)]
}

test('shards hold every object once and in order, tile the key space and keep to their bounds', () => {
  fc.assert(
    fc.property(listing, bounds, (objects, by) => {
      const shards = cutAll(objects, by)
      expect(shards.flatMap((shard) => shard.objects.map(({ key }) => key.toString('hex')))).toEqual(
        objects.map(({ key }) => key.toString('hex')),
      )
      expect(tilingFault(shards)).toBeUndefined()
      for (const shard of shards) {
        expect(shard.objects.length).toBeLessThanOrEqual(by.batchObjects)
        const small = shard.objects.filter(({ large }) => !large)
        expect(small.length <= 1 || small.reduce((sum, { size }) => sum + size, 0) <= by.batchBytes).toBe(true)
        expect(shard.objects.every(({ size, large }) => large === size >= by.largeObjectBytes)).toBe(true)
      }
    }),
  )
})

test('a shard comes back from its text', () => {
  fc.assert(
    fc.property(listing, bounds, (objects, by) =>
      cutAll(objects, by).forEach((shard) => expect(shardFromText(shardToText(shard), 's')).toEqual(shard)),
    ),
  )
})

/** A listing of versions, oldest first under each key, of which some are left out. */
const versionListing = fc
  .uniqueArray(utf8Key, { selector: (key) => key.toString('latin1'), maxLength: 20 })
  .map((keys) => [...keys].sort(compareKeys))
  .chain((keys) =>
    fc.tuple(...keys.map((key) => fc.tuple(fc.constant(key), fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 6 })))),
  )
  .map((keys) => keys.flatMap(([key, sizes]) => sizes.map((size, at) => ({ ...object(key, size), versionId: `v${at}` }))))
  .chain((versions) =>
    fc
      .array(fc.constantFrom('include', 'exclude', 'size', 'age', undefined), { minLength: versions.length, maxLength: versions.length })
      .map((by) => versions.map((version, at) => ({ version, by: by[at] }))),
  )

test('versions of one key are never cut apart, and what is left out is counted and kept in its range', () => {
  let cuts = 0
  fc.assert(
    fc.property(versionListing, bounds, (listed, by) => {
      const cutter = new ShardCutter(undefined, by)
      const shards = [...listed.flatMap(({ version, by: leftOut }) => cutter.add(version, leftOut) ?? []), cutter.end(undefined)]
      cuts += shards.length - 1
      expect(tilingFault(shards)).toBeUndefined()
      const keysOf = ({ objects, excluded }: Shard) => new Set([...objects, ...excluded].map(({ key }) => key.toString('hex')))
      const perShard = shards.map(keysOf)
      expect(perShard.reduce((sum, keys) => sum + keys.size, 0)).toBe(new Set(perShard.flatMap((keys) => [...keys])).size)
      expect(shards.flatMap(({ objects }) => objects.map(objectId))).toEqual(
        listed.filter((one) => one.by === undefined).map((one) => objectId(one.version)),
      )
      expect(shards.flatMap(({ excluded }) => excluded.map((one) => `${objectId(one)} ${one.by}`))).toEqual(
        listed.filter((one) => one.by !== undefined).map((one) => `${objectId(one.version)} ${one.by}`),
      )
      expect(shards.reduce((sum, one) => sum + listedIn(one), 0)).toBe(listed.length)
      for (const one of shards) {
        expect(shardFromText(shardToText(one), 's')).toEqual(one)
        // Over its bounds a shard holds the versions of one key at most.
        const beforeLastKey = one.objects.filter(({ key }) => !key.equals(one.objects.at(-1)!.key))
        expect(beforeLastKey.length).toBeLessThanOrEqual(by.batchObjects)
        expect(one.objects.every(({ large }) => !large)).toBe(true)
      }
    }),
  )
  expect(cuts).toBeGreaterThan(0)
})

test('what is left out closes a shard after 10,000 lines, and takes none of its bytes', () => {
  const cutter = new ShardCutter(undefined, { batchObjects: 1000, batchBytes: 100, largeObjectBytes: 1000 })
  const closed: Shard[] = []
  for (let at = 0; at < 25_000; at++)
    closed.push(...[cutter.add(object(Buffer.from(String(at).padStart(6, '0')), 500), 'size') ?? []].flat())
  closed.push(cutter.end(undefined))
  expect(closed.map(({ excluded, objects }) => [excluded.length, objects.length])).toEqual([
    [10_000, 0],
    [10_000, 0],
    [5000, 0],
  ])
  expect(tilingFault(closed)).toBeUndefined()
})

const [a, b, c] = ['a', 'b', 'c'].map((key) => Buffer.from(key))

test('a gap, an overlap, a missing end and a doubled beginning are found', () => {
  expect(
    tilingFault([
      { after: undefined, upTo: a },
      { after: a, upTo: undefined },
    ]),
  ).toBeUndefined()
  expect(tilingFault([])).toMatch(/no shard begins at the beginning/)
  expect(
    tilingFault([
      { after: undefined, upTo: a },
      { after: b, upTo: undefined },
    ]),
  ).toMatch(/missing/)
  expect(tilingFault([{ after: undefined, upTo: a }])).toMatch(/missing/)
  expect(
    tilingFault([
      { after: undefined, upTo: undefined },
      { after: a, upTo: b },
    ]),
  ).toMatch(/beyond/)
  expect(
    tilingFault([
      { after: undefined, upTo: a },
      { after: undefined, upTo: undefined },
    ]),
  ).toMatch(/begin at the same/)
  expect(
    tilingFault([
      { after: undefined, upTo: b },
      { after: b, upTo: a },
      { after: a, upTo: undefined },
    ]),
  ).toMatch(/ends before/)
})

const shard: Shard = {
  after: a,
  upTo: c,
  excluded: [
    { key: Buffer.from('ba'), by: 'size' },
    { key: Buffer.from('bb'), versionId: 'v1', by: 'age' },
    { key: Buffer.from('bb'), versionId: 'v2', by: 'exclude' },
  ],
  objects: [
    { ...object(b!), large: false },
    { ...object(c!, 9), large: true },
  ],
}

test.each([
  [
    'a line removed',
    (text: string) =>
      text
        .split('\n')
        .filter((_, at) => at !== 1)
        .join('\n'),
  ],
  [
    'a line doubled',
    (text: string) =>
      text
        .split('\n')
        .flatMap((line, at) => (at === 1 ? [line, line] : [line]))
        .join('\n'),
  ],
  ['cut in the middle', (text: string) => text.slice(0, -5)],
  ['another count in the header', (text: string) => text.replace('"listed":5', '"listed":6')],
  ['another count of excluded objects', (text: string) => text.replace('"excluded":3', '"excluded":2').replace('"listed":5', '"listed":4')],
  ['an excluded key beyond its range', (text: string) => text.replaceAll('"key":"bb"', '"key":"d"')],
  ['excluded keys out of order', (text: string) => text.replace('"key":"ba"', '"key":"c"')],
  ['an excluded version twice', (text: string) => text.replace('"versionId":"v2"', '"versionId":"v1"')],
  ['another count of large objects', (text: string) => text.replace('"large":1', '"large":0')],
  ['a key beyond its range', (text: string) => text.replace('"key":"c"', '"key":"d"')],
  ['keys out of order', (text: string) => text.replace('"key":"b"', '"key":"c"')],
  ['no JSON', (text: string) => text.replace('"key"', 'key')],
])('a shard that was altered is refused: %s', (_name, alter) => {
  expect(() => shardFromText(shardToText(shard), 's')).not.toThrow()
  expect(() => shardFromText(alter(shardToText(shard)), 's')).toThrow(StateBroken)
})

test('a large object comes back from its text', () => {
  fc.assert(fc.property(utf8Key, (key) => expect(largeFromText(largeToText(object(key)))).toEqual(object(key))))
})

test('a shard is known by its key, and nothing else under the prefix is taken for one', () => {
  const name = batchName(Buffer.from('after'))
  expect(shardOf('run', shardKey('run', name))).toBe(name)
  expect(batchName(undefined)).not.toBe(name)
  for (const key of [
    'runs/run/shards/',
    'runs/run/shards/batches/',
    `runs/other/shards/${name}.jsonl`,
    `runs/run/shards/${name}`,
    `runs/run/shards/${name}.json`,
    `runs/run/shards/x${name}.jsonl`,
  ]) {
    expect(() => shardOf('run', key)).toThrow(StateBroken)
  }
})

test('outcome files list in the order of their first object', () => {
  expect(firstIndex(outcomesKey('run', 'batches/x', 42))).toBe(42)
  expect(outcomesKey('r', 's', 9) < outcomesKey('r', 's', 10)).toBe(true)
  expect(() => firstIndex('runs/r/outcomes/s/x.jsonl')).toThrow(StateBroken)
})

test('cleanup takes a run id or the ARN of its execution', () => {
  expect(runIdOf('run-1')).toBe('run-1')
  expect(runIdOf('arn:aws:states:eu-central-1:123456789012:execution:migrate:run-1')).toBe('run-1')
})
