import { createHash } from 'node:crypto'
import {
  copyBatch,
  estimate,
  listSource,
  parseRequest,
  StoreUnavailable,
  verifyBatch,
  type Migration,
  type ObjectStore,
  type Outcome,
} from '@drayage/core'
import { listNames } from '../../layers/core/domain/state-files'
import { shardOf, stateKeys } from '../../layers/core/domain/state-keys'
import { readOutcomes } from '../../layers/core/transfer/outcome-files'
import { memoryStore, type MemoryStore } from '../support/memory-store'
import { REQUEST, World } from './harness'

const ALL = { ...REQUEST, carry: { versions: 'all' } }
const PART = 5 * 1024 * 1024

const key = (name: string): Buffer => Buffer.from(name)

/** A version of three parts, 10 MiB and one byte: two of 5 MiB, and one byte. Its first byte tells it from others. */
const large = (name: string): Buffer => Buffer.concat([Buffer.alloc(PART, name), Buffer.alloc(PART, '-'), Buffer.from('.')])

const putParts = async (store: ObjectStore, name: string, body: Buffer): Promise<void> => {
  const id = await store.createUpload(key(name), { headers: { metadata: { owner: 'me' } } })
  for (let at = 0; at * PART < body.length; at++)
    await store.putPart(key(name), id, at + 1, body.subarray(at * PART, Math.min((at + 1) * PART, body.length)))
  await store.completeUpload(key(name), id, await store.listParts(key(name), id))
}

/** A source: `a` small, `b` with large versions among small ones, `c` small. */
const sourceOf = async (): Promise<MemoryStore> => {
  const store = memoryStore({ versions: true })
  await store.put(key('a'), Buffer.from('a1'))
  await store.put(key('b'), Buffer.from('b1'))
  await putParts(store, 'b', large('x'))
  await store.mark(key('b'))
  await putParts(store, 'b', large('x'))
  await store.put(key('b'), Buffer.alloc(6 * 1024 * 1024, 'y'))
  await store.put(key('b'), Buffer.from('b2'))
  await store.put(key('c'), Buffer.from('c1'))
  return store
}
const VERSIONS = 8

/** Keys in order, versions oldest first, by a hash of their bytes; `null` for a delete marker. */
const history = async (store: ObjectStore): Promise<Record<string, (string | null)[]>> => {
  const found: Record<string, (string | null)[]> = {}
  for await (const page of store.listVersions({ prefix: Buffer.alloc(0) }))
    for (const { key, versionId, deleteMarker } of page) {
      const body = deleteMarker ? undefined : Buffer.concat((await (await store.read(key, { versionId })).body.toArray()) as Buffer[])
      ;(found[key.toString()] ??= []).unshift(body === undefined ? null : createHash('md5').update(body).digest('hex'))
    }
  return found
}

const openUploads = async (store: ObjectStore): Promise<number> => (await store.listUploads(Buffer.alloc(0))).length

const outcomesOf = async (state: ObjectStore, runId: string): Promise<Outcome[]> => {
  const names = await listNames(state, stateKeys(runId).batches)
  return (await Promise.all(names.map((name) => readOutcomes(state, runId, shardOf(runId, name), {})))).flat()
}

/** A destination that counts what is written to it. */
const counting = () => {
  const inner = memoryStore({ versions: true })
  const calls = { put: 0, mark: 0, createUpload: 0, putPart: 0, completeUpload: 0 }
  const store: MemoryStore = {
    ...inner,
    put: (...call) => (calls.put++, inner.put(...call)),
    mark: (...call) => (calls.mark++, inner.mark(...call)),
    createUpload: (...call) => (calls.createUpload++, inner.createUpload(...call)),
    // the one byte of the probe is no part of anything
    putPart: async (...call) => {
      const answer = await inner.putPart(...call)
      if (!Buffer.isBuffer(call[3])) calls.putPart++
      return answer
    },
    completeUpload: (...call) => (calls.completeUpload++, inner.completeUpload(...call)),
  }
  return { store, calls }
}

