import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { StoreUnavailable, type ListedObject, type ObjectStore } from '@drayage/core'
import type { Outcome } from '../../layers/core/domain/outcomes'
import { listNames, readJson } from '../../layers/core/domain/state-files'
import { shardOf, stateKeys } from '../../layers/core/domain/state-keys'
import type { UploadRecord } from '../../layers/core/domain/uploads'
import type { BegunUpload } from '../../layers/core/transfer/begin-upload'
import { compositeCrc32 } from '../../layers/core/transfer/composite-crc32'
import { readOutcomes } from '../../layers/core/transfer/outcome-files'
import { memoryStore, type MemoryStore } from '../support/memory-store'
import { REQUEST, World } from './harness'

const MIB = 1024 * 1024
const KEY = Buffer.from('large')

/** Bytes of which no MiB is like another. */
const bytesOf = (size: number): Buffer => {
  const body = Buffer.alloc(size)
  for (let at = 0; at < size; at += MIB) randomBytes(64).copy(body, at)
  return body
}

/** A source with one large object, made of parts of these sizes, in MiB; without any: of one PUT of 20 MiB. */
const sourceOf = async (...sizes: number[]): Promise<MemoryStore> => {
  const store = memoryStore()
  const body = bytesOf(sizes.length === 0 ? 20 * MIB : sizes.reduce((sum, size) => sum + size * MIB, 0))
  if (sizes.length === 0) await store.put(KEY, body)
  else {
    const uploadId = await store.createUpload(KEY)
    let from = 0
    for (const [index, size] of sizes.entries())
      await store.putPart(KEY, uploadId, index + 1, body.subarray(from, (from += Math.round(size * MIB))))
    await store.completeUpload(KEY, uploadId, await store.listParts(KEY, uploadId))
  }
  return store
}

/** A source that flips one bit of the range in which this byte lies, in its first `times` reads. */
const damaging = (inner: ObjectStore, byte: number, times: number): ObjectStore => {
  let left = times
  return {
    ...inner,
    read: async (key, options = {}) => {
      const real = await inner.read(key, options)
      const { from = 0, to = real.info.size - 1 } = options.range ?? {}
      if (byte < from || byte > to || left-- <= 0) return real
      const body = Buffer.concat(await real.body.toArray())
      body[byte - from]! ^= 1
      return { ...real, body: Readable.from([body]) }
    },
  }
}

/** A source that knows no parts. */
const partless = (inner: ObjectStore): ObjectStore => ({
  ...inner,
  stat: (key, { part: _part, ...options } = {}) => inner.stat(key, options),
})

const listed = async (store: ObjectStore): Promise<ListedObject[]> => {
  const found: ListedObject[] = []
  for await (const page of store.list({ prefix: Buffer.alloc(0) })) found.push(...page)
  return found
}

const outcomeOf = async (world: World, runId: string): Promise<Outcome> => {
  const [name] = await listNames(world.state, stateKeys(runId).large)
  const [outcome] = await readOutcomes(world.state, runId, shardOf(runId, name!), {})
  return outcome!
}

const recordOf = async (world: World): Promise<UploadRecord> => {
  const [name] = await listNames(world.state, 'uploads/')
  return (await readJson<UploadRecord>(world.state, name!)).value
}

const run = async (world: World, runId: string, more: object = {}) => {
  const { status } = await world.run({ ...REQUEST, ...more }, runId)
  return { status, ...(await outcomeOf(world, runId)) }
}

const sameBytes = async (world: World, source: ObjectStore): Promise<boolean> => {
  const bytes = async (store: ObjectStore) => Buffer.concat(await (await store.read(KEY)).body.toArray())
  return (await bytes(world.destination)).equals(await bytes(source))
}

/** Everything up to CompleteUpload, by the functions' own calls: no Cleanup follows. */
const copiedParts = async (world: World, runId: string) => {
  const migration = await world.call('validateRequest', { request: REQUEST, execution: { id: `x:${runId}`, name: runId } })
  await world.call('openAccess', { migration })
  await world.call('listSource', { migration })
  const [shard] = await listNames(world.state, stateKeys(runId).large)
  const event = { migration, shard, writingSince: new Date().toISOString() }
  const { partGroups, ...upload } = (await world.call('beginUpload', event)) as BegunUpload
  for (const partGroup of partGroups) await world.call('copyPartGroup', { ...event, ...upload, partGroup })
  return { ...upload, complete: () => world.call('completeUpload', event) }
}

