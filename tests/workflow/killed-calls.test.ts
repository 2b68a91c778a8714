import { AccessDenied, StoreRefused, StoreUnavailable, type ObjectStore, type Outcome, type PutOptions } from '@drayage/core'
import { listNames } from '../../layers/core/domain/state-files'
import { shardOf, stateKeys } from '../../layers/core/domain/state-keys'
import { readOutcomes } from '../../layers/core/transfer/outcome-files'
import { memoryStore, type MemoryStore } from '../support/memory-store'
import { REQUEST, World, type WorldOptions } from './harness'

const MIB = 1024 * 1024

const key = (name: string): Buffer => Buffer.from(name)

/** Of each object something cannot be carried: its metadata, a tag. */
const odd = (index: number): PutOptions => ({
  headers: { metadata: { line: 'a\nb', of: String(index) } },
  tags: [
    { name: 'emoji 🚚', value: '' },
    { name: 'index', value: String(index) },
  ],
})

const SMALL = 7

const fill = async (store: ObjectStore): Promise<void> => {
  for (let index = 0; index < SMALL; index++) await store.put(key(`object/${index}`), key(`body ${index}`), odd(index))
}

/** Histories of two keys: two versions and a delete marker; a small version, one in parts, a small one again. */
const fillVersions = async (store: ObjectStore): Promise<void> => {
  await store.put(key('a'), key('a1'), odd(1))
  await store.put(key('a'), key('a2'), odd(2))
  await store.mark(key('a'))
  await store.put(key('b'), key('b1'), odd(3))
  await store.put(key('b'), Buffer.alloc(6 * MIB, 'b'), odd(4))
  await store.put(key('b'), key('b2'), odd(5))
}
const VERSIONS = 6

/**
 * A state bucket that refuses the first outcomes of a run, as for a call whose process ended there: Lambda then answers
 * Runtime.ExitError, and what the call has put stands at the destination.
 */
const killing = (runId: string): { state: MemoryStore; kills: () => number } => {
  const state = memoryStore()
  let kills = 0
  const put: ObjectStore['put'] = async (name, body, options) => {
    if (kills === 0 && name.toString().startsWith(`runs/${runId}/outcomes/`)) {
      kills++
      throw Object.assign(new Error('the process ended'), { name: 'Runtime.ExitError' })
    }
    return state.put(name, body, options)
  }
  return { state: { ...state, put }, kills: () => kills }
}

/** A store with a clock of its own, and, with `unit`, one that tells only whole units of it; both in ms. */
const ahead = (store: MemoryStore, ms: number, unit = 1): MemoryStore => {
  const at = (time: string): string => new Date(Math.floor((Date.parse(time) + ms) / unit) * unit).toISOString()
  const later = <T extends { lastModified?: string | undefined }>(dated: T): T =>
    dated.lastModified === undefined ? dated : { ...dated, lastModified: at(dated.lastModified) }
  async function* each<T extends { lastModified: string }>(pages: AsyncIterable<T[]>): AsyncGenerator<T[]> {
    for await (const page of pages) yield page.map(later)
  }
  return {
    ...store,
    list: (query, call) => each(store.list(query, call)),
    listVersions: (query, call) => each(store.listVersions(query, call)),
    listParts: async (...call) => (await store.listParts(...call)).map(later),
  }
}

const outcomesOf = async (state: ObjectStore, runId: string): Promise<Outcome[]> => {
  const { batches, large } = stateKeys(runId)
  const names = [...(await listNames(state, batches)), ...(await listNames(state, large))]
  return (await Promise.all(names.map((name) => readOutcomes(state, runId, shardOf(runId, name), {})))).flat()
}

const TAGGED = { ...REQUEST, carry: { tags: true } }
const ALL = { ...REQUEST, carry: { tags: true, versions: 'all' } }

const ran = async (world: World, runId: string, request: object) => {
  const { status, error } = await world.run(request, runId)
  const { ledger, reason, verification } = await world.report(runId)
  return { status, error, ledger, reason, evidence: verification.evidence, rows: await world.text(stateKeys(runId).notCarried) }
}

