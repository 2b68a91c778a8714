import { AccessDenied, copyBatch, listSource, parseRequest, verifyBatch, type ObjectStore, type Outcome } from '@drayage/core'
import { listNames } from '../../layers/core/domain/state-files'
import { shardOf, stateKeys } from '../../layers/core/domain/state-keys'
import { readOutcomes } from '../../layers/core/transfer/outcome-files'
import { memoryStore, type MemoryStore } from '../support/memory-store'
import { REQUEST, World, type WorldOptions } from './harness'

const ALL = { ...REQUEST, carry: { versions: 'all' } }

const key = (name: string): Buffer => Buffer.from(name)

/** A key's versions, oldest first: bodies, and `null` for a delete marker. */
const write = async (store: ObjectStore, name: string, bodies: readonly (string | null)[]): Promise<void> => {
  for (const body of bodies) {
    if (body === null) await store.mark(key(name))
    else await store.put(key(name), Buffer.from(body))
  }
}

/** What a store holds: keys in order, versions oldest first, by their bodies. */
const history = async (store: ObjectStore): Promise<Record<string, (string | null)[]>> => {
  const found: Record<string, (string | null)[]> = {}
  for await (const page of store.listVersions({ prefix: Buffer.alloc(0) }))
    for (const { key, versionId, deleteMarker } of page) {
      let body: string | null = null
      if (!deleteMarker) {
        const read = await store.read(key, { versionId })
        body = Buffer.concat((await read.body.toArray()) as Buffer[]).toString()
      }
      ;(found[key.toString()] ??= []).unshift(body)
    }
  return found
}

const HISTORY = {
  a: ['a1', 'a2', 'a3'],
  b: ['b1', null],
  c: ['c1', null, 'c2', null, null],
  d: ['same', 'same'],
  e: [null],
}

const versioned = async (bodies: Record<string, readonly (string | null)[]> = HISTORY): Promise<MemoryStore> => {
  const store = memoryStore({ versions: true })
  for (const [name, chain] of Object.entries(bodies)) await write(store, name, chain)
  return store
}

const world = (source: ObjectStore, options: WorldOptions = {}) =>
  new World({ source, destination: memoryStore({ versions: true }), ...options })

const outcomes = async (w: World, runId: string): Promise<Outcome[]> => {
  const names = await listNames(w.state, stateKeys(runId).batches)
  return (await Promise.all(names.map((name) => readOutcomes(w.state, runId, shardOf(runId, name), {})))).flat()
}

const counts = async (w: World, runId: string) => {
  const { copied, skipped, failed, changed } = (await w.report(runId)).ledger
  return { copied, skipped, failed, changed }
}

test('every version arrives in order, with delete markers; a second run writes nothing', async () => {
  const w = world(await versioned())
  expect(await w.run(ALL, 'one')).toMatchObject({ status: 'SUCCEEDED' })
  expect(await history(w.destination)).toEqual(HISTORY)
  expect(await counts(w, 'one')).toEqual({ copied: 13, skipped: 0, failed: 0, changed: 0 })
  expect(await w.run(ALL, 'two')).toMatchObject({ status: 'SUCCEEDED' })
  expect(await history(w.destination)).toEqual(HISTORY)
  expect(await counts(w, 'two')).toEqual({ copied: 0, skipped: 13, failed: 0, changed: 0 })
})

test('what is new at the source is written behind what is there', async () => {
  const w = world(await versioned())
  await w.run(ALL, 'one')
  await write(w.source, 'a', ['a4'])
  await write(w.source, 'b', ['b2'])
  await write(w.source, 'c', [null])
  await w.run(ALL, 'two')
  expect(await counts(w, 'two')).toEqual({ copied: 3, skipped: 13, failed: 0, changed: 0 })
  expect(await history(w.destination)).toEqual(await history(w.source))
})

test('a current version that is not the source’s is put right, and nothing is deleted for it', async () => {
  const w = world(await versioned())
  await w.run(ALL, 'one')
  await write(w.destination, 'a', ['foreign'])
  expect(await w.run(ALL, 'two')).toMatchObject({ status: 'SUCCEEDED' })
  expect((await history(w.destination))['a']).toEqual(['a1', 'a2', 'a3', 'foreign', 'a3'])
  expect(await counts(w, 'two')).toMatchObject({ copied: 1, skipped: 12 })
})