/** The functions over one shard, call by call. */
const byCalls = async (source: ObjectStore, destination: ObjectStore, runId = 'one', state = memoryStore()) => {
  const migration: Migration = parseRequest(ALL, { runtime: 'local', runId, executionId: `x:${runId}`, now: new Date() })
  const turn = {
    ...{ state, source, destination, now: () => new Date(), signal: new AbortController().signal, concurrency: 2 },
    ...{ reading: async () => destination, openSource: async () => source, heard: () => undefined, going: () => true },
    writingSince: new Date().toISOString(),
  }
  await listSource(migration, turn)
  const shard = shardOf(runId, (await listNames(state, stateKeys(runId).batches))[0]!)
  return {
    ...{ state, migration, shard, turn },
    copy: (change: Partial<typeof turn> = {}) => copyBatch(migration, shard, { ...turn, ...change }),
    verify: async () => {
      while (!(await verifyBatch(migration, shard, turn)).done);
    },
    outcomes: () => outcomesOf(state, runId),
  }
}

test('the estimate counts what putting versions in parts takes', async () => {
  const { store, calls } = counting()
  const w = await byCalls(await sourceOf(), store)
  const totals = await listSource(w.migration, w.turn)
  while (!(await w.copy()).done);
  const { put, mark, createUpload, putPart, completeUpload } = calls
  expect({ createUpload, putPart, completeUpload }).toEqual({ createUpload: 3, putPart: 7, completeUpload: 3 })
  expect(estimate(totals, w.migration).putRequests).toBe(put + mark + createUpload + putPart + completeUpload)
  const { extraPuts: _, ...none } = totals
  expect(estimate(none, w.migration).putRequests).toBe(VERSIONS)
})

describe.each(['listing', 'checksum', 'reread'])('verified by %s', (mode) => {
  test('versions in parts arrive in their places; a second run writes nothing', async () => {
    const { store, calls } = counting()
    const world = new World({ source: await sourceOf(), destination: store })
    const request = { ...ALL, verification: { mode } }
    expect(await world.run(request, 'one')).toMatchObject({ status: 'SUCCEEDED' })
    expect(await history(store)).toEqual(await history(world.source))
    expect((await world.report('one')).ledger).toMatchObject({ copied: VERSIONS, skipped: 0, failed: 0 })
    const inParts = (await outcomesOf(world.state, 'one')).filter(({ bytes }) => bytes >= PART)
    // cut as at the source, and one that was one PUT there
    expect(inParts.map(({ proof }) => proof)).toEqual(['parts', 'parts', 'length'])
    expect(await openUploads(store)).toBe(0)

    const before = { ...calls }
    expect(await world.run(request, 'two')).toMatchObject({ status: 'SUCCEEDED' })
    // Preflight begins an upload and a part of it, and aborts it
    expect(calls).toEqual({ ...before, createUpload: before.createUpload + 1 })
    expect((await world.report('two')).ledger).toMatchObject({ copied: 0, skipped: VERSIONS })
    expect(await history(store)).toEqual(await history(world.source))
  })
})

test('a version carries its own headers, and not those of the current one', async () => {
  const world = new World({ source: await sourceOf(), destination: memoryStore({ versions: true }) })
  await world.run(ALL, 'one')
  const [first] = (await outcomesOf(world.state, 'one')).filter(({ bytes }) => bytes >= PART)
  const info = await world.destination.stat(key('b'), { versionId: first!.destinationVersion })
  expect(info?.headers.metadata).toMatchObject({ owner: 'me' })
})

test('calls that are short of time go on inside a version: no part and no version is written twice, and no outcome is lost', async () => {
  const { store, calls } = counting()
  const source = await sourceOf()
  const run = await byCalls(source, store)
  // one key, version or part a call
  const one = () => {
    let asked = 0
    return () => asked++ === 0
  }
  let called = 1
  while (!(await run.copy({ going: one() })).done) expect(++called).toBeLessThan(50)
  expect(called).toBeGreaterThan(10)
  expect(await history(store)).toEqual(await history(source))
  expect(calls).toEqual({ put: 4, mark: 1, createUpload: 3, putPart: 7, completeUpload: 3 })
  expect((await run.outcomes()).map(({ outcome }) => outcome)).toEqual(Array(VERSIONS).fill('copied'))
  await run.verify()
})

