import type { ClassicLevel } from 'classic-level'
import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Bucket, Part, Upload, Versioning } from '../../cli/local/s3-server/bucket'
import { Buckets } from '../../cli/local/s3-server/buckets'
import { bytesOf, percentDecode, type ByteString } from '../../cli/local/s3-server/byte-strings'
import type { Call, Handler } from '../../cli/local/s3-server/call'
import type { Change, Database } from '../../cli/local/s3-server/database'
import { listObjects, listUploads, listVersions } from '../../cli/local/s3-server/listing'
import { hexOf, isMarker, newTick, type StoredObject, type Version } from '../../cli/local/s3-server/version'
import { temporaryDirectory } from '../support/embedded-client'

/** What a bucket must be: told as simply as can be, in memory. */
interface ModelVersion {
  id: string
  /** undefined: a delete marker */
  body: string | undefined
}

class Model {
  versioning: Versioning | undefined
  /** newest first */
  readonly versions = new Map<ByteString, ModelVersion[]>()
  /** in the order of their beginning */
  readonly uploads: { key: ByteString; id: string; parts: Map<number, string> }[] = []

  add(key: ByteString, id: string, body: string | undefined): void {
    const before = this.versions.get(key) ?? []
    this.versions.set(key, [{ id, body }, ...(this.versioning === 'Enabled' ? before : before.filter((each) => each.id !== 'null'))])
  }

  delete(key: ByteString, made: string | undefined): void {
    if (this.versioning === undefined) this.versions.delete(key)
    else this.add(key, made ?? 'none', undefined)
  }

  deleteVersion(key: ByteString, id: string): void {
    const rest = (this.versions.get(key) ?? []).filter((each) => each.id !== id)
    if (rest.length > 0) this.versions.set(key, rest)
    else this.versions.delete(key)
  }

  keys(): ByteString[] {
    return [...this.versions.keys()].sort((a, b) => Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')))
  }

  objects(): Entry[] {
    return this.keys()
      .filter((key) => this.versions.get(key)?.[0]?.body !== undefined)
      .map((key) => ({ key, said: '' }))
  }

  listedVersions(): Entry[] {
    return this.keys().flatMap((key) =>
      (this.versions.get(key) ?? []).map(({ id, body }, at) => ({
        key,
        said: `${body === undefined ? 'DeleteMarker' : 'Version'} ${id} ${at === 0}`,
      })),
    )
  }

  listedUploads(): Entry[] {
    const keys = [...new Set(this.uploads.map(({ key }) => key))].sort((a, b) =>
      Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')),
    )
    return keys.flatMap((key) => this.uploads.filter((upload) => upload.key === key).map(({ id }) => ({ key, said: id })))
  }
}

interface Entry {
  key: ByteString
  said: string
}

/** What a listing over all its pages must hold. */
const rolledUp = (entries: Entry[], prefix: ByteString, delimiter: ByteString): { entries: Entry[]; prefixes: ByteString[] } => {
  const below = entries.filter(({ key }) => key.startsWith(prefix))
  const prefixOf = ({ key }: Entry): ByteString | undefined => {
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    return end < 0 ? undefined : key.slice(0, end + delimiter.length)
  }
  return {
    entries: below.filter((entry) => prefixOf(entry) === undefined),
    prefixes: [...new Set(below.flatMap((entry) => prefixOf(entry) ?? []))],
  }
}

// a zero byte, its neighbours, the delimiter, and the least and the greatest bytes that UTF-8 has
const key = fc
  .array(fc.constantFrom('\0', '\x01', '/', 'a', 'b', '\x7f', '\x80', 'ÿ', '\uffff', '\u{10ffff}'), { minLength: 1, maxLength: 3 })
  .map((characters) => bytesOf(characters.join('')))
const size = fc.constantFrom(0, 1, 4096, 4097, 65_536, 65_537)
const some = fc.nat(1000)

/** `at` and `which` choose among what there is. */
interface Step {
  do: 'put' | 'delete' | 'deleteVersion' | 'create' | 'part' | 'complete' | 'abort' | 'Enabled' | 'Suspended' | 'reopen'
  at: number
  which: number
  size: number
}

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('put', 'put', 'delete', 'deleteVersion', 'deleteVersion') },
    { weight: 4, arbitrary: fc.constantFrom('create', 'part', 'part', 'complete', 'abort') },
    { weight: 1, arbitrary: fc.constantFrom('Enabled', 'Enabled', 'Suspended', 'reopen') },
  ),
  at: some,
  which: some,
  size,
}) as fc.Arbitrary<Step>

