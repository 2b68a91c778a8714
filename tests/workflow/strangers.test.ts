import fc from 'fast-check'
import {
  copyBatch,
  DeadlinePassed,
  listSource,
  parseRequest,
  s3Store,
  verifyBatch,
  destinationKey,
  type Key,
  type ListedObject,
  type ListQuery,
  type Migration,
  type ObjectStore,
} from '@drayage/core'
import { Buckets } from '../../cli/local/s3-server/buckets'
import { Faults } from '../../cli/local/s3-server/faults'
import { startEmbeddedS3 } from '../../cli/local/s3-server/index'
import { isRepresentable } from '../../layers/core/domain/destination-key'
import { compareKeys } from '../../layers/core/domain/keys'
import { listNames, readBytes } from '../../layers/core/domain/state-files'
import { shardKey, shardOf, stateKeys } from '../../layers/core/domain/state-keys'
import { shardFromText, type Shard } from '../../layers/core/domain/shards'
import { listedAt } from '../../layers/core/transfer/listed-at'
import { matchListing, matchObjects } from '../../layers/core/transfer/match-listing'
import { matchWanted, type Asked } from '../../layers/core/transfer/match-wanted'
import { readOutcomes } from '../../layers/core/transfer/outcome-files'
import { inPool } from '../../layers/core/transfer/pool'
import { toRestore } from '../../layers/core/transfer/to-restore'
import { chainAt, matchVersions, shardChains } from '../../layers/core/transfer/version-chains'
import { temporaryDirectory } from '../support/embedded-client'
import { memoryStore } from '../support/memory-store'
import { strangeStore } from '../support/strange-store'
import { fill, REQUEST } from './harness'

/** Objects that only the destination has, in each of three places: 20 pages. */
const MANY = 20_000

const signal = new AbortController().signal
const now = () => new Date()
const key = (name: string): Key => Buffer.from(name)

const migrationOf = (runId: string, request: object = {}): Migration =>
  parseRequest(
    { ...REQUEST, limits: { batchObjects: 1000 }, ...request },
    { runtime: 'local', runId, executionId: `x:${runId}`, now: now() },
  )

/** A store that counts what its listings ask for, a request a page, and is told of each before it is made. */
const counted = (inner: ObjectStore, asked: (prefix: Key) => void = () => undefined) => {
  const counts = { pages: 0, lookUps: 0 }
  async function* pages<T>(prefix: Key, walk: AsyncIterable<T[]>): AsyncGenerator<T[]> {
    for await (const page of walk) {
      counts[prefix.length > 0 ? 'lookUps' : 'pages']++
      asked(prefix)
      yield page
    }
  }
  const store: ObjectStore = {
    ...inner,
    list: (query, call) => pages(query.prefix, inner.list(query, call)),
    listVersions: (query, call) => pages(query.prefix, inner.listVersions(query, call)),
  }
  return { store, counts, requests: () => counts.pages + counts.lookUps }
}

/** One shard of a run, and all that a turn over it is given. */
const world = async (source: ObjectStore, migration: Migration, destination: ObjectStore) => {
  const state = memoryStore()
  const turn = {
    ...{ state, source, destination, signal, now, going: () => true, concurrency: 4, heard: () => undefined },
    ...{ reading: async () => destination, openSource: async () => source },
    // nothing that stands there was put by the run
    writingSince: '2100-01-01T00:00:00.000Z',
  }
  await listSource(migration, turn)
  const shards = (await listNames(state, stateKeys(migration.runId).batches)).map((name) => shardOf(migration.runId, name))
  expect(shards).toHaveLength(1)
  const shard = shards[0]!
  const name = shardKey(migration.runId, shard)
  const whole: Shard = shardFromText((await readBytes(state, name)).body.toString(), name)
  return { turn, shard, whole, outcomes: () => readOutcomes(state, migration.runId, shard, {}) }
}

