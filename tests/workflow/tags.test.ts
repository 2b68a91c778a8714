import { AccessDenied, StoreRefused, type ObjectStore } from '@drayage/core'
import { listNames } from '../../layers/core/domain/state-files'
import { shardOf, stateKeys } from '../../layers/core/domain/state-keys'
import { readOutcomes } from '../../layers/core/transfer/outcome-files'
import { memoryStore } from '../support/memory-store'
import { REQUEST, World } from './harness'

const COUNT = 40
const KEYS = Array.from({ length: COUNT }, (_, index) => Buffer.from(`object/${String(index).padStart(3, '0')}`))

/** A run over tagged objects with one side's calls changed; what was copied, with which tags and which rows. */
const run = async (change: {
  source?: (inner: ObjectStore) => Partial<ObjectStore>
  destination?: (inner: ObjectStore) => Partial<ObjectStore>
}) => {
  const [source, destination] = [memoryStore(), memoryStore()]
  for (const key of KEYS) await source.put(key, key, { tags: [{ name: 'key', value: key.toString() }] })
  const world = new World({
    source: { ...source, ...change.source?.(source) },
    destination: { ...destination, ...change.destination?.(destination) },
  })
  const { status } = await world.run({ ...REQUEST, limits: { batchObjects: 1000 }, carry: { tags: true } }, 'run')
  const [name] = await listNames(world.state, stateKeys('run').batches)
  const outcomes = await readOutcomes(world.state, 'run', shardOf('run', name!), {})
  const tagged = (await Promise.all(KEYS.map((key) => destination.tags(key).catch(() => [])))).filter((tags) => tags.length > 0)
  return { status, outcomes, tagged, rows: outcomes.flatMap(({ notCarried = [] }) => notCarried) }
}

test('tags go with every object', async () => {
  const { status, rows, tagged } = await run({})
  expect([status, rows, tagged.length]).toEqual(['SUCCEEDED', [], COUNT])
})

test.each<[string, Error, (asked: number) => void]>([
  // besides the first: those that were under way beside the first
  ['may not be read', new AccessDenied('403'), (asked) => expect(asked).toBeLessThan(COUNT / 2)],
  ['are not known to the source', new StoreRefused('501', 'NotImplemented', 501), (asked) => expect(asked).toBe(COUNT)],
])('tags that %s cost no object, and each has its row', async (_name, error, check) => {
  let asked = 0
  const { status, rows, tagged } = await run({ source: () => ({ tags: () => (asked++, Promise.reject(error)) }) })
  expect([status, tagged.length]).toEqual(['SUCCEEDED', 0])
  expect(rows.map(({ what }) => what)).toEqual(Array(COUNT).fill('tags'))
  check(asked)
})

test('tags that may not be written: tried once a turn, and each object is there with its row', async () => {
  let refused = 0
  const { status, rows, tagged } = await run({
    destination: ({ put }) => ({
      put: (key, body, options) => (options?.tags ? (refused++, Promise.reject(new AccessDenied('403'))) : put(key, body, options)),
    }),
  })
  expect([status, tagged.length]).toEqual(['SUCCEEDED', 0])
  expect(rows.map(({ what }) => what)).toEqual(Array(COUNT).fill('tags'))
  expect(refused).toBeLessThan(COUNT / 2)
})

test('tags that the destination does not take cost their object only the tags, and no other object', async () => {
  const odd = KEYS[3]!
  const { status, rows, tagged } = await run({
    destination: ({ put }) => ({
      put: (key, body, options) =>
        options?.tags && key.equals(odd) ? Promise.reject(new StoreRefused('400', 'InvalidTag', 400)) : put(key, body, options),
    }),
  })
  expect([status, tagged.length]).toEqual(['SUCCEEDED', COUNT - 1])
  expect(rows).toEqual([{ what: 'tags', reason: expect.stringContaining('does not take') }])
})

test('a destination that refuses the object itself fails it, and says nothing of tags', async () => {
  const { status, outcomes } = await run({ destination: () => ({ put: () => Promise.reject(new AccessDenied('403')) }) })
  expect(status).toBe('FAILED')
  expect(outcomes.map(({ outcome, reason, notCarried }) => [outcome, reason, notCarried])).toEqual(
    Array(COUNT).fill(['failed', 'AccessDenied', undefined]),
  )
})
