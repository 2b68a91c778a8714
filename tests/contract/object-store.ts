import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import {
  BodyMismatch,
  DrayageError,
  NoSuchObject,
  NoSuchUpload,
  ObjectArchived,
  ObjectChanged,
  PreconditionFailed,
  StoreRefused,
  StoreUnavailable,
} from '../../layers/core/domain/errors'
import { compareKeys, printableKey, type Key } from '../../layers/core/domain/keys'
import type {
  ListedObject,
  ListedVersion,
  ListQuery,
  ObjectHeaders,
  ObjectLock,
  ObjectStore,
  Tag,
} from '../../layers/core/domain/object-store'

export interface OpenedStore {
  /** an empty bucket */
  store: ObjectStore
  /** another, with versions and Object Lock */
  versioned: ObjectStore
  /** puts an object of `store` into Intelligent-Tiering's archive; none: nobody can */
  archive?(key: Key): Promise<void>
  close(): Promise<void>
}

/** What a store that is not ours is known not to do; what tests it is left out. */
export interface KnownLacks {
  /** keys with control characters */
  controlCharacters?: boolean
  /** says that an upload is gone when a part is put to it or it is completed */
  goneUploads?: boolean
  /** answers a HEAD of a part with the ETag of the object, and keeps checksums that no SDK has announced */
  partsAndChecksums?: boolean
  /** lists delete markers among the versions and not behind all of them, and goes on after a key without leaving out the next version */
  versionListings?: boolean
  /** takes an object lock with any checksum, also one that no SDK has announced */
  locks?: boolean
  /** restores the version that a restore names, and not the newest */
  versionRestores?: boolean
}

const MIB = 1024 * 1024

const text = (value: string): Key => Buffer.from(value, 'utf8')

const md5Etag = (bytes: Buffer): string => `"${createHash('md5').update(bytes).digest('hex')}"`

const crcOf = (bytes: Buffer): string => {
  const crc = Buffer.alloc(4)
  crc.writeUInt32BE(crc32(bytes))
  return crc.toString('base64')
}

