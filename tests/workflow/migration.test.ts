import {
  NoSuchObject,
  AccessDenied,
  CredentialNotForThisMigration,
  parseRequest,
  StoreThrottled,
  writeJson,
  type Migration,
  type ObjectStore,
  type ReadOptions,
} from '@drayage/core'
import { NO_TOTALS } from '../../layers/core/domain/listing'
import { uploadKey } from '../../layers/core/domain/state-keys'
import { memoryStore } from '../support/memory-store'
import { fill, listAll, REQUEST, World } from './harness'

const RUN = 'run-1'

/** Small objects with equal ETags on both sides; a large one has another ETag, being made of parts. */
const same = async (world: World): Promise<void> => {
  const cut = (line: string) => line.replace(/(large\/.*) "?[^ ]*$/, '$1')
  expect((await listAll(world.destination)).map(cut)).toEqual((await listAll(world.source)).map(cut))
}

const closed = async (world: World, runId = RUN): Promise<void> => {
  expect([...world.access.existing]).toEqual([])
  expect((await world.closure(runId)).complete).toBe(true)
  expect((await world.certificate(runId)).runId).toBe(runId)
  expect(await world.destination.listUploads(Buffer.alloc(0))).toEqual([])
  for await (const page of world.state.list({ prefix: Buffer.from('pairs/') })) {
    for (const { key } of page) expect(JSON.parse(await world.text(key.toString()))).toMatchObject({ holder: null })
  }
}

const observed = async (world: World, kind: string) => (await world.observations(RUN)).find((observation) => observation.kind === kind)

const ledgerOf = async (world: World, runId = RUN) => (await world.report(runId)).ledger

test('a whole migration: listed, copied in two fleets, verified, closed, reported', async () => {
  const world = new World()
  await fill(world.source, 45, 2)
  expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'SUCCEEDED' })
  await same(world)
  await closed(world)
  expect(await ledgerOf(world)).toMatchObject({ listed: 47, copied: 47, skipped: 0, failed: 0, balanced: true, unaccounted: 0 })
  expect(await world.report(RUN)).toMatchObject({
    outcome: 'verified',
    succeeded: true,
    verification: { counts: { verified: 47, extra: 0, missing: 0 } },
  })
  expect(await world.text(`runs/${RUN}/report.html`)).toContain('Verified')
  expect(world.called('copyBatch')).toBe(5)
  expect(world.called('completeUpload')).toBe(2)
  expect(world.access.created).toEqual([`schedule-${RUN}`, `role-${RUN}`])
})

test('the same request again copies nothing and says so', async () => {
  const world = new World()
  await fill(world.source, 25, 1)
  await world.run(REQUEST, RUN)
  const puts = world.called('copyPartGroup')
  expect(await world.run(REQUEST, 'run-2')).toMatchObject({ status: 'SUCCEEDED' })
  expect(await ledgerOf(world, 'run-2')).toMatchObject({ listed: 26, copied: 0, skipped: 26 })
  expect((await world.report('run-2')).reason).toBe('Verified: nothing to copy, all 26 objects were already there.')
  expect(world.called('copyPartGroup')).toBe(puts)
  await closed(world, 'run-2')
})

test('an object changed since is copied again, and only that one', async () => {
  const world = new World()
  await fill(world.source, 25, 1)
  await world.run(REQUEST, RUN)
  await world.source.put(Buffer.from('object/00007'), Buffer.from('another body'))
  await world.run(REQUEST, 'run-2')
  expect(await ledgerOf(world, 'run-2')).toMatchObject({ listed: 26, copied: 1, skipped: 25 })
  await same(world)
})

test.each([
  ['empty source', 0, 0],
  ['no large object', 12, 0],
  ['only a large object', 0, 1],
])('%s', async (_name, small, large) => {
  const world = new World()
  await fill(world.source, small, large)
  expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'SUCCEEDED' })
  await same(world)
  await closed(world)
  expect(await ledgerOf(world)).toMatchObject({ listed: small + large, copied: small + large, balanced: true })
})

