import { AccessDenied, CursorMoved, DeadlinePassed, StoreUnavailable, type Migration } from '@drayage/core'
import { restoreArchived, type RestoreTurn } from '../../layers/core/transfer/restore-archived'
import type { RestoreFile } from '../../layers/core/domain/restore-file'
import { memoryStore } from '../support/memory-store'
import { archive, slowRestores, type SlowRestores } from '../support/slow-restores'
import { fill, listAll, REQUEST, World, type WorldOptions } from './harness'
import { until } from './engine-support'

const RUN = 'run-1'
const restoring = (more: object = {}) => ({ ...REQUEST, restore: { archived: true, ...more }, access: { hours: 72 } })

const restoreFile = async (world: World, run = RUN): Promise<RestoreFile> =>
  JSON.parse(await world.text(`runs/${run}/restore.json`)) as RestoreFile

const keysOf = async (store: World['source']): Promise<string[]> => (await listAll(store)).map((line) => line.split(' ')[0]!)

/** A World whose clock goes on by what its Waits say. */
const inSkippedTime = (options: WorldOptions): { world: World; waits: number[] } => {
  const waits: number[] = []
  let skipped = 0
  const world = new World({
    ...options,
    waitMs: (seconds) => {
      waits.push(seconds)
      skipped += seconds * 1000
      return 1
    },
  })
  world.services.now = () => new Date(Date.now() + skipped)
  return { world, waits }
}

const closed = async (world: World): Promise<void> => {
  expect([...world.access.existing]).toEqual([])
  expect((await world.closure(RUN)).complete).toBe(true)
}

describe('without restore.archived', () => {
  test('each archived object is a failed outcome that says what to do; everything else is there; the report has an estimate', async () => {
    const source = slowRestores(0)
    await fill(source, 12)
    await archive(source, 3, 'GLACIER')
    await archive(source, 2, 'GLACIER_IR', 'instant')
    const world = new World({ source })
    expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    const report = await world.report(RUN)
    expect(report.ledger).toMatchObject({ listed: 17, copied: 14, failed: 3, balanced: true })
    expect(report.failures.sample.map(({ reason }) => reason)).toEqual(Array(3).fill('ObjectArchived'))
    expect(report.failures.sample[0]!.detail).toContain('run again with restore.archived')
    expect(report.archived).toMatchObject({
      objects: 3,
      byClass: { GLACIER: { objects: 3 }, DEEP_ARCHIVE: { objects: 0 } },
      requested: false,
      estimateHours: 12,
      asked: 0,
      restored: 0,
    })
    expect(world.called('restoreArchived')).toBe(0)
    expect(source.orders).toEqual([])
    // One read each: what is archived is not tried again. The first one more is Preflight's.
    expect(source.reads.filter((key) => key.startsWith('archived/')).slice(1)).toHaveLength(3)
    await closed(world)
  })

  test('Preflight does not take an archived first object for a source that ignores If-Match', async () => {
    const source = slowRestores(0)
    const probes = async (run: string): Promise<unknown> => {
      const world = new World({ source })
      await world.run({ ...REQUEST, dryRun: true }, run)
      return (JSON.parse(await world.text(`runs/${run}/preflight.json`)) as { probes: unknown }).probes
    }
    const { read } = source
    source.read = (key, { ifMatch: _, ...options } = {}) => read(key, options)
    await archive(source, 1, 'GLACIER')
    expect(await probes(RUN)).toMatchObject({ sourceRefusesWrongEtag: null })
    await source.put(Buffer.from('a readable one'), Buffer.from('body'))
    expect(await probes('run-2')).toMatchObject({ sourceRefusesWrongEtag: false })
  })

  test('an archived large object begins no upload', async () => {
    const source = slowRestores(0)
    await source.put(Buffer.from('cold'), Buffer.alloc(6 * 1024 * 1024), { storageClass: 'DEEP_ARCHIVE' })
    const world = new World({ source })
    const uploads: string[] = []
    const { createUpload } = world.destination
    world.destination.createUpload = (key, ...call) => (uploads.push(key.toString()), createUpload(key, ...call))
    expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'FAILED' })
    expect((await world.report(RUN)).failures.sample).toMatchObject([{ what: 'failed', reason: 'ObjectArchived' }])
    expect(uploads).not.toContain('cold')
    await source.put(Buffer.from('warm'), Buffer.alloc(6 * 1024 * 1024))
    await world.run(REQUEST, 'run-2')
    expect(uploads).toContain('warm')
  })

  test('of a store that keeps such a class readable, objects of any size are copied', async () => {
    const source = memoryStore()
    const readable = memoryStore()
    for (const [key, size] of [
      ['large', 6 * 1024 * 1024],
      ['small', 6],
    ] as const) {
      await source.put(Buffer.from(key), Buffer.alloc(size, key), { storageClass: 'GLACIER' })
      await readable.put(Buffer.from(key), Buffer.alloc(size, key))
    }
    const world = new World({ source: { ...source, read: (...call) => readable.read(...call) } })
    expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'SUCCEEDED' })
    expect((await world.report(RUN)).ledger).toMatchObject({ listed: 2, copied: 2, failed: 0 })
  })

  test('a dry run tells how long restoring would take', async () => {
    const source = slowRestores(0)
    await archive(source, 3, 'DEEP_ARCHIVE')
    const world = new World({ source })
    expect(await world.run({ ...REQUEST, dryRun: true }, RUN)).toMatchObject({ status: 'SUCCEEDED' })
    const report = await world.report(RUN)
    expect(report.estimate!.restore).toEqual({ tier: 'Bulk', requests: 3, heads: 0, hours: 48, hoursAtMost: 48 })
    expect(report.archived).toMatchObject({ objects: 3, tier: 'Bulk', days: 7, estimateHours: 48 })
  })
})

