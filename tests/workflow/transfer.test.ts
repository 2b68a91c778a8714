import { Readable } from 'node:stream'
import {
  beginUpload,
  closeAccess,
  openAccess,
  completeUpload,
  copyBatch,
  copyPartGroup,
  CredentialsRefused,
  CursorMoved,
  DeadlinePassed,
  finishReport,
  listSource,
  ObjectChanged,
  parseRequest,
  reconcile,
  StoreUnavailable,
  verifyBatch,
  type Migration,
  type ObjectStore,
  type ReadOptions,
  type Report,
} from '@drayage/core'
import { listNames, readJson, writeJson } from '../../layers/core/domain/state-files'
import { shardOf, stateKeys } from '../../layers/core/domain/state-keys'
import { readOutcomes } from '../../layers/core/transfer/outcome-files'
import { memoryStore } from '../support/memory-store'
import { memorySigner } from '../support/signer'
import { CountingAccess, fill, listAll } from './harness'

const MIB = 1024 * 1024
const signal = new AbortController().signal
const now = () => new Date()

const migrationOf = (runId: string, limits: object = {}): Migration =>
  parseRequest(
    {
      source: { bucket: 'source', endpoint: 'embedded' },
      destination: { bucket: 'destination', endpoint: 'embedded' },
      limits: { largeObjectBytes: 20 * MIB, ...limits },
    },
    { runtime: 'local', runId, executionId: `x:${runId}`, now: now() },
  )

/** A source, a destination and a state bucket, and the verbs over them. */
const world = (source: ObjectStore = memoryStore()) => {
  const state = memoryStore()
  const destination = memoryStore()
  const reading = async () => destination
  const openSource = async () => source
  const turn = {
    ...{ state, source, destination, reading, openSource, signal, now, writingSince: now().toISOString() },
    ...{ going: () => true, concurrency: 4, heard: () => undefined },
  }
  const list = (migration: Migration) => listSource(migration, turn)
  const shards = async (migration: Migration, kind: 'batches' | 'large' = 'batches') =>
    (await listNames(state, stateKeys(migration.runId)[kind])).map((name) => shardOf(migration.runId, name))
  return {
    ...turn,
    turn,
    list,
    shards,
    /** lists the source into its one shard */
    listed: async (migration: Migration) => {
      await list(migration)
      return first(await shards(migration))
    },
    outcomes: (migration: Migration, shard: string) => readOutcomes(state, migration.runId, shard, {}),
    books: async (migration: Migration, files: ObjectStore = state) => {
      await writeJson(state, stateKeys(migration.runId).preflight, {
        ...{ version: 1, runId: migration.runId, at: now().toISOString(), runtime: 'local' },
        ...{ dataClassification: migration.dataClassification, checks: [], settings: null, problems: [], grants: 0, probes: null },
      })
      const settings = () => Promise.reject(new Error('the embedded server has no settings'))
      const deadLetters = { send: async () => undefined, take: async () => 0 }
      return (await reconcile(migration, {}, { ...turn, state: files, deadLetters, settings }))!
    },
  }
}

const first = <T>(items: readonly T[]): T => items[0]!

/** A store whose reads are another function's. */
const reading = (
  inner: ObjectStore,
  read: (key: string, options: ReadOptions, times: number) => Promise<Readable | undefined>,
): ObjectStore => {
  let times = 0
  return {
    ...inner,
    read: async (key, options = {}) => {
      const body = await read(key.toString(), options, ++times)
      const real = await inner.read(key, options)
      if (!body) return real
      real.body.destroy()
      return { ...real, body }
    },
  }
}