test('a dry run lists and prices, and copies nothing', async () => {
  const world = new World()
  await fill(world.source, 12, 1)
  expect(await world.run({ ...REQUEST, dryRun: true }, RUN)).toMatchObject({ status: 'SUCCEEDED' })
  expect(await listAll(world.destination)).toEqual([])
  const report = await world.report(RUN)
  expect(report).toMatchObject({ outcome: 'estimated', listing: { listed: 13, large: 1, complete: true } })
  expect(report.estimate!.costUsd).toBeGreaterThan(0)
  await closed(world)
})

test('what a dry run says of reading again is what the source is then asked for', async () => {
  const source = memoryStore()
  await fill(source, 12, 1)
  let [reads, bytes] = [0, 0]
  const read: ObjectStore['read'] = async (key, options) => {
    const found = await source.read(key, options)
    reads++
    bytes += found.length
    return found
  }
  const asked = async (runId: string, mode: 'listing' | 'reread') => {
    ;[reads, bytes] = [0, 0]
    const world = new World({ source: { ...source, read } })
    expect(await world.run({ ...REQUEST, verification: { mode } }, runId)).toMatchObject({ status: 'SUCCEEDED' })
    return { reads, bytes }
  }
  const dry = new World({ source })
  await dry.run({ ...REQUEST, verification: { mode: 'reread' }, dryRun: true }, 'dry')
  const [listing, reread] = [await asked('listing', 'listing'), await asked('reread', 'reread')]
  expect((await dry.report('dry')).estimate!.reread).toEqual({
    objects: 13,
    requests: reread.reads - listing.reads,
    bytes: reread.bytes - listing.bytes,
  })
})

test('a run whose reading again would outlive its access is stopped before it copies', async () => {
  const world = new World()
  const listing = { ...NO_TOTALS, listed: 360_000, batches: 1 }
  const estimated = (mode: 'listing' | 'reread') => {
    const request = { ...REQUEST, verification: { mode }, access: { hours: 1.5 } }
    const migration = parseRequest(request, { runtime: 'local', runId: RUN, executionId: 'x', now: new Date() })
    return world.call('estimate', { migration, listing })
  }
  expect(await estimated('listing')).toMatchObject({ durationSeconds: 3600, reread: null })
  await expect(estimated('reread')).rejects.toThrow(/to last 7200 s, beyond its access .* ask for a smaller verification\.sample$/)
})

test('a request with a misspelt field fails under its own name and creates nothing', async () => {
  const world = new World()
  const result = await world.run({ ...REQUEST, dryrun: true }, RUN)
  expect(result).toMatchObject({ status: 'FAILED', error: 'InvalidRequest' })
  expect(result.cause).toContain('dryrun: unknown field')
  expect(await listAll(world.state)).toEqual([])
  expect(world.calls).toEqual(['validateRequest'])
})

/** A source that cannot read some objects. */
const unreadable = (inner: ObjectStore, bad: (key: string) => Error | undefined): ObjectStore => ({
  ...inner,
  read: async (key: Buffer, options?: ReadOptions) => {
    const error = bad(key.toString())
    if (error) throw error
    return inner.read(key, options)
  },
})

test('an object that cannot be read is one failed outcome: everything else is there, the run is not verified', async () => {
  const inner = memoryStore()
  await fill(inner, 25)
  const world = new World({ source: unreadable(inner, (key) => (key.endsWith('00007') ? new AccessDenied('403 on GET') : undefined)) })
  expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
  expect((await listAll(world.destination)).length).toBe(24)
  expect(await ledgerOf(world)).toMatchObject({ listed: 25, copied: 24, failed: 1, balanced: true })
  expect(await world.text(`runs/${RUN}/failures.csv`)).toMatch(
    /^key,what,reason,detail,key_base64,version_id\r\nobject\/00007,failed,AccessDenied,403 on GET,/,
  )
  expect(world.letters).toEqual([expect.objectContaining({ runId: RUN, objects: 1 })])
  await closed(world)
})

