import { loadDefinition, startExecution } from '../../cli/local/engine'
import { bench, items, named, pause, until, type Bench, type Handlers } from './engine-support'

const definition = loadDefinition('statemachines/migrate.asl.yml')

/** The state machine file itself with canned functions: 4 batches of 5 objects, one large object, 2 pages of listing. */
interface World {
  objects: number
  batches: number
  large: number
  archived: number
  copied: Set<string>
  verified: Set<string>
  closed: boolean
}

const SHARDS: Record<string, string[]> = {
  'runs/r/shards/batches/': ['a', 'b', 'c', 'd'].map((name) => `runs/r/shards/batches/${name}.jsonl`),
  'runs/r/shards/large/': ['runs/r/shards/large/big.json'],
}

const canned = (world: World): Handlers => {
  const turns = new Map<string, number>()
  /** done in the second turn, as a copier that met its deadline once */
  const inTwoTurns = (work: string) => {
    const turn = (turns.get(work) ?? 0) + 1
    turns.set(work, turn)
    return turn % 2 === 0
  }
  return {
    validateRequest: ({ request, execution }) => ({
      runId: execution.name,
      dryRun: request.dryRun ?? false,
      restore: { archived: request.restore ?? false },
      limits: { batches: 3, largeObjects: 2, toleratedFailures: request.tolerated ?? 100 },
      shards: { batches: 'runs/r/shards/batches/', large: 'runs/r/shards/large/' },
    }),
    openAccess: () => ({ roles: 1 }),
    preflight: () => ({ writingSince: '2026-01-01T00:00:00.000Z' }),
    listSource: () => {
      const more = !inTwoTurns('list')
      return { more, objects: more ? 10 : world.objects, batches: world.batches, large: world.large, archived: world.archived }
    },
    estimate: () => ({ usd: 1 }),
    restoreArchived: () => {
      const turn = (turns.get('restore') ?? 0) + 1
      turns.set('restore', turn)
      return { more: turn === 1, done: turn === 4, waitSeconds: turn * 60 }
    },
    copyBatch: ({ shard }) => {
      const done = inTwoTurns(shard)
      if (done) world.copied.add(shard)
      return { done, copied: 5 }
    },
    beginUpload: () => ({
      uploadId: 'u',
      partSize: 8,
      partGroups: [
        { from: 1, to: 3 },
        { from: 4, to: 6 },
        { from: 7, to: 7 },
      ],
    }),
    copyPartGroup: ({ partGroup, uploadId }) => ({ done: inTwoTurns(`${uploadId}${partGroup.from}`) }),
    completeUpload: ({ shard, failure }) => {
      if (!failure) world.copied.add(shard)
      return { copied: failure ? 0 : 1 }
    },
    verifyBatch: ({ shard }) => {
      world.verified.add(shard)
      return { done: true }
    },
    reconcile: (state) => {
      const succeeded = !state.failure && world.copied.size === world.batches + world.large && world.verified.size === world.batches
      return { more: false, succeeded, reason: succeeded ? '' : `${world.copied.size} copied; ${state.failure?.Error ?? 'by the count'}` }
    },
    cleanup: () => {
      world.closed = true
      return { complete: true }
    },
    writeReport: () => ({}),
  }
}

const fresh = (over: Partial<World> = {}): World => ({
  objects: 21,
  batches: 4,
  large: 1,
  archived: 0,
  copied: new Set(),
  verified: new Set(),
  closed: false,
  ...over,
})

const migration = (world: World, handlers: Handlers = {}, more = {}): Bench =>
  bench(
    definition,
    { ...canned(world), ...handlers },
    {
      listItems: async function* (_: string, prefix: string) {
        yield* items(SHARDS[prefix]!)
      },
      ...more,
    },
  )

const throwing = (name: string) => () => {
  throw named(name)
}
const closing = (b: Bench) => [b.count('reconcile'), b.count('cleanup'), b.count('writeReport')]