test('a call whose time ends amid a part leaves the upload to the next call', async () => {
  const { store, calls } = counting()
  const source = await sourceOf()
  const deadline = new AbortController()
  let parts = 0
  const run = await byCalls(source, {
    ...store,
    putPart: async (...call) => {
      if (!Buffer.isBuffer(call[3]) && ++parts === 3) {
        deadline.abort(Object.assign(new Error('over'), { name: 'DeadlinePassed' }))
        throw deadline.signal.reason
      }
      return store.putPart(...call)
    },
  })
  expect(await run.copy({ signal: deadline.signal })).toMatchObject({ done: false })
  expect(await openUploads(store)).toBe(1)
  expect(await run.copy()).toMatchObject({ done: true })
  expect(calls).toMatchObject({ createUpload: 3, putPart: 7, completeUpload: 3 })
  expect(await history(store)).toEqual(await history(source))
  expect((await run.outcomes()).map(({ outcome }) => outcome)).toEqual(Array(VERSIONS).fill('copied'))
})

test('a completion whose answer was lost is found: the version is written once and counts as copied', async () => {
  const { store, calls } = counting()
  const source = await sourceOf()
  let lost = 0
  const run = await byCalls(source, {
    ...store,
    completeUpload: async (...call) => {
      const answer = await store.completeUpload(...call)
      if (lost++ === 0) throw new StoreUnavailable('no answer')
      return answer
    },
  })
  expect(await run.copy()).toMatchObject({ done: true })
  expect(calls).toMatchObject({ createUpload: 3, completeUpload: 3 })
  expect(await history(store)).toEqual(await history(source))
  expect((await run.outcomes()).map(({ outcome }) => outcome)).toEqual(Array(VERSIONS).fill('copied'))
})

test('a call that was lost behind a completion is gone on with: the version is written once and counts as copied', async () => {
  const { store, calls } = counting()
  const source = await sourceOf()
  const killed = new AbortController()
  const run = await byCalls(source, {
    ...store,
    completeUpload: async (...call) => {
      const answer = await store.completeUpload(...call)
      if (!killed.signal.aborted) {
        killed.abort(new Error('killed'))
        throw killed.signal.reason
      }
      return answer
    },
  })
  await expect(run.copy({ signal: killed.signal })).rejects.toThrow('killed')
  expect(await run.copy()).toMatchObject({ done: true })
  expect(calls).toMatchObject({ createUpload: 3, completeUpload: 3 })
  expect(await history(store)).toEqual(await history(source))
  expect((await run.outcomes()).map(({ outcome }) => outcome)).toEqual(Array(VERSIONS).fill('copied'))
})

test('an upload that somebody aborted in the middle is begun once more', async () => {
  const { store } = counting()
  const source = await sourceOf()
  let aborted = false
  const run = await byCalls(source, {
    ...store,
    putPart: async (name, id, number, ...rest) => {
      if (number === 3 && !aborted) {
        aborted = true
        await store.abortUpload(name, id)
      }
      return store.putPart(name, id, number, ...rest)
    },
  })
  expect(await run.copy()).toMatchObject({ done: true })
  expect(await history(store)).toEqual(await history(source))
  expect(await openUploads(store)).toBe(0)
})