/** The checksum that the destination keeps. */
const stored = async ({ destination }: World) => (await destination.stat(KEY, { checksum: true }))?.crc32

describe('a large object that was made of parts', () => {
  test.each([
    ['of 8 MiB', [8, 8, 4]],
    ['of one part', [20]],
    ['whose last part is as long as the others', [6, 6]],
    ['of a size that nobody else uses', [5.5, 5.5, 5.5, 0.25]],
  ])('%s is cut as it was: its ETag comes out, and proves its bytes', async (_name, sizes) => {
    const source = await sourceOf(...sizes)
    const world = new World({ source })
    const outcome = await run(world, 'run')
    expect(outcome).toMatchObject({ status: 'SUCCEEDED', outcome: 'copied', proof: 'parts' })
    const [from, to] = [(await listed(source))[0]!, (await listed(world.destination))[0]!]
    expect([to.etag, outcome.etag]).toEqual([from.etag, from.etag])
    expect(from.etag).toMatch(new RegExp(`-${sizes.length}"$`))
    expect(outcome.crc32).toBe(await stored(world))
    expect(outcome.crc32).toMatch(new RegExp(`^[A-Za-z0-9+/]{6}==-${sizes.length}$`))
    // The next run needs no record to skip it.
    expect(await run(world, 'again')).toMatchObject({ outcome: 'skipped', evidence: 'etag' })
  })

  test('and that was damaged on the way is failed and never visible; the next run begins anew and reads it sound', async () => {
    const source = await sourceOf(8, 8, 4)
    const world = new World({ source: damaging(source, 9 * MIB, 1) })
    const damaged = await run(world, 'damaged')
    expect(damaged).toMatchObject({ status: 'FAILED', outcome: 'failed', reason: 'BodyMismatch' })
    expect(damaged.detail).toMatch(
      /^the parts that were read make the ETag "[0-9a-f]{32}-3", and the object's is "[0-9a-f]{32}-3" at the source$/,
    )
    expect(await listed(world.destination)).toEqual([])
    expect(await world.destination.listUploads(Buffer.alloc(0))).toEqual([])
    const given = await recordOf(world)
    expect(given).toMatchObject({ state: 'aborted', partsAsSource: 'exact' })

    expect(await run(world, 'sound')).toMatchObject({ status: 'SUCCEEDED', outcome: 'copied', proof: 'parts' })
    expect((await recordOf(world)).uploadId).not.toBe(given.uploadId)
    expect(await sameBytes(world, source)).toBe(true)
  })

  test('its wrong parts are aborted by CompleteUpload itself, not left to Cleanup: no call in between may go on with them', async () => {
    const source = await sourceOf(8, 8, 4)
    const world = new World({ source: damaging(source, 0, 1) })
    const { uploadId, complete } = await copiedParts(world, 'run')
    expect(await complete()).toEqual({ outcome: 'failed' })
    expect(await world.destination.listUploads(Buffer.alloc(0))).toEqual([])
    expect(await recordOf(world)).toMatchObject({ uploadId, state: 'aborted' })
  })

  test('one of several sizes that looks like one of one size fails once; then every part is looked at, and it is cut as we like', async () => {
    const source = await sourceOf(5, 5, 6, 4, 2)
    const world = new World({ source })
    expect(await run(world, 'run')).toMatchObject({ outcome: 'failed', reason: 'BodyMismatch' })
    expect(await run(world, 'next')).toMatchObject({ status: 'SUCCEEDED', outcome: 'copied', proof: 'length' })
    expect(await sameBytes(world, source)).toBe(true)
    expect(await run(world, 'again')).toMatchObject({ outcome: 'skipped', evidence: 'upload-record' })
  })

  test.each([
    ['of several sizes', () => sourceOf(5, 8, 8)],
    ['of parts too small for Amazon S3', () => sourceOf(4, 4, 4)],
    [
      'under SSE-KMS at the source',
      async () => {
        const store = await sourceOf(8, 8, 4)
        store.alter(KEY, { info: { encryption: 'aws:kms' } })
        return store
      },
    ],
  ])('%s is cut as we like', async (_name, make) => {
    const source = await make()
    const world = new World({ source })
    expect(await run(world, 'run')).toMatchObject({ status: 'SUCCEEDED', outcome: 'copied', proof: 'length' })
    expect(await recordOf(world)).toMatchObject({ partSize: 16 * MIB })
    expect(await sameBytes(world, source)).toBe(true)
  })

  test.each([
    ['the one usual size that makes so many', [8, 8, 4], { partsAsSource: 'guess', partSize: 8 * MIB }, 'parts'],
    ['none, if several would', [10, 10], { partSize: 16 * MIB }, 'length'],
    ['a wrong one, which proves nothing', [7, 7, 6], { partsAsSource: 'guess', partSize: 8 * MIB }, 'length'],
  ])('at a store that knows no parts is cut by a guess: %s', async (_name, sizes, record, proof) => {
    const source = await sourceOf(...sizes)
    const world = new World({ source: partless(source) })
    expect(await run(world, 'run')).toMatchObject({ status: 'SUCCEEDED', outcome: 'copied', proof })
    expect(await recordOf(world)).toMatchObject(record)
    expect(await sameBytes(world, source)).toBe(true)
  })

  test('at a store that answers for a part with an ETag of the part is cut by a guess too, and not taken for changed', async () => {
    const source = await sourceOf(8, 8, 4)
    const stat: ObjectStore['stat'] = async (key, options) => {
      const info = await source.stat(key, options)
      return info !== undefined && options?.part !== undefined ? { ...info, etag: `"${'0'.repeat(32)}"` } : info
    }
    const world = new World({ source: { ...source, stat } })
    expect(await run(world, 'run')).toMatchObject({ status: 'SUCCEEDED', outcome: 'copied', proof: 'parts' })
    expect(await recordOf(world)).toMatchObject({ partsAsSource: 'guess', partSize: 8 * MIB })
  })

  test('at a store whose ETags are not known to be made of MD5s, another ETag proves nothing', async () => {
    const inner = await sourceOf(8, 8, 4)
    const source = damaging(inner, 0, 1)
    const world = new World({ source })
    const other = { source: { ...REQUEST.source, provider: 'other' } }
    expect(await run(world, 'run', other)).toMatchObject({ status: 'SUCCEEDED', outcome: 'copied', proof: 'length' })
    // Control: an ETag that comes out proves as much as anywhere.
    const sound = new World({ source: inner })
    expect(await run(sound, 'run', other)).toMatchObject({ outcome: 'copied', proof: 'parts' })
  })
})

