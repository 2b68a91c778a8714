import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startEmbeddedS3 } from '../../cli/local/s3-server/index'
import { describeWithClients, rclone, s3api, type Side } from '../support/clients'
import { drayage, scratch } from '../workflow/cli-support'

// Some fifty calls of the AWS CLI, at half a second of CPU each.

const MIB = 1024 * 1024
const UNTIL = '2099-01-01T00:00:00+00:00'
const place = scratch()
const state = place.path('state')

const bytes = (seed: string, length: number): Buffer => createHash('shake256', { outputLength: length }).update(seed).digest()

let files = 0
const file = (body: Buffer): string => {
  const name = place.path(`file-${files++}`)
  writeFileSync(name, body)
  return name
}

/** Works on buckets of the state folder while no command runs over it. */
const inBuckets = async <T>(work: (side: (bucket: string) => Side) => Promise<T>): Promise<T> => {
  const server = await startEmbeddedS3({ directory: join(state, 's3') })
  try {
    return await work((bucket) => ({ endpoint: server.endpoint, key: server.root, bucket }))
  } finally {
    await server.close()
  }
}

const migrate = async (source: string, destination: string, more: object): Promise<Record<string, unknown>> => {
  const request = {
    source: { bucket: source, endpoint: 'embedded' },
    destination: { bucket: destination, endpoint: 'embedded' },
    limits: { largeObjectBytes: 5 * MIB },
    ...more,
  }
  const { code, stdout, stderr } = await drayage(['run', '-', '--state', state, '--json'], {
    cwd: place.folder,
    input: JSON.stringify(request),
  })
  expect([code, stderr]).toEqual([0, ''])
  return (JSON.parse(stdout) as { ledger: Record<string, unknown> }).ledger
}

const put = (side: Side, key: string, body: Buffer, ...more: string[]): Promise<unknown> =>
  s3api(side, 'put-object', `--key=${key}`, `--body=${file(body)}`, ...more)

/** Options of `aws s3api put-object` for everything that an object can have and a copy can carry. */
const DESCRIBED = [
  ...['--content-type=text/x-described', '--content-encoding=gzip', '--content-language=de'],
  ...['--content-disposition=attachment; filename="q"', '--cache-control=max-age=5', '--expires=2030-01-01T00:00:00Z'],
  ...['--metadata=owner=someone,n2=v v', '--tagging=team=a%20b&x=1', '--storage-class=STANDARD_IA'],
  ...['--object-lock-mode=GOVERNANCE', `--object-lock-retain-until-date=${UNTIL}`, '--object-lock-legal-hold-status=ON'],
]

const OBJECTS: [key: string, body: Buffer, options: string[]][] = [
  ['plain', bytes('plain', 70_000), []],
  ['empty', Buffer.alloc(0), []],
  ['folder/described', bytes('described', 3000), DESCRIBED],
  // from here on in parts
  ['folder/large', bytes('large', 12 * MIB), DESCRIBED],
]

interface Head {
  Metadata: Record<string, string>
  LastModified: string
  ETag: string
  [field: string]: unknown
}

/** What is the copy's own: its times, its version, its ETag where it was made of parts. */
const OWN = ['LastModified', 'VersionId', 'Metadata', 'ETag', 'AcceptRanges', 'ServerSideEncryption']

const carriedOf = (head: Partial<Head>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(head).filter(([name]) => !OWN.includes(name)))

interface RcloneObject {
  Path: string
  Size: number
  ModTime: string
  Hashes?: { md5?: string }
}

interface Versions {
  Versions: { Key: string; VersionId: string; ETag: string; Size: number; IsLatest: boolean }[]
  DeleteMarkers: { Key: string; VersionId: string; IsLatest: boolean }[]
}