/** A store whose listings come in pages of these sizes, over and over, some of them empty. */
const inPages = (inner: ObjectStore, sizes: readonly number[]): ObjectStore => {
  async function* split<T>(pages: AsyncIterable<T[]>): AsyncGenerator<T[]> {
    const items: T[] = []
    for await (const page of pages) items.push(...page)
    for (let at = 0, nth = 0; at < items.length; nth++) {
      const size = sizes[nth % sizes.length]!
      yield items.slice(at, at + size)
      at += size
    }
  }
  return {
    ...inner,
    list: (query, call) => split(inner.list(query, call)),
    listVersions: (query, call) => split(inner.listVersions(query, call)),
  }
}

/** Keys of the destination before, amid and behind those of `fill`, in order. */
const strangers = (count = MANY): Key[] =>
  ['a', 'object/00019/', 'z'].flatMap((place) => Array.from({ length: count }, (_, at) => key(place + String(at).padStart(5, '0'))))

const OBJECTS = 40

/** At most so many requests, whatever stands between the objects: a page for each look-up of 16 keys, or for a key that it passes. */
const BOUND = OBJECTS + Math.ceil(OBJECTS / 16) + 1

const drained = async (matches: AsyncIterable<unknown>): Promise<number> => {
  let count = 0
  for await (const _ of matches) count++
  return count
}

/** Turns until the shard is done, each with time for so many list requests of the destination. */
const turnsOf = async (migration: Migration, { turn, shard }: Awaited<ReturnType<typeof world>>, requests: number): Promise<number> => {
  for (let turns = 1; turns <= OBJECTS; turns++) {
    const ended = new AbortController()
    let left = requests
    const { store } = counted(turn.destination, () => {
      if (--left <= 0) ended.abort(new DeadlinePassed('planted'))
    })
    const going = () => left > requests / 4
    if ((await copyBatch(migration, shard, { ...turn, destination: store, signal: ended.signal, going })).done) return turns
  }
  throw new Error('it does not end')
}

const all = { after: undefined, upTo: undefined }

/** Runs one after the other, and what becomes of the objects. */
const TWICE = [
  ['one', 'copied'],
  ['two', 'skipped'],
] as const