describe('A good run', () => {
  it('loops twice in the listing, each batch and each part group, and ends Succeeded', async () => {
    const world = fresh()
    const b = migration(world)
    expect(await b.run({})).toMatchObject({ status: 'SUCCEEDED', output: { report: { succeeded: true }, closure: { complete: true } } })
    expect(Object.fromEntries([...new Set(b.calls.map((call) => call.name))].map((name) => [name, b.count(name)]))).toEqual({
      validateRequest: 1,
      openAccess: 1,
      preflight: 1,
      listSource: 2,
      estimate: 1,
      copyBatch: 8,
      beginUpload: 1,
      copyPartGroup: 6,
      completeUpload: 1,
      verifyBatch: 4,
      reconcile: 1,
      cleanup: 1,
      writeReport: 1,
    })
    expect([...b.puts.keys()].filter((key) => key.endsWith('/manifest.json'))).toHaveLength(3)
    expect([...b.puts.keys()].every((key) => key.startsWith('state/map-runs/'))).toBe(true)
  })

  it('adds up in as many turns as Reconcile asks for, and goes by what the last one says', async () => {
    let turn = 0
    const reconcile = () =>
      ++turn < 3 ? { more: true, succeeded: false, reason: 'not to their end' } : { more: false, succeeded: true, reason: '' }
    const b = migration(fresh(), { reconcile })
    expect((await b.run({})).status).toBe('SUCCEEDED')
    expect(closing(b)).toEqual([3, 1, 1])
  })

  it('restores only where it is asked for and something is archived: once more at once, then after each wait', async () => {
    const waits: number[] = []
    const run = async (world: World, request: object) => {
      const b = migration(world, {}, { waitMs: (seconds: number) => (waits.push(seconds), 1) })
      expect((await b.run(request)).status).toBe('SUCCEEDED')
      return b
    }
    expect((await run(fresh({ archived: 3 }), {})).count('restoreArchived')).toBe(0)
    expect((await run(fresh(), { restore: true })).count('restoreArchived')).toBe(0)
    const dry = migration(fresh({ archived: 3 }))
    await dry.run({ restore: true, dryRun: true })
    expect(dry.count('restoreArchived')).toBe(0)
    const b = await run(fresh({ archived: 3 }), { restore: true })
    expect(b.count('restoreArchived')).toBe(4)
    expect(waits).toEqual([120, 180])
    expect(b.states.indexOf('exited RestoreArchived')).toBeLessThan(b.states.indexOf('entered CopyObjects'))
  })

  it('gives a child only the migration, its shard and the time of the write probe, and a part group what it needs', async () => {
    const b = migration(fresh())
    await b.run({})
    expect(Object.keys(b.calls.find((call) => call.name === 'copyBatch')!.event)).toEqual(['migration', 'shard', 'writingSince'])
    expect(b.calls.find((call) => call.name === 'copyPartGroup')!.event).toMatchObject({
      shard: 'runs/r/shards/large/big.json',
      uploadId: 'u',
      partSize: 8,
      partGroup: { from: 1, to: 3 },
    })
  })

  it.each([
    ['an empty source', { batches: 0, large: 0 }, { copyBatch: 0, beginUpload: 0 }],
    ['no large object', { batches: 4, large: 0 }, { copyBatch: 8, beginUpload: 0 }],
    ['only a large object', { batches: 0, large: 1 }, { copyBatch: 0, beginUpload: 1 }],
  ])('of %s', async (_, counts, calls) => {
    const world = fresh(counts)
    const b = migration(world, { reconcile: () => ({ more: false, succeeded: true, reason: '' }) })
    expect((await b.run({})).status).toBe('SUCCEEDED')
    for (const [name, count] of Object.entries(calls)) expect(b.count(name)).toBe(count)
  })

  it('of a dry run copies nothing', async () => {
    const b = migration(fresh(), { reconcile: () => ({ more: false, succeeded: true, reason: '' }) })
    expect((await b.run({ dryRun: true })).status).toBe('SUCCEEDED')
    expect(b.count('copyBatch') + b.count('verifyBatch')).toBe(0)
    expect(closing(b)).toEqual([1, 1, 1])
  })

  it('of no part groups', async () => {
    const b = migration(fresh(), { beginUpload: () => ({ uploadId: 'u', partSize: 8, partGroups: [] }) })
    expect((await b.run({})).status).toBe('SUCCEEDED')
    expect(b.count('completeUpload')).toBe(1)
  })
})