const chains = async (store: ObjectStore): Promise<string[]> => {
  const found: string[] = []
  for await (const page of store.listVersions({ prefix: Buffer.alloc(0) }))
    for (const { key, etag, deleteMarker } of page) found.push(`${key.toString()} ${deleteMarker ? 'marker' : etag}`)
  return found
}

describe.each(['listing', 'checksum', 'reread'])('a call that was killed behind its writes, verified by %s', (mode) => {
  const verification = { mode }

  test.each([
    [0, 1],
    [0, 1000],
    [10 * 60_000, 1],
    [-10 * 60_000, 1],
  ])('objects: as if it had not been, by a destination whose clock is %d ms ahead and tells units of %d ms', async (ms, unit) => {
    const runs = await Promise.all(
      [killing('none'), killing('run')].map(async ({ state, kills }) => {
        const world = new World({ state, source: memoryStore(), destination: ahead(memoryStore(), ms, unit) })
        await fill(world.source)
        return { ...(await ran(world, 'run', { ...TAGGED, verification })), kills: kills() }
      }),
    )
    const [whole, killed] = runs
    expect([whole!.kills, killed!.kills]).toEqual([0, 1])
    expect(whole).toMatchObject({ status: 'SUCCEEDED', ledger: { copied: SMALL, skipped: 0 } })
    // a header, and two rows of each object
    expect(whole!.rows.split('\r\n')).toHaveLength(1 + 2 * SMALL + 1)
    expect({ ...killed, kills: 0 }).toEqual(whole)
  })

  test('versions: each is written once, and told as copied with what it does not carry', async () => {
    const runs = await Promise.all(
      [killing('none'), killing('run')].map(async ({ state, kills }) => {
        const world = new World({ state, source: memoryStore({ versions: true }), destination: memoryStore({ versions: true }) })
        await fillVersions(world.source)
        const { evidence, ...rest } = await ran(world, 'run', { ...ALL, verification })
        return { rest, evidence, kills: kills(), chains: await chains(world.destination), from: await chains(world.source) }
      }),
    )
    const [whole, killed] = runs
    expect([whole!.kills, killed!.kills]).toEqual([0, 1])
    expect(whole!.rest).toMatchObject({ status: 'SUCCEEDED', ledger: { copied: VERSIONS, skipped: 0 } })
    expect(whole!.rest.rows.split('\r\n')).toHaveLength(1 + 2 * (VERSIONS - 1) + 1)
    expect(killed!.rest).toEqual(whole!.rest)
    expect(killed!.chains).toHaveLength(VERSIONS)
    // what was put by one PUT has the source's ETag
    expect(killed!.chains.filter((line) => !killed!.from.includes(line))).toHaveLength(1)
    if (mode !== 'reread') expect(killed!.evidence).toMatchObject({ etag: expect.any(Number) as number })
  })
})