test('under KMS, where no ETag is comparable, versions are recognised by the kept one', async () => {
  const kms = { ...ALL, destination: { ...ALL.destination, kmsKey: 'arn:aws:kms:us-east-1:123456789012:key/1-2' } }
  const w = world(await versioned())
  await w.run(kms, 'one')
  expect(await w.run(kms, 'two')).toMatchObject({ status: 'SUCCEEDED' })
  expect(await counts(w, 'two')).toMatchObject({ copied: 0, skipped: 13 })
  const evidence = (await outcomes(w, 'two')).map(({ evidence }) => evidence)
  expect(evidence.filter((one) => one === 'source-etag')).toHaveLength(8)
})

test('a chain longer than a listing’s page and than a shard stays whole and in order', async () => {
  const long = Array.from({ length: 1100 }, (_, index) => `v${index}`)
  const w = world(await versioned({ a: ['1'], long, z: ['1', '2'] }))
  expect(await w.run(ALL, 'one')).toMatchObject({ status: 'SUCCEEDED' })
  expect((await history(w.destination))['long']).toEqual(long)
})

test('calls that are short of time go on inside a chain', async () => {
  const [state, destination] = [memoryStore(), memoryStore({ versions: true })]
  const source = await versioned({ a: Array.from({ length: 20 }, (_, index) => `v${index}`), b: ['b1', null], c: [null, 'c1'] })
  const migration = parseRequest(ALL, { runtime: 'local', runId: 'one', executionId: 'x:one', now: new Date() })
  let asked = 0
  const turn = {
    ...{ state, source, destination, now: () => new Date(), signal: new AbortController().signal, concurrency: 2 },
    ...{ reading: async () => destination, openSource: async () => source, heard: () => undefined },
    writingSince: new Date().toISOString(),
    // a few versions a call, and whole keys
    going: () => ++asked % 5 !== 0,
  }
  await listSource(migration, { ...turn, going: () => true })
  let turns = 0
  for (const name of await listNames(state, stateKeys('one').batches)) {
    const shard = shardOf('one', name)
    while (!(await copyBatch(migration, shard, turn)).done) expect(++turns).toBeLessThan(100)
    while (!(await verifyBatch(migration, shard, turn)).done) expect(++turns).toBeLessThan(100)
  }
  expect(turns).toBeGreaterThan(2)
  expect(await history(destination)).toEqual(await history(source))
})

describe('a version that cannot be written', () => {
  const refusing = async (refused: string) => {
    const source = await versioned()
    const read: ObjectStore['read'] = async (key, options) => {
      const found = await source.read(key, options)
      const body = Buffer.concat((await found.body.toArray()) as Buffer[])
      if (body.toString() === refused) throw new AccessDenied('403 AccessDenied')
      return source.read(key, options)
    }
    return { source, broken: { ...source, read } }
  }

  test('stops its key, and no other: what came after it would stand in its place', async () => {
    const { source, broken } = await refusing('a2')
    const w = world(broken)
    expect(await w.run(ALL, 'one')).toMatchObject({ status: 'FAILED' })
    expect(await history(w.destination)).toEqual({ ...HISTORY, a: ['a1'] })
    const ofA = (await outcomes(w, 'one')).filter(({ key }) => key.toString() === 'a')
    expect(ofA.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ['copied', undefined],
      ['failed', 'AccessDenied'],
      ['failed', 'EarlierVersionMissing'],
    ])
    w.services.source = async () => source
    expect(await w.run(ALL, 'two')).toMatchObject({ status: 'SUCCEEDED' })
    expect(await history(w.destination)).toEqual(HISTORY)
  })
})

describe('a destination without versions', () => {
  test('fails the objects at the first write, and deletes nothing', async () => {
    const destination = memoryStore()
    await destination.put(key('c'), Buffer.from('theirs'))
    let marks = 0
    const counting: MemoryStore = { ...destination, mark: (...call) => (marks++, destination.mark(...call)) }
    const w = world(await versioned({ c: [null, 'c1'], b: ['b1', 'b2'] }), { destination: counting })
    expect(await w.run(ALL, 'one')).toMatchObject({ status: 'FAILED' })
    expect(marks).toBe(0)
    expect((await outcomes(w, 'one')).map(({ key, reason }) => `${key.toString()} ${reason}`)).toEqual([
      'b NoVersions',
      'b EarlierVersionMissing',
      'c NoVersions',
      'c EarlierVersionMissing',
    ])
    expect((await destination.stat(key('c')))?.size).toBe(6)
  })
})