const page = fc.record({
  prefix: fc.option(key, { nil: '' }),
  delimiter: fc.constantFrom('', '/', '\0', 'a', bytesOf('ÿ')),
  most: fc.integer({ min: 1, max: 4 }),
  after: key,
})

const always = (): void => undefined
const pick = <Item>(items: Item[], at: number): Item | undefined => items[at % Math.max(items.length, 1)]
const bodyOf = (text: string, bytes: number): string =>
  createHash('md5')
    .update(text)
    .digest('hex')
    .repeat(Math.ceil(bytes / 32))
    .slice(0, bytes)

const take = async (bucket: Bucket, body: string) =>
  bucket.bodies.write(
    (async function* () {
      yield Buffer.from(body.slice(0, 1000))
      yield Buffer.from(body.slice(1000))
    })(),
    body.length,
  )

const objectOf = (size: number, pieces: StoredObject['pieces']): StoredObject => ({ headers: {}, size, etag: 'e', modified: 0, pieces })

const contentOf = async (bucket: Bucket, { pieces, size }: StoredObject): Promise<string> => {
  const body = bucket.bodies.read(pieces, 0, size)
  if (Buffer.isBuffer(body)) return body.toString()
  return Buffer.concat((await body.toArray()) as Buffer[]).toString()
}

const textIn = (xml: string, name: string): string | undefined => new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]
const decode = (listed: string): ByteString => percentDecode(listed.replaceAll('+', '%20'))

/** A whole listing, page by page, by the server's own handler. */
const listed = async (
  bucket: Bucket,
  handler: Handler,
  entry: RegExp,
  say: (xml: string, element: string) => string,
  fixed: [string, ByteString][],
  markers: [next: string, parameter: string][],
  first: [string, ByteString][] = [],
) => {
  const found = { entries: [] as Entry[], prefixes: [] as ByteString[] }
  let turn = first
  for (let pages = 0; pages < 1000; pages++) {
    const query = [['encoding-type', 'url'], ...fixed, ...turn] as [string, string][]
    const { body } = await handler({ request: { query, headers: {}, bucket: 'kept' }, bucket: () => bucket } as unknown as Call)
    const xml = String(body)
    for (const [whole, element = ''] of xml.matchAll(entry))
      found.entries.push({ key: decode(textIn(whole, 'Key') ?? ''), said: say(whole, element) })
    for (const [, rolled = ''] of xml.matchAll(/<CommonPrefixes><Prefix>([^<]*)</g)) found.prefixes.push(decode(rolled))
    if (textIn(xml, 'IsTruncated') === 'false') return found
    turn = markers.flatMap(([next, parameter]) => {
      const value = textIn(xml, next)
      return value === undefined ? [] : [[parameter, decode(value)]]
    })
    if (turn.length === 0) throw new Error('a page that is truncated does not say how to go on')
  }
  throw new Error('the listing does not end')
}

interface Asked {
  prefix: ByteString
  delimiter: ByteString
  most: number
  /** where versions are listed from; it need not be a key that is there */
  after: ByteString
}

interface Case {
  keys: ByteString[]
  steps: Step[]
  pages: Asked[]
}

