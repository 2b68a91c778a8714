import { AccessDenied, StoreUnavailable, type ObjectStore, type Report } from '@drayage/core'
import { earlierRun } from '../../cli/local/earlier-run'
import { retryOf } from '../../layers/core/domain/request-of'
import { listNames, readJson } from '../../layers/core/domain/state-files'
import { stateKeys } from '../../layers/core/domain/state-keys'
import type { Migration } from '../../layers/core/domain/migration'
import { memoryStore, type MemoryStore } from '../support/memory-store'
import { fill, listAll, REQUEST, World } from './harness'

const OBJECTS = 1000
/** One in a hundred, two of them in one shard. */
const BAD = ['00000', '00100', '00250', '00251', '00399', '00400', '00567', '00701', '00850', '00999'].map((index) => `object/${index}`)
const SHARDS = 9
const LIMITED = { ...REQUEST, limits: { batchObjects: 100 } }

const decoded = (csv: string): string[] =>
  csv
    .split('\r\n')
    .slice(1, -1)
    .map((line) => Buffer.from(line.split(',').at(-2)!, 'base64').toString())
    .sort()

/** A source of which some objects cannot be read until it is mended, and that counts what is read. */
const sick = (inner: ObjectStore) => {
  const state = { mended: false, reads: [] as string[] }
  const store: ObjectStore = {
    ...inner,
    read: async (key, options) => {
      state.reads.push(key.toString())
      if (!state.mended && BAD.includes(key.toString())) throw new AccessDenied('403 on GET')
      return inner.read(key, options)
    },
  }
  return { store, state }
}

test('a run with 1 % unreadable objects, and the retry of just those once the cause is mended', async () => {
  const inner = memoryStore()
  await fill(inner, OBJECTS)
  const { store, state } = sick(inner)
  const world = new World({ source: store })

  expect(await world.run(LIMITED, 'first')).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
  const first = await world.report('first')
  expect(first).toMatchObject({
    outcome: 'not-verified',
    faults: [],
    ledger: { listed: OBJECTS, copied: OBJECTS - BAD.length, failed: BAD.length, balanced: true },
    verification: { counts: { verified: OBJECTS - BAD.length, notExpected: BAD.length } },
    failures: { count: BAD.length, complete: true, reasons: [{ what: 'failed', reason: 'AccessDenied', count: BAD.length }] },
    deadLetters: { sent: SHARDS, takenOver: null },
  })
  expect(await listAll(world.destination)).toHaveLength(OBJECTS - BAD.length)
  expect(decoded(await world.text(stateKeys('first').failures))).toEqual(BAD)
  const failedKeys = (await world.text(stateKeys('first').failedKeys)).trimEnd().split('\n')
  expect(failedKeys.map((line) => JSON.parse(line) as string).sort()).toEqual(BAD)
  expect(world.letters).toHaveLength(SHARDS)
  expect(new Set(world.letters.map(({ shard }) => shard)).size).toBe(SHARDS)
  expect(world.letters.reduce((sum, { objects }) => sum + objects, 0)).toBe(BAD.length)

  const request = retryOf((await readJson<Migration>(world.state, stateKeys('first').request)).value)
  expect(await world.run(request, 'too-early')).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
  const early = await world.report('too-early')
  expect(early).toMatchObject({
    ledger: { listed: BAD.length, failed: BAD.length },
    deadLetters: { sent: 1, takenOver: { runId: 'first', messages: SHARDS } },
  })
  expect(world.letters).toEqual([expect.objectContaining({ runId: 'too-early', objects: BAD.length })])

  state.mended = true
  state.reads = []
  const again = retryOf((await readJson<Migration>(world.state, stateKeys('too-early').request)).value)
  expect(await world.run(again, 'retry')).toMatchObject({ status: 'SUCCEEDED' })
  expect(await world.report('retry')).toMatchObject({
    outcome: 'verified',
    ledger: { listed: BAD.length, copied: BAD.length, balanced: true },
    failures: { count: 0 },
    deadLetters: { sent: 0, takenOver: { runId: 'too-early', messages: 1, problem: null } },
  } satisfies { [K in keyof Report]?: object | string })
  expect([...new Set(state.reads)].sort()).toEqual(BAD)
  expect(state.reads.length).toBeLessThanOrEqual(BAD.length + 1)
  expect(world.letters).toEqual([])
  expect(await listAll(world.destination)).toEqual(await listAll(inner))
})