test('a destination that encrypts by default, whose ETags of parts are no MD5s: the parts are cut as we like, and nothing fails', async () => {
  const source = await sourceOf(8, 8, 4)
  const world = new World({ source })
  const { destination } = world
  const { putPart, listParts, completeUpload } = destination
  const opaque = (etag: string) => etag.replace(/[0-9a-f]/g, (digit) => (15 - parseInt(digit, 16)).toString(16))
  destination.putPart = async (...call) => {
    const answer = await putPart(...call)
    return { ...answer, etag: opaque(answer.etag) }
  }
  destination.listParts = async (...call) => (await listParts(...call)).map((part) => ({ ...part, etag: opaque(part.etag) }))
  destination.completeUpload = async (key, id, parts, call) =>
    completeUpload(
      key,
      id,
      parts.map((part) => ({ ...part, etag: opaque(part.etag) })),
      call,
    )
  expect(await run(world, 'run')).toMatchObject({ status: 'SUCCEEDED', outcome: 'copied', proof: 'length' })
  const record = await recordOf(world)
  expect(record).toMatchObject({ partSize: 16 * MIB })
  expect(record.partsAsSource).toBeUndefined()
  expect(await sameBytes(world, source)).toBe(true)
})

test('control: a large object of one PUT has no parts to prove its bytes, and says so, damaged or not', async () => {
  const source = await sourceOf()
  const sound = new World({ source })
  expect(await run(sound, 'run')).toMatchObject({ status: 'SUCCEEDED', outcome: 'copied', proof: 'length' })
  expect((await outcomeOf(sound, 'run')).crc32).toBe(await stored(sound))
  const damaged = new World({ source: damaging(source, 0, 1) })
  expect(await run(damaged, 'run')).toMatchObject({ status: 'SUCCEEDED', outcome: 'copied', proof: 'length' })
  expect(await sameBytes(damaged, source)).toBe(false)
  // Only reading it again finds that.
  const reread = new World({ source: damaging(source, 0, 1) })
  expect(await run(reread, 'run', { verification: { mode: 'reread' } })).toMatchObject({ status: 'FAILED', outcome: 'copied' })
  expect((await reread.report('run')).verification.counts).toMatchObject({ different: 1, verified: 0 })
})

