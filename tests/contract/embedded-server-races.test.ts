import type { ClassicLevel } from 'classic-level'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { Bucket } from '../../cli/local/s3-server/bucket'
import { Buckets } from '../../cli/local/s3-server/buckets'
import type { Call } from '../../cli/local/s3-server/call'
import type { Change, Database } from '../../cli/local/s3-server/database'
import { listVersions } from '../../cli/local/s3-server/listing'
import type { StoredObject } from '../../cli/local/s3-server/version'
import { temporaryDirectory } from '../support/embedded-client'

let temporary: ReturnType<typeof temporaryDirectory>
let buckets: Buckets
let database: Database

beforeEach(async () => {
  temporary = temporaryDirectory()
  buckets = await Buckets.open(temporary.directory)
  database = Reflect.get(buckets, 'database') as Database
})

afterEach(async () => {
  await buckets.close()
  temporary.remove()
})

const always = (): void => undefined
const bodies = (): string[] =>
  readdirSync(join(temporary.directory, 'v2', 'bodies'), { recursive: true })
    .map(String)
    .filter((name) => name.includes('/'))

/** Everything in the index but the buckets, once no removal is under way. */
const storedRows = async (): Promise<string[]> => {
  await (Reflect.get(buckets, 'bodies') as { settled(): Promise<void> }).settled()
  return (Reflect.get(database, 'level') as ClassicLevel).keys({ gte: 'c' }).all()
}

const bodyIn = async (bucket: Bucket, size: number, letter = 'x') =>
  bucket.bodies.write(
    (async function* () {
      yield Buffer.alloc(size, letter)
    })(),
    size,
  )
const objectOf = (size: number, pieces: StoredObject['pieces']): StoredObject => ({ headers: {}, size, etag: 'e', modified: 0, pieces })
const put = async (bucket: Bucket, key: string, size = 5000, check = always) =>
  bucket.put(key, objectOf(size, await bodyIn(bucket, size)), check)

/** Holds the writes back that the test lets go, one by one, or makes fail. */
const hold = () => {
  const write = database.write.bind(database)
  const held: { changes: readonly Change[]; go: () => Promise<void>; fail: (error: Error) => void }[] = []
  database.write = (changes) =>
    new Promise((resolve, reject) => {
      held.push({ changes, go: () => write(changes).then(resolve, reject), fail: reject })
    })
  return { held, release: () => (database.write = write) }
}

describe('a bucket', () => {
  it('takes nothing in before its own row is written, and is not there when that fails', async () => {
    const { held, release } = hold()
    const created = buckets.create('fresh', { created: 0 })
    await turn()
    expect(() => buckets.get('fresh')).toThrow('bucket does not exist')
    await held[0]?.go()
    await created
    expect(buckets.get('fresh').name).toBe('fresh')
    const failing = buckets.create('failed', { created: 0 })
    await turn()
    held[1]?.fail(new Error('disk full'))
    await expect(failing).rejects.toThrow('disk full')
    expect(() => buckets.get('failed')).toThrow('bucket does not exist')
    release()
  })

  it('that was removed takes in nothing of a writer that was under way, nor does the next one of its name', async () => {
    await buckets.create('gone', { created: 0 })
    const before = buckets.get('gone')
    const pieces = await bodyIn(before, 5000)
    await buckets.remove('gone')
    await buckets.create('gone', { created: 1 })
    await expect(before.put('late', objectOf(5000, pieces), always)).rejects.toThrow('bucket does not exist')
    expect(buckets.get('gone').find('late')).toBeUndefined()
    expect(bodies()).toEqual([])
  })

  it('is not removed from under a change that came first, and stays whole', async () => {
    await buckets.create('kept', { created: 0 })
    const bucket = buckets.get('kept')
    const { held, release } = hold()
    const written = bucket.put('first', objectOf(0, []), always)
    const removed = buckets.remove('kept')
    for (let turns = 0; turns < 10_000 && !Reflect.get(bucket, 'ended'); turns++) await turn()
    for (let turns = 0; turns < 50; turns++) await turn()
    release()
    for (const { go } of held) await go()
    await written
    await expect(removed).rejects.toThrow('not empty')
    await put(bucket, 'second')
    expect([bucket.find('first')?.size, bucket.find('second')?.size]).toEqual([0, 5000])
  })

  it('is there after creations and removals at once, in the order in which they were asked for', async () => {
    const asked = [0, 1, 2].flatMap((created) => [buckets.create('turns', { created }), buckets.remove('turns')])
    await Promise.all([...asked, buckets.create('turns', { created: 3 })])
    await buckets.close()
    buckets = await Buckets.open(temporary.directory)
    expect(buckets.all().map(({ name, settings }) => [name, settings.created])).toEqual([['turns', 3]])
  })

  it('ends its open uploads when it is removed, and their bodies', async () => {
    await buckets.create('uploads', { created: 0 })
    const bucket = buckets.get('uploads')
    await bucket.create({ id: 'open', key: 'k', headers: {}, initiated: 0 }, always)
    await bucket.putPart('k', 'open', 1, { size: 5000, etag: 'e', modified: 0, pieces: await bodyIn(bucket, 5000) }, always)
    await buckets.remove('uploads')
    await buckets.settled()
    expect([bodies(), await database.rows('p', 'q'), await database.rows('u', 'v')]).toEqual([[], [], []])
  })
})