describe('with restore.archived', () => {
  test('archived objects are restored, waited for, copied and verified', async () => {
    const source = slowRestores(4)
    await fill(source, 5)
    await archive(source, 25, 'GLACIER')
    await source.put(Buffer.from('zz large'), Buffer.alloc(6 * 1024 * 1024, 7), { storageClass: 'DEEP_ARCHIVE' })
    const { world, waits } = inSkippedTime({ source })
    expect(await world.run(restoring({ tier: 'Standard', days: 3 }), RUN)).toMatchObject({ status: 'SUCCEEDED' })
    const report = await world.report(RUN)
    expect(report).toMatchObject({ outcome: 'verified', ledger: { listed: 31, copied: 31, failed: 0 } })
    expect(report.archived).toMatchObject({ objects: 26, requested: true, asked: 26, restored: 26, notNeeded: 0, refused: {} })
    expect(await keysOf(world.destination)).toEqual(await keysOf(source))
    expect(source.orders).toHaveLength(26)
    expect(new Set(source.orders.map(([, order]) => JSON.stringify(order)))).toEqual(new Set(['{"tier":"Standard","days":3}']))
    expect(waits[0]).toBe(2)
    expect(waits).toEqual([...waits].sort((a, b) => a - b))
    expect(world.called('restoreArchived')).toBe(1 + waits.length)
    await closed(world)
  })

  test('looking leaves a shard at its first objects that are not readable', async () => {
    const source = slowRestores(6)
    await archive(source, 50, 'GLACIER')
    const { world } = inSkippedTime({ source })
    world.services.concurrency = 2
    await world.run({ ...restoring(), limits: { batchObjects: 50 } }, RUN)
    expect((await world.report(RUN)).outcome).toBe('verified')
    const looks = world.called('restoreArchived') - 1
    // Each object's own seven, as the source here demands; looked at side by side, all 50 of them would be seen in every look.
    expect(source.looked).toHaveLength(50 * 7)
    expect(looks).toBeGreaterThan(100)
  })

  test('nothing archived: the state is not entered', async () => {
    const source = slowRestores(0)
    await fill(source, 5)
    await archive(source, 2, 'GLACIER_IR')
    const world = new World({ source })
    expect(await world.run(restoring(), RUN)).toMatchObject({ status: 'SUCCEEDED' })
    expect(world.called('restoreArchived')).toBe(0)
    expect((await world.report(RUN)).archived).toBeNull()
  })

  test('of Intelligent-Tiering only what HEAD says is archived is asked for, and without days', async () => {
    const source = slowRestores(2)
    await archive(source, 12, 'INTELLIGENT_TIERING', 'tiered')
    for (const index of ['00003', '00011']) source.alter(Buffer.from(`tiered/${index}`), { info: { archiveStatus: 'DEEP_ARCHIVE_ACCESS' } })
    const world = new World({ source })
    expect(await world.run(restoring(), RUN)).toMatchObject({ status: 'SUCCEEDED' })
    const order = { tier: 'Bulk', days: undefined }
    expect(new Map(source.orders)).toEqual(new Map([3, 11].map((index) => [`tiered/000${String(index).padStart(2, '0')}`, order])))
    expect((await world.report(RUN)).archived).toMatchObject({
      objects: 0,
      asked: 2,
      restored: 2,
      byClass: { INTELLIGENT_TIERING: { objects: 12 } },
    })
  })

  test('a restore that is already under way, or done, is taken as it is', async () => {
    const source = slowRestores(1)
    await archive(source, 2, 'GLACIER')
    await source.restore(Buffer.from('archived/00000'), { tier: 'Bulk', days: 1 })
    const world = new World({ source })
    expect(await world.run(restoring(), RUN)).toMatchObject({ status: 'SUCCEEDED' })
    expect((await world.report(RUN)).archived).toMatchObject({ asked: 2, restored: 2 })
  })

  test('what is equal at the destination is not restored again', async () => {
    const source = slowRestores(1)
    await archive(source, 12, 'GLACIER')
    const world = new World({ source })
    await world.run(restoring(), RUN)
    for (let index = 0; index < 12; index++)
      source.alter(Buffer.from(`archived/${String(index).padStart(5, '0')}`), { info: { restore: undefined } })
    await source.put(Buffer.from('archived/00004'), Buffer.from('other bytes'), { storageClass: 'GLACIER' })
    source.orders.length = 0
    expect(await world.run(restoring(), 'run-2')).toMatchObject({ status: 'SUCCEEDED' })
    expect(source.orders.map(([key]) => key)).toEqual(['archived/00004'])
    const report = await world.report('run-2')
    expect(report.ledger).toMatchObject({ copied: 1, skipped: 11 })
    expect(report.archived).toMatchObject({ asked: 1, restored: 1, notNeeded: 11 })
  })

  test.each(['current', 'all'] as const)('what no destination can hold is not restored (versions: %s)', async (versions) => {
    const source = slowRestores(1, undefined, memoryStore({ versions: true }))
    for (const key of ['a'.repeat(1020), 'b']) await source.put(Buffer.from(key), Buffer.from('x'), { storageClass: 'GLACIER' })
    const world = new World({ source, destination: memoryStore({ versions: true }) })
    const request = { ...restoring(), destination: { ...REQUEST.destination, prefix: 'archive/' }, carry: { versions } }
    expect(await world.run(request, RUN)).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    expect(source.orders.map(([key]) => key.split('?')[0])).toEqual(['b'])
    const report = await world.report(RUN)
    expect(report.archived).toMatchObject({ asked: 1, restored: 1 })
    expect(report.failures.reasons).toMatchObject([{ what: 'failed', reason: 'KeyNotRepresentable', count: 1 }])
    expect(report.ledger).toMatchObject({ copied: 1, failed: 1, balanced: true })
  })

  test('an object that may not be restored is not waited for: it is the one failed outcome, and the report says why', async () => {
    const source = slowRestores(1, (key) => (key === 'archived/00007' ? new AccessDenied('planted') : undefined))
    await archive(source, 12, 'GLACIER')
    const world = new World({ source })
    expect(await world.run(restoring(), RUN)).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    const report = await world.report(RUN)
    expect(report.ledger).toMatchObject({ copied: 11, failed: 1 })
    expect(report.failures.sample).toMatchObject([{ reason: 'ObjectArchived' }])
    expect(report.archived).toMatchObject({ asked: 11, restored: 11, refused: { AccessDenied: 1 } })
  })

  test('a source that has no capacity for Expedited ends the run with what it said, and nothing is copied', async () => {
    const refusal = new StoreUnavailable('restore cold: 503 GlacierExpeditedRetrievalNotAvailable')
    const source = slowRestores(0, () => refusal)
    await fill(source, 3)
    await archive(source, 1, 'GLACIER')
    const world = new World({ source })
    expect(await world.run(restoring({ tier: 'Expedited' }), RUN)).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    expect((await world.report(RUN)).stoppedBy).toBe(`StoreUnavailable: ${refusal.message}`)
    expect(await keysOf(world.destination)).toEqual([])
    await closed(world)
  })

  test('an object that vanishes while it is waited for is not waited for any longer', async () => {
    const source = slowRestores(Infinity)
    await archive(source, 2, 'GLACIER')
    const world = new World({ source })
    const { call } = world
    world.call = async (name, event) => {
      const answer = await call.call(world, name, event)
      if (name === 'restoreArchived') for (const index of [0, 1]) source.drop(Buffer.from(`archived/0000${index}`))
      return answer
    }
    expect(await world.run(restoring(), RUN)).toMatchObject({ status: 'FAILED' })
    const report = await world.report(RUN)
    expect(report.archived).toMatchObject({ asked: 2, restored: 0, refused: { NoSuchObject: 2 } })
    expect(report.ledger).toMatchObject({ changed: 2 })
  })

  test('a call that is lost after its work changes nothing', async () => {
    const source = slowRestores(2)
    await archive(source, 25, 'GLACIER')
    const world = new World({ source, faults: { restoreArchived: { error: 'Sandbox.Timedout', times: 3, late: true } } })
    expect(await world.run(restoring(), RUN)).toMatchObject({ status: 'SUCCEEDED' })
    expect((await world.report(RUN)).archived).toMatchObject({ asked: 25, restored: 25 })
  })
})

