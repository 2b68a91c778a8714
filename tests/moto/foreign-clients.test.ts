import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual, promisify } from 'node:util'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { startEmbeddedS3, type IssuedKey } from '../../cli/local/s3-server/index'
import { clientOf } from '../support/embedded-client'
import { describeWithMoto, startMoto, type Moto } from '../support/moto'
import { drayage, scratch } from '../workflow/cli-support'

// Some hundred calls of the AWS CLI, at half a second of CPU each.

const awsAbsent = (): string | undefined =>
  spawnSync('aws', ['--version'], { stdio: 'ignore' }).status === 0 ? undefined : 'the AWS CLI is not on this machine'

const MIB = 1024 * 1024
const run = promisify(execFile)
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex')
const bytes = (seed: string, length: number): Buffer => createHash('shake256', { outputLength: length }).update(seed).digest()

/** Below this prefix stand the many small objects, with names that a file can have: one call of the AWS CLI moves them all. */
const MANY = 'many/'
const SMALL = Array.from({ length: 300 }, (_, index) => ({
  key: `${MANY}${['logs/2026/01', 'logs/2026/02', 'photos', 'deep/a/b/c', 'x'][index % 5]}/${index}.txt`,
  body: bytes(`small ${index}`, 20 + ((index * 37) % 5000)),
}))

/** Keys that both servers can hold. Control characters are left out: moto answers 404 for them. Runs between embedded buckets have them. */
const AWKWARD = [
  ...['a//b', '/lead', '//', '../up', './here', '..', 'dir/', 'dir', 'a+b c', '%', 'x%41', 'd&e=f?g#h', 'back\\slash'],
  ...['caf\u00e9', 'cafe\u0301', '\u{1f600}', '<&>"\'', ' ', 'Case', 'case', 'k'.repeat(1000)],
]

const DESCRIBED = {
  '--content-type': 'text/x-described',
  '--content-encoding': 'gzip',
  '--content-language': 'de',
  '--content-disposition': 'attachment; filename="q"',
  '--cache-control': 'max-age=5',
  '--expires': '2030-01-01T00:00:00Z',
  '--metadata': 'owner=someone,n2=v v',
}

/** A bucket as the AWS CLI reaches it. */
interface Side {
  endpoint: string
  key: IssuedKey
  bucket: string
}

const place = scratch()

const environmentOf = ({ key: { accessKeyId, secretAccessKey } }: Pick<Side, 'key'>): NodeJS.ProcessEnv => ({
  ...process.env,
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_CONFIG_FILE: place.path('no-config'),
  AWS_SHARED_CREDENTIALS_FILE: place.path('no-credentials'),
  AWS_PAGER: '',
})

const aws = async (side: Side, ...args: string[]): Promise<string> =>
  (await run('aws', [...args, '--endpoint-url', side.endpoint, '--output', 'json'], { env: environmentOf(side), maxBuffer: 64 * MIB }))
    .stdout

/** A call of `aws s3api` on the side's bucket. It prints nothing where it has nothing to say. */
const s3api = async <T>(side: Side, call: string, ...args: string[]): Promise<Partial<T>> =>
  JSON.parse((await aws(side, 's3api', call, `--bucket=${side.bucket}`, ...args)) || '{}') as Partial<T>

let files = 0
const file = (body?: Buffer): string => {
  const name = place.path(`file-${files++}`)
  if (body !== undefined) writeFileSync(name, body)
  return name
}

const put = (side: Side, key: string, body: Buffer, more: Record<string, string> = {}): Promise<unknown> =>
  s3api(side, 'put-object', `--key=${key}`, `--body=${file(body)}`, ...Object.entries(more).map(([name, value]) => `${name}=${value}`))

/** At most four at once: each is a process. */
const each = async <T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> => {
  const waiting = [...items]
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: 4 }, worker))
}

const fill = async (side: Side): Promise<void> => {
  const folder = place.path('many')
  for (const { key, body } of SMALL) {
    const name = join(folder, key.slice(MANY.length))
    mkdirSync(dirname(name), { recursive: true })
    writeFileSync(name, body)
  }
  await aws(side, 's3', 'cp', folder, `s3://${side.bucket}/${MANY}`, '--recursive', '--quiet')
  // Over 8 MiB the AWS CLI sends parts.
  await aws(side, 's3', 'cp', file(bytes('parts', 20 * MIB)), `s3://${side.bucket}/parts`, '--quiet')
  await put(side, 'plain', bytes('plain', 70_000))
  await put(side, 'empty', Buffer.alloc(0))
  await put(side, 'described', bytes('described', 3000), DESCRIBED)
  const client = clientOf(side.endpoint, side.key)
  for (const [index, Key] of AWKWARD.entries())
    await client.send(new PutObjectCommand({ Bucket: side.bucket, Key, Body: `awkward key ${index}`, Metadata: { index: String(index) } }))
  client.destroy()
}

interface Listed {
  Key: string
  Size: number
  ETag: string
  LastModified: string
}

