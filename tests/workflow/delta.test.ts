import { AccessDenied, copyBatch, listSource, parseRequest, type ObjectStore } from '@drayage/core'
import type { Evidence, Outcome } from '../../layers/core/domain/outcomes'
import { listNames } from '../../layers/core/domain/state-files'
import { shardOf, stateKeys } from '../../layers/core/domain/state-keys'
import { readOutcomes } from '../../layers/core/transfer/outcome-files'
import { memoryStore, type MemoryStore } from '../support/memory-store'
import { REQUEST, World } from './harness'

const MIB = 1024 * 1024

const text = (content: string) => Buffer.from(content)
const object = (index: number) => `object/${String(index).padStart(2, '0')}`

const put = (store: ObjectStore, key: string, body: string | Buffer, metadata: Record<string, string> = {}) =>
  store.put(text(key), Buffer.from(body), { headers: { contentType: 'text/plain', metadata } })

/** An object made of parts of this size. */
const putParts = async (store: ObjectStore, key: string, body: Buffer, partSize: number): Promise<void> => {
  const uploadId = await store.createUpload(text(key))
  for (let from = 0; from < body.length; from += partSize)
    await store.putPart(text(key), uploadId, from / partSize + 1, body.subarray(from, from + partSize))
  await store.completeUpload(text(key), uploadId, await store.listParts(text(key), uploadId))
}

const SMALL = 12
const MULTI = 'multi/small'
const PLAIN = 'large/plain'
const IN_PARTS = 'large/parts'

/** Small objects; a small one made of parts; a large one of one PUT; a large one made of parts. */
const filled = async (): Promise<{ world: World; source: MemoryStore }> => {
  const source = memoryStore()
  for (let index = 0; index < SMALL; index++) await put(source, object(index), `body ${index}`, { of: String(index) })
  await putParts(source, MULTI, Buffer.alloc(3000, 'multi'), 1000)
  await put(source, PLAIN, Buffer.alloc(6 * MIB, 'plain'))
  await putParts(source, IN_PARTS, Buffer.alloc(7 * MIB, 'parts'), 5 * MIB)
  return { world: new World({ source }), source }
}

const outcomesOf = async (world: World, runId: string): Promise<Outcome[]> => {
  const { batches, large } = stateKeys(runId)
  const found: Outcome[] = []
  for (const names of [await listNames(world.state, batches), await listNames(world.state, large)])
    for (const name of names) found.push(...(await readOutcomes(world.state, runId, shardOf(runId, name), {})))
  return found
}

/** Runs the request; which keys it copied, and on what evidence it skipped the others. */
const ran = async (world: World, runId: string, more: object = {}) => {
  const { status, error } = await world.run({ ...REQUEST, ...more }, runId)
  const outcomes = await outcomesOf(world, runId)
  const evidence: Partial<Record<Evidence, number>> = {}
  for (const outcome of outcomes) if (outcome.evidence) evidence[outcome.evidence] = (evidence[outcome.evidence] ?? 0) + 1
  const copied = outcomes.filter(({ outcome }) => outcome === 'copied').map(({ key }) => key.toString())
  return { status, error, copied: copied.sort(), evidence, report: await world.report(runId) }
}

const bodyAt = async (store: ObjectStore, key: string): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of (await store.read(text(key))).body) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('latin1')
}

/** Every object of the source stands at the destination with its bytes and metadata. */
const expectSame = async (world: World): Promise<void> => {
  for await (const page of world.source.list({ prefix: text('') }))
    for (const { key } of page) {
      const [from, to] = [await world.source.stat(key), await world.destination.stat(key)]
      expect(to?.headers.metadata).toMatchObject(from!.headers.metadata)
      expect((await bodyAt(world.destination, key.toString())) === (await bodyAt(world.source, key.toString()))).toBe(true)
    }
}