describe('a destination with many objects of its own', () => {
  const strange = () => strangeStore(memoryStore(), strangers())

  test('is not listed for them when a batch is copied, nor when it is there already', async () => {
    const source = memoryStore()
    await fill(source, OBJECTS)
    const destination = strange()
    for (const [run, kind] of TWICE) {
      const { store, requests } = counted(destination)
      const migration = migrationOf(run)
      const w = await world(source, migration, store)
      expect(await copyBatch(migration, w.shard, w.turn)).toMatchObject({ done: true, [kind]: OBJECTS })
      expect(requests()).toBeLessThanOrEqual(BOUND)

      const walked = counted(destination)
      expect(await drained(matchListing(migration, walked.store, all, w.whole.objects, { signal }))).toBe(OBJECTS + 3 * MANY)
      expect(walked.requests()).toBeGreaterThanOrEqual(60)
    }
  })

  test('verifies with every one of them told', async () => {
    const source = memoryStore()
    await fill(source, OBJECTS)
    const migration = migrationOf('run')
    const w = await world(source, migration, strangeStore(memoryStore(), strangers(1500)))
    await copyBatch(migration, w.shard, w.turn)
    expect(await verifyBatch(migration, w.shard, w.turn)).toMatchObject({ done: true, verified: OBJECTS, extra: 4500 })
  })

  test('lets a run get through whose calls have time for 24 list requests each', async () => {
    const source = memoryStore()
    await fill(source, OBJECTS)
    const migration = migrationOf('run')
    const destination = strangeStore(memoryStore(), strangers(50_000))
    const w = await world(source, migration, destination)
    expect(await turnsOf(migration, w, 24)).toBeLessThanOrEqual(6)
    expect((await w.outcomes()).map(({ outcome }) => outcome)).toEqual(Array<string>(OBJECTS).fill('copied'))

    // by walking such a call does not come to its first object
    const walked = counted(destination)
    for await (const match of matchListing(migration, walked.store, all, w.whole.objects, { signal })) if (match.object !== undefined) break
    expect(walked.requests()).toBeGreaterThan(24)
  })

  test('is asked alike by a copy over HTTP', async () => {
    const place = temporaryDirectory()
    const buckets = await Buckets.open(place.directory)
    await buckets.create('destination', { created: 0 })
    const empty = { headers: {}, size: 0, etag: 'd41d8cd98f00b204e9800998ecf8427e', modified: 0, pieces: [] }
    const put = (name: string) => buckets.get('destination').put(name, empty, () => undefined)
    await inPool(strangers(3000), 32, async (name) => void (await put(name.toString())))
    await buckets.close()
    let listed = 0
    const faults = new Faults()
    faults.set({ when: ({ operation }) => operation.startsWith('GET bucket') && ++listed < 0, fault: { kind: 'reset' } })
    const server = await startEmbeddedS3({ directory: place.directory, faults })
    const reach = { endpoint: server.endpoint, region: 'us-east-1', credentials: async () => server.root }
    const destination = s3Store({ bucket: 'destination', reach, provider: 'embedded' })
    try {
      const source = memoryStore()
      await fill(source, OBJECTS)
      for (const [run, kind] of [
        ['one', 'copied'],
        ['two', 'skipped'],
      ] as const) {
        const migration = migrationOf(run)
        const w = await world(source, migration, destination)
        listed = 0
        expect(await copyBatch(migration, w.shard, w.turn)).toMatchObject({ done: true, [kind]: OBJECTS })
        expect(listed).toBeGreaterThan(0)
        expect(listed).toBeLessThanOrEqual(BOUND)
        listed = 0
        await drained(matchListing(migration, destination, all, w.whole.objects, { signal }))
        expect(listed).toBeGreaterThanOrEqual(9)
      }
      // where all is there already, a request for 1,000 keys: a page ends with the last of them, and what is behind is not asked for
      const theirs = strangers(3000)
        .slice(0, 1000)
        .map((one) => ({ key: one }))
      listed = 0
      expect(
        await drained(matchObjects(migrationOf('run'), destination, { after: undefined, upTo: theirs.at(-1)!.key }, theirs, { signal })),
      ).toBe(1000)
      expect(listed).toBe(1)
    } finally {
      await destination.close()
      await server.close()
      place.remove()
    }
  })

  test('has no archived object restored too late for it', async () => {
    const source = memoryStore()
    for (let at = 0; at < OBJECTS; at++)
      await source.put(key(`object/${String(at).padStart(5, '0')}`), key('cold'), { storageClass: 'GLACIER' })
    const migration = migrationOf('run', { restore: { archived: true } })
    const { store, requests } = counted(strange())
    const w = await world(source, migration, store)
    expect(await toRestore(migration, w.whole, 0, w.turn)).toHaveLength(OBJECTS)
    expect(requests()).toBeLessThanOrEqual(BOUND)
  })
})