/** What the AWS CLI says of one object. */
interface Found {
  size: number
  etag: string
  sha256: string
  /** system headers; undefined for the many small ones, which are fetched in one call that does not show them */
  headers?: Record<string, string | undefined>
  metadata?: Record<string, string>
  lastModified?: string
  /** checksums of the full object, by their names */
  checksums?: Record<string, string>
}

interface View {
  objects: Map<string, Found & { listed: Listed }>
  openUploads: number
}

interface GotObject {
  LastModified: string
  Metadata: Record<string, string>
  [header: string]: unknown
}

const HEADERS = ['ContentType', 'ContentEncoding', 'ContentLanguage', 'ContentDisposition', 'CacheControl', 'Expires']

const got = async (side: Side, { Key, Size, ETag }: Listed): Promise<Found> => {
  const body = file()
  const reply = await s3api<GotObject>(side, 'get-object', `--key=${Key}`, '--checksum-mode=ENABLED', body)
  return {
    size: Size,
    etag: ETag,
    sha256: sha256(readFileSync(body)),
    headers: Object.fromEntries(HEADERS.map((name) => [name, reply[name] as string | undefined])),
    metadata: reply.Metadata ?? {},
    lastModified: reply.LastModified ?? '',
    checksums: Object.fromEntries(
      // A dash and a number: the checksum of the parts' checksums, which depends on where they were cut.
      Object.entries(reply).filter(([name, value]) => /^Checksum(CRC|SHA)/.test(name) && !/-\d+$/.test(String(value))) as [
        string,
        string,
      ][],
    ),
  }
}

/** Fetches all objects of the bucket, but those that the listing has exactly as `before` had them. */
const viewOf = async (side: Side, before?: View): Promise<View> => {
  const { Contents = [] } = await s3api<{ Contents: Listed[] }>(side, 'list-objects-v2')
  const { Uploads = [] } = await s3api<{ Uploads: unknown[] }>(side, 'list-multipart-uploads')
  const objects: View['objects'] = new Map()
  const known = Contents.filter((listed) => isDeepStrictEqual(before?.objects.get(listed.Key)?.listed, listed))
  for (const { Key } of known) objects.set(Key, before?.objects.get(Key) as Found & { listed: Listed })
  const unknown = Contents.filter(({ Key }) => !objects.has(Key))

  const many = unknown.filter(({ Key }) => Key.startsWith(MANY))
  const folder = file()
  if (many.length > 0) await aws(side, 's3', 'cp', `s3://${side.bucket}/${MANY}`, folder, '--recursive', '--quiet')
  for (const listed of many) {
    const { Key, Size, ETag } = listed
    objects.set(Key, { listed, size: Size, etag: ETag, sha256: sha256(readFileSync(join(folder, Key.slice(MANY.length)))) })
  }
  await each(
    unknown.filter(({ Key }) => !Key.startsWith(MANY)),
    async (listed) => objects.set(listed.Key, { listed, ...(await got(side, listed)) }),
  )
  return { objects, openUploads: Uploads.length }
}

const isPlainMd5 = (etag: string): boolean => /^"[0-9a-f]{32}"$/.test(etag)

/** What a copy carries besides the user's metadata, as README.md's reference promises it. */
const carried = ({ metadata, lastModified = '', etag }: Found): Record<string, string> => ({
  mtime: String(Date.parse(lastModified) / 1000),
  'source-etag': etag.replaceAll('"', ''),
  ...metadata,
})

const differencesOf = (key: string, source: Found, destination: Found): string[] => {
  const lines: string[] = []
  const compare = (what: string, found: unknown, wanted: unknown): void => {
    const [is, was] = [JSON.stringify(found), JSON.stringify(wanted)]
    if (is !== was) lines.push(`${key}: ${what}: ${is} instead of ${was}`)
  }
  const sorted = (record: Record<string, unknown>) => Object.entries(record).sort()
  compare('size', destination.size, source.size)
  compare('sha256', destination.sha256, source.sha256)
  if (isPlainMd5(source.etag) && isPlainMd5(destination.etag)) compare('ETag', destination.etag, source.etag)
  compare('headers', destination.headers, source.headers)
  if (source.metadata !== undefined) compare('metadata', sorted(destination.metadata ?? {}), sorted(carried(source)))
  for (const [name, value] of Object.entries(source.checksums ?? {}))
    if (destination.checksums?.[name] !== undefined) compare(name, destination.checksums[name], value)
  return lines
}

/** Where the destination is not what the source is, one line each. */
const differences = (source: View, destination: View): string[] => [
  ...[...source.objects].flatMap(([key, found]) => {
    const there = destination.objects.get(key)
    return there === undefined ? [`${key}: missing`] : differencesOf(key, found, there)
  }),
  ...[...destination.objects.keys()].filter((key) => !source.objects.has(key)).map((key) => `${key}: not in the source`),
  ...(destination.openUploads === 0 ? [] : [`${destination.openUploads} uploads are open`]),
]