test.each([1025, 10_000])('a key of %i bytes, which no destination can hold, keeps no other failure from being retried', async (bytes) => {
  const inner = memoryStore()
  await fill(inner, 3)
  for (const key of [BAD[0]!, 'l'.repeat(bytes)]) await inner.put(Buffer.from(key), Buffer.from('body'))
  const { store, state } = sick(inner)
  const world = new World({ source: store })
  expect(await world.run(REQUEST, 'first')).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
  expect((await world.report('first')).ledger).toMatchObject({ listed: 4, copied: 2, failed: 2 })

  state.mended = true
  expect(await world.run({ ...REQUEST, selection: { failuresOf: 'first' } }, 'retry')).toMatchObject({ error: 'NotVerified' })
  expect(await world.report('retry')).toMatchObject({
    ledger: { listed: 2, copied: 1, failed: 1, balanced: true },
    failures: { reasons: [{ reason: 'KeyNotRepresentable', count: 1 }] },
    deadLetters: { sent: 1, takenOver: { runId: 'first', messages: 1, problem: null } },
  })
})

test('a retry that does not come to its objects leaves the letters where they are', async () => {
  const inner = memoryStore()
  await fill(inner, 20)
  await inner.put(Buffer.from(BAD[0]!), Buffer.from('bad'))
  const { store, state } = sick(inner)
  const world = new World({ source: store, faults: { listSource: { error: 'Broken', times: 1 } } })
  world.letters.push({ runId: 'first', shard: 'batches/x', objects: 1, failures: 'runs/first/failures.csv' })
  await world.state.put(Buffer.from(stateKeys('first').failedKeys), Buffer.from(`${JSON.stringify(BAD[0])}\n`))
  await world.state.put(Buffer.from(stateKeys('first').report), Buffer.from('{}'))
  state.mended = true
  expect(await world.run({ ...REQUEST, selection: { failuresOf: 'first' } }, 'retry')).toMatchObject({ status: 'FAILED' })
  expect(world.letters).toHaveLength(1)
  expect((await world.report('retry')).deadLetters.takenOver).toMatchObject({ messages: null, problem: expect.stringContaining('account') })

  expect(await world.run({ ...REQUEST, selection: { failuresOf: 'first' } }, 'retry-2')).toMatchObject({ status: 'SUCCEEDED' })
  expect(world.letters).toEqual([])
})

test('a Reconcile whose answer is lost sends one letter per shard, and the retry’s still says how many it took over', async () => {
  const inner = memoryStore()
  await fill(inner, 300)
  const { store, state } = sick(inner)
  const world = new World({ source: store, faults: { reconcile: { error: 'Sandbox.Timedout', times: 2, late: true } } })
  expect(await world.run(LIMITED, 'first')).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
  expect(world.called('reconcile')).toBe(3)
  expect((await world.report('first')).deadLetters.sent).toBe(3)
  expect(new Set(world.letters.map(({ shard }) => shard)).size).toBe(3)
  expect(world.letters).toHaveLength(3)

  state.mended = true
  world.calls.length = 0
  expect(await world.run({ ...REQUEST, selection: { failuresOf: 'first' } }, 'retry')).toMatchObject({ status: 'SUCCEEDED' })
  expect(world.called('reconcile')).toBe(3)
  expect((await world.report('retry')).deadLetters).toEqual({ sent: 0, takenOver: { runId: 'first', messages: 3, problem: null } })
  expect(world.letters).toEqual([])
})

test('letters that cannot be removed are told, and are no failure of the migration', async () => {
  const world = new World()
  await fill(world.source, 3)
  await world.state.put(Buffer.from(stateKeys('first').failedKeys), Buffer.from('"object/00001"\n'))
  await world.state.put(Buffer.from(stateKeys('first').report), Buffer.from('{}'))
  world.services.deadLetters.take = () => Promise.reject(new AccessDenied('sqs:ReceiveMessage: AccessDenied'))
  expect(await world.run({ ...REQUEST, selection: { failuresOf: 'first' } }, 'retry')).toMatchObject({ status: 'SUCCEEDED' })
  expect((await world.report('retry')).deadLetters.takenOver).toEqual({
    runId: 'first',
    messages: null,
    problem: 'AccessDenied: sqs:ReceiveMessage: AccessDenied',
  })
  expect(await world.text(stateKeys('retry').reportHtml)).toContain('still in the queue')
})