describe('a batch', () => {
  test('copied by two calls at once has one outcome per object', async () => {
    const w = world()
    const migration = migrationOf('run')
    await fill(w.source, 40)
    const shard = await w.listed(migration)
    const answers = await Promise.all([copyBatch(migration, shard, w.turn), copyBatch(migration, shard, w.turn)])
    expect(answers.map(({ done }) => done).sort()).toEqual([false, true])
    expect(await copyBatch(migration, shard, w.turn)).toMatchObject({ done: true, copied: 0 })
    await verifyBatch(migration, shard, w.turn)
    expect(await w.books(migration)).toMatchObject({ succeeded: true, ledger: { listed: 40, copied: 40, balanced: true }, faults: [] })
  })

  test('for which a call has no time at all is no object’s failure', async () => {
    const w = world()
    const migration = migrationOf('run')
    await fill(w.source, 3)
    const shard = await w.listed(migration)
    await expect(copyBatch(migration, shard, { ...w.turn, going: () => false })).rejects.toThrow(StoreUnavailable)
    expect(await w.outcomes(migration, shard)).toEqual([])
  })

  test('a late twin that got further than the winner does not say done for lines that do not stand', async () => {
    const w = world()
    const migration = migrationOf('run')
    await fill(w.source, 10)
    const shard = await w.listed(migration)
    let taken = 0
    const short = copyBatch(migration, shard, { ...w.turn, concurrency: 1, going: () => taken++ < 3 })
    const late = copyBatch(migration, shard, { ...w.turn, source: reading(w.source, async () => void (await short)) })
    expect(await short).toMatchObject({ done: false })
    expect(await late).toMatchObject({ done: false, copied: 0 })
    const before = (await w.outcomes(migration, shard)).length
    expect(before).toBeLessThan(10)
    expect(await copyBatch(migration, shard, w.turn)).toMatchObject({ done: true })
    expect((await w.outcomes(migration, shard)).map(({ outcome }) => outcome)).toEqual(Array(10).fill('copied'))
  })

  test('over which the destination’s listing breaks off waits for what is under way, and writes it down', async () => {
    const w = world()
    const migration = migrationOf('run')
    await fill(w.source, 4)
    await w.destination.put(Buffer.from('object/00001'), Buffer.from('another'), {})
    const shard = await w.listed(migration)
    let broken = false
    const breaking: ObjectStore = {
      ...w.destination,
      async *list(query, call) {
        yield* w.destination.list(query, call)
        broken = true
        throw new StoreUnavailable('503 on the second page')
      },
    }
    const slow = reading(w.source, async () => {
      while (!broken) await new Promise(setImmediate)
      return undefined
    })
    await expect(copyBatch(migration, shard, { ...w.turn, source: slow, destination: breaking })).rejects.toThrow(StoreUnavailable)
    expect((await w.outcomes(migration, shard)).map(({ outcome }) => outcome)).toEqual(['copied', 'copied'])
    expect(await copyBatch(migration, shard, w.turn)).toMatchObject({ done: true, copied: 2 })
  })

  test('an object whose bytes do not have the MD5 that is its ETag is failed, and the destination has nothing of it', async () => {
    const inner = memoryStore()
    await fill(inner, 3)
    const w = world(reading(inner, async (key) => (key.endsWith('1') ? Readable.from([Buffer.from('b0dy 1')]) : undefined)))
    const migration = migrationOf('run')
    const shard = await w.listed(migration)
    expect(await copyBatch(migration, shard, w.turn)).toMatchObject({ copied: 2, failed: 1 })
    expect((await w.outcomes(migration, shard))[1]).toMatchObject({ outcome: 'failed', reason: 'BodyMismatch' })
    expect((await listAll(w.destination)).map((line) => line.split(' ')[0])).toEqual(['object/00000', 'object/00002'])
  })

  test('a streamed object is held to its MD5 too: damaged once it is read again, damaged always it is failed and replaces nothing', async () => {
    const inner = memoryStore()
    const key = Buffer.from('streamed')
    await inner.put(key, Buffer.alloc(3 * MIB, 'a'))
    const damaged = () => Readable.from([Buffer.alloc(2 * MIB, 'a'), Buffer.alloc(MIB, 'b')])
    const once = reading(inner, async (_key, _options, times) => (times === 1 ? damaged() : undefined))
    const w = world(inner)
    const migration = migrationOf('run')
    const shard = await w.listed(migration)
    expect(await copyBatch(migration, shard, { ...w.turn, source: once })).toMatchObject({ copied: 1 })
    expect(await verifyBatch(migration, shard, w.turn)).toMatchObject({ verified: 1 })

    const again = migrationOf('again')
    await w.list(again)
    await w.destination.put(key, Buffer.from('old'))
    expect(await copyBatch(again, shard, { ...w.turn, source: reading(inner, async () => damaged()) })).toMatchObject({ failed: 1 })
    expect((await w.destination.stat(key))?.size).toBe(3)
  })

  test('a store that fails twice is asked again; one whose credentials end ends the call, and what was copied is written down', async () => {
    const inner = memoryStore()
    await fill(inner, 10)
    const failures = new Map<string, number>()
    const flaky = reading(inner, async (key) => {
      const times = (failures.get(key) ?? 0) + 1
      failures.set(key, times)
      if (times <= 2) throw new StoreUnavailable('503')
      return undefined
    })
    const w = world(flaky)
    const migration = migrationOf('run')
    const shard = await w.listed(migration)
    expect(await copyBatch(migration, shard, w.turn)).toMatchObject({ copied: 10, done: true })

    const ending = migrationOf('ending')
    await w.list(ending)
    const empty = memoryStore()
    const ended = reading(inner, async (key) => {
      if (key >= 'object/00005') throw new CredentialsRefused('ended')
      return undefined
    })
    await expect(copyBatch(ending, shard, { ...w.turn, source: ended, destination: empty, concurrency: 1 })).rejects.toThrow(
      CredentialsRefused,
    )
    expect(await w.outcomes(ending, shard)).toHaveLength(5)
    expect(await w.books(ending)).toMatchObject({ succeeded: false, ledger: { listed: 10, copied: 5, unaccounted: 5, balanced: false } })
  })
})