describe('a cut-over of which a call is killed', () => {
  const cutover = async (
    change: (source: ObjectStore) => Promise<unknown>,
    clocks = 0,
    request: object = TAGGED,
    options: WorldOptions = {},
  ) => {
    const { state, kills } = killing('last')
    const world = new World({ state, source: memoryStore(), destination: ahead(memoryStore(), clocks), ...options })
    await (request === ALL ? fillVersions : fill)(world.source)
    await ran(world, 'first', request)
    await change(world.source)
    return { ...(await ran(world, 'last', { ...request, cutover: true })), kills: kills() }
  }
  const changed = (source: ObjectStore) => source.put(key('object/3'), key('BODY 3'), odd(3))

  test.each([0, 10 * 60_000, -10 * 60_000])('does not succeed: an object had to be copied (clock %d ms ahead)', async (ms) => {
    const { kills, ...ended } = await cutover(changed, ms)
    expect(kills).toBe(1)
    expect(ended).toMatchObject({ status: 'FAILED', error: 'NotVerified', ledger: { copied: 1, skipped: SMALL - 1 } })
    expect(ended.reason).toMatch(/^cutover: 1 object still had to be copied; run again until none is/)
  })

  test.each([0, 10 * 60_000, -10 * 60_000])(
    'succeeds if nothing had to be: what was put before it is skipped (clock %d ms ahead)',
    async (ms) => {
      const { kills, ...ended } = await cutover(async () => undefined, ms)
      expect(kills).toBe(1)
      expect(ended).toMatchObject({ status: 'SUCCEEDED', ledger: { copied: 0, skipped: SMALL } })
    },
  )

  const versioned = (): WorldOptions => ({ source: memoryStore({ versions: true }), destination: memoryStore({ versions: true }) })

  test('over all versions: likewise', async () => {
    const added = async (source: ObjectStore) => source.put(key('a'), key('a3'), odd(6))
    const early = await cutover(added, 0, ALL, versioned())
    expect(early).toMatchObject({ kills: 1, status: 'FAILED', error: 'NotVerified', ledger: { copied: 1, skipped: VERSIONS } })
    const last = await cutover(async () => undefined, 0, ALL, versioned())
    expect(last).toMatchObject({ kills: 1, status: 'SUCCEEDED', ledger: { copied: 0, skipped: VERSIONS } })
  })

  test('with a delete marker alone: likewise', async () => {
    const early = await cutover(async (source) => source.mark(key('b')), 0, ALL, versioned())
    expect(early).toMatchObject({ kills: 1, status: 'FAILED', error: 'NotVerified', ledger: { copied: 1, skipped: VERSIONS } })
  })
})

describe('a version that a killed call has put', () => {
  const versions = async (change: (stores: { source: MemoryStore; destination: MemoryStore }) => void, runId = 'run') => {
    const { state } = killing('run')
    const [source, destination] = [memoryStore({ versions: true }), memoryStore({ versions: true })]
    await source.put(key('a'), key('a1'), odd(1))
    await source.put(key('a'), key('a2'), odd(2))
    const world = new World({ state, source, destination })
    change({ source, destination })
    const ended = await ran(world, runId, ALL)
    return { ...ended, outcomes: await outcomesOf(state, runId), chain: await chains(destination) }
  }
  const rowsOf = ({ outcomes }: { outcomes: Outcome[] }) => outcomes.map(({ notCarried = [] }) => notCarried.map(({ what }) => what))

  test.each<[string, Error]>([
    ['for want of a right', new AccessDenied('403')],
    ['for the tags themselves', new StoreRefused('400', 'InvalidTag', 400)],
  ])('without its tags, %s, tells so', async (_why, error) => {
    const withoutTags = ({ destination }: { destination: MemoryStore }) => {
      const { put } = destination
      destination.put = (name, body, options) => (options?.tags ? Promise.reject(error) : put(name, body, options))
    }
    const [whole, killed] = [await versions(withoutTags, 'other'), await versions(withoutTags)]
    expect(rowsOf(whole)).toEqual(Array(2).fill(['metadata line', 'tags']))
    expect(rowsOf(killed)).toEqual(Array(2).fill(['metadata line', 'tag emoji 🚚', 'tags']))
    expect(killed).toMatchObject({ status: 'SUCCEEDED', ledger: { copied: 2, skipped: 0 } })
  })

  test('whose tags may not be looked at tells so', async () => {
    const killed = await versions(({ destination }) => {
      destination.tags = () => Promise.reject(new AccessDenied('403'))
    })
    expect(rowsOf(killed)).toEqual(Array(2).fill(['metadata line', 'tag emoji 🚚', 'tags']))
    expect(killed.outcomes[0]!.notCarried!.at(-1)!.reason).toMatch(/does not tell whether it has its tags$/)
  })

  test('and that is gone from the source by then is told as a copy would tell it', async () => {
    const killed = await versions(({ source }) => {
      const { stat } = source
      source.stat = async (name, options) => (options?.versionId === 'v00000001' ? undefined : stat(name, options))
    })
    expect(killed.outcomes.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ['changed', 'NoSuchObject'],
      ['failed', 'EarlierVersionMissing'],
    ])
    expect(killed.chain).toHaveLength(2)
  })

  test('into a bucket that keeps none is failed, and nothing newer is put over it', async () => {
    const killed = await versions(({ destination }) => {
      const { put, listVersions } = destination
      // what a bucket answers and lists whose versioning is suspended
      destination.put = async (...call) => ({ ...(await put(...call)), versionId: 'null' })
      destination.listVersions = async function* (...call) {
        for await (const page of listVersions(...call)) yield page.map((version) => ({ ...version, versionId: 'null' }))
      }
    })
    expect(killed.outcomes.map(({ reason }) => reason)).toEqual(['NoVersions', 'EarlierVersionMissing'])
    expect(killed.chain).toHaveLength(1)
  })
})