describeWithClients('the AWS CLI and rclone compare both sides of a run', () => {
  afterAll(() => place.remove())

  describe('with tags, locks and storage classes', () => {
    beforeAll(async () => {
      await inBuckets(async (side) => {
        for (const bucket of ['here', 'there']) await s3api(side(bucket), 'create-bucket', '--object-lock-enabled-for-bucket')
        for (const [key, body, options] of OBJECTS) await put(side('here'), key, body, ...options)
      })
      const ledger = await migrate('here', 'there', { carry: { storageClass: 'keep', tags: true, retention: true } })
      expect(ledger).toMatchObject({ listed: OBJECTS.length, copied: OBJECTS.length })
    })

    it('aws s3api head-object: headers, metadata, class, lock; with the original time and ETag', () =>
      inBuckets(async (side) => {
        for (const [key] of OBJECTS) {
          const [source, copy] = await Promise.all(
            ['here', 'there'].map((bucket) => s3api<Head>(side(bucket), 'head-object', `--key=${key}`)),
          )
          expect([key, carriedOf(copy!)]).toEqual([key, carriedOf(source!)])
          expect(copy!.Metadata).toEqual({
            ...source!.Metadata,
            mtime: String(Date.parse(source!.LastModified!) / 1000),
            'source-etag': source!.ETag!.replaceAll('"', ''),
          })
          if (key === 'folder/described')
            expect(copy).toMatchObject({ StorageClass: 'STANDARD_IA', ObjectLockMode: 'GOVERNANCE', ObjectLockLegalHoldStatus: 'ON' })
        }
      }))

    it('aws s3api get-object-tagging: the tags', () =>
      inBuckets(async (side) => {
        for (const [key, , options] of OBJECTS) {
          const [source, copy] = await Promise.all(
            ['here', 'there'].map((bucket) => s3api<{ TagSet: object[] }>(side(bucket), 'get-object-tagging', `--key=${key}`)),
          )
          expect(copy!.TagSet).toEqual(source!.TagSet)
          expect(copy!.TagSet).toHaveLength(options.length > 0 ? 2 : 0)
        }
      }))

    it('rclone lsjson: sizes, hashes, and the original time as the time of the copy', () =>
      inBuckets(async (side) => {
        const sides = { a: side('here'), b: side('there') }
        const listed = async (remote: string): Promise<RcloneObject[]> => {
          const { code, stdout, stderr } = await rclone(sides, 'lsjson', '--recursive', '--files-only', '--hash', '--metadata', remote)
          expect([code, stderr]).toEqual([0, ''])
          return JSON.parse(stdout) as RcloneObject[]
        }
        const [source, copy] = [await listed('a:here'), await listed('b:there')]
        const view = (objects: RcloneObject[]) =>
          objects.map(({ Path, Size, ModTime, Hashes }) => [Path, Size, Date.parse(ModTime), Path.endsWith('large') ? '' : Hashes?.md5])
        expect(view(copy)).toEqual(view(source))
        expect(source).toHaveLength(OBJECTS.length)
        expect(source[0]!.ModTime).not.toBe('')
      }))

    it('rclone check --download: every byte; and what is planted afterwards is found', () =>
      inBuckets(async (side) => {
        const sides = { a: side('here'), b: side('there') }
        const check = () => rclone(sides, 'check', '--download', 'a:here', 'b:there')
        expect(await check()).toMatchObject({ code: 0, stderr: expect.stringContaining('0 differences found') })
        const altered = bytes('plain', 70_000)
        altered[50_000]! ^= 1
        await put(side('there'), 'plain', altered)
        expect(await check()).toMatchObject({ code: 1, stderr: expect.stringContaining('1 differences found') })
      }))
  })

  describe('with all versions', () => {
    /** By key, oldest first: versions by ETag and size, and apart from them, as the AWS CLI lists them, delete markers. */
    const chains = async (side: Side): Promise<Record<string, string[]>> => {
      const { Versions = [], DeleteMarkers = [] } = await s3api<Versions>(side, 'list-object-versions')
      const all = [
        ...Versions.reverse().map(({ Key, IsLatest, ETag, Size }) => ({ Key, IsLatest, what: `${ETag} ${Size}` })),
        ...DeleteMarkers.reverse().map(({ Key, IsLatest }) => ({ Key, IsLatest, what: 'marker' })),
      ]
      const found: Record<string, string[]> = {}
      for (const { Key, what, IsLatest } of all) (found[Key] ??= []).push(`${what}${IsLatest ? ' latest' : ''}`)
      return found
    }
    /** The kinds of one key's versions, newest first: one a call, since one reply lists the kinds apart. */
    const kinds = async (side: Side, key: string): Promise<string[]> => {
      const found: string[] = []
      let marker: string[] = []
      for (;;) {
        const page = await s3api<Versions & { NextKeyMarker: string; NextVersionIdMarker: string }>(
          ...([side, 'list-object-versions', `--prefix=${key}`, '--max-keys=1', '--no-paginate', ...marker] as const),
        )
        found.push(page.Versions?.length === 1 ? 'version' : 'marker')
        if (page.NextKeyMarker === undefined) return found
        marker = [`--key-marker=${page.NextKeyMarker}`, `--version-id-marker=${page.NextVersionIdMarker}`]
      }
    }
    const ids = async (side: Side): Promise<string[]> => {
      const { Versions = [], DeleteMarkers = [] } = await s3api<Versions>(side, 'list-object-versions')
      return [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => `${Key} ${VersionId}`).sort()
    }

    it('aws s3api list-object-versions: the same history; a second run adds nothing, a change adds what it is', async () => {
      await inBuckets(async (side) => {
        for (const bucket of ['old', 'new']) {
          await s3api(side(bucket), 'create-bucket')
          await s3api(side(bucket), 'put-bucket-versioning', '--versioning-configuration=Status=Enabled')
        }
        for (const body of ['one', 'two', 'three']) await put(side('old'), 'a', Buffer.from(body), `--metadata=body=${body}`)
        await put(side('old'), 'b', Buffer.from('b'))
        await s3api(side('old'), 'delete-object', '--key=b')
        await put(side('old'), 'c', Buffer.from('c'))
        await s3api(side('old'), 'delete-object', '--key=c')
        await put(side('old'), 'c', Buffer.from('c again'))
      })
      expect(await migrate('old', 'new', { carry: { versions: 'all' } })).toMatchObject({ listed: 8, copied: 8 })
      const before = await inBuckets(async (side) => {
        const [source, copy] = [await chains(side('old')), await chains(side('new'))]
        expect(copy).toEqual(source)
        expect(Object.entries(source).map(([key, chain]) => [key, chain.length])).toEqual(
          expect.arrayContaining([
            ['a', 3],
            ['b', 2],
            ['c', 3],
          ]),
        )
        expect(await kinds(side('new'), 'c')).toEqual(['version', 'marker', 'version'])
        const oldest = (await s3api<Versions>(side('new'), 'list-object-versions', '--prefix=a')).Versions!.find(({ Size }) => Size === 3)!
        const head = await s3api<Head>(side('new'), 'head-object', '--key=a', `--version-id=${oldest.VersionId}`)
        expect(head.Metadata).toMatchObject({ 'source-etag': oldest.ETag.replaceAll('"', '') })
        return ids(side('new'))
      })
      expect(await migrate('old', 'new', { carry: { versions: 'all' } })).toMatchObject({ listed: 8, skipped: 8 })
      await inBuckets(async (side) => {
        expect(await ids(side('new'))).toEqual(before)
        await s3api(side('old'), 'delete-object', '--key=a')
      })
      expect(await migrate('old', 'new', { carry: { versions: 'all' } })).toMatchObject({ listed: 9, skipped: 8, copied: 1 })
      await inBuckets(async (side) => expect(await chains(side('new'))).toEqual(await chains(side('old'))))
    })
  })
})