describeWithMoto(
  'foreign clients: what the AWS CLI sees of migrations from the embedded server to moto and back',
  () => {
    const state = place.path('state')
    let moto: Moto
    let there: Side

    /** Works on buckets of the state folder while no command runs over it. */
    const inEmbedded = async <T>(bucket: string, work: (side: Side) => Promise<T>): Promise<T> => {
      const server = await startEmbeddedS3({ directory: join(state, 's3') })
      try {
        await server.createBucket(bucket)
        return await work({ endpoint: server.endpoint, key: server.root, bucket })
      } finally {
        await server.close()
      }
    }

    const migrate = async (source: object, destination: object): Promise<{ verified: boolean; ledger: Record<string, unknown> }> => {
      const { accessKeyId, secretAccessKey } = there.key
      const keys = (side: string) => ({
        [`DRAYAGE_${side}_ACCESS_KEY_ID`]: accessKeyId,
        [`DRAYAGE_${side}_SECRET_ACCESS_KEY`]: secretAccessKey,
      })
      const { code, stdout, stderr } = await drayage(['run', '-', '--state', state, '--json'], {
        cwd: place.folder,
        env: { ...keys('SOURCE'), ...keys('DESTINATION') },
        input: JSON.stringify({ source, destination, limits: { batchObjects: 50, largeObjectBytes: 5 * MIB } }),
      })
      expect([code, stderr]).toEqual([0, ''])
      return JSON.parse(stdout) as { verified: boolean; ledger: Record<string, unknown> }
    }

    const OBJECTS = SMALL.length + AWKWARD.length + ['parts', 'plain', 'empty', 'described'].length
    const views: Record<'embedded' | 'moto' | 'back', View> = {} as typeof views

    beforeAll(async () => {
      moto = await startMoto()
      there = { endpoint: moto.endpoint, key: moto.settings.credentials, bucket: 'there' }
      await s3api(there, 'create-bucket')
      views.embedded = await inEmbedded('here', async (side) => {
        await fill(side)
        return await viewOf(side)
      })
    })

    afterAll(async () => {
      await moto?.stop()
      place.remove()
    })

    it('the source holds what the AWS CLI has put there', () => {
      expect(views.embedded.objects.size).toBe(OBJECTS)
      expect(SMALL.filter(({ key, body }) => views.embedded.objects.get(key)?.sha256 !== sha256(body))).toEqual([])
      expect(views.embedded.objects.get('parts')?.etag).toMatch(/-3"$/)
      expect(views.embedded.objects.get('described')?.headers).toMatchObject({ ContentType: 'text/x-described', ContentEncoding: 'gzip' })
      expect(Object.keys(views.embedded.objects.get('plain')?.checksums ?? {})).not.toEqual([])
    })

    it('embedded to moto: the same keys, sizes, ETags, bodies, headers and metadata, and no open upload', async () => {
      const { verified, ledger } = await migrate({ bucket: 'here', endpoint: 'embedded' }, { bucket: 'there', endpoint: moto.endpoint })
      expect([verified, ledger['listed'], ledger['copied']]).toEqual([true, OBJECTS, OBJECTS])
      views.moto = await viewOf(there)
      expect(differences(views.embedded, views.moto)).toEqual([])
      expect(views.moto.objects.get('parts')?.etag).toMatch(/-\d+"$/)
    })

    it('moto to embedded: the same again', async () => {
      const { verified, ledger } = await inEmbedded('back', async () => undefined).then(() =>
        migrate({ bucket: 'there', endpoint: moto.endpoint }, { bucket: 'back', endpoint: 'embedded' }),
      )
      expect([verified, ledger['listed'], ledger['copied']]).toEqual([true, OBJECTS, OBJECTS])
      views.back = await inEmbedded('back', (side) => viewOf(side))
      expect(differences(views.moto, views.back)).toEqual([])
    })

    it('what is planted is reported, and nothing else', async () => {
      const plain = bytes('plain', 70_000)
      plain[50_000] = 255 - (plain[50_000] ?? 0)
      const described = bytes('described', 3000)
      const metadata = (key: string, more: Record<string, string> = {}): Record<string, string> => ({
        '--metadata': JSON.stringify({ ...views.back.objects.get(key)?.metadata, ...more }),
      })
      const planted = await inEmbedded('back', async (side) => {
        await put(side, 'plain', plain, metadata('plain'))
        await put(side, 'described', described, { ...DESCRIBED, ...metadata('described', { owner: 'another' }) })
        await put(side, 'empty', Buffer.alloc(0), { '--content-type': 'text/other', ...metadata('empty') })
        await s3api(side, 'delete-object', '--key=../up')
        await put(side, 'caf\u00e9 twice', Buffer.from('x'))
        await s3api(side, 'create-multipart-upload', '--key=open')
        return await viewOf(side, views.back)
      })
      const lines = differences(views.moto, planted).map((line) => line.replace(/^([^:]*: [^:]*).*/, '$1'))
      expect(lines.filter((line) => !/^plain: Checksum/.test(line)).sort()).toEqual(
        [
          ...['plain: sha256', 'plain: ETag', 'described: metadata', 'empty: headers'],
          ...['../up: missing', 'caf\u00e9 twice: not in the source', '1 uploads are open'],
        ].sort(),
      )
    })
  },
  awsAbsent(),
)