describe('a listing', () => {
  test('by two calls at once: one moves the cursor, the other says so; the shards tile and nothing is listed twice', async () => {
    const w = world()
    const migration = migrationOf('run', { batchObjects: 5 })
    await fill(w.source, 33)
    const turns = await Promise.allSettled([w.list(migration), w.list(migration)])
    for (const turn of turns) if (turn.status === 'rejected') expect((turn.reason as Error).name).toBe('CursorMoved')
    const { more, listed, batches } = await w.list(migration)
    expect({ more, listed, batches }).toEqual({ more: false, listed: 33, batches: 7 })
    for (const shard of await w.shards(migration)) {
      await copyBatch(migration, shard, w.turn)
      await verifyBatch(migration, shard, w.turn)
    }
    expect(await w.books(migration)).toMatchObject({ succeeded: true, faults: [], ledger: { listed: 33, copied: 33 } })
  })

  test('by a late twin, which cut the same shard elsewhere, does not replace it: the shards tile and every object is copied', async () => {
    const w = world()
    const migration = migrationOf('run', { batchObjects: 5 })
    await fill(w.source, 33)
    let copied = 0
    const copyAll = async () => {
      for (const shard of await w.shards(migration)) copied += (await copyBatch(migration, shard, w.turn)).copied
    }
    // all that is listed by the first call is listed and copied again by a second one before the first writes its first shard
    const late: ObjectStore = {
      ...w.state,
      put: async (key, body, options) => {
        if (copied === 0 && key.toString().includes('/shards/')) {
          await w.source.put(Buffer.from('object/00001/new'), Buffer.from('new'))
          await w.list(migration)
          await copyAll()
        }
        return w.state.put(key, body, options)
      },
    }
    await expect(listSource(migration, { ...w.turn, state: late })).rejects.toThrow(CursorMoved)
    expect(await w.list(migration)).toMatchObject({ more: false, listed: 34 })
    for (const shard of await w.shards(migration)) await verifyBatch(migration, shard, w.turn)
    expect(await w.books(migration)).toMatchObject({ succeeded: true, faults: [], ledger: { listed: 34, copied: 34 } })
  })

  test('of a turn that was lost behind its shard goes on behind that shard, whatever the source has by now', async () => {
    const w = world()
    const migration = migrationOf('run', { batchObjects: 5, largeObjectBytes: 5 * MIB })
    await fill(w.source, 12, 1)
    const dying: ObjectStore = {
      ...w.state,
      put: async (key, body, options) => {
        if (key.toString().endsWith('cursor.json')) throw new StoreUnavailable('lost')
        return w.state.put(key, body, options)
      },
    }
    await expect(listSource(migration, { ...w.turn, state: dying })).rejects.toThrow('lost')
    const units = await w.shards(migration, 'large')
    expect(units).toHaveLength(1)
    await w.source.put(Buffer.from('large/0'), Buffer.from('small by now'))
    await w.source.put(Buffer.from('a'), Buffer.from('before all that was listed'))
    for (let more = true; more;) ({ more } = await w.list(migration))
    expect(await w.shards(migration, 'large')).toEqual(units)
    const { listing, faults } = await w.books(migration)
    expect(listing).toMatchObject({ listed: 13, large: 1, batches: 3, complete: true })
    expect(faults.filter((fault) => !/have no outcome|verdicts cover/.test(fault))).toEqual([])
  })

  test('that is stopped after each page goes on where it stood', async () => {
    const inner = memoryStore()
    await fill(inner, 33)
    const pages: ObjectStore = { ...inner, list: (query, call) => inner.list({ ...query, pageSize: 4 }, call) }
    const w = world(pages)
    const migration = migrationOf('run', { batchObjects: 5 })
    let turns = 0
    for (let more = true; more; turns++) ({ more } = await listSource(migration, { ...w.turn, going: () => false }))
    expect(turns).toBeGreaterThan(5)
    for (const shard of await w.shards(migration)) {
      await copyBatch(migration, shard, w.turn)
      await verifyBatch(migration, shard, w.turn)
    }
    expect(await w.books(migration)).toMatchObject({ succeeded: true, faults: [], ledger: { listed: 33, copied: 33 } })
  })
})