test('a large object that cannot be read is one failed outcome, and its upload is gone', async () => {
  const inner = memoryStore()
  await fill(inner, 5, 2)
  const world = new World({ source: unreadable(inner, (key) => (key === 'large/1' ? new AccessDenied('403 on GET') : undefined)) })
  expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
  expect(await ledgerOf(world)).toMatchObject({ listed: 7, copied: 6, failed: 1, balanced: true })
  await closed(world)
})

test('an object that vanished between listing and copying is the outcome changed', async () => {
  const inner = memoryStore()
  await fill(inner, 5)
  const world = new World({ source: unreadable(inner, (key) => (key.endsWith('00003') ? new NoSuchObject('gone') : undefined)) })
  expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
  expect(await ledgerOf(world)).toMatchObject({ listed: 5, copied: 4, changed: 1, balanced: true })
})

/** Every Task, thrown in for good: the state in which the run must end, and what must stand in its books. */
const THROWS: [task: string, error: string, ends: string, copied: number][] = [
  ['openAccess', 'SomeError', 'NotVerified', 0],
  ['preflight', 'SomeError', 'NotVerified', 0],
  ['listSource', 'SomeError', 'NotVerified', 0],
  ['estimate', 'OverBudget', 'NotVerified', 0],
  ['copyBatch', 'SomeError', 'NotVerified', 1],
  ['beginUpload', 'SomeError', 'NotVerified', 25],
  ['copyPartGroup', 'SomeError', 'NotVerified', 25],
  ['completeUpload', 'SomeError', 'NotVerified', 25],
  ['verifyBatch', 'SomeError', 'NotVerified', 26],
  ['verifyBatch', 'StoreUnavailable', 'NotVerified', 26],
  ['reconcile', 'SomeError', 'NotVerified', -1],
  ['writeReport', 'SomeError', 'ReportNotWritten', 26],
  ['cleanup', 'SomeError', 'CleanupIncomplete', 26],
]

test.each(THROWS)('%s throws %s for good: the run ends %s', async (task, error, ends, copied) => {
  const world = new World({ faults: { [task]: { error } } })
  await fill(world.source, 25, 1)
  expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'FAILED', error: ends })
  expect(world.called('reconcile')).toBeGreaterThan(0)
  expect(world.called('cleanup')).toBeGreaterThan(0)
  expect(world.called('writeReport')).toBeGreaterThan(0)
  if (task === 'cleanup') return
  await closed(world)
  if (task !== 'reconcile') expect((await world.report(RUN)).ledger.copied).toBe(copied)
  if (task === 'reconcile') await expect(world.report(RUN)).rejects.toThrow(NoSuchObject)
  if (task !== 'reconcile' && task !== 'writeReport') expect((await world.report(RUN)).succeeded).toBe(false)
})

test('a listing that a call which was given up goes on with is waited for', async () => {
  const world = new World({ faults: { listSource: { error: 'CursorMoved', times: 20 } } })
  await fill(world.source, 5)
  expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'SUCCEEDED' })
})

test.each([undefined, 'all'] as const)(
  'a source that refuses a page now and then is listed to its end (versions: %s)',
  async (versions) => {
    const inner = memoryStore({ versions: versions === 'all' })
    let pages = 0
    async function* refusing<T>(listed: AsyncIterable<T>): AsyncGenerator<T> {
      let isFirst = true
      for await (const page of listed) {
        if (!isFirst && ++pages % 2 === 0) throw new StoreThrottled('503 SlowDown')
        isFirst = false
        yield page
      }
    }
    const source: ObjectStore = {
      ...inner,
      list: (query, call) => refusing(inner.list({ ...query, pageSize: 4 }, call)),
      listVersions: (query, call) => refusing(inner.listVersions({ ...query, pageSize: 4 }, call)),
    }
    const world = new World({ source, destination: memoryStore({ versions: versions === 'all' }) })
    await fill(inner, 100)
    const request = versions === undefined ? REQUEST : { ...REQUEST, carry: { versions } }
    expect(await world.run(request, RUN)).toMatchObject({ status: 'SUCCEEDED' })
    expect(await ledgerOf(world)).toMatchObject({ listed: 100, copied: 100 })
  },
)