test('a source that cannot list versions is refused before anything is written', async () => {
  const source = await versioned()
  const w = world({
    ...source,
    listVersions: async function* () {
      throw new AccessDenied('403 AccessDenied')
    },
  })
  expect(await w.run(ALL, 'one')).toMatchObject({ status: 'FAILED' })
  expect((await w.report('one')).reason).toMatch(/PreflightFailed: carry\.versions: the source cannot list versions/)
  expect(await history(w.destination)).toEqual({})
})

test('what the globs leave out is counted by version, and neither extra nor copied', async () => {
  const w = world(await versioned())
  expect(await w.run({ ...ALL, selection: { exclude: ['a'] } }, 'one')).toMatchObject({ status: 'SUCCEEDED' })
  expect((await w.report('one')).ledger).toMatchObject({ listed: 13, excluded: 3, copied: 10 })
})

test('a list of keys is migrated with their versions; what only it names is changed', async () => {
  const w = world(await versioned())
  await w.state.put(key('inputs/some.txt'), key('b\nd\nnowhere\n'))
  expect(await w.run({ ...ALL, selection: { keys: 'some.txt' } }, 'one')).toMatchObject({ status: 'FAILED' })
  expect(await counts(w, 'one')).toEqual({ copied: 4, skipped: 0, failed: 0, changed: 1 })
  expect(await history(w.destination)).toEqual({ b: HISTORY.b, d: HISTORY.d })
})

describe('verification finds', () => {
  test.each<[string, (destination: MemoryStore) => Promise<void>, object]>([
    ['a newest version dropped', async (store) => store.drop(key('a')), { missing: 1 }],
    ['a delete marker dropped', async (store) => store.drop(key('b')), { missing: 1 }],
    ['another version in front', (store) => write(store, 'a', ['later']), { different: 1 }],
    ['a version altered', async (store) => store.alter(key('a'), { info: { etag: '"other"' } }), { different: 1 }],
    ['a key that only it has', (store) => write(store, 'extra', ['x']), { extra: 1 }],
  ])('%s', async (_name, tamper, found) => {
    const w = world(await versioned())
    const call = w.call.bind(w)
    let tampered = false
    w.call = async (name, event) => {
      if (name === 'verifyBatch' && !tampered) {
        tampered = true
        await tamper(w.destination)
      }
      return call(name, event)
    }
    const { status } = await w.run(ALL, 'one')
    expect((await w.report('one')).verification.counts).toMatchObject(found)
    // what only the destination has is told, and fails no run
    expect(status).toBe('extra' in found ? 'SUCCEEDED' : 'FAILED')
  })
})

test('failures of several versions of one key are rows of their own, each with its version', async () => {
  const w = world(await versioned({ a: ['a1', 'a2', 'a3'], b: ['b1'] }))
  const call = w.call.bind(w)
  w.call = async (name, event) => {
    // the first two versions of a are cut short behind the copiers' back
    if (name === 'verifyBatch')
      for await (const page of w.destination.listVersions({ prefix: key('a') }))
        for (const { versionId, latest } of page) if (!latest) w.destination.alter(key('a'), { bytes: key('-'), versionId })
    return call(name, event)
  }
  expect(await w.run(ALL, 'one')).toMatchObject({ status: 'FAILED' })
  const { failures, verification } = await w.report('one')
  expect(verification.counts).toMatchObject({ different: 2, verified: 2 })
  const [, ...rows] = (await w.text(stateKeys('one').failures)).trimEnd().split('\r\n')
  expect(failures.count).toBe(rows.length)
  const versions = (await outcomes(w, 'one')).filter((outcome) => outcome.key.equals(key('a'))).map(({ versionId }) => versionId)
  expect(rows.map((row) => [row.split(',')[0], row.split(',')[1], row.split(',').at(-1)])).toEqual(
    versions.slice(0, 2).map((versionId) => ['a', 'different', versionId]),
  )
  expect(await w.text(stateKeys('one').failedKeys)).toBe('"a"\n')
})