describe('a destination with many versions of its own', () => {
  /** Many keys, and one key of as many versions, in each of three places: six times 20 pages. */
  const EACH = 20_000
  const keys = [...['0', 'object/00009/', 'zz'].flatMap((name) => Array<Key>(EACH).fill(key(name))), ...strangers(EACH)].sort(compareKeys)
  const strange = () => strangeStore(memoryStore({ versions: true }), keys)

  const versioned = async (): Promise<ObjectStore> => {
    const source = memoryStore({ versions: true })
    await fill(source, OBJECTS)
    await fill(source, OBJECTS)
    return source
  }

  test('is not listed for them when a batch is copied, nor when it is there already', async () => {
    const source = await versioned()
    const destination = strange()
    for (const [run, kind] of TWICE) {
      const { store, requests } = counted(destination)
      const migration = migrationOf(run, { carry: { versions: 'all' } })
      const w = await world(source, migration, store)
      expect(await copyBatch(migration, w.shard, w.turn)).toMatchObject({ done: true, [kind]: 2 * OBJECTS })
      expect(requests()).toBeLessThanOrEqual(BOUND)

      const walked = counted(destination)
      const matches = matchVersions(migration, walked.store, all, shardChains(w.whole.objects), { signal })
      expect(await drained(matches)).toBe(OBJECTS + 3 * EACH + 3)
      expect(walked.requests()).toBeGreaterThanOrEqual(120)
    }
  })

  test('has no archived version restored too late for them', async () => {
    const source = memoryStore({ versions: true })
    for (let at = 0; at < OBJECTS; at++)
      await source.put(key(`object/${String(at).padStart(5, '0')}`), key('cold'), { storageClass: 'GLACIER' })
    const migration = migrationOf('run', { restore: { archived: true }, carry: { versions: 'all' } })
    const { store, requests } = counted(strange())
    const w = await world(source, migration, store)
    expect(await toRestore(migration, w.whole, 0, w.turn)).toHaveLength(OBJECTS)
    expect(requests()).toBeLessThanOrEqual(BOUND)
  })
})