/** Errors that a Retry names, once each, before the work and after it: the run does not notice. */
const FLAKY: [task: string, error: string][] = [
  ['validateRequest', 'StoreThrottled'],
  ['openAccess', 'StoreUnavailable'],
  ['listSource', 'Sandbox.Timedout'],
  ['listSource', 'CursorMoved'],
  ['copyBatch', 'StoreThrottled'],
  ['copyBatch', 'Lambda.Unknown'],
  ['beginUpload', 'StoreUnavailable'],
  ['copyPartGroup', 'StoreThrottled'],
  ['completeUpload', 'Runtime.ExitError'],
  ['verifyBatch', 'StoreUnavailable'],
  ['reconcile', 'Runtime.OutOfMemory'],
  ['cleanup', 'StoreUnavailable'],
  ['writeReport', 'StoreUnavailable'],
]

test.each(FLAKY.flatMap(([task, error]) => [true, false].map((late) => [task, error, late] as const)))(
  '%s throws %s once (after its work: %s): the run is verified all the same',
  async (task, error, late) => {
    const world = new World({ faults: { [task]: { error, times: 1, late } } })
    await fill(world.source, 25, 1)
    expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'SUCCEEDED' })
    expect(await ledgerOf(world)).toMatchObject({ listed: 26, balanced: true, failed: 0, changed: 0 })
    await same(world)
    await closed(world)
  },
)

test('a credential that is not for this migration is refused under its own name, before anything exists', async () => {
  const world = new World()
  await fill(world.source, 5)
  world.access.refusal = new CredentialNotForThisMigration('another bucket')
  expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'FAILED', error: 'CredentialNotForThisMigration' })
  expect(world.calls).toEqual(['validateRequest'])
  expect(world.access.created).toEqual([])
  expect(await listAll(world.state)).toEqual([])
  // Control: the same request with a credential that is.
  world.access.refusal = undefined
  expect(await world.run(REQUEST, `${RUN}-2`)).toMatchObject({ status: 'SUCCEEDED' })
})

test('one fleet fails while the other runs: the other one finishes', async () => {
  const world = new World({ faults: { beginUpload: { error: 'SomeError' }, completeUpload: { error: 'SomeError' } } })
  await fill(world.source, 60, 1)
  expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
  expect((await listAll(world.destination)).length).toBe(60)
  expect(await ledgerOf(world)).toMatchObject({ listed: 61, copied: 60, unaccounted: 1, balanced: false })
  await closed(world)
})

test('a fault that says of a batch that it is done loses nothing in silence: the books find it', async () => {
  const world = new World({ faults: { copyBatch: { answer: { done: true }, times: 1 } } })
  await fill(world.source, 25)
  expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
  const report = await world.report(RUN)
  expect(report.ledger.balanced).toBe(false)
  expect(report.verification.counts.unaccounted).toBe(report.ledger.unaccounted)
  expect(report.ledger.unaccounted).toBeGreaterThan(0)
})

test('what cannot be closed is said, and fails the run', async () => {
  const world = new World()
  world.access.stuck = true
  await fill(world.source, 5)
  expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'FAILED', error: 'CleanupIncomplete' })
  expect((await world.closure(RUN)).complete).toBe(false)
  await expect(world.certificate(RUN)).rejects.toThrow(NoSuchObject)
  world.access.stuck = false
  await world.call('cleanup', { migration: { runId: `arn:aws:states:local:000000000000:execution:drayage:${RUN}` } })
  await closed(world)
})