const bytesOf = async (stream: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const pagesOf = async (store: ObjectStore, query: ListQuery): Promise<ListedObject[][]> => {
  const pages: ListedObject[][] = []
  for await (const page of store.list(query)) pages.push(page)
  return pages
}

const versionPagesOf = async (store: ObjectStore, query: ListQuery): Promise<ListedVersion[][]> => {
  const pages: ListedVersion[][] = []
  for await (const page of store.listVersions(query)) pages.push(page)
  return pages
}

const keysOf = async (store: ObjectStore, query: ListQuery): Promise<string[]> =>
  (await pagesOf(store, query)).flat().map(({ key }) => key.toString('hex'))

const thrownBy = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

const hex = (keys: readonly Key[]): string[] => keys.map((key) => key.toString('hex'))

/** Keys that clients and servers like to change, all legal in Amazon S3. */
export const AWKWARD_KEYS: readonly string[] = [
  'a//b',
  '/leading',
  '//',
  '../x',
  'a/../b',
  '.',
  '..',
  './a',
  'a/./b',
  'marker/',
  'marker',
  'plus+plus',
  '%2F',
  'a%20b',
  'with space',
  ' space at both ends ',
  'a&b=c;d?e#f',
  `quotes'"<>\\^\`{|}~[]`,
  "!'()*$@:,",
  'emoji-😀',
  'é composed',
  'e\u0301 decomposed',
  '\ufeffbom',
  '\u202eright to left',
  '__proto__',
  'constructor',
  '&amp;&lt;]]>',
  'k'.repeat(1024),
  'é'.repeat(512),
]

/** The same, in characters that XML 1.0 cannot carry unescaped. */
const CONTROL_KEYS: readonly string[] = ['tab\tkey', 'line\nfeed', 'carriage\r\nreturn', 'bell\u0007', '\u0001\u001f\u007f']

/** One suite for every implementation of ObjectStore. `make` opens an empty bucket, once. */
export const objectStoreContract = (name: string, make: () => Promise<OpenedStore>, lacks: KnownLacks = {}): void => {
  describe(`object store: ${name}`, () => {
    let opened: OpenedStore
    let store: ObjectStore
    let versioned: ObjectStore
    beforeAll(async () => {
      opened = await make()
      store = opened.store
      versioned = opened.versioned
    })
    afterAll(async () => opened.close())

    describe('list', () => {
      const prefix = text('list/')
      // U+E000 and U+FFFD sort before U+1F600 in UTF-8 and after it in UTF-16
      const names = [
        'list/',
        'list/A',
        'list/a',
        'list/a/',
        'list/a/1',
        'list/a0',
        'list/b',
        'list/é',
        'list/\ue000',
        'list/\ufffd',
        'list/😀',
        'list/😀/x',
      ]
      const keys = names.map(text)

      beforeAll(async () => {
        for (const key of [...keys].reverse()) await store.put(key, Buffer.from(key), {})
        await store.put(text('lisu'), Buffer.alloc(0))
        await store.put(text('lis'), Buffer.alloc(0))
      })

      test('keys come in UTF-8 byte order, and only those of the prefix', async () => {
        expect([...keys].sort(compareKeys)).toEqual(keys)
        expect(await keysOf(store, { prefix })).toEqual(hex(keys))
      })

      test('an object is listed with its size, ETag and date', async () => {
        const { etag } = await store.put(text('listed/one'), Buffer.from('12345'))
        const [[object]] = (await pagesOf(store, { prefix: text('listed/one') })) as [[ListedObject]]
        expect(object).toMatchObject({
          size: 5,
          etag,
          lastModified: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
        })
        expect(Math.abs(Date.parse(object.lastModified) - Date.now())).toBeLessThan(120_000)
      })

      test.each([1, 2, 5, 12, 13])('pages of at most %i keys hold the same', async (pageSize) => {
        const pages = await pagesOf(store, { prefix, pageSize })
        expect(hex(pages.flat().map(({ key }) => key))).toEqual(hex(keys))
        expect(Math.max(...pages.map(({ length }) => length))).toBeLessThanOrEqual(pageSize)
        expect(pages.length).toBeGreaterThanOrEqual(Math.ceil(keys.length / pageSize))
      })

      test('a range leaves its lower bound out and takes its upper bound in', async () => {
        for (const pageSize of [2, 1000]) {
          expect(await keysOf(store, { prefix, after: keys[2], upTo: keys[9], pageSize })).toEqual(hex(keys.slice(3, 10)))
        }
      })

      test('bounds need not be keys that exist', async () => {
        expect(await keysOf(store, { prefix, after: text('list/a/0'), upTo: text('list/c') })).toEqual(hex(keys.slice(4, 7)))
        expect(await keysOf(store, { prefix, after: text('list/😀/x') })).toEqual([])
        expect(await keysOf(store, { prefix, upTo: text('list') })).toEqual([])
        expect(await keysOf(store, { prefix, after: text('a') })).toEqual(hex(keys))
      })

      test('ranges that tile the key space hold every key once', async () => {
        const bounds = [undefined, keys[1], text('list/a/'), text('list/\ue001'), undefined]
        const found: string[] = []
        for (let at = 0; at + 1 < bounds.length; at += 1)
          found.push(...(await keysOf(store, { prefix, after: bounds[at], upTo: bounds[at + 1], pageSize: 3 })))
        expect(found).toEqual(hex(keys))
      })

      test('an empty prefix lists all, an unknown one nothing', async () => {
        const all = await keysOf(store, { prefix: Buffer.alloc(0) })
        expect(all).toEqual(expect.arrayContaining(hex([...keys, text('lis'), text('lisu')])))
        expect(await keysOf(store, { prefix: text('nothing here/') })).toEqual([])
      })

      test('an aborted signal ends a listing with its reason', async () => {
        const reason = new Error('enough')
        const aborting = new AbortController()
        const pages = store.list({ prefix, pageSize: 2 }, { signal: aborting.signal })[Symbol.asyncIterator]()
        expect((await pages.next()).done).toBe(false)
        aborting.abort(reason)
        expect(await thrownBy(pages.next())).toBe(reason)
      })
    })

    describe('read and stat', () => {
      const key = text('read/object')
      const bytes = randomBytes(300_000)
      let etag = ''
      beforeAll(async () => {
        etag = (await store.put(key, bytes)).etag
      })

      test('the whole object, and what is known of it', async () => {
        const { info, length, body } = await store.read(key)
        expect((await bytesOf(body)).equals(bytes)).toBe(true)
        expect({ length, size: info.size, etag: info.etag }).toEqual({ length: bytes.length, size: bytes.length, etag })
        expect(await store.stat(key)).toMatchObject({ size: bytes.length, etag })
      })

      test('an empty object', async () => {
        await store.put(text('read/empty'), Buffer.alloc(0))
        const { info, length, body } = await store.read(text('read/empty'))
        expect([info.size, length, (await bytesOf(body)).length]).toEqual([0, 0, 0])
        expect((await store.stat(text('read/empty')))?.size).toBe(0)
      })

      test.each([
        [0, 0],
        [0, 299_999],
        [1, 65_536],
        [299_999, 299_999],
        [299_000, 400_000],
      ])('bytes %i to %i', async (from, to) => {
        const { info, length, body } = await store.read(key, { range: { from, to } })
        const expected = bytes.subarray(from, to + 1)
        expect((await bytesOf(body)).equals(expected)).toBe(true)
        expect([length, info.size]).toEqual([expected.length, bytes.length])
      })

      test('a range beyond the end is refused', async () => {
        expect(await thrownBy(store.read(key, { range: { from: 300_000, to: 300_001 } }))).toBeInstanceOf(StoreRefused)
      })

      test('a read is pinned to its ETag', async () => {
        const pinned = text('read/pinned')
        const before = await store.put(pinned, Buffer.from('one'))
        expect((await bytesOf((await store.read(pinned, { ifMatch: before.etag })).body)).toString()).toBe('one')
        await store.put(pinned, Buffer.from('two'))
        expect(await thrownBy(store.read(pinned, { ifMatch: before.etag }))).toBeInstanceOf(ObjectChanged)
        expect(await thrownBy(store.read(pinned, { ifMatch: before.etag, range: { from: 0, to: 1 } }))).toBeInstanceOf(ObjectChanged)
      })

      test('an object that does not exist', async () => {
        expect(await thrownBy(store.read(text('read/nothing')))).toBeInstanceOf(NoSuchObject)
        expect(await store.stat(text('read/nothing'))).toBeUndefined()
      })

      test('an aborted signal ends a body with its reason', async () => {
        const large = text('read/large')
        await store.put(large, randomBytes(8 * MIB))
        const reason = new Error('enough')
        const aborting = new AbortController()
        const { body } = await store.read(large, { signal: aborting.signal })
        const reading = (async () => {
          for await (const chunk of body) if ((chunk as Buffer).length > 0) aborting.abort(reason)
        })()
        expect(await thrownBy(reading)).toBe(reason)
        expect(await thrownBy(store.read(large, { signal: aborting.signal }))).toBe(reason)
      })

      test('a body that is not wanted can be destroyed, and the store goes on', async () => {
        for (let at = 0; at < 5; at += 1) (await store.read(key)).body.destroy()
        expect((await bytesOf((await store.read(key)).body)).length).toBe(bytes.length)
      })

      test('a slow reader holds the store back', async () => {
        const large = text('read/slow')
        const content = randomBytes(24 * MIB)
        await store.put(large, content)
        const { body } = await store.read(large)
        let most = 0
        let length = 0
        for await (const chunk of body) {
          length += (chunk as Buffer).length
          if (length < 2 * MIB) await new Promise((resolve) => setTimeout(resolve, 5))
          most = Math.max(most, body.readableLength)
        }
        expect(length).toBe(content.length)
        expect(most).toBeLessThan(MIB)
      })
    })

    describe('put', () => {
      test.each([0, 1, 4096, 65_536, 1_500_000])('%i bytes in memory', async (size) => {
        const bytes = randomBytes(size)
        const key = text(`put/buffer-${size}`)
        const { etag, crc32: sent } = await store.put(key, bytes)
        expect([etag, sent]).toEqual([md5Etag(bytes), crcOf(bytes)])
        expect((await bytesOf((await store.read(key)).body)).equals(bytes)).toBe(true)
      })

      test.each([
        [0, 10],
        [1, 1],
        [70_000, 999],
        [MIB, 65_536],
        [MIB + 1, MIB + 1],
        [3 * MIB + 17, 100_003],
      ])('a stream of %i bytes in pieces of %i', async (size, piece) => {
        const bytes = randomBytes(size)
        const key = text(`put/stream-${size}`)
        const { etag, crc32: sent } = await store.put(
          key,
          { stream: pieces(bytes, piece), size },
          { headers: { contentType: 'text/plain', metadata: {} } },
        )
        expect([etag, sent]).toEqual([md5Etag(bytes), crcOf(bytes)])
        const { info, body } = await store.read(key)
        expect((await bytesOf(body)).equals(bytes)).toBe(true)
        expect([info.headers.contentType, info.headers.contentEncoding]).toEqual(['text/plain', undefined])
      })

      const wrongLengths: [string, number][] = [
        ['shorter', 200_000],
        ['longer', 99_999],
        ['empty', 1],
        ['not empty', 0],
      ]
      test.each(wrongLengths)('a stream that is %s than announced leaves nothing', async (word, size) => {
        const key = text(`put/wrong-${word}`)
        const bytes = randomBytes(word === 'empty' ? 0 : 100_000)
        expect(await thrownBy(store.put(key, { stream: pieces(bytes, 30_000), size }))).toBeInstanceOf(BodyMismatch)
        expect(await store.stat(key)).toBeUndefined()
        // the positive control: the same bytes, rightly announced
        await store.put(key, { stream: pieces(bytes, 30_000), size: bytes.length })
        expect((await store.stat(key))?.size).toBe(bytes.length)
      })

      test('an error of the stream comes back as it is, and an older object stays', async () => {
        const key = text('put/failing')
        const { etag } = await store.put(key, Buffer.from('old'))
        const fault = new StoreUnavailable('the source went away')
        const failing = async function* () {
          yield randomBytes(50_000)
          throw fault
        }
        expect(await thrownBy(store.put(key, { stream: failing(), size: 100_000 }))).toBe(fault)
        expect((await store.stat(key))?.etag).toBe(etag)
      })

      test('an aborted signal ends a put with its reason, and nothing is kept', async () => {
        const key = text('put/aborted')
        const reason = new Error('enough')
        const aborting = new AbortController()
        const slow = async function* () {
          yield randomBytes(10)
          aborting.abort(reason)
          yield randomBytes(10)
        }
        expect(await thrownBy(store.put(key, { stream: slow(), size: 20 }, { signal: aborting.signal }))).toBe(reason)
        expect(await thrownBy(store.put(key, Buffer.from('x'), { signal: aborting.signal }))).toBe(reason)
        expect(await store.stat(key)).toBeUndefined()
      })

      const headers: ObjectHeaders = {
        contentType: 'text/html; charset=utf-8',
        contentLanguage: 'en, de',
        contentEncoding: 'gzip',
        contentDisposition: 'attachment; filename="a b.html"',
        cacheControl: 'max-age=60, no-transform',
        expires: 'Thu, 01 Jan 2032 00:00:00 GMT',
        metadata: { owner: 'someone', 'with-dash': 'a=b; c', empty: '' },
      }

      test('headers and metadata of a buffer and of a stream', async () => {
        await store.put(text('put/headers'), Buffer.from('x'), { headers })
        await store.put(text('put/headers-stream'), { stream: pieces(Buffer.from('xyz'), 2), size: 3 }, { headers })
        for (const key of ['put/headers', 'put/headers-stream']) {
          const { info, body } = await store.read(text(key))
          await bytesOf(body)
          expect(info.headers).toEqual(headers)
          expect((await store.stat(text(key)))?.headers).toEqual(headers)
        }
      })

      test('only if there is none, only if it is the same', async () => {
        const key = text('put/conditional')
        const first = await store.put(key, Buffer.from('1'), { ifNoneMatch: true })
        expect(await thrownBy(store.put(key, Buffer.from('2'), { ifNoneMatch: true }))).toBeInstanceOf(PreconditionFailed)
        const second = await store.put(key, Buffer.from('3'), { ifMatch: first.etag })
        expect(await thrownBy(store.put(key, Buffer.from('4'), { ifMatch: first.etag }))).toBeInstanceOf(PreconditionFailed)
        expect((await store.stat(key))?.etag).toBe(second.etag)
        expect(await thrownBy(store.put(text('put/none'), Buffer.from('5'), { ifMatch: first.etag }))).toBeInstanceOf(PreconditionFailed)
      })

      test('of twenty writers at once one creates the object', async () => {
        const writes = Array.from({ length: 20 }, (_, at) =>
          thrownBy(store.put(text('put/race'), Buffer.from(String(at)), { ifNoneMatch: true })),
        )
        const errors = await Promise.all(writes)
        expect(errors.filter((error) => error === undefined)).toHaveLength(1)
        expect(errors.filter((error) => error instanceof PreconditionFailed)).toHaveLength(19)
      })
    })

    describe('multipart', () => {
      test('a whole life', async () => {
        const key = text('multi/whole life +%2F é')
        const parts = [randomBytes(5 * MIB), randomBytes(5 * MIB), randomBytes(123)] as const
        const uploadId = await store.createUpload(key, { headers: { contentType: 'video/x', expires: '0', metadata: { a: 'b' } } })
        expect(await store.listParts(key, uploadId)).toEqual([])
        const third = await store.putPart(key, uploadId, 3, parts[2])
        const first = await store.putPart(key, uploadId, 1, { stream: pieces(parts[0], 65_536), size: parts[0].length })
        await store.putPart(key, uploadId, 2, Buffer.alloc(5 * MIB))
        const second = await store.putPart(key, uploadId, 2, parts[1])
        expect([first, second, third].map(({ crc32: sent }) => sent)).toEqual(parts.map(crcOf))

        const listed = await store.listParts(key, uploadId)
        expect(listed.map(({ number, etag, size }) => ({ number, etag, size }))).toEqual(
          [first, second, third].map(({ etag }, at) => ({ number: at + 1, etag, size: parts[at]?.length })),
        )
        for (const { lastModified } of listed) expect(Math.abs(Date.parse(lastModified ?? '') - Date.now())).toBeLessThan(120_000)
        expect(await store.stat(key)).toBeUndefined()
        const open = await store.listUploads(text('multi/whole'))
        expect(open.map((upload) => [upload.key.toString('hex'), upload.uploadId])).toEqual([[key.toString('hex'), uploadId]])
        expect(Number.isNaN(Date.parse(open[0]?.initiated ?? ''))).toBe(false)

        const { etag } = await store.completeUpload(key, uploadId, listed)
        expect(etag).toMatch(/^"[0-9a-f]{32}-3"$/)
        const { info, body } = await store.read(key)
        expect((await bytesOf(body)).equals(Buffer.concat(parts))).toBe(true)
        expect(info).toMatchObject({ etag, headers: { contentType: 'video/x', expires: '0', metadata: { a: 'b' } } })
        expect(await store.listUploads(text('multi/whole'))).toEqual([])
      })

      test('an upload that is not there', async () => {
        const key = text('multi/none')
        const uploadId = await store.createUpload(key)
        await store.putPart(key, uploadId, 1, Buffer.from('x'))
        await store.abortUpload(key, uploadId)
        await store.abortUpload(key, uploadId)
        expect(await thrownBy(store.listParts(key, uploadId))).toBeInstanceOf(NoSuchUpload)
        if (lacks.goneUploads !== true) {
          expect(await thrownBy(store.putPart(key, uploadId, 1, Buffer.from('x')))).toBeInstanceOf(NoSuchUpload)
          expect(await thrownBy(store.completeUpload(key, uploadId, [{ number: 1, etag: '"0"', size: 1 }]))).toBeInstanceOf(NoSuchUpload)
        }
        expect(await store.stat(key)).toBeUndefined()
      })

      test('a part that was not sent is not completed', async () => {
        const key = text('multi/wrong part')
        const uploadId = await store.createUpload(key)
        const { etag } = await store.putPart(key, uploadId, 1, Buffer.from('x'))
        const error = await thrownBy(
          store.completeUpload(key, uploadId, [
            { number: 1, etag, size: 1 },
            { number: 2, etag, size: 1 },
          ]),
        )
        expect(error).toBeInstanceOf(StoreRefused)
        expect(await store.stat(key)).toBeUndefined()
        await store.abortUpload(key, uploadId)
      })

      test('a part of the wrong length is not kept', async () => {
        const key = text('multi/wrong length')
        const uploadId = await store.createUpload(key)
        expect(await thrownBy(store.putPart(key, uploadId, 1, { stream: pieces(randomBytes(1000), 100), size: 1001 }))).toBeInstanceOf(
          BodyMismatch,
        )
        expect(await store.listParts(key, uploadId)).toEqual([])
        await store.abortUpload(key, uploadId)
      })

      test('open uploads are found by prefix', async () => {
        const names = ['multi/open/b', 'multi/open/a//', 'multi/open/../x', 'multi/opened', 'multi/open/a//']
        const ids = new Map<string, string[]>()
        for (const at of names) ids.set(at, [...(ids.get(at) ?? []), await store.createUpload(text(at))])
        const found = await store.listUploads(text('multi/open/'))
        const pairs = found.map(({ key, uploadId }) => `${printableKey(key)} ${uploadId}`).sort()
        expect(pairs).toEqual(
          [...ids]
            .filter(([at]) => at !== 'multi/opened')
            .flatMap(([at, each]) => each.map((id) => `${at} ${id}`))
            .sort(),
        )
        for (const [at, each] of ids) for (const id of each) await store.abortUpload(text(at), id)
        expect(await store.listUploads(text('multi/'))).toEqual([])
      })

      test('aborted signals throw their reason', async () => {
        const reason = new Error('enough')
        const call = { signal: AbortSignal.abort(reason) }
        const key = text('multi/aborted')
        for (const use of [
          () => store.createUpload(key, call),
          () => store.putPart(key, 'id', 1, Buffer.from('x'), call),
          () => store.listParts(key, 'id', call),
          () => store.completeUpload(key, 'id', [], call),
          () => store.abortUpload(key, 'id', call),
          () => store.listUploads(key, call),
          () => store.stat(key, call),
          () => store.tags(key, call),
          () => store.restore(key, { tier: 'Bulk', days: 1 }, call),
          () => store.mark(key, call),
        ]) {
          expect(await thrownBy(use())).toBe(reason)
        }
      })
    })

    const describeUnless = (lack: boolean | undefined) => (lack === true ? describe.skip : describe)

    describeUnless(lacks.partsAndChecksums)('parts and checksums', () => {
      const key = text('parts/joined')
      const parts = [randomBytes(5 * MIB), randomBytes(6 * MIB), randomBytes(123)]
      let etag = ''
      beforeAll(async () => {
        const uploadId = await store.createUpload(key)
        for (const [at, part] of parts.entries()) await store.putPart(key, uploadId, at + 1, part)
        etag = (await store.completeUpload(key, uploadId, await store.listParts(key, uploadId))).etag
        await store.put(text('parts/whole'), Buffer.from('12345'))
      })

      test('each part of a joined object is known by its size, and how many there are', async () => {
        for (const [at, part] of parts.entries())
          expect(await store.stat(key, { part: at + 1 })).toMatchObject({ etag, size: part.length, parts: 3 })
        expect(await store.stat(key)).toMatchObject({ size: 11 * MIB + 123 })
        expect(await thrownBy(store.stat(key, { part: 4 }))).toBeInstanceOf(StoreRefused)
      })

      test('an object of one PUT has one part, which nobody counted', async () => {
        const info = await store.stat(text('parts/whole'), { part: 1 })
        expect([info?.size, info?.parts]).toEqual([5, undefined])
      })

      test('the stored checksum is given only where it is asked for', async () => {
        expect((await store.stat(text('parts/whole')))?.crc32).toBeUndefined()
        expect((await store.stat(text('parts/whole'), { checksum: true }))?.crc32).toBe(crcOf(Buffer.from('12345')))
        const crcs = Buffer.concat(parts.map((part) => Buffer.from(crcOf(part), 'base64')))
        expect((await store.stat(key, { checksum: true }))?.crc32).toBe(`${crcOf(crcs)}-3`)
      })
    })

    describe('tags', () => {
      const tags: Tag[] = [
        { name: 'team', value: 'data = good / -.:@_' },
        { name: 'é/ü+ :@-_.', value: '日本 + 1' },
        { name: 'empty', value: '' },
      ]
      const sorted = (all: readonly Tag[]): Tag[] => [...all].sort((a, b) => Buffer.compare(text(a.name), text(b.name)))

      test('of a buffer, a stream and an upload come back as they were', async () => {
        await store.put(text('tags/buffer'), Buffer.from('x'), { tags })
        await store.put(text('tags/stream'), { stream: pieces(Buffer.from('xyz'), 2), size: 3 }, { tags })
        const upload = text('tags/upload')
        const uploadId = await store.createUpload(upload, { tags })
        await store.putPart(upload, uploadId, 1, Buffer.from('x'))
        await store.completeUpload(upload, uploadId, await store.listParts(upload, uploadId))
        for (const key of ['tags/buffer', 'tags/stream', 'tags/upload']) expect(sorted(await store.tags(text(key)))).toEqual(sorted(tags))
      })

      test('of an object without any there are none, and of nothing they are NoSuchObject', async () => {
        await store.put(text('tags/none'), Buffer.from('x'))
        expect(await store.tags(text('tags/none'))).toEqual([])
        expect(await thrownBy(store.tags(text('tags/nothing')))).toBeInstanceOf(NoSuchObject)
      })

      test('a version has its own', async () => {
        const key = text('tags/versions')
        const { versionId } = await versioned.put(key, Buffer.from('1'), { tags: [{ name: 'nr', value: '1' }] })
        await versioned.put(key, Buffer.from('2'))
        expect(await versioned.tags(key, { versionId })).toEqual([{ name: 'nr', value: '1' }])
        expect(await versioned.tags(key)).toEqual([])
      })
    })

    describe('archived objects', () => {
      const order = { tier: 'Bulk', days: 2 } as const

      test.each(['GLACIER', 'DEEP_ARCHIVE'])('%s must be restored before it is read', async (storageClass) => {
        const key = text(`archived/${storageClass}`)
        await store.put(key, Buffer.from('cold'), { storageClass })
        expect(await store.stat(key)).toMatchObject({ storageClass, size: 4 })
        expect(await thrownBy(store.read(key))).toBeInstanceOf(ObjectArchived)
        expect(await store.restore(key, order)).toBe('begun')
        const info = await store.stat(key)
        expect(info?.restore).toEqual({ ongoing: false, expiresAt: expect.stringMatching(/^\d{4}-.*Z$/) as string })
        expect(Date.parse(info?.restore?.expiresAt ?? '')).toBeGreaterThan(Date.now())
        expect((await bytesOf((await store.read(key)).body)).toString()).toBe('cold')
        expect(await store.restore(key, order)).toBe('restored')
      })

      test('an object of Intelligent-Tiering is known to be archived only from its HEAD', async () => {
        if (opened.archive === undefined) return
        const key = text('archived/tiering')
        await store.put(key, Buffer.from('cold'), { storageClass: 'INTELLIGENT_TIERING' })
        expect((await bytesOf((await store.read(key)).body)).toString()).toBe('cold')
        await opened.archive(key)
        expect(await store.stat(key)).toMatchObject({ storageClass: 'INTELLIGENT_TIERING', archiveStatus: 'ARCHIVE_ACCESS' })
        expect(await thrownBy(store.read(key))).toBeInstanceOf(ObjectArchived)
        expect(await store.restore(key, { tier: 'Standard', days: undefined })).toBe('begun')
        expect((await bytesOf((await store.read(key)).body)).toString()).toBe('cold')
        expect(await store.restore(key, { tier: 'Standard', days: undefined })).toBe('restored')
      })

      const testVersion = lacks.versionRestores === true ? test.skip : test

      testVersion('a version is restored by its id, and no other one with it', async () => {
        const key = text('archived/versions')
        const { versionId } = await versioned.put(key, Buffer.from('older'), { storageClass: 'GLACIER' })
        const newer = await versioned.put(key, Buffer.from('newer'), { storageClass: 'GLACIER' })
        expect(await versioned.restore(key, order, { versionId })).toBe('begun')
        expect((await bytesOf((await versioned.read(key, { versionId })).body)).toString()).toBe('older')
        expect(await versioned.stat(key, { versionId })).toMatchObject({ restore: { ongoing: false } })
        expect(await thrownBy(versioned.read(key, { versionId: newer.versionId }))).toBeInstanceOf(ObjectArchived)
      })

      test('what is in no archive is restored, and what is not there is NoSuchObject', async () => {
        await store.put(text('archived/warm'), Buffer.from('warm'))
        expect(await store.restore(text('archived/warm'), order)).toBe('restored')
        expect(await thrownBy(store.restore(text('archived/nothing'), order))).toBeInstanceOf(NoSuchObject)
      })
    })

    describe('keys of encryption', () => {
      const kmsKey = 'arn:aws:kms:eu-central-1:123456789012:key/0b1c2d3e-0000-4000-8000-000000000000'

      test('an object and an upload say which key was asked for, and their ETags are their own affair', async () => {
        const [put, upload] = [text('kms/put'), text('kms/upload')]
        const { etag, crc32: sent } = await store.put(put, Buffer.from('x'), { kmsKey })
        const uploadId = await store.createUpload(upload, { kmsKey })
        await store.putPart(upload, uploadId, 1, Buffer.from('x'))
        await store.completeUpload(upload, uploadId, await store.listParts(upload, uploadId))
        for (const key of [put, upload]) expect(await store.stat(key)).toMatchObject({ kmsKey, encryption: 'aws:kms' })
        expect(await store.stat(put)).toMatchObject({ etag })
        expect(sent).toBe(crcOf(Buffer.from('x')))
      })
    })

    describe('versions', () => {
      const history = async (key: Key): Promise<ListedVersion[]> => (await versionPagesOf(versioned, { prefix: key })).flat()

      const testListing = lacks.versionListings === true ? test.skip : test

      testListing('a key’s versions and markers are listed together, the newest first, and each can be read', async () => {
        const key = text('versions/a')
        const first = await versioned.put(key, Buffer.from('one'))
        const second = await versioned.put(key, { stream: pieces(Buffer.from('second'), 2), size: 6 })
        const marker = await versioned.mark(key)
        const third = await versioned.put(key, Buffer.from('three'))
        const ids = [third, marker, second, first].map(({ versionId }) => versionId)
        expect(new Set(ids).size).toBe(4)
        const found = await history(key)
        expect(found.map(({ versionId }) => versionId)).toEqual(ids)
        expect(found.map(({ latest, deleteMarker, size }) => [latest, deleteMarker, size])).toEqual([
          [true, false, 5],
          [false, true, 0],
          [false, false, 6],
          [false, false, 3],
        ])
        expect(found.map(({ etag }) => etag)).toEqual([third.etag, '', second.etag, first.etag])
        expect((await bytesOf((await versioned.read(key, { versionId: first.versionId })).body)).toString()).toBe('one')
        expect(await versioned.stat(key, { versionId: second.versionId })).toMatchObject({ size: 6, versionId: second.versionId })
        expect(await versioned.stat(key)).toMatchObject({ versionId: third.versionId })
      })

      testListing('an upload becomes a version, in its place in the order', async () => {
        const key = text('versions/upload')
        const first = await versioned.put(key, Buffer.from('one'))
        const uploadId = await versioned.createUpload(key)
        await versioned.putPart(key, uploadId, 1, Buffer.from('second'))
        const second = await versioned.completeUpload(key, uploadId, await versioned.listParts(key, uploadId))
        const third = await versioned.put(key, Buffer.from('three'))
        expect((await history(key)).map(({ versionId, etag }) => [versionId, etag])).toEqual(
          [third, second, first].map(({ versionId, etag }) => [versionId, etag]),
        )
        expect((await bytesOf((await versioned.read(key, { versionId: second.versionId })).body)).toString()).toBe('second')
      })

      testListing('behind a marker there is nothing, and everything is still there', async () => {
        const key = text('versions/marked')
        const { versionId } = await versioned.put(key, Buffer.from('one'))
        const marker = await versioned.mark(key)
        expect(await versioned.stat(key)).toBeUndefined()
        expect(await versioned.stat(key, marker)).toBeUndefined()
        expect(await thrownBy(versioned.read(key))).toBeInstanceOf(NoSuchObject)
        expect(await thrownBy(versioned.read(key, marker))).toBeInstanceOf(NoSuchObject)
        expect(await thrownBy(versioned.tags(key, marker))).toBeInstanceOf(NoSuchObject)
        expect(await keysOf(versioned, { prefix: key })).toEqual([])
        expect((await bytesOf((await versioned.read(key, { versionId })).body)).toString()).toBe('one')
        expect((await history(key)).map(({ deleteMarker }) => deleteMarker)).toEqual([true, false])
      })

      test('without versions there is one, and no marker is made', async () => {
        const key = text('versions/none')
        const { versionId } = await store.put(key, Buffer.from('one'))
        expect(versionId).toBeUndefined()
        const [page] = await versionPagesOf(store, { prefix: key })
        expect(page?.map(({ versionId: id, latest, deleteMarker }) => [id, latest, deleteMarker])).toEqual([['null', true, false]])
        // the key of an object that may go: what is asked for here would delete it
        expect(await thrownBy(store.mark(text('versions/never there')))).toBeInstanceOf(StoreRefused)
      })

      describe('of many keys', () => {
        const prefix = text('history/')
        const names = ['A', 'a', 'a/', 'b', 'é', '\ue000', '😀'].map((word) => `history/${word}`)
        beforeAll(async () => {
          for (const round of [1, 2, 3])
            for (const key of names) {
              if (round === 2 && key.endsWith('b') && lacks.versionListings !== true) await versioned.mark(text(key))
              else await versioned.put(text(key), Buffer.from(String(round)))
            }
          if (lacks.versionListings === true) await versioned.put(text('history/é'), Buffer.from('4'))
          else await versioned.mark(text('history/é'))
        })
        const all = async (query: Partial<ListQuery> = {}): Promise<string[]> =>
          (await versionPagesOf(versioned, { prefix, ...query })).flat().map(({ key, versionId }) => `${key.toString()} ${versionId}`)

        test.each([1, 2, 3, 5, 22, 23])('pages of at most %i hold the same', async (pageSize) => {
          const whole = await all()
          expect(whole.map((line) => line.split(' ')[0])).toEqual(
            names.flatMap((key) => Array.from({ length: key.endsWith('é') ? 4 : 3 }, () => key)),
          )
          expect(await all({ pageSize })).toEqual(whole)
        })

        testListing('ranges that tile the key space hold every version once', async () => {
          const bounds = [undefined, text('history/A'), text('history/a/0'), text('history/é'), text('history/\uf000'), undefined]
          for (const pageSize of [2, 1000]) {
            const found: string[] = []
            for (let at = 0; at + 1 < bounds.length; at += 1)
              found.push(...(await all({ after: bounds[at], upTo: bounds[at + 1], pageSize })))
            expect(found).toEqual(await all())
          }
        })

        test('an aborted signal ends the listing with its reason', async () => {
          const reason = new Error('enough')
          const aborting = new AbortController()
          const pages = versioned.listVersions({ prefix, pageSize: 2 }, { signal: aborting.signal })[Symbol.asyncIterator]()
          expect((await pages.next()).done).toBe(false)
          aborting.abort(reason)
          expect(await thrownBy(pages.next())).toBe(reason)
        })
      })
    })

    describeUnless(lacks.locks)('locks', () => {
      const until = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000).toISOString()
      const locks: [string, ObjectLock][] = [
        ['a retention', { retention: { mode: 'GOVERNANCE', until }, hold: false }],
        ['a hold', { hold: true }],
        ['both', { retention: { mode: 'COMPLIANCE', until }, hold: true }],
      ]

      test.each(locks)('%s of a buffer, a stream and an upload', async (name, lock) => {
        const [buffer, stream, upload] = ['buffer', 'stream', 'upload'].map((kind) => text(`locks/${name}/${kind}`)) as [Key, Key, Key]
        await versioned.put(buffer, Buffer.from('x'), { lock })
        await versioned.put(stream, { stream: pieces(Buffer.from('xyz'), 2), size: 3 }, { lock })
        const uploadId = await versioned.createUpload(upload, { lock })
        await versioned.putPart(upload, uploadId, 1, Buffer.from('x'))
        await versioned.completeUpload(upload, uploadId, await versioned.listParts(upload, uploadId))
        for (const key of [buffer, stream, upload]) expect((await versioned.stat(key))?.lock).toEqual(lock)
      })

      test('an object without one has none, and a bucket without locks refuses it', async () => {
        await versioned.put(text('locks/none'), Buffer.from('x'))
        expect((await versioned.stat(text('locks/none')))?.lock).toBeUndefined()
        expect(await thrownBy(store.put(text('locks/refused'), Buffer.from('x'), { lock: { hold: true } }))).toBeInstanceOf(StoreRefused)
        expect(await store.stat(text('locks/refused'))).toBeUndefined()
      })
    })

    describe('awkward keys', () => {
      // a 1,024-byte key leaves no room for a prefix: these stand in the bucket as they are
      const all = lacks.controlCharacters === true ? AWKWARD_KEYS : [...AWKWARD_KEYS, ...CONTROL_KEYS]

      beforeAll(async () => {
        for (const key of all)
          await store.put(text(key), text(`content of ${key}`), { headers: { metadata: { nr: String(all.indexOf(key)) } } })
      })

      test.each(all.map((key) => [printableKey(text(key)).slice(0, 40), key]))('%s', async (_, name) => {
        const key = text(name)
        const { info, body } = await store.read(key)
        expect((await bytesOf(body)).toString()).toBe(`content of ${name}`)
        expect(info.headers.metadata).toEqual({ nr: String(all.indexOf(name)) })
        expect((await store.stat(key))?.etag).toBe(info.etag)
        // beginnings of 1,000 bytes stand for themselves as a prefix; a page ends and one begins at the key
        const [first] = await keysOf(store, { prefix: key, pageSize: 1 })
        expect(first).toBe(key.toString('hex'))
        expect(await keysOf(store, { prefix: key, after: key, upTo: key })).toEqual([])

        const uploadId = await store.createUpload(key)
        await store.putPart(key, uploadId, 1, Buffer.from('part'))
        expect((await store.listUploads(key)).map((upload) => [upload.key.toString('hex'), upload.uploadId])).toEqual([
          [key.toString('hex'), uploadId],
        ])
        const parts = await store.listParts(key, uploadId)
        expect(parts).toHaveLength(1)
        await store.completeUpload(key, uploadId, parts)
        expect((await bytesOf((await store.read(key)).body)).toString()).toBe('part')
      })

      test('all of them are listed, one key a page and all in one', async () => {
        for (const pageSize of [7, 1000]) {
          const found = new Set(await keysOf(store, { prefix: Buffer.alloc(0), pageSize }))
          expect(hex(all.map(text)).filter((key) => !found.has(key))).toEqual([])
          const versions = (await versionPagesOf(store, { prefix: Buffer.alloc(0), pageSize })).flat()
          expect(versions.map(({ key }) => key.toString('hex'))).toEqual(await keysOf(store, { prefix: Buffer.alloc(0) }))
        }
      })
    })

    test('errors are typed', async () => {
      const error = await thrownBy(store.read(text('nothing')))
      expect(error).toBeInstanceOf(DrayageError)
      expect((error as Error).message).toContain('nothing')
    })
  })
}