describe('a change', () => {
  it('whose caller may no more is not made, also when it waited for the one before it', async () => {
    await buckets.create('kept', { created: 0 })
    const bucket = buckets.get('kept')
    const { held, release } = hold()
    let allowed = true
    const check = (): void => {
      if (!allowed) throw new Error('revoked')
    }
    const first = bucket.put('key', objectOf(1, []), check)
    const second = bucket.put('key', objectOf(2, []), check)
    await turn()
    allowed = false
    const settled = buckets.settled()
    let done = false
    void settled.then(() => (done = true))
    await turn()
    expect([held.length, done]).toEqual([1, false]) // revokeKey waits for what was allowed before
    await held[0]?.go()
    await first
    await expect(second).rejects.toThrow('revoked')
    await settled
    release()
    expect(bucket.find('key')?.size).toBe(1)
  })

  it('that fails while it is written ends all writing until the next start, which has all that was answered', async () => {
    await buckets.create('kept', { created: 0 })
    const bucket = buckets.get('kept')
    await put(bucket, 'answered')
    const level = Reflect.get(database, 'level') as { batch: unknown }
    const { batch } = level
    level.batch = () => Promise.reject(new Error('no space left on device'))
    await expect(bucket.put('failed', objectOf(0, []), always)).rejects.toThrow('no space left')
    level.batch = batch
    await expect(put(bucket, 'after', 0)).rejects.toThrow('no space left')
    await expect(buckets.create('after', { created: 0 })).rejects.toThrow('no space left')
    expect(bucket.find('answered')?.size).toBe(5000)
    await buckets.close()
    buckets = await Buckets.open(temporary.directory)
    expect(buckets.get('kept').find('answered')?.size).toBe(5000)
    expect((await put(buckets.get('kept'), 'again')).size).toBe(5000)
  })
})

describe('versions', () => {
  const ids = async (bucket: Bucket, query: [string, string][] = []): Promise<string[]> => {
    const { body } = await listVersions({ request: { query, headers: {}, bucket: 'kept' }, bucket: () => bucket } as unknown as Call)
    return [...String(body).matchAll(/<Key>(.*?)<\/Key><VersionId>(.*?)<\/VersionId><IsLatest>(.*?)<\/IsLatest>/g)].map(
      ([, key, id, latest]) => `${key} ${id} ${latest}`,
    )
  }

  it('are in the order of their writing whatever the clock was when an earlier one was written', async () => {
    await buckets.create('kept', { created: 0 })
    const bucket = buckets.get('kept')
    await bucket.setVersioning('Enabled', always)
    const ahead = { ...objectOf(0, []), order: '1000000000000000', id: '1'.padEnd(32, '0') } // of the year 2500 or so
    await database.write([{ put: 'okept/key', row: ahead }])
    const [second, third] = [await bucket.put('key', objectOf(0, []), always), await bucket.put('key', objectOf(0, []), always)]
    expect(await ids(bucket)).toEqual([`key ${third.id} true`, `key ${second.id} false`, `key ${ahead.id} false`])
    await bucket.delete('key', third.id, 0, always)
    expect(bucket.find('key')?.id).toBe(second.id)
    await bucket.delete('key', second.id, 0, always)
    expect(bucket.find('key')?.id).toBe(ahead.id)
  })

  it('are listed as of one moment, whatever is written between the reading of the two tables', async () => {
    await buckets.create('kept', { created: 0 })
    const bucket = buckets.get('kept')
    await bucket.setVersioning('Enabled', always)
    for (const size of [1, 2]) await bucket.put('key', objectOf(size, []), always)
    const before = await ids(bucket)
    const [older] = await database.rows('vkept', 'w')
    const scan = database.scan.bind(database)
    let scans = 0
    database.scan = (from, to, snapshot) => {
      if (scans++ === 1) {
        // the newest version is deleted, and the other is promoted, before the second table is looked at
        void database.write([{ put: 'okept/key', row: older?.[1] }, { delete: older?.[0] ?? '' }])
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
      }
      return scan(from, to, snapshot)
    }
    expect(await ids(bucket)).toEqual(before)
    expect([scans, await ids(bucket)]).toEqual([2, [before[1]?.replace('false', 'true')]])
  })

  it('are all reached by pages whose last one is deleted before the next is asked for, the null version too', async () => {
    await buckets.create('kept', { created: 0 })
    const bucket = buckets.get('kept')
    for (const key of ['a', 'b']) await bucket.put(key, objectOf(0, []), always)
    await bucket.setVersioning('Enabled', always)
    for (const key of ['a', 'b']) await bucket.put(key, objectOf(0, []), always)
    let marker: [string, string][] = []
    const deleted: string[] = []
    for (;;) {
      const [row] = await ids(bucket, [['max-keys', '1'], ...marker])
      if (row === undefined) break
      const [key = '', id = ''] = row.split(' ')
      deleted.push(key)
      await bucket.delete(key, id, 0, always)
      marker = [
        ['key-marker', key],
        ['version-id-marker', id],
      ]
    }
    expect(deleted).toEqual(['a', 'a', 'b', 'b'])
    expect(await bucket.isEmpty()).toBe(true)
  })

  it('below a prefix are listed from its beginning when the marker lies before it', async () => {
    await buckets.create('kept', { created: 0 })
    const bucket = buckets.get('kept')
    for (const key of ['a', 'b', 'p/1', 'p/2']) await bucket.put(key, objectOf(0, []), always)
    expect(
      await ids(bucket, [
        ['prefix', 'p/'],
        ['key-marker', 'a'],
        ['version-id-marker', 'null'],
      ]),
    ).toHaveLength(2)
  })
})