test.each<[string, object]>([
  ['source.bucket', { source: { ...REQUEST.source, bucket: 'another-source' } }],
  ['destination.prefix', { destination: { ...REQUEST.destination, prefix: 'copies/' } }],
  ['carry.versions', { carry: { versions: 'all' } }],
])('a retry that asks for another %s is refused before anything is created, and the letters stay', async (field, asked) => {
  const inner = memoryStore()
  await fill(inner, 5)
  const { store, state } = sick(inner)
  const world = new World({ source: store })
  expect(await world.run(REQUEST, 'first')).toMatchObject({ status: 'FAILED' })
  state.mended = true
  const created = world.access.created.length
  expect(await world.run({ ...REQUEST, ...asked, selection: { failuresOf: 'first' } }, 'retry')).toMatchObject({
    status: 'FAILED',
    cause: expect.stringContaining(`selection.failuresOf: the run first had another ${field}`),
  })
  expect(world.access.created).toHaveLength(created)
  expect(world.letters).toEqual([expect.objectContaining({ runId: 'first' })])
})

test('a run that does not know all that is missing cannot be retried: its list of keys is empty, and Preflight says why', async () => {
  const inner = memoryStore()
  await fill(inner, 20)
  const { store } = sick(inner)
  await inner.put(Buffer.from(BAD[0]!), Buffer.from('bad'))
  const world = new World({ source: store })
  const { call } = world
  world.call = async (name, event) => {
    // a shard of sound objects gone behind the copiers' back
    for (const shard of name === 'reconcile' ? await listNames(world.state, stateKeys('first').batches) : [])
      if (!(await world.text(shard)).includes(BAD[0]!)) (world.state as MemoryStore).drop(Buffer.from(shard))
    return call.call(world, name, event)
  }
  expect(await world.run(REQUEST, 'first')).toMatchObject({ status: 'FAILED' })
  const { failures } = await world.report('first')
  expect(failures).toMatchObject({ complete: false })
  expect(failures.count).toBeGreaterThan(0)
  expect(await world.text(stateKeys('first').failedKeys)).toBe('')
  world.call = call
  expect(await world.run({ ...REQUEST, selection: { failuresOf: 'first' } }, 'retry')).toMatchObject({
    status: 'FAILED',
    cause: expect.stringMatching(/selection\.failuresOf: .*run its whole request again/),
  })
})

test('a run that came to no verdict at all is retried whole', async () => {
  const inner = memoryStore()
  await fill(inner, 20)
  const { store, state } = sick(inner)
  const world = new World({ source: store })
  const { call } = world
  world.call = async (name, event) => {
    if (name === 'verifyBatch') throw new AccessDenied('planted')
    return call.call(world, name, event)
  }
  expect(await world.run(REQUEST, 'first')).toMatchObject({ status: 'FAILED' })
  world.call = call
  const { failures, ledger, verification } = await world.report('first')
  expect({ ledger, verified: verification.counts.verified }).toMatchObject({ ledger: { copied: 19, failed: 1 }, verified: 0 })
  expect(failures).toMatchObject({ count: 20, complete: true })
  state.mended = true
  expect(await world.run({ ...REQUEST, selection: { failuresOf: 'first' } }, 'retry')).toMatchObject({ status: 'SUCCEEDED' })
  expect(await world.report('retry')).toMatchObject({ ledger: { listed: 20 }, verification: { counts: { verified: 20 } } })
  expect(world.letters).toEqual([])
})

test('a run whose dead letters cannot be sent has its report all the same, and is not verified', async () => {
  const inner = memoryStore()
  await fill(inner, 20)
  await inner.put(Buffer.from(BAD[0]!), Buffer.from('bad'))
  const world = new World({ source: sick(inner).store })
  world.services.deadLetters.send = () => Promise.reject(new AccessDenied('sqs:SendMessage: AccessDenied'))
  expect(await world.run(REQUEST, 'first')).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
  expect(await world.report('first')).toMatchObject({
    succeeded: false,
    ledger: { listed: 20, copied: 19, failed: 1 },
    failures: { count: 1, complete: true },
    deadLetters: { sent: 0 },
  })
  expect(await world.text(stateKeys('first').reportHtml)).toContain(BAD[0]!)
  expect((await world.closure('first')).complete).toBe(true)
})