test('an object that a stranger puts during the run is copied once, and the run ends', async () => {
  const world = new World({ source: memoryStore() })
  await fill(world.source)
  const [call, put] = [world.call.bind(world), world.destination.put]
  let puts = 0
  world.call = async (name, event) => {
    if (name === 'copyBatch') await put(key('object/3'), key('body 3'))
    return call(name, event)
  }
  world.destination.put = (...object) => (puts++, put(...object))
  expect(await ran(world, 'run', TAGGED)).toMatchObject({ status: 'SUCCEEDED', ledger: { copied: SMALL, skipped: 0 } })
  expect([puts, world.called('copyBatch')]).toEqual([SMALL, 1])
})

describe.each([
  ['its outcome', '/outcomes/'],
  ['what it has completed', 'uploads/'],
])('a large object of which CompleteUpload is killed before it writes %s, and a late twin of BeginUpload comes', (_what, name) => {
  const KMS = 'arn:aws:kms:us-east-1:000000000000:key/one'

  const sourceOf = async (): Promise<MemoryStore> => {
    const source = memoryStore()
    await source.put(key('large'), Buffer.alloc(6 * MIB, 'l'), odd(1))
    return source
  }

  /** Calls BeginUpload once more when CompleteUpload has been lost, before it is called again. */
  const twinned = async (request: object, source: MemoryStore, kills: boolean) => {
    const state = memoryStore()
    const world = new World({ state, source })
    const [call, put] = [world.call.bind(world), state.put]
    let lost = 0
    state.put = async (at, body, options) => {
      const completes = name === '/outcomes/' || /"state": ?"complete"/.test(body.toString())
      if (kills && lost === 0 && at.toString().includes(name) && completes) {
        lost++
        throw new StoreUnavailable('the call ends here')
      }
      return put(at, body, options)
    }
    world.call = async (task, event) =>
      call(task, event).catch(async (error: unknown) => {
        if (task === 'completeUpload') expect(await call('beginUpload', event)).toMatchObject({ partGroups: [] })
        throw error
      })
    const ended = await ran(world, 'run', request)
    const [{ at: _at, ms: _ms, ...outcome }] = (await outcomesOf(state, 'run')) as [Outcome]
    return { ...ended, outcome, lost }
  }

  test.each([
    ['copied, as if neither had been', TAGGED],
    ['a cut-over does not succeed', { ...TAGGED, cutover: true }],
  ])('%s', async (_name, request) => {
    const source = await sourceOf()
    const [whole, killed] = [await twinned(request, source, false), await twinned(request, source, true)]
    expect([whole.lost, killed.lost]).toEqual([0, 1])
    expect(killed).toEqual({ ...whole, lost: 1 })
    expect(killed).toMatchObject({ ledger: { copied: 1, skipped: 0 }, outcome: { outcome: 'copied' } })
    expect(killed.outcome.notCarried).toHaveLength(2)
    expect(killed.status).toBe('cutover' in request ? 'FAILED' : 'SUCCEEDED')
  })

  if (name === '/outcomes/')
    test('likewise under a KMS key, where no ETag is comparable', async () => {
      const request = { ...TAGGED, destination: { ...REQUEST.destination, kmsKey: KMS } }
      const killed = await twinned(request, await sourceOf(), true)
      expect(killed).toMatchObject({ lost: 1, status: 'SUCCEEDED', ledger: { copied: 1, skipped: 0 } })
      expect(killed.outcome.notCarried).toHaveLength(2)
    })
})