test('two runs of one pair: the second is refused while the first holds the lock, and takes over when it is dead', async () => {
  const world = new World()
  await fill(world.source, 5)
  const first = (await world.call('validateRequest', { request: REQUEST, execution: { id: 'x:first', name: 'first' } })) as object
  await world.call('openAccess', { migration: first })
  world.running.add('x:first')
  expect(await world.run(REQUEST, 'second')).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
  expect((await world.report('second')).stoppedBy).toContain('PairLocked')
  expect(world.access.existing.has('role-first')).toBe(true)
  expect(world.access.endedBy).toEqual([])
  world.running.delete('x:first')
  expect(await world.run(REQUEST, 'third')).toMatchObject({ status: 'SUCCEEDED' })
})

test('a budget and an access too short end the run before anything is copied', async () => {
  const world = new World()
  await fill(world.source, 5)
  await world.run({ ...REQUEST, limits: { ...REQUEST.limits, costUsd: 0.000001 } }, RUN)
  expect((await world.report(RUN)).stoppedBy).toMatch(/^OverBudget: .*limits.costUsd/)
  expect(await listAll(world.destination)).toEqual([])
  await closed(world)
})

test.each(['copyBatch', 'listSource', 'verifyBatch'])(
  'stopped in %s: no function is called afterwards, and the closing rule closes the run',
  async (task) => {
    const world = new World()
    await fill(world.source, 60, 1)
    let stop = () => undefined as void
    const call = world.call.bind(world)
    world.call = async (name, event) => {
      if (name === task) stop()
      return call(name, event)
    }
    const execution = world.start(REQUEST, RUN)
    stop = () => execution.stop()
    world.running.add(execution.id)
    expect(await execution.result).toEqual({ status: 'ABORTED' })
    await new Promise((done) => setTimeout(done, 300))
    const calls = world.calls.length
    await new Promise((done) => setTimeout(done, 200))
    expect(world.calls.length).toBe(calls)
    expect(world.called('cleanup')).toBe(0)
    expect(world.access.existing.size).toBe(2)

    await world.call('cleanup', { migration: { runId: execution.id } })
    await closed(world)
    expect(world.running.size).toBe(0)
    expect((await world.observations(RUN)).map(({ kind }) => kind)).toEqual([
      ...['execution', 'role', 'write', 'uploads', 'role', 'secret', 'role', 'inventory'],
      ...['schedule', 'schedule', 'lock', 'certificate', 'certificate'],
    ])
    expect(await world.call('cleanup', { migration: { runId: execution.id } })).toEqual({ complete: true, open: 0 })
  },
)

test('a batch that a call cannot finish goes on in the next one, and no object has two outcomes', async () => {
  const inner = memoryStore()
  await fill(inner, 60)
  const slow: ObjectStore = {
    ...inner,
    read: async (key, options) => {
      await new Promise((done) => setTimeout(done, 100))
      options?.signal?.throwIfAborted()
      return inner.read(key, options)
    },
  }
  const world = new World({ source: slow, remainingMs: 10_400 })
  expect(await world.run({ ...REQUEST, limits: { batchObjects: 1000 } }, RUN)).toMatchObject({ status: 'SUCCEEDED' })
  expect(world.called('copyBatch')).toBeGreaterThan(1)
  expect(await ledgerOf(world)).toMatchObject({ listed: 60, copied: 60, balanced: true })
  await same(world)
})

test('an upload that was announced and whose id was never written down is found by its key; strangers’ uploads are left alone', async () => {
  const world = new World({ faults: { beginUpload: { error: 'SomeError' }, completeUpload: { error: 'SomeError' } } })
  await fill(world.source, 2, 1)
  const key = Buffer.from('large/0')
  const earlier = await world.destination.createUpload(Buffer.from('large/00'))
  const call = world.call.bind(world)
  world.call = async (name, event) => {
    const { migration } = event as { migration: Migration }
    if (name === 'beginUpload') {
      await writeJson(world.state, uploadKey(migration.pair, key), {
        key: 'large/0',
        runId: RUN,
        state: 'open',
        uploadId: null,
        openedAt: new Date().toISOString(),
      })
      await world.destination.createUpload(key)
    }
    return call(name, event)
  }
  expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
  expect((await world.destination.listUploads(Buffer.alloc(0))).map(({ uploadId }) => uploadId)).toEqual([earlier])
  expect(await observed(world, 'uploads')).toMatchObject({ answer: 'no upload of this run is open; 1 aborted', closed: true })
})

