import type { ListedObject, ObjectStore } from '@drayage/core'
import { memoryStore, type MemoryStore } from '../support/memory-store'
import { REQUEST, World, type WorldOptions } from './harness'

const MIB = 1024 * 1024
const EMPTY = '""'
/** What MinIO answers for every file that was not put through it. */
const ZEROS = '"00000000000000000000000000000000-1"'

const LARGE = Buffer.from('large')
const SMALL = Buffer.from('small')

/** A bucket that answers one ETag for every object, whatever is in it. */
const withOneEtag = (inner: MemoryStore, etag: string): ObjectStore => {
  async function* relabelled<T extends ListedObject>(pages: AsyncIterable<T[]>): AsyncGenerator<T[]> {
    for await (const page of pages) yield page.map((object) => ({ ...object, etag }))
  }
  return {
    ...inner,
    list: (query, call) => relabelled(inner.list(query, call)),
    stat: async (key, options) => {
      const info = await inner.stat(key, options)
      return info && { ...info, etag }
    },
    read: async (key, { ifMatch: _, ...options } = {}) => {
      const read = await inner.read(key, options)
      return { ...read, info: { ...read.info, etag } }
    },
  }
}

const bytesAt = async (store: ObjectStore, key: Buffer): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of (await store.read(key)).body) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** As if it had been put some seconds before or after now. */
const put = async (store: MemoryStore, key: Buffer, body: Buffer, seconds: number): Promise<void> => {
  await store.put(key, body, { headers: { metadata: { mtime: '1' } } })
  store.alter(key, { info: { lastModified: new Date(Date.now() + seconds * 1000).toISOString() } })
}

const worldOf = (bucket: MemoryStore, etag: string, more: WorldOptions = {}): World =>
  new World({ ...more, source: withOneEtag(bucket, etag) })

describe.each([
  ['empty', EMPTY],
  ['the same for all', ZEROS],
])("the source's ETags are %s", (_what, etag) => {
  test('what was put again with the same size is copied again', async () => {
    const bucket = memoryStore()
    await put(bucket, SMALL, Buffer.from('before'), -60)
    await put(bucket, LARGE, Buffer.alloc(6 * MIB, 1), -60)
    const world = worldOf(bucket, etag)
    expect((await world.run(REQUEST, 'first')).status).toBe('SUCCEEDED')
    const untouched = await world.run({ ...REQUEST, cutover: true }, 'untouched')
    expect(untouched.status).toBe('SUCCEEDED')
    expect((await world.report('untouched')).skippedBy).toMatchObject({ 'size-and-time': 2 })

    await put(bucket, SMALL, Buffer.from('behind'), 60)
    await put(bucket, LARGE, Buffer.alloc(6 * MIB, 2), 60)
    expect((await world.run(REQUEST, 'second')).status).toBe('SUCCEEDED')
    expect((await world.report('second')).ledger).toMatchObject({ copied: 2, skipped: 0 })
    for (const key of [SMALL, LARGE]) expect((await bytesAt(world.destination, key)).equals(await bytesAt(bucket, key))).toBe(true)
  })

  test('an upload of an earlier run is not gone on with', async () => {
    const bucket = memoryStore()
    const destination = memoryStore()
    await put(bucket, LARGE, Buffer.alloc(40 * MIB, 1), -60)
    let dying = true
    const dies = () => {
      if (dying) throw Object.assign(new Error('the machine went off'), { name: 'TypeError' })
    }
    const world = worldOf(bucket, etag, {
      destination: {
        ...destination,
        putPart: async (key, uploadId, number, body, call) => {
          if (number > 1) dies()
          return destination.putPart(key, uploadId, number, body, call)
        },
        completeUpload: async (...call) => (dies(), destination.completeUpload(...call)),
        abortUpload: async (key, uploadId, call) => {
          if (key.equals(LARGE)) dies()
          return destination.abortUpload(key, uploadId, call)
        },
      },
    })
    expect((await world.run(REQUEST, 'first')).status).toBe('FAILED')
    expect(await destination.listUploads(LARGE)).toHaveLength(1)
    dying = false
    await put(bucket, LARGE, Buffer.alloc(40 * MIB, 2), -30)
    expect((await world.run(REQUEST, 'second')).status).toBe('SUCCEEDED')
    expect((await bytesAt(destination, LARGE)).equals(await bytesAt(bucket, LARGE))).toBe(true)
  })

  test('an object that is put again between its parts is no mixture of both', async () => {
    const bucket = memoryStore()
    const destination = memoryStore()
    await put(bucket, LARGE, Buffer.alloc(100 * MIB, 1), -60)
    let changed = false
    const world = worldOf(bucket, etag, {
      destination: {
        ...destination,
        putPart: async (key, uploadId, number, body, call) => {
          const made = await destination.putPart(key, uploadId, number, body, call)
          if (changed || !key.equals(LARGE)) return made
          changed = true
          await put(bucket, LARGE, Buffer.alloc(100 * MIB, 2), 60)
          return made
        },
      },
    })
    const { status } = await world.run(REQUEST, 'run')
    expect(changed).toBe(true)
    expect(status).toBe('FAILED')
    expect((await world.report('run')).ledger).toMatchObject({ changed: 1 })
  })
})

test("both sides' ETags are the same for all: a skip rests on size and time, and a copy cannot be verified by the listing", async () => {
  const bucket = memoryStore()
  const destination = memoryStore()
  await put(bucket, SMALL, Buffer.from('source'), -60)
  await put(destination, SMALL, Buffer.from('others'), -30)
  const there = withOneEtag(destination, ZEROS)
  const world = worldOf(bucket, ZEROS, {
    destination: { ...destination, ...there, put: async (...call) => ({ ...(await destination.put(...call)), etag: ZEROS }) },
  })
  await world.run(REQUEST, 'run')
  expect((await world.report('run')).skippedBy).toMatchObject({ etag: 0, 'size-and-time': 1 })

  await put(bucket, SMALL, Buffer.from('newer!'), 60)
  expect((await world.run(REQUEST, 'copies')).status).toBe('FAILED')
  expect((await world.report('copies')).verification.counts).toMatchObject({ verified: 0, unverifiable: 1 })
})