test('the checksum of its parts’ checksums is what the mode checksum compares; it is not claimed where a part has none', async () => {
  const world = new World({ source: await sourceOf(8, 8, 4) })
  expect(await run(world, 'run', { verification: { mode: 'checksum' } })).toMatchObject({ status: 'SUCCEEDED', outcome: 'copied' })
  expect((await world.report('run')).verification.counts).toMatchObject({ verified: 1 })
  const part = { number: 1, etag: '"a"', size: 5, crc32: 'AAAAAA==' }
  expect(compositeCrc32([part, { ...part, number: 2, crc32: undefined }])).toBeUndefined()
})

test('an open upload whose parts are the source’s own is gone on with by the next run', async () => {
  const source = await sourceOf(8, 8, 4)
  const world = new World({ source })
  const dead = await copiedParts(world, 'dead')
  expect(await recordOf(world)).toMatchObject({ state: 'open', partsAsSource: 'exact', partSize: 8 * MIB })
  source.read = () => Promise.reject(new Error('no part has to be read again'))
  const next = await copiedParts(world, 'next')
  expect(next.uploadId).toBe(dead.uploadId)
  expect(await next.complete()).toEqual({ outcome: 'copied' })
  expect(await outcomeOf(world, 'next')).toMatchObject({ proof: 'parts', crc32: await stored(world) })
})

test('a completion that was not answered is found by its record, with its checksum and proof', async () => {
  const source = await sourceOf(8, 8, 4)
  const world = new World({ source })
  const { completeUpload } = world.destination
  let lost = 0
  world.destination.completeUpload = async (...call) => {
    const answer = await completeUpload(...call)
    if (lost++ === 0) throw new StoreUnavailable('the answer is lost')
    return answer
  }
  expect(await run(world, 'run')).toMatchObject({ status: 'SUCCEEDED', outcome: 'copied', proof: 'parts', crc32: await stored(world) })
  expect(lost).toBe(1)
})

test.each(['current', 'all'] as const)(
  'one that is longer than it was listed, under the listed ETag, is changed and not cut off (versions: %s)',
  async (versions) => {
    const inner = memoryStore({ versions: true })
    await inner.put(KEY, bytesOf(12 * MIB))
    const shorter = <T extends { size: number }>(page: T[]): T[] => page.map((object) => ({ ...object, size: 10 * MIB }))
    const source: ObjectStore = {
      ...inner,
      async *list(query, call) {
        for await (const page of inner.list(query, call)) yield shorter(page)
      },
      async *listVersions(query, call) {
        for await (const page of inner.listVersions(query, call)) yield shorter(page)
      },
    }
    const world = new World({ source, destination: memoryStore({ versions: true }) })
    expect(await world.run({ ...REQUEST, carry: { versions } }, 'run')).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    expect(await world.report('run')).toMatchObject({
      ledger: { listed: 1, changed: 1, copied: 0 },
      failures: {
        sample: [{ reason: 'ObjectChanged', detail: expect.stringContaining('12,582,912 bytes now, 10,485,760 when it was listed') }],
      },
    })
    expect(await listed(world.destination)).toEqual([])
  },
)