/** Runs the steps against a bucket and against the model. Throws where they differ. */
const compare = async ({ keys, steps, pages }: Case, plant: (database: Database) => void) => {
  const { directory, remove } = temporaryDirectory()
  const open = async () => {
    const buckets = await Buckets.open(directory)
    plant(Reflect.get(buckets, 'database') as Database)
    await buckets.create('kept', { created: 0 })
    return buckets
  }
  let buckets = await open()
  const model = new Model()
  try {
    for (const [nth, each] of steps.entries()) {
      const bucket = buckets.get('kept')
      const key = pick(keys, each.at) ?? ''
      const body = bodyOf(String(nth), each.size)
      const upload = pick(model.uploads, each.at)
      if (each.do === 'put') model.add(key, (await bucket.put(key, objectOf(each.size, await take(bucket, body)), always)).id, body)
      else if (each.do === 'delete') model.delete(key, (await bucket.delete(key, undefined, 0, always))?.id)
      else if (each.do === 'deleteVersion') {
        const id = pick(model.versions.get(key) ?? [], each.which)?.id
        if (id === undefined) continue
        expect((await bucket.delete(key, id, 0, always))?.id).toBe(id)
        model.deleteVersion(key, id)
      } else if (each.do === 'create') {
        const begun: Upload = { id: hexOf(newTick()), key, headers: {}, initiated: 0 }
        await bucket.create(begun, always)
        model.uploads.push({ key, id: begun.id, parts: new Map() })
      } else if (each.do === 'part' && upload) {
        const number = 1 + (each.which % 3) * 4999
        const part: Part = { size: body.length, etag: 'e', modified: 0, pieces: await take(bucket, body) }
        await bucket.putPart(upload.key, upload.id, number, part, always)
        upload.parts.set(number, body)
      } else if (each.do === 'complete' && upload) {
        const numbers = [...upload.parts.keys()].sort((a, b) => a - b).filter((_, at) => at !== each.which % 4)
        const joined = (_: Upload, stored: Map<number, Part>): StoredObject => {
          const pieces = numbers.map((number) => (stored.get(number) as Part).pieces[0] ?? { body: '', size: 0 })
          return objectOf(
            pieces.reduce((sum, { size }) => sum + size, 0),
            pieces,
          )
        }
        const { id } = await bucket.complete(upload.key, upload.id, joined, always)
        model.add(upload.key, id, numbers.map((number) => upload.parts.get(number)).join(''))
        model.uploads.splice(model.uploads.indexOf(upload), 1)
      } else if (each.do === 'abort' && upload) {
        await bucket.abort(upload.key, upload.id, always)
        model.uploads.splice(model.uploads.indexOf(upload), 1)
      } else if (each.do === 'Enabled' || each.do === 'Suspended') {
        await bucket.setVersioning(each.do, always)
        model.versioning = each.do
      } else if (each.do === 'reopen') {
        await buckets.close()
        buckets = await open()
      }
    }
    await check(buckets, model, pages, join(directory, 'v2', 'bodies'))
  } finally {
    await buckets.close()
    remove()
  }
}