test('the same request three times with changes in between: exactly the changed objects are copied', async () => {
  const { world, source } = await filled()
  const first = await ran(world, 'first')
  expect(first).toMatchObject({ status: 'SUCCEEDED', evidence: {}, report: { ledger: { listed: SMALL + 3, copied: SMALL + 3 } } })
  await expectSame(world)

  await put(source, 'added', 'new')
  await put(source, object(1), 'BODY 1', { of: '1' })
  await put(source, object(2), 'body 2', { of: 'somebody else' })
  await put(source, object(3), 'body 3', { of: '3' })
  source.drop(text(object(4)))
  await put(world.destination, object(5), 'Body 5')
  await put(source, object(6), 'an older body')
  source.alter(text(object(6)), { info: { lastModified: '2020-01-01T00:00:00.000Z' } })
  await putParts(source, IN_PARTS, Buffer.alloc(7 * MIB, 'PARTS'), 5 * MIB)

  const second = await ran(world, 'second')
  expect(second.status).toBe('SUCCEEDED')
  expect(second.copied).toEqual(['added', IN_PARTS, object(1), object(2), object(5), object(6)])
  expect(second.evidence).toEqual({ etag: SMALL - 5, 'source-etag': 1, 'upload-record': 1 })
  expect(second.report.ledger).toMatchObject({ listed: SMALL + 3, copied: 6, skipped: SMALL - 3, balanced: true })
  await expectSame(world)
  // What the source no longer has stays, and is reported.
  expect(await bodyAt(world.destination, object(4))).toBe('body 4')
  expect(second.report.verification.counts).toMatchObject({ vanished: 1, extra: 0 })

  await put(source, object(7), 'longer than it was', { of: '7' })
  await put(source, PLAIN, Buffer.alloc(6 * MIB, 'PLAIN'))
  await putParts(source, MULTI, Buffer.alloc(3000, 'MULTI'), 1000)
  world.destination.drop(text(object(8)))

  const third = await ran(world, 'third')
  expect(third.status).toBe('SUCCEEDED')
  expect(third.copied).toEqual([PLAIN, MULTI, object(7), object(8)])
  // both objects that were put again, and the one whose metadata had changed, are the source's of now
  expect(third.evidence).toEqual({ etag: SMALL - 1 })
  await expectSame(world)

  const fourth = await ran(world, 'fourth')
  expect(fourth.copied).toEqual([])
  expect(fourth.evidence).toEqual({ etag: SMALL + 1, 'source-etag': 1, 'upload-record': 1 })
})

test('a cut-over succeeds only if nothing had to be copied', async () => {
  const { world, source } = await filled()
  await ran(world, 'first')
  await put(source, object(1), 'BODY 1')
  const early = await ran(world, 'early', { cutover: true })
  expect(early).toMatchObject({ status: 'FAILED', error: 'NotVerified', copied: [object(1)] })
  expect(early.report.reason).toMatch(/^cutover: 1 object still had to be copied; run again until none is/)
  const last = await ran(world, 'last', { cutover: true })
  expect(last).toMatchObject({ status: 'SUCCEEDED', copied: [] })
  expect(last.report.reason).toBe(`Cut-over: nothing had to be copied, all ${SMALL + 3} objects are there and verified.`)
})

/** A store that counts its calls by name. */
const counting = (inner: ObjectStore): { store: ObjectStore; calls: Record<string, number> } => {
  const calls: Record<string, number> = {}
  const store = new Proxy(inner, {
    get: (target, name: keyof ObjectStore) =>
      typeof target[name] !== 'function'
        ? target[name]
        : (...given: unknown[]) => {
            calls[name] = (calls[name] ?? 0) + 1
            return (target[name] as (...args: unknown[]) => unknown)(...given)
          },
  })
  return { store, calls }
}