describe('archived versions', () => {
  const ALL = { ...restoring(), carry: { versions: 'all' } }

  /** A key whose older versions are archived, one that has only archived ones and a delete marker, and one with none. */
  const versioned = async (looks: number, refuses?: (name: string) => Error | undefined): Promise<SlowRestores> => {
    const source = slowRestores(looks, refuses, memoryStore({ versions: true }))
    const put = (key: string, body: string, storageClass?: string) => source.put(Buffer.from(key), Buffer.from(body), { storageClass })
    await put('a', 'a1', 'GLACIER')
    await put('a', 'a2')
    await put('a', 'a3', 'DEEP_ARCHIVE')
    await put('a', 'a4')
    await put('b', 'b1', 'GLACIER')
    await source.mark(Buffer.from('b'))
    await put('c', 'c1')
    return source
  }

  const bodies = async (store: World['source']): Promise<string[]> => {
    const found: string[] = []
    for await (const page of store.listVersions({ prefix: Buffer.alloc(0) }))
      for (const { key, deleteMarker, etag } of page) found.push(`${key.toString()} ${deleteMarker ? 'marker' : etag}`)
    return found
  }

  test('are restored by their ids, waited for, and arrive in order; a second run asks for none of them', async () => {
    const source = await versioned(2)
    const world = new World({ source, destination: memoryStore({ versions: true }) })
    expect(await world.run(ALL, RUN)).toMatchObject({ status: 'SUCCEEDED' })
    expect(source.orders.map(([name]) => name).sort()).toEqual(['a?v00000001', 'a?v00000003', 'b?v00000005'])
    const report = await world.report(RUN)
    expect(report.archived).toMatchObject({ objects: 3, asked: 3, restored: 3, notNeeded: 0, refused: {} })
    expect(report.ledger).toMatchObject({ listed: 7, copied: 7 })
    expect(await bodies(world.destination)).toEqual(await bodies(source))

    source.orders.length = 0
    await source.put(Buffer.from('a'), Buffer.from('a5'), { storageClass: 'GLACIER' })
    expect(await world.run(ALL, 'run-2')).toMatchObject({ status: 'SUCCEEDED' })
    expect(source.orders.map(([name]) => name)).toEqual(['a?v00000008'])
    expect((await world.report('run-2')).archived).toMatchObject({ asked: 1, restored: 1, notNeeded: 3 })
    expect(await bodies(world.destination)).toEqual(await bodies(source))
  })

  test('one that may not be restored stops its key and no other, and each of them is a failure with its reason', async () => {
    const source = await versioned(0, (name) => (name === 'a?v00000003' ? new AccessDenied('planted') : undefined))
    const world = new World({ source, destination: memoryStore({ versions: true }) })
    expect(await world.run(ALL, RUN)).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    const report = await world.report(RUN)
    expect(report.archived).toMatchObject({ asked: 2, restored: 2, refused: { AccessDenied: 1 } })
    expect(report.ledger).toMatchObject({ copied: 5, failed: 2 })
    expect(report.failures.sample).toMatchObject([
      { key: 'a', versionId: 'v00000003', reason: 'ObjectArchived' },
      { key: 'a', versionId: 'v00000004', reason: 'EarlierVersionMissing' },
    ])
  })

  test('are asked for once each by turns whose time is always over', async () => {
    const source = await versioned(1)
    const destination = memoryStore({ versions: true })
    await destination.put(Buffer.from('a'), Buffer.from('a1'))
    const world = new World({ source, destination, faults: { estimate: { error: 'Stop' } } })
    await world.run(ALL, RUN)
    const migration = JSON.parse(await world.text(`runs/${RUN}/request.json`)) as Migration
    const turn = { state: world.state, source, destination, copySeconds: 1, hours: 12, concurrency: 1 }
    const call = { now: () => new Date(), writingSince: new Date().toISOString(), signal: new AbortController().signal, going: () => false }
    let answer
    do answer = await restoreArchived(migration, { ...turn, ...call })
    while (!answer.done)
    expect(source.orders.map(([name]) => name)).toEqual(['a?v00000003', 'b?v00000005'])
    expect(await restoreFile(world)).toMatchObject({ asked: 2, ready: 2, notNeeded: 1 })
  })
})