test('a version of which a part cannot be read stops its key; its upload is aborted, and the next run completes the history', async () => {
  const source = await sourceOf()
  const broken: ObjectStore = {
    ...source,
    read: async (name, options) => {
      if (options?.range?.from === PART) throw new StoreUnavailable('500')
      return source.read(name, options)
    },
  }
  const world = new World({ source: broken, destination: memoryStore({ versions: true }) })
  const call = world.call.bind(world)
  const open: number[] = []
  world.call = async (name, event) => {
    if (name === 'verifyBatch') open.push(await openUploads(world.destination))
    return call(name, event)
  }
  expect(await world.run(ALL, 'one')).toMatchObject({ status: 'FAILED' })
  expect((await outcomesOf(world.state, 'one')).map(({ outcome, reason }) => reason ?? outcome)).toEqual([
    ...['copied', 'copied', 'StoreUnavailable'],
    ...Array<string>(4).fill('EarlierVersionMissing'),
    'copied',
  ])
  // aborted at once: Cleanup comes long after
  expect(open[0]).toBe(0)
  world.services.source = async () => source
  expect(await world.run(ALL, 'two')).toMatchObject({ status: 'SUCCEEDED' })
  expect(await history(world.destination)).toEqual(await history(source))
})

test('Cleanup aborts the upload of a version that no call went on with', async () => {
  const { store } = counting()
  const world = new World({ source: await sourceOf(), destination: store })
  const { abortUpload, putPart } = store
  const seen: number[] = []
  const stopped: MemoryStore = {
    ...store,
    // the rest of the call's life goes to nothing: neither its part nor its own abort arrives
    putPart: (...call) => (Buffer.isBuffer(call[3]) ? putPart(...call) : Promise.reject(new Error('killed'))),
    abortUpload: () => Promise.reject(new Error('killed')),
  }
  const call = world.call.bind(world)
  world.call = async (name, event) => {
    const copying = name === 'copyBatch'
    Object.assign(store, copying ? stopped : { putPart, abortUpload })
    if (name === 'cleanup') seen.push(await openUploads(store))
    return call(name, event)
  }
  expect(await world.run(ALL, 'one')).toMatchObject({ status: 'FAILED' })
  expect(seen[0]).toBe(1)
  expect(await openUploads(store)).toBe(0)
})

test('an upload that an earlier run left open is not gone on with: it would stand before what was written since', async () => {
  const { store, calls } = counting()
  const source = await sourceOf()
  const stop = new AbortController()
  const first = await byCalls(source, {
    ...store,
    putPart: async (...call) => {
      if (!Buffer.isBuffer(call[3])) stop.abort(new Error('killed'))
      return store.putPart(...call)
    },
  })
  await expect(first.copy({ signal: stop.signal })).rejects.toThrow('killed')
  expect(await openUploads(store)).toBe(1)
  const second = await byCalls(source, store, 'two', first.state)
  expect(await second.copy()).toMatchObject({ done: true })
  expect(calls).toMatchObject({ createUpload: 4, completeUpload: 3 })
  expect(await openUploads(store)).toBe(0)
  expect(await history(store)).toEqual(await history(source))
})

test('a write whose answer was lost is not done twice: neither a version nor a delete marker', async () => {
  const { store, calls } = counting()
  const source = memoryStore({ versions: true })
  const headers = { metadata: { line: 'a\nb' } }
  for (const body of ['1', '2', '2']) await source.put(key('a'), Buffer.from(body), { headers })
  await source.mark(key('a'))
  await source.mark(key('a'))
  let lost = 0
  const losing = async <T>(answer: Promise<T>): Promise<T> => {
    const given = await answer
    if (lost++ % 2 === 0) throw new StoreUnavailable('no answer')
    return given
  }
  const run = await byCalls(source, {
    ...store,
    put: (...call) => losing(store.put(...call)),
    mark: (...call) => losing(store.mark(...call)),
  })
  expect(await run.copy()).toMatchObject({ done: true })
  expect(await history(store)).toEqual(await history(source))
  expect(calls).toMatchObject({ put: 3, mark: 2 })
  // found or written, each tells what it does not carry
  const rows = (await run.outcomes()).map(({ notCarried }) => notCarried?.map(({ what }) => what))
  expect(rows).toEqual([['metadata line'], ['metadata line'], ['metadata line'], undefined, undefined])
  await run.verify()
})