describe('a large object', () => {
  const KEY = Buffer.from('large')
  const large = async () => {
    const source = memoryStore()
    const bytes = Buffer.concat([Buffer.alloc(16 * MIB, 1), Buffer.alloc(16 * MIB, 2), Buffer.alloc(8 * MIB, 3)])
    await source.put(KEY, bytes, { headers: { contentType: 'video/x', metadata: { owner: 'me' } } })
    const reads: number[] = []
    const w = world(reading(source, async (_key, { range }) => void reads.push(range?.from ?? -1)))
    const begun = async (migration: Migration, { writingSince }: { writingSince: string } = w.turn) => {
      await w.list(migration)
      const shard = first(await w.shards(migration, 'large'))
      return { shard, ...(await beginUpload(migration, shard, { ...w.turn, writingSince })) }
    }
    return { ...w, inner: source, reads, begun }
  }
  const one = { first: 1, last: 3 }

  test('goes on in the next run with the upload that an earlier one left open, and reads only the parts that are missing', async () => {
    const w = await large()
    const dead = await w.begun(migrationOf('dead'))
    let parts = 0
    expect(
      await copyPartGroup(migrationOf('dead'), dead.shard, { ...dead, partGroup: one }, { ...w.turn, going: () => parts++ < 1 }),
    ).toEqual({ done: false, parts: 1, bytes: 16 * MIB })
    expect(w.reads).toEqual([0])

    const next = migrationOf('next')
    const upload = await w.begun(next)
    expect(upload.uploadId).toBe(dead.uploadId)
    expect(await copyPartGroup(next, upload.shard, { ...upload, partGroup: one }, w.turn)).toEqual({
      done: true,
      parts: 2,
      bytes: 24 * MIB,
    })
    expect(w.reads.slice(1).sort((a, b) => a - b)).toEqual([16 * MIB, 32 * MIB])
    expect(await completeUpload(next, upload.shard, undefined, w.turn)).toEqual({ outcome: 'copied' })
    const { headers, size } = (await w.destination.stat(KEY))!
    expect({ size, type: headers.contentType, owner: headers.metadata.owner }).toEqual({ size: 40 * MIB, type: 'video/x', owner: 'me' })
    expect(await w.destination.listUploads(Buffer.alloc(0))).toEqual([])

    const third = await w.begun(migrationOf('third'), { writingSince: new Date(Date.now() + 1).toISOString() })
    expect(third).toMatchObject({ uploadId: '', partGroups: [] })
    expect(await w.outcomes(migrationOf('third'), third.shard)).toEqual([
      expect.objectContaining({ outcome: 'skipped', evidence: 'upload-record' }),
    ])
  })

  test('whose call ends in the middle of a part keeps what is whole and goes on; a call too short for any part says so', async () => {
    const w = await large()
    const migration = migrationOf('run')
    const upload = await w.begun(migration)
    const group = { ...upload, partGroup: one }
    const cutAt = (part: number): Parameters<typeof copyPartGroup>[3] => {
      const ending = new AbortController()
      const putPart: ObjectStore['putPart'] = async (key, id, number, body, call) => {
        if (number === part) {
          while ((await w.destination.listParts(key, id)).length < part - 1) await new Promise((done) => setImmediate(done))
          ending.abort(new DeadlinePassed('no time left'))
        }
        ending.signal.throwIfAborted()
        return w.destination.putPart(key, id, number, body, call)
      }
      return { ...w.turn, destination: { ...w.destination, putPart }, signal: ending.signal, going: () => true }
    }
    await expect(copyPartGroup(migration, upload.shard, group, cutAt(1))).rejects.toThrow(DeadlinePassed)
    await expect(copyPartGroup(migration, upload.shard, group, { ...w.turn, going: () => false })).rejects.toThrow(StoreUnavailable)
    expect(await copyPartGroup(migration, upload.shard, group, cutAt(3))).toEqual({ done: false, parts: 2, bytes: 32 * MIB })
    expect(await copyPartGroup(migration, upload.shard, group, w.turn)).toEqual({ done: true, parts: 1, bytes: 8 * MIB })
  })

  test('whose source has changed since is begun anew, and the old upload is aborted', async () => {
    const w = await large()
    const dead = await w.begun(migrationOf('dead'))
    await w.inner.put(KEY, Buffer.alloc(40 * MIB, 9))
    const next = await w.begun(migrationOf('next'))
    expect(next.uploadId).not.toBe(dead.uploadId)
    expect((await w.destination.listUploads(Buffer.alloc(0))).map(({ uploadId }) => uploadId)).toEqual([next.uploadId])
  })

  test('that changes while its parts are copied is changed, never a mixture', async () => {
    const w = await large()
    const migration = migrationOf('run')
    const upload = await w.begun(migration)
    await copyPartGroup(migration, upload.shard, { ...upload, partGroup: { first: 1, last: 1 } }, w.turn)
    await w.inner.put(KEY, Buffer.alloc(40 * MIB, 9))
    const error = await copyPartGroup(migration, upload.shard, { ...upload, partGroup: { first: 2, last: 3 } }, w.turn).catch(
      (thrown: Error) => thrown,
    )
    expect(error).toBeInstanceOf(ObjectChanged)
    const { name, message } = error as Error
    expect(await completeUpload(migration, upload.shard, { Error: name, Cause: message }, w.turn)).toEqual({ outcome: 'changed' })
    expect(await listAll(w.destination)).toEqual([])
    expect(await w.destination.listUploads(Buffer.alloc(0))).toEqual([])
  })

  test('with a part missing or of another size is not completed', async () => {
    const w = await large()
    const migration = migrationOf('run')
    const upload = await w.begun(migration)
    await copyPartGroup(migration, upload.shard, { ...upload, partGroup: { first: 1, last: 2 } }, w.turn)
    expect(await completeUpload(migration, upload.shard, undefined, w.turn)).toEqual({ outcome: 'failed' })
    expect((await w.outcomes(migration, upload.shard))[0]).toMatchObject({ reason: 'BodyMismatch', detail: 'the upload has 2 parts of 3' })
    expect(await listAll(w.destination)).toEqual([])
    const access = new CountingAccess(now)
    const executions = { isRunning: async () => false, stop: async () => 'it does not run' }
    await openAccess(migration, { ...w.turn, access, executions })
    const destination = async () => access.limited(migration, w.destination)
    const turn = { ...w.turn, access, executions, destination, signer: memorySigner(), bundleSha256: null }
    expect(await closeAccess('run', migration, turn)).toMatchObject({ complete: true })
    expect(await w.destination.listUploads(Buffer.alloc(0))).toEqual([])
  })
})