describe('when it cannot end in time', () => {
  test('a restore that would outlive the access is refused before anything is asked for', async () => {
    const source = slowRestores(0)
    await archive(source, 2, 'DEEP_ARCHIVE')
    const world = new World({ source })
    expect(await world.run({ ...restoring(), access: { hours: 24 } }, RUN)).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    expect((await world.report(RUN)).stoppedBy).toMatch(
      /^OutlivesAccess: .*restore archived objects for up to 48 hours.*raise access\.hours/,
    )
    expect(source.orders).toEqual([])
    await closed(world)
    expect(await world.run({ ...restoring(), access: { hours: 49 } }, 'run-2')).toMatchObject({ status: 'SUCCEEDED' })
  })

  test.each([
    ['Expedited for DEEP_ARCHIVE', { tier: 'Expedited' }, /^InvalidRequest: restore\.tier: .*Standard/],
    ['too few days', { tier: 'Bulk', days: 1 }, /^InvalidRequest: restore\.days: .*at least 3/],
  ])('%s is refused by name before anything is asked for', async (_name, restore, said) => {
    const source = slowRestores(0)
    await archive(source, 2, 'DEEP_ARCHIVE')
    const world = new World({ source })
    expect(await world.run(restoring(restore), RUN)).toMatchObject({ status: 'FAILED' })
    expect((await world.report(RUN)).stoppedBy).toMatch(said)
    expect(source.orders).toEqual([])
  })

  test('what would be kept in an archive class and read again is refused by name before anything is asked for', async () => {
    const source = slowRestores(0)
    await archive(source, 1, 'GLACIER')
    await archive(source, 1, 'DEEP_ARCHIVE', 'deep')
    const world = new World({ source })
    const asked = { ...restoring(), carry: { storageClass: 'keep' }, verification: { mode: 'reread' } }
    expect(await world.run(asked, RUN)).toMatchObject({ status: 'FAILED' })
    expect((await world.report(RUN)).stoppedBy).toMatch(/^InvalidRequest: verification\.mode: .* 2 objects .*checksum/)
    expect(source.orders).toEqual([])
    expect(await world.run({ ...asked, verification: { mode: 'checksum' } }, 'run-2')).toMatchObject({ status: 'SUCCEEDED' })
  })

  test('waiting ends in time to end the run: OutlivesAccess, and a report that says how far it came', async () => {
    const source = slowRestores(Infinity)
    await fill(source, 3)
    await archive(source, 2, 'GLACIER')
    const { world, waits } = inSkippedTime({ source })
    expect(await world.run(restoring(), RUN)).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    const report = await world.report(RUN)
    expect(report.stoppedBy).toMatch(/^OutlivesAccess: 2 of 2 archived objects are not restored yet.*run again later/)
    expect(report.archived).toMatchObject({ asked: 2, restored: 0 })
    const waited = waits.reduce((sum, seconds) => sum + seconds, 0)
    expect(waited).toBeLessThanOrEqual(72 * 3600)
    expect(waited).toBeGreaterThan(71 * 3600)
    expect(waits.length).toBeLessThan(500)
    await closed(world)
  })
})