/** What no Catch sees: the execution fails without Cleanup, on AWS as here, and the closing rule ends it. */
test.each([
  ['an answer without the value that a Choice reads', { listed: 1 }, 'States.Runtime'],
  ['an answer over 256 KiB', { more: false, fill: 'x'.repeat(300_000) }, 'States.DataLimitExceeded'],
])('%s: FAILED without Cleanup, closed by the closing rule', async (_name, answer, error) => {
  const world = new World({ faults: { listSource: { answer } } })
  await fill(world.source, 5)
  expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'FAILED', error })
  expect(world.called('cleanup')).toBe(0)
  expect(world.access.existing.size).toBe(2)
  await world.call('cleanup', { migration: { runId: RUN } })
  await closed(world)
})

test('a thousand shards and more are all copied and verified', async () => {
  const world = new World()
  await fill(world.source, 1005)
  expect(await world.run({ ...REQUEST, limits: { batchObjects: 1 } }, RUN)).toMatchObject({ status: 'SUCCEEDED' })
  expect(await ledgerOf(world)).toMatchObject({ listed: 1005, copied: 1005 })
  await closed(world)
})

describe('open uploads, when the run’s rights to look for them are gone', () => {
  const refused = async (): Promise<never> => {
    throw new AccessDenied('the role is gone')
  }

  test('a run that never listed its source has begun none', async () => {
    const world = new World({ faults: { preflight: { error: 'SomeError' } } })
    await fill(world.source, 5)
    world.services.destination = refused
    expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'FAILED', error: 'CleanupIncomplete' })
    expect(await observed(world, 'uploads')).toMatchObject({ answer: 'nothing was begun: the source was never listed', closed: true })
    // No write was seen to be refused: that Cleanup gets no session does not mean that none is out.
    expect(await observed(world, 'write')).toMatchObject({ answer: expect.stringContaining('it still exists'), closed: false })
    expect(await world.call('cleanup', { migration: { runId: RUN } })).toMatchObject({ complete: true })
    expect(await observed(world, 'write')).toMatchObject({ answer: expect.stringContaining('what gave them is gone'), closed: true })
  })

  test('one that listed it says that they may be open, until they have been seen to be closed', async () => {
    const world = new World({ faults: { verifyBatch: { error: 'SomeError' } } })
    await fill(world.source, 5, 1)
    const { destination } = world.services
    const call = world.call.bind(world)
    world.call = async (name, event) => {
      if (name === 'cleanup') world.services.destination = refused
      return call(name, event)
    }
    expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'FAILED', error: 'CleanupIncomplete' })
    expect(await observed(world, 'uploads')).toMatchObject({ answer: 'AccessDenied: the role is gone', closed: false })
    // What has to abort them stays, suspended, and so does what calls Cleanup again.
    expect([...world.access.existing]).toEqual([`schedule-${RUN}`, `role-${RUN}`])
    expect([...world.access.suspended]).toEqual([`role-${RUN}`])
    world.call = call
    world.services.destination = destination
    world.access.stuck = true
    await world.call('cleanup', { migration: { runId: RUN } })
    world.access.stuck = false
    world.services.destination = refused
    expect(await world.call('cleanup', { migration: { runId: RUN } })).toMatchObject({ complete: false, open: 1 })
    expect(await world.call('cleanup', { migration: { runId: RUN } })).toMatchObject({ complete: true })
  })
})