/** What happens to the destination between copying and verifying, and the verdict that must find it. */
test.each<[string, (destination: ReturnType<typeof memoryStore>) => Promise<unknown>, object]>([
  ['nothing', async () => undefined, { verified: 12 }],
  [
    'an object replaced by one of the same size',
    (d) => d.put(Buffer.from('object/00003'), Buffer.from('BODY 3')),
    { verified: 11, different: 1 },
  ],
  ['an object truncated', (d) => d.put(Buffer.from('object/00003'), Buffer.from('b')), { verified: 11, different: 1 }],
  ['an object added', (d) => d.put(Buffer.from('object/00003x'), Buffer.from('b')), { verified: 12, extra: 1 }],
  ['an object added behind the last', (d) => d.put(Buffer.from('zzz'), Buffer.from('b')), { verified: 12, extra: 1 }],
])('verification finds: %s', async (_name, tamper, counts) => {
  const w = world()
  const migration = migrationOf('run')
  await fill(w.source, 12)
  const shard = await w.listed(migration)
  await copyBatch(migration, shard, w.turn)
  await tamper(w.destination)
  const none = { missing: 0, different: 0, extra: 0, vanished: 0, unverifiable: 0, unaccounted: 0, notExpected: 0 }
  expect(await verifyBatch(migration, shard, w.turn)).toEqual({ done: true, ...none, ...counts })
  expect((await w.books(migration)).succeeded).toBe(!('different' in counts))
})