test('a run that is stopped while it waits ends at once', async () => {
  const source = slowRestores(Infinity)
  await archive(source, 2, 'GLACIER')
  const world = new World({ source, waitMs: () => 600_000 })
  const execution = world.start(restoring(), RUN)
  await until(() => world.called('restoreArchived') === 1)
  await new Promise((later) => setTimeout(later, 50))
  execution.stop()
  expect(await execution.result).toEqual({ status: 'ABORTED' })
  expect(world.calls.at(-1)).toBe('restoreArchived')
})

describe('turns', () => {
  /** A World that has listed its source, and the migration that its run had. */
  const listed = async (source: SlowRestores): Promise<{ world: World; migration: Migration; turn: RestoreTurn }> => {
    const world = new World({ source, faults: { estimate: { error: 'Stop' } } })
    await world.run(restoring(), RUN)
    const migration = JSON.parse(await world.text(`runs/${RUN}/request.json`)) as Migration
    const turn: RestoreTurn = {
      state: world.state,
      source,
      destination: world.destination,
      copySeconds: 1,
      hours: 12,
      now: () => new Date(),
      writingSince: new Date().toISOString(),
      signal: new AbortController().signal,
      going: () => true,
      concurrency: 1,
    }
    return { world, migration, turn }
  }

  test('whose time is always over go on where the last one stood, and ask and look once for each object', async () => {
    const source = slowRestores(0)
    await archive(source, 23, 'GLACIER')
    const { world, migration, turn } = await listed(source)
    const answers = []
    for (let done = false; !done;) {
      const answer = await restoreArchived(migration, { ...turn, going: () => false })
      answers.push(answer)
      done = answer.done
      expect(answers.length).toBeLessThan(60)
    }
    expect(source.orders.map(([key]) => key).sort()).toEqual(await keysOf(source))
    expect(source.looked).toHaveLength(23)
    expect(answers.filter(({ more, done }) => !more && !done)).toMatchObject([{ waitSeconds: 2, asked: 23, ready: 0, ongoing: 23 }])
    expect(answers.at(-1)).toMatchObject({ more: false, asked: 23, ready: 23, ongoing: 0 })
    expect(await restoreFile(world)).toMatchObject({ next: null, pending: {}, asked: 23, ready: 23 })
  })

  test('what is equal at the destination is counted once, however many turns a shard takes', async () => {
    const source = slowRestores(0)
    await archive(source, 10, 'GLACIER')
    const { world, migration, turn } = await listed(source)
    for (const index of [1, 2, 8]) await world.destination.put(Buffer.from(`archived/0000${index}`), Buffer.from(`cold archived ${index}`))
    const short = { ...turn, writingSince: new Date(Date.now() + 1).toISOString(), going: () => false }
    for (let more = true; more;) more = (await restoreArchived(migration, short)).more
    expect(await restoreFile(world)).toMatchObject({ asked: 7, notNeeded: 3 })
  })

  test('one of two at once moves restore.json, the other one is told to come again', async () => {
    const source = slowRestores(0)
    await archive(source, 23, 'GLACIER')
    const { migration, turn } = await listed(source)
    const both = await Promise.allSettled([restoreArchived(migration, turn), restoreArchived(migration, turn)])
    const lost = both.filter((one) => one.status === 'rejected')
    expect(lost.map(({ reason }) => reason as unknown)).toEqual([expect.any(CursorMoved)])
  })

  test('a call whose time ends amid an object is one to be made again, and loses nothing that was written down', async () => {
    const source = slowRestores(0)
    await archive(source, 23, 'GLACIER')
    const { world, migration, turn } = await listed(source)
    const ended = new AbortController()
    const { restore } = source
    source.restore = (key, order, call) => {
      if (source.orders.length === 12) ended.abort(new DeadlinePassed('planted'))
      call?.signal?.throwIfAborted()
      return restore(key, order, call)
    }
    await expect(restoreArchived(migration, { ...turn, signal: ended.signal })).rejects.toThrow(StoreUnavailable)
    // Whole shards: which come first is decided by their hashes.
    const { asked, askedAt } = await restoreFile(world)
    expect({ askedAt, whole: [3, 10].includes(asked) }).toEqual({ askedAt: null, whole: true })
    expect(await restoreArchived(migration, turn)).toMatchObject({ more: false, asked: 23, ongoing: 23 })
    expect(source.orders).toHaveLength(12 + 23 - asked)
  })

  test('a restore that is neither under way nor done any more is asked for again', async () => {
    const source = slowRestores(5)
    await archive(source, 2, 'GLACIER')
    const { migration, turn } = await listed(source)
    await restoreArchived(migration, turn)
    expect(source.orders).toHaveLength(2)
    source.alter(Buffer.from('archived/00000'), { info: { restore: undefined } })
    expect(await restoreArchived(migration, turn)).toMatchObject({ done: false, asked: 2, ongoing: 2 })
    expect(source.orders.map(([key]) => key)).toEqual(['archived/00000', 'archived/00001', 'archived/00000'])
  })
})