describe('Failures', () => {
  it('of the request: FAILED under its own name, and nothing else is called', async () => {
    const b = migration(fresh(), { validateRequest: throwing('InvalidRequest') })
    expect(await b.run({})).toMatchObject({ status: 'FAILED', error: 'InvalidRequest' })
    expect(b.calls).toHaveLength(1)
  })

  it.each([
    'openAccess',
    'preflight',
    'listSource',
    'estimate',
    'copyBatch',
    'beginUpload',
    'copyPartGroup',
    'completeUpload',
    'verifyBatch',
    'reconcile',
  ])('of %s: NotVerified, with Reconcile, Cleanup and WriteReport', async (name) => {
    const world = fresh()
    const b = migration(world, { [name]: throwing('Broken') })
    expect(await b.run({ tolerated: 0 })).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    expect(closing(b)).toEqual([1, 1, 1])
    expect(world.closed).toBe(true)
  })

  it.each([
    ['cleanup', throwing('Broken'), 'CleanupIncomplete'],
    ['cleanup', () => ({ complete: false }), 'CleanupIncomplete'],
    ['writeReport', throwing('Broken'), 'ReportNotWritten'],
  ])('of %s', async (name, handler, error) => {
    const b = migration(fresh(), { [name]: handler })
    expect(await b.run({})).toMatchObject({ status: 'FAILED', error })
    expect(closing(b)).toEqual([1, 1, 1])
  })

  it('of one batch is tolerated: the others are copied and all are verified, and the count says no', async () => {
    const world = fresh()
    const copyBatch = ({ shard }: any) => {
      if (shard.endsWith('b.jsonl')) throw named('Broken')
      world.copied.add(shard)
      return { done: true }
    }
    expect(await migration(world, { copyBatch }).run({})).toMatchObject({
      status: 'FAILED',
      error: 'NotVerified',
      cause: '4 copied; by the count',
    })
    expect(world.verified.size).toBe(4)
  })

  it('of the large fleet while batches run: the batches are finished', async () => {
    const world = fresh()
    const b = migration(world, {
      completeUpload: throwing('Broken'),
      copyBatch: async ({ shard }) => {
        await pause(10)
        world.copied.add(shard)
        return { done: true }
      },
    })
    expect(await b.run({ tolerated: 0 })).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    expect(world.copied.size).toBe(4)
  })

  it('that pass are retried by name: listSource after Sandbox.Timedout, copyBatch after StoreUnavailable, copyPartGroup after StoreThrottled', async () => {
    const world = fresh()
    const flaky = (name: string, error: string): Handlers => {
      let failed = false
      return {
        [name]: (event, signal) => {
          if (!failed) {
            failed = true
            throw named(error)
          }
          return inner[name]!(event, signal)
        },
      }
    }
    const inner = canned(world)
    const b = migration(world, {
      ...inner,
      ...flaky('listSource', 'Sandbox.Timedout'),
      ...flaky('copyBatch', 'StoreUnavailable'),
      ...flaky('copyPartGroup', 'StoreThrottled'),
    })
    expect((await b.run({})).status).toBe('SUCCEEDED')
    expect([b.count('listSource'), b.count('copyBatch'), b.count('copyPartGroup')]).toEqual([3, 9, 7])
  })

  it('that do not pass are retried 4 times per shard', async () => {
    const b = migration(fresh(), { verifyBatch: throwing('StoreUnavailable') })
    expect(await b.run({})).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    expect(b.count('verifyBatch')).toBe(4 * 5)
  })

  it('that no Catch sees end the execution without Cleanup: a 300 kB answer, a missing `more`', async () => {
    const large = migration(fresh(), { listSource: () => ({ more: false, fill: 'x'.repeat(300_000) }) })
    expect(await large.run({})).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' })
    const lacking = migration(fresh(), { listSource: () => ({}) })
    expect(await lacking.run({})).toMatchObject({ status: 'FAILED', error: 'States.Runtime' })
    expect([...closing(large), ...closing(lacking)]).toEqual([0, 0, 0, 0, 0, 0])
  })
})

describe('StopExecution', () => {
  it.each(['listSource', 'copyBatch', 'copyPartGroup', 'verifyBatch'])('in %s: ABORTED, and no call begins afterwards', async (name) => {
    const world = fresh()
    const b = migration(world, {
      [name]: (_, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(named('Aborted')))),
    })
    const execution = startExecution(b.options, {}, 'run-1')
    await until(() => b.count(name) > 0)
    await pause(10)
    execution.stop()
    const calls = b.calls.length
    expect(await execution.result).toEqual({ status: 'ABORTED' })
    await pause(60)
    expect(b.calls).toHaveLength(calls)
    expect(closing(b)).toEqual([0, 0, 0])
  })
})