const check = async (buckets: Buckets, model: Model, pages: Asked[], bodies: string) => {
  const bucket = buckets.get('kept')
  for (const { prefix, delimiter, most, after } of pages) {
    const fixed: [string, ByteString][] = [
      ['prefix', prefix],
      ['delimiter', delimiter],
    ]
    const contents = /<Contents>.*?<\/Contents>/g
    const nothing = (): string => ''
    const wanted = rolledUp(model.objects(), prefix, delimiter)
    const versionTwo = [...fixed, ['list-type', '2'], ['max-keys', String(most)]] as [string, string][]
    expect(await listed(bucket, listObjects, contents, nothing, versionTwo, [['NextContinuationToken', 'continuation-token']])).toEqual(
      wanted,
    )
    if (delimiter !== '') {
      const versionOne = [...fixed, ['max-keys', String(most)]] as [string, string][]
      expect(await listed(bucket, listObjects, contents, nothing, versionOne, [['NextMarker', 'marker']])).toEqual(wanted)
    }
    const versions = (asked: [string, ByteString][], first?: [string, ByteString][]) =>
      listed(
        bucket,
        listVersions,
        /<(Version|DeleteMarker)>.*?<\/\1>/g,
        (xml, element) => `${element} ${textIn(xml, 'VersionId')} ${textIn(xml, 'IsLatest')}`,
        [...asked, ['max-keys', String(most)]],
        [
          ['NextKeyMarker', 'key-marker'],
          ['NextVersionIdMarker', 'version-id-marker'],
        ],
        first,
      )
    expect(await versions(fixed)).toEqual(rolledUp(model.listedVersions(), prefix, delimiter))
    for (const from of [after, ...model.keys()]) {
      const behind = model.listedVersions().filter((entry) => entry.key > from)
      expect(await versions([['prefix', prefix]], [['key-marker', from]])).toEqual(rolledUp(behind, prefix, ''))
    }
    const uploads = await listed(
      bucket,
      listUploads,
      /<Upload>.*?<\/Upload>/g,
      (xml) => textIn(xml, 'UploadId') ?? '',
      [...fixed, ['max-uploads', String(most)]],
      [
        ['NextKeyMarker', 'key-marker'],
        ['NextUploadIdMarker', 'upload-id-marker'],
      ],
    )
    expect(uploads).toEqual(rolledUp(model.listedUploads(), prefix, delimiter))
  }
  let stored = 0
  for (const [key, versions] of model.versions) {
    expect(bucket.find(key) !== undefined).toBe(versions[0]?.body !== undefined)
    for (const { id, body } of versions) {
      const version = (await bucket.version(key, id)) as Version
      if (body === undefined || isMarker(version)) expect([isMarker(version), body]).toEqual([true, undefined])
      else expect((await contentOf(bucket, version)) === body).toBe(true)
      stored += isMarker(version) ? 0 : version.pieces.filter(({ size }) => size > 0).length
    }
  }
  for (const { id, parts } of model.uploads) {
    const found = new Map(await bucket.parts(id))
    expect([...found.keys()]).toEqual([...parts.keys()].sort((a, b) => a - b))
    for (const [number, body] of parts) {
      const part = found.get(number) as Part
      expect((await contentOf(bucket, objectOf(part.size, part.pieces))) === body).toBe(true)
      stored += part.pieces.length
    }
  }
  await (Reflect.get(buckets, 'bodies') as { settled(): Promise<void> }).settled()
  const level = Reflect.get(Reflect.get(buckets, 'database'), 'level') as ClassicLevel
  const count = async (table: string): Promise<number> => (await level.keys({ gte: table, lt: `${table}~` }).all()).length
  const files = readdirSync(bodies, { recursive: true }).filter((name) => String(name).includes('/')).length
  expect([files + (await count('x')), await count('d')]).toEqual([stored, 0])
}

const property = (plant: (database: Database) => void = always) =>
  fc.asyncProperty(
    fc.record({
      keys: fc.array(key, { minLength: 1, maxLength: 5 }),
      steps: fc.array(step, { minLength: 20, maxLength: 60 }),
      pages: fc.array(page, { minLength: 1, maxLength: 4 }),
    }),
    (one) => compare(one, plant),
  )

/** Changes what is written, as a fault of the code above the database would. */
const writing = (map: (changes: readonly Change[]) => Change[]) => (database: Database) => {
  const write = database.write.bind(database)
  database.write = (changes) => write(map(changes))
}
const without = (start: string, what: 'put' | 'delete') =>
  writing((changes) => changes.filter((change) => !(what in change && String(Reflect.get(change, what)).startsWith(start))))

describe('a bucket', () => {
  it('is what a simple model says after any changes: objects, versions, uploads, their order in listings, and no body too many', async () => {
    await fc.assert(property(), { numRuns: 40, endOnFailure: true })
  })

  // the controls: each fault is found
  it.each([
    ['an older version is not kept', without('vkept', 'put')],
    ['an older version stays when it was promoted or deleted', without('vkept', 'delete')],
    ['an upload stays open', without('ukept', 'delete')],
    ['a body that nothing names stays in the index', without('x', 'delete')],
    ['a body that nothing names stays loose for ever', without('d', 'delete')],
    [
      'keys are ordered without regard to a zero byte',
      writing((changes) =>
        changes.map((change) =>
          'put' in change && change.put.startsWith('vkept') ? { ...change, put: change.put.replaceAll('\0\xff', '\0') } : change,
        ),
      ),
    ],
  ])(
    'is compared so that it is noticed when %s',
    async (_, plant) => {
      expect((await fc.check(property(plant), { numRuns: 400, endOnFailure: true })).failed).toBe(true)
    },
    60_000,
  )
})