describe('keys that are looked for', () => {
  const wantedOf = (count: number, every: number): Key[] =>
    Array.from({ length: count }, (_, at) => key(String((at + 1) * every).padStart(8, '0')))

  /** A destination that has every number from 1 on, as eight digits, and tells what it was asked. */
  const numbers = () => {
    const counts = { pages: 0, lookUps: 0 }
    async function* list({ after }: ListQuery): AsyncGenerator<{ key: Key }[]> {
      for (let from = after === undefined ? 1 : Number(after.toString()) + 1; from < 1e8; from += 1000) {
        counts.pages++
        yield Array.from({ length: 1000 }, (_, at) => ({ key: key(String(from + at).padStart(8, '0')) }))
      }
    }
    const at = async (found: Key) => (counts.lookUps++, [{ key: found }])
    return { counts, asked: { list, at, most: 1, width: 16 } }
  }

  test.each([
    ['100,000 strangers between any two: 63 pages and a look-up for each', 100_000, { pages: 63, lookUps: 1000 }],
    ['999 between any two: a page each', 1000, { pages: 1000, lookUps: 0 }],
    ['9 between any two: a page for a hundred', 10, { pages: 10, lookUps: 0 }],
    ['none between them: one page', 1, { pages: 1, lookUps: 0 }],
  ])('1,000 of them with %s', async (_name, every, counts) => {
    const { asked, counts: seen } = numbers()
    const keys = wantedOf(1000, every)
    const found: Key[] = []
    for await (const [one] of matchWanted(migrationOf('run'), all, keys, asked, signal)) found.push(one!.key)
    expect(found).toEqual(keys)
    expect(seen).toEqual(counts)
  })

  test('are found in as few requests as ever where the destination is empty, or has just them', async () => {
    const keys = wantedOf(2500, 7)
    const shards = [0, 1000, 2000].map((from) => ({
      range: { after: keys[from - 1], upTo: keys[from + 999] },
      own: keys.slice(from, from + 1000),
    }))
    for (const [there, found] of [
      [[], 0],
      [keys, 2500],
    ] as const) {
      const { store, counts } = counted(strangeStore(memoryStore(), there))
      let met = 0
      for (const { range, own } of shards)
        for await (const match of matchObjects(
          migrationOf('run'),
          store,
          range,
          own.map((one) => ({ key: one })),
          { signal },
        ))
          if (match.found !== undefined) met++
      expect(met).toBe(found)
      expect(counts).toEqual({ pages: 3, lookUps: 0 })
    }
  })

  test('are found behind a key that no store can be told, whatever lies between that and what it can be told', async () => {
    const after = Buffer.from('a\xff', 'latin1')
    const { store, requests } = counted(strangeStore(memoryStore(), strangers()))
    const matches = matchObjects(migrationOf('run'), store, { after, upTo: undefined }, [{ key: key('z00003') }], { signal })
    for await (const { found } of matches) expect(found?.key).toEqual(key('z00003'))
    expect(requests()).toBe(2)
  })

  test('are found as by walking all of the range, whatever they are, the destination has, and its pages hold', async () => {
    const bytes = (...values: number[]) => fc.array(fc.constantFrom(...values), { maxLength: 4 }).map((some) => Buffer.from(some))
    // é and its two bytes alone, which are no UTF-8
    const anyBytes = bytes(0x61, 0x62, 0xc3, 0xa9)
    const text = fc.array(fc.constantFrom('a', 'b', 'é'), { minLength: 1, maxLength: 4 }).map((some) => key(some.join('')))
    const sorted = (keys: readonly Key[]): Key[] => [...keys].sort(compareKeys)
    const isNew = (one: Key, at: number, keys: readonly Key[]): boolean => at === 0 || !keys[at - 1]!.equals(one)
    const mapping = fc.constantFrom(
      { source: {}, destination: {} },
      { source: { prefix: 'a' }, destination: { prefix: 'b' } },
      { source: { prefix: 'ab' }, destination: { prefix: 'é', replaces: 'ab' } },
    )
    const cases = fc.record({
      mapping,
      source: fc.array(anyBytes, { maxLength: 30 }),
      there: fc.array(text, { maxLength: 60 }),
      first: fc.nat({ max: 3 }),
      gap: fc.integer({ min: 1, max: 8 }),
      pages: fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 5 }).filter((sizes) => sizes.some((size) => size > 0)),
    })
    let lookedUp = 0
    await fc.assert(
      fc.asyncProperty(cases, async ({ mapping, source, there, first, gap, pages }) => {
        const migration = migrationOf('run', {
          source: { ...REQUEST.source, ...mapping.source },
          destination: { ...REQUEST.destination, ...mapping.destination },
        })
        const prefix = key(migration.source.prefix)
        const keys = sorted(source.map((rest) => Buffer.concat([prefix, rest]))).filter(
          (one, at, all) => one.length > 0 && isNew(one, at, all),
        )
        const [wanted, range] = [keys.slice(first), { after: keys[first - 1], upTo: keys.at(-1) }]
        // what a mapping puts elsewhere has its likes there
        const likely = keys.filter((_, at) => at % 2 === 0).map((one) => destinationKey(migration, one))
        const listed = sorted([...there, ...likely.filter(isRepresentable)])

        for (const versions of [true, false]) {
          const strange = strangeStore(memoryStore(), versions ? listed : listed.filter(isNew))
          const store = inPages(strange, pages)
          const chains = wanted.map((one, at) => ({ key: one, first: at, versions: [] }))
          const found: string[] = []
          const one = async (there: Key): Promise<ListedObject[]> =>
            [await listedAt(store, there, signal)].filter((seen) => seen !== undefined)
          const asked: Asked<ListedObject> = {
            list: (query) => (versions ? store.listVersions(query) : store.list(query)),
            at: async (there) => (lookedUp++, versions ? (await chainAt(store, there, {})).reverse() : one(there)),
            ...(versions ? { most: Infinity, width: 1 } : { most: 1, width: 16 }),
          }
          for await (const some of matchWanted(migration, range, wanted, asked, signal, gap)) found.push(JSON.stringify(some))
          const walked: string[] = []
          if (versions) {
            for await (const { chain, found: some } of matchVersions(migration, store, range, chains, { signal }))
              if (chain !== undefined) walked.push(JSON.stringify(some.reverse()))
          } else {
            for await (const { object, found: one } of matchListing(migration, store, range, chains, { signal }))
              if (object !== undefined) walked.push(JSON.stringify(one === undefined ? [] : [one]))
          }
          expect(found).toEqual(walked)
          expect(found).toHaveLength(wanted.length)
        }
      }),
      { numRuns: 500 },
    )
    expect(lookedUp).toBeGreaterThan(0)
  })
})