test('what verification did not come to is not right either: the lists name it, and a retry looks at it', async () => {
  const world = new World()
  await fill(world.source, 20, 1)
  const { call } = world
  let refused = ''
  world.call = async (name, event) => {
    if (name === 'verifyBatch') refused ||= (event as { shard: string }).shard
    if (name === 'verifyBatch' && (event as { shard: string }).shard === refused) throw new AccessDenied('planted')
    return call.call(world, name, event)
  }
  expect(await world.run(REQUEST, 'first')).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
  const { ledger, verification, failures, deadLetters } = await world.report('first')
  const missed = 21 - verification.counts.verified
  expect(ledger).toMatchObject({ listed: 21, copied: 21 })
  expect(missed).toBeGreaterThan(0)
  expect(failures).toMatchObject({
    count: missed,
    complete: true,
    reasons: [{ what: 'unverified', reason: 'NoVerdict', count: missed }],
  })
  expect(deadLetters.sent).toBe(1)
  world.call = call
  expect(await world.run({ ...REQUEST, selection: { failuresOf: 'first' } }, 'retry')).toMatchObject({ status: 'SUCCEEDED' })
  expect(await world.report('retry')).toMatchObject({
    ledger: { listed: missed, copied: missed },
    verification: { counts: { verified: missed } },
  })
})

test('an object that needed three tries is copied, and the report counts the two that failed', async () => {
  const source = memoryStore()
  await fill(source, 3)
  let failures = 2
  const read: ObjectStore['read'] = (name, options) => {
    const pinned = options?.ifMatch !== undefined && !options.ifMatch.includes('00000000')
    if (pinned && name.equals(Buffer.from('object/00001')) && failures-- > 0) return Promise.reject(new StoreUnavailable('503'))
    return source.read(name, options)
  }
  const world = new World({ source: { ...source, read } })
  expect(await world.run(REQUEST, 'run')).toMatchObject({ status: 'SUCCEEDED' })
  const { sizes } = await world.report('run')
  expect(sizes.map(({ copied, retries }) => [copied, retries]).filter(([copied]) => copied! > 0)).toEqual([[3, 2]])
})

test('what verification found wrong under the old ETags is copied again by a retry, and then verified', async () => {
  const world = new World()
  await fill(world.source, 20, 1)
  const damaged = [Buffer.from('object/00007'), Buffer.from('large/0')]
  const call = world.call.bind(world)
  let planted = false
  world.call = async (name, event) => {
    if (name === 'verifyBatch' && !planted) {
      planted = true
      world.destination.alter(damaged[0]!, { bytes: Buffer.from('bodY 7') })
      world.destination.alter(damaged[1]!, { bytes: Buffer.alloc(6 * 1024 * 1024, 9) })
    }
    return call(name, event)
  }
  expect(await world.run({ ...REQUEST, verification: { mode: 'reread' } }, 'first')).toMatchObject({ error: 'NotVerified' })
  expect(await world.report('first')).toMatchObject({ failures: { count: 2, reasons: [{ what: 'different', count: 2 }] } })

  const request = retryOf((await readJson<Migration>(world.state, stateKeys('first').request)).value)
  expect(await world.run(request, 'retry')).toMatchObject({ status: 'SUCCEEDED' })
  expect(await world.report('retry')).toMatchObject({
    outcome: 'verified',
    ledger: { listed: 2, copied: 2, skipped: 0 },
    verification: { counts: { verified: 2 }, evidence: { reread: 2 } },
  })
})

test('a cut-over that still had to copy has nothing that a retry could mend', async () => {
  const world = new World()
  await fill(world.source, 3)
  expect(await world.run({ ...REQUEST, cutover: true }, 'first')).toMatchObject({ error: 'NotVerified' })
  await expect(earlierRun(world.state, 'first')).rejects.toThrow(/no object of first failed, and it is not verified for another reason/)
})