describe('what a second run asks', () => {
  const signal = new AbortController().signal
  const again = async (change: (source: MemoryStore, destination: MemoryStore) => Promise<unknown>) => {
    const { world, source } = await filled()
    await ran(world, 'first')
    await change(source, world.destination)
    const migration = parseRequest(REQUEST, { runtime: 'local', runId: 'again', executionId: 'x:again', now: new Date() })
    const [from, to, read] = [counting(source), counting(world.destination), counting(world.destination)]
    const turn = { state: world.state, signal, now: () => new Date(), going: () => true, concurrency: 4, heard: () => undefined }
    const writingSince = new Date(Date.now() + 1).toISOString()
    const sides = { source: from.store, destination: to.store, reading: async () => read.store, writingSince }
    await listSource(migration, { ...turn, ...sides })
    delete from.calls.list
    const shards = await listNames(world.state, stateKeys('again').batches)
    for (const name of shards) await copyBatch(migration, shardOf('again', name), { ...turn, ...sides })
    expect(to.calls.list).toBe(shards.length)
    delete to.calls.list
    return { source: from.calls, destination: to.calls, reading: read.calls }
  }
  const noMulti = async (source: MemoryStore) => source.drop(text(MULTI))

  test('nothing but its two listings, if every ETag is equal', async () => {
    expect(await again(noMulti)).toEqual({ source: {}, destination: {}, reading: {} })
  })

  test('one HEAD of the copy, if the source’s was made of parts', async () => {
    expect(await again(async () => undefined)).toEqual({ source: {}, destination: {}, reading: { stat: 1 } })
  })

  test('a HEAD of each side, if the same bytes were put again', async () => {
    const same = async (source: MemoryStore) => (await noMulti(source), put(source, object(1), 'body 1', { of: '1' }))
    expect(await again(same)).toEqual({ source: { stat: 1 }, destination: {}, reading: { stat: 1 } })
  })

  test('a HEAD of the copy, and then GET and PUT, if the bytes changed and the size did not', async () => {
    const changed = async (source: MemoryStore) => (await noMulti(source), put(source, object(1), 'BODY 1', { of: '1' }))
    expect(await again(changed)).toEqual({ source: { read: 1 }, destination: { put: 1 }, reading: { stat: 1 } })
  })
})

test('a destination that may not be read is compared by what its listing says, and the outcome says so', async () => {
  const { world } = await filled()
  await ran(world, 'first')
  const { destination } = world.services
  world.services.destination = async (migration, use) => {
    const store = await destination(migration, use)
    return use === 'write' ? store : { ...store, stat: () => Promise.reject(new AccessDenied('403 on HEAD')) }
  }
  const second = await ran(world, 'second')
  expect(second.copied).toEqual([])
  expect(second.evidence).toEqual({ etag: SMALL + 1, 'size-and-time': 1, 'upload-record': 1 })
})

test('a destination under SSE-KMS: its ETags are no MD5, and the kept ones decide', async () => {
  const { world, source } = await filled()
  const { destination } = world
  const key = 'arn:aws:kms:us-east-1:000000000000:key/one'
  const { put: plain, createUpload } = destination
  destination.put = (at, body, options) => plain(at, body, { ...options, kmsKey: key })
  destination.createUpload = (at, options) => createUpload(at, { ...options, kmsKey: key })
  await ran(world, 'first')
  await put(source, object(1), 'BODY 1', { of: '1' })
  const second = await ran(world, 'second')
  expect(second.copied).toEqual([object(1)])
  expect(second.evidence).toEqual({ 'source-etag': SMALL, 'upload-record': 2 })
})

test('a KMS key that is asked for later: what is not encrypted with it is copied again, once', async () => {
  const { world } = await filled()
  const all = SMALL + 3
  const under = (name: string) => ({
    destination: { ...REQUEST.destination, kmsKey: `arn:aws:kms:us-east-1:000000000000:key/${name}` },
  })
  await ran(world, 'plain')
  for (const name of ['one', 'another']) {
    const first = await ran(world, `first-${name}`, under(name))
    expect(first).toMatchObject({ status: 'SUCCEEDED', evidence: {} })
    expect(first.copied).toHaveLength(all)
    for await (const page of world.destination.list({ prefix: text('') }))
      for (const { key } of page) expect((await world.destination.stat(key))?.kmsKey).toBe(under(name).destination.kmsKey)
    expect(await ran(world, `second-${name}`, { ...under(name), cutover: true })).toMatchObject({ status: 'SUCCEEDED', copied: [] })
  }
})