describe('a body', () => {
  const BIG = 70_000

  it('outlives its object as long as anyone reads it, a second reader and small pieces too, and no longer', async () => {
    await buckets.create('kept', { created: 0 })
    const bucket = buckets.get('kept')
    const pieces = [...(await bodyIn(bucket, BIG, 'a')), ...(await bodyIn(bucket, 10, 'b'))]
    await bucket.put('key', objectOf(BIG + 10, pieces), always)
    const readers = [0, 1].map(() => bucket.bodies.read(pieces, 0, BIG + 10))
    await bucket.delete('key', undefined, 0, always)
    readers.push(bucket.bodies.read(pieces, 0, BIG + 10)) // found before the deletion, opened after it
    for (const reader of readers) {
      if (Buffer.isBuffer(reader)) throw new Error('not a stream')
      expect(Buffer.concat((await reader.toArray()) as Buffer[]).toString()).toBe('a'.repeat(BIG) + 'b'.repeat(10))
    }
    await turn()
    expect([bodies(), await storedRows()]).toEqual([[], []])
  })
})

describe('an upload', () => {
  it('of 10,000 parts becomes one object that can be read anywhere, and its deletion leaves nothing', async () => {
    await buckets.create('kept', { created: 0 })
    const bucket = buckets.get('kept')
    await bucket.create({ id: 'many', key: 'k', headers: {}, initiated: 0 }, always)
    const partOf = (number: number): string => String(number).padStart(10, '0')
    for (let number = 10_000; number > 0; number--) {
      const pieces = await bucket.bodies.write(Readable.from([Buffer.from(partOf(number))]), 10)
      await bucket.putPart('k', 'many', number, { size: 10, etag: 'e', modified: 0, pieces }, always)
    }
    expect((await bucket.parts('many', 4998, 3)).map(([number]) => number)).toEqual([4999, 5000, 5001])
    await bucket.complete(
      'k',
      'many',
      (_, parts) =>
        objectOf(
          100_000,
          [...parts.values()].flatMap(({ pieces }) => pieces),
        ),
      always,
    )
    const { pieces } = bucket.find('k') as StoredObject
    expect(bucket.bodies.read(pieces, 69_995, 70_005).toString()).toBe(partOf(7000).slice(5) + partOf(7001).slice(0, 5))
    const whole = bucket.bodies.read(pieces, 0, 100_000)
    if (Buffer.isBuffer(whole)) throw new Error('not a stream')
    const wanted = Array.from({ length: 10_000 }, (_, at) => partOf(at + 1)).join('')
    expect(Buffer.concat((await whole.toArray()) as Buffer[]).toString() === wanted).toBe(true)
    await bucket.delete('k', undefined, 0, always)
    expect(await storedRows()).toEqual([])
  })
})