describe('a report that two calls write', () => {
  const copied = async () => {
    const w = world()
    const migration = migrationOf('run')
    await fill(w.source, 3)
    const shard = await w.listed(migration)
    await copyBatch(migration, shard, w.turn)
    await verifyBatch(migration, shard, w.turn)
    return { w, migration, name: stateKeys('run').report }
  }
  /** Does something else before the first write of the report. */
  const interrupted = (inner: ObjectStore, name: string, act: () => Promise<unknown>): ObjectStore => {
    let done = false
    return {
      ...inner,
      put: async (key, body, options) => {
        if (!done && key.toString() === name) {
          done = true
          await act()
        }
        return inner.put(key, body, options)
      },
    }
  }

  test('is the first one’s: books that come late replace nothing', async () => {
    const { w, migration, name } = await copied()
    const inTime = async () => {
      await w.books(migration)
      await finishReport('run', w.state, {})
    }
    const late = await w.books(migration, interrupted(w.state, name, inTime))
    const { value: stands } = await readJson<Report>(w.state, name)
    expect(stands.checklist).toBeDefined()
    expect(late).toEqual(stands)
    expect(await w.books(migration)).toMatchObject({ succeeded: true })
  })

  test('is completed by both', async () => {
    const { w, migration, name } = await copied()
    await w.books(migration)
    const twice = interrupted(w.state, name, () => finishReport('run', w.state, {}))
    expect(await finishReport('run', twice, {})).toMatchObject({ succeeded: true })
  })
})

test('the books of many shards are added up in one call, though the state bucket refuses one request in ten', async () => {
  const w = world()
  const migration = migrationOf('run', { batchObjects: 5 })
  await fill(w.source, 60)
  await w.list(migration)
  for (const shard of await w.shards(migration)) {
    await copyBatch(migration, shard, w.turn)
    await verifyBatch(migration, shard, w.turn)
  }
  const begun: string[] = []
  let requests = 0
  const busy = () => {
    if (++requests % 10 === 0) throw new StoreUnavailable('503')
  }
  const files: ObjectStore = {
    ...w.state,
    read: async (key, options) => {
      if (key.toString().includes('/shards/')) {
        begun.push(key.toString())
        busy()
      }
      return w.state.read(key, options)
    },
  }
  expect(await w.books(migration, files)).toMatchObject({ succeeded: true, faults: [], ledger: { listed: 60, copied: 60 } })
  expect(begun.length).toBeGreaterThan(new Set(begun).size)
})

test('verification finds an object that is not there, whatever its outcome says', async () => {
  const w = world()
  const migration = migrationOf('run')
  await fill(w.source, 12)
  const shard = await w.listed(migration)
  await copyBatch(migration, shard, w.turn)
  const hiding: ObjectStore = {
    ...w.destination,
    async *list(query, call) {
      for await (const page of w.destination.list(query, call)) yield page.filter(({ key }) => !key.toString().endsWith('7'))
    },
  }
  expect(await verifyBatch(migration, shard, { ...w.turn, destination: hiding })).toMatchObject({ verified: 11, missing: 1 })
  const report = await w.books(migration)
  expect(report.reason).toMatch(/^1 missing at the destination; /)
  expect(report.failures.sample).toEqual([
    { key: 'object/00007', what: 'missing', reason: 'Verification', detail: 'copied, and the destination does not list it' },
  ])
})
