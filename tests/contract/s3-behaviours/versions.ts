import type * as S3 from '@aws-sdk/client-s3'
import { CopyObjectCommand, GetBucketVersioningCommand } from '@aws-sdk/client-s3'
import { answered, Differs, group, refused, same, type Place } from './behaviour'

const VERSIONING = 'How S3 Versioning works'
const LIST = 'ListObjectVersions'
const MARKERS = 'Working with delete markers'
const SUSPENDED = 'Working with objects in a versioning-suspended bucket'

const body = async (at: Place, key: string, VersionId?: string): Promise<string> => (await at.get(key, { VersionId })).bytes.toString()

/** A bucket that keeps versions, and one more of `a` for each body: their ids, oldest first. */
const written = async (at: Place, ...bodies: string[]): Promise<string[]> => {
  await at.versioning('Enabled')
  const ids: string[] = []
  for (const each of bodies) ids.push((await at.put('a', each)).VersionId ?? '')
  if (new Set(ids).size !== bodies.length || ids.includes('')) throw new Differs('PUT: no version of its own for each')
  return ids
}

/** Versions and delete markers in the order of the listing is not to be had from the SDK, which has two lists: as `key:number in ids` each. */
const shape = ({ Versions = [], DeleteMarkers = [] }: S3.ListObjectVersionsCommandOutput, ids: readonly string[]) => ({
  versions: Versions.map(({ Key, VersionId = '', IsLatest }) => `${Key}:${ids.indexOf(VersionId)}${IsLatest ? ' latest' : ''}`),
  markers: DeleteMarkers.map(({ Key, VersionId = '', IsLatest }) => `${Key}:${ids.indexOf(VersionId)}${IsLatest ? ' latest' : ''}`),
})

/** What a refusal carries besides its code. */
const markerOf = async (what: string, work: Promise<unknown>, wanted: string): Promise<void> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason as Error & { $response?: { headers: Record<string, string> } },
  )
  if (error === undefined) throw new Differs(`${what}: accepted instead of ${wanted}`)
  if (!answered(error).startsWith(wanted)) throw new Differs(`${what}: ${answered(error)} instead of ${wanted}`)
  same(`${what} x-amz-delete-marker`, error.$response?.headers['x-amz-delete-marker'], 'true')
}

export const versions = group('versions', [
  [
    'a new bucket has no versioning, and then the one that it is told',
    async (at) => {
      const status = async () => (await at.client.send(new GetBucketVersioningCommand({ Bucket: at.bucket }))).Status
      same('new', await status(), undefined)
      await at.versioning('Enabled')
      same('enabled', await status(), 'Enabled')
      await at.versioning('Suspended')
      same('suspended', await status(), 'Suspended')
    },
    'GetBucketVersioning',
  ],
  [
    'each PUT is a version of its own, and the last one is the object',
    async (at) => {
      const [first, second] = await written(at, 'one', 'two')
      same('object', await body(at, 'a'), 'two')
      same('first version', await body(at, 'a', first), 'one')
      same('second version', await body(at, 'a', second), 'two')
      const head = await at.head('a', { VersionId: first })
      same('HEAD', [head.ContentLength, head.VersionId === first], [3, true])
      same(
        'listing',
        (await at.list()).Contents?.map(({ Key }) => Key),
        ['a'],
      )
    },
    VERSIONING,
  ],
  [
    'a completed upload and a copy are versions too',
    async (at) => {
      await written(at, 'one')
      const id = await at.open('a')
      const upload = await at.complete('a', id, [await at.part('a', id, 1, 'two')])
      const copy = await at.copy('a', 'a', { MetadataDirective: 'REPLACE', Metadata: { b: '1' } })
      same('versions have ids', [typeof upload.VersionId, typeof copy.VersionId], ['string', 'string'])
      same('versions', (await at.versions()).Versions?.length, 3)
      same('of the upload', await body(at, 'a', upload.VersionId), 'two')
    },
    VERSIONING,
  ],
  [
    'DELETE puts a delete marker on top: 404 with x-amz-delete-marker, and the versions are still there',
    async (at) => {
      const [first] = await written(at, 'one')
      const deleted = await at.remove('a')
      same('DELETE', [deleted.DeleteMarker, typeof deleted.VersionId], [true, 'string'])
      await markerOf('GET', at.get('a'), '404 NoSuchKey')
      await markerOf('HEAD', at.head('a'), '404')
      same('listing', (await at.list()).KeyCount, 0)
      same('version', await body(at, 'a', first), 'one')
    },
    MARKERS,
  ],
  [
    'a delete marker that is read by its id is 405, and deleted by its id brings the object back',
    async (at) => {
      await written(at, 'one')
      const { VersionId } = await at.remove('a')
      await markerOf('GET', at.get('a', { VersionId }), '405 MethodNotAllowed')
      await markerOf('HEAD', at.head('a', { VersionId }), '405')
      const deleted = await at.remove('a', { VersionId })
      same('DELETE', [deleted.DeleteMarker, deleted.VersionId === VersionId], [true, true])
      same('object', await body(at, 'a'), 'one')
    },
    MARKERS,
  ],
  [
    'to delete what is not there makes a delete marker',
    async (at) => {
      await at.versioning('Enabled')
      same('DELETE', (await at.remove('never-there')).DeleteMarker, true)
      same(
        'listed',
        (await at.versions()).DeleteMarkers?.map(({ Key }) => Key),
        ['never-there'],
      )
    },
    MARKERS,
  ],
  [
    'a version that is deleted is gone for good, and the one before it is the object',
    async (at) => {
      const [, second] = await written(at, 'one', 'two')
      const deleted = await at.remove('a', { VersionId: second })
      same('DELETE', [deleted.DeleteMarker, deleted.VersionId === second], [undefined, true])
      same('object', await body(at, 'a'), 'one')
      await refused('GET of it', at.get('a', { VersionId: second }), '404 NoSuchVersion')
      await refused('HEAD of it', at.head('a', { VersionId: second }), 404)
      same('versions', (await at.versions()).Versions?.length, 1)
    },
    'Deleting object versions from a versioning-enabled bucket',
  ],
  [
    'a version id that is none is refused',
    async (at) => {
      await written(at, 'one')
      await refused('GET', at.get('a', { VersionId: 'no such id' }), '4xx')
    },
    'Error responses',
  ],
  [
    'DeleteObjects deletes versions, and makes delete markers without an id',
    async (at) => {
      const [first, second] = await written(at, 'one', 'two')
      const { Deleted = [] } = await at.removeAll([{ Key: 'a', VersionId: first }, { Key: 'b' }])
      same('deleted', Deleted.map(({ Key, VersionId, DeleteMarker }) => [Key, VersionId === first, DeleteMarker]).sort(), [
        ['a', true, undefined],
        ['b', false, true],
      ])
      same('left', shape(await at.versions(), [first ?? '', second ?? '']), { versions: ['a:1 latest'], markers: ['b:-1 latest'] })
    },
    'DeleteObjects',
  ],
  [
    'ListObjectVersions lists keys in order, the newest version first, and which is the latest',
    async (at) => {
      const ids = await written(at, 'one', 'two')
      ids.push((await at.remove('a')).VersionId ?? '', (await at.put('a', 'three')).VersionId ?? '')
      ids.push((await at.put('B', 'b')).VersionId ?? '', (await at.put('c', 'c')).VersionId ?? '', (await at.remove('c')).VersionId ?? '')
      same('listing', shape(await at.versions(), ids), {
        versions: ['B:4 latest', 'a:3 latest', 'a:1', 'a:0', 'c:5'],
        markers: ['a:2', 'c:6 latest'],
      })
    },
    LIST,
  ],
  [
    'ListObjectVersions goes on after any version, page by page',
    async (at) => {
      const ids = await written(at, 'one', 'two')
      ids.push((await at.remove('a')).VersionId ?? '', (await at.put('b', 'b')).VersionId ?? '')
      const found: string[] = []
      let next: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } | undefined = {}
      while (next !== undefined && found.length < 9) {
        const page: S3.ListObjectVersionsCommandOutput = await at.versions({ MaxKeys: 1, ...next })
        const { versions: listed, markers } = shape(page, ids)
        found.push(...listed, ...markers.map((marker) => `${marker} marker`))
        next = page.IsTruncated ? { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker } : undefined
      }
      same('pages of 1', found, ['a:2 latest marker', 'a:1', 'a:0', 'b:3 latest'])
    },
    LIST,
  ],
  [
    'ListObjectVersions lists delete markers among the versions, in the order of their writing',
    async (at) => {
      const ids = await written(at, 'one')
      ids.push((await at.remove('a')).VersionId ?? '', (await at.put('a', 'three')).VersionId ?? '')
      const { body: xml } = await at.raw({ method: 'GET', path: `/${at.bucket}`, query: 'versions=' })
      const listed = [...xml.matchAll(/<VersionId>([^<]+)</g)].map(([, id = '']) => ids.indexOf(id))
      same('listing', listed, [2, 1, 0])
    },
    LIST,
  ],
  [
    'ListObjectVersions goes on after all versions of a key, which need not be there',
    async (at) => {
      await at.versioning('Enabled')
      for (const key of ['a', 'a', 'c', 'd']) await at.put(key)
      const after = async (KeyMarker: string) => (await at.versions({ KeyMarker })).Versions?.map(({ Key }) => Key)
      same('after a', await after('a'), ['c', 'd'])
      same('after b', await after('b'), ['c', 'd'])
    },
    LIST,
  ],
  [
    'ListObjectVersions by prefix, by delimiter and url-encoded',
    async (at) => {
      await at.versioning('Enabled')
      for (const key of ['a', 'b/1', 'b/1', 'b/2', 'c+d é']) await at.put(key)
      same(
        'prefix',
        (await at.versions({ Prefix: 'b/' })).Versions?.map(({ Key }) => Key),
        ['b/1', 'b/1', 'b/2'],
      )
      const rolled = await at.versions({ Delimiter: '/' })
      same(
        'delimiter',
        rolled.CommonPrefixes?.map(({ Prefix }) => Prefix),
        ['b/'],
      )
      const encoded = await at.versions({ Prefix: 'c', EncodingType: 'url' })
      same('url-encoded', decodeURIComponent(encoded.Versions?.[0]?.Key?.replaceAll('+', ' ') ?? ''), 'c+d é')
    },
    LIST,
  ],
  [
    'without versioning every object is the version null',
    async (at) => {
      const put = await at.put('a', 'one')
      same('PUT', put.VersionId, undefined)
      same(
        'listing',
        (await at.versions()).Versions?.map(({ VersionId, IsLatest }) => [VersionId, IsLatest]),
        [['null', true]],
      )
      same('GET of null', await body(at, 'a', 'null'), 'one')
    },
    VERSIONING,
  ],
  [
    'objects from before versioning stay as the version null',
    async (at) => {
      await at.put('a', 'before')
      const [id = ''] = await written(at, 'after')
      same('listing', shape(await at.versions(), ['null', id]), { versions: ['a:1 latest', 'a:0'], markers: [] })
      same('null', await body(at, 'a', 'null'), 'before')
    },
    VERSIONING,
  ],
  [
    'a suspended bucket writes the version null, replaces that one only and keeps the others',
    async (at) => {
      const [first = ''] = await written(at, 'one')
      await at.versioning('Suspended')
      await at.put('a', 'two')
      await at.put('a', 'three')
      same('listing', shape(await at.versions(), ['null', first]), { versions: ['a:0 latest', 'a:1'], markers: [] })
      same('object', await body(at, 'a'), 'three')
      same('first', await body(at, 'a', first), 'one')
    },
    SUSPENDED,
  ],
  [
    'DELETE in a suspended bucket replaces the version null by a delete marker null',
    async (at) => {
      const [first = ''] = await written(at, 'one')
      await at.versioning('Suspended')
      await at.put('a', 'two')
      const deleted = await at.remove('a')
      same('DELETE', [deleted.DeleteMarker, deleted.VersionId], [true, 'null'])
      same('listing', shape(await at.versions(), ['null', first]), { versions: ['a:1'], markers: ['a:0 latest'] })
    },
    SUSPENDED,
  ],
  [
    'a copy can be made from a version',
    async (at) => {
      const [first = ''] = await written(at, 'one', 'two')
      const copy = await at.client.send(
        new CopyObjectCommand({ Bucket: at.bucket, Key: 'copy', CopySource: `${at.bucket}/a?versionId=${encodeURIComponent(first)}` }),
      )
      same('body', await body(at, 'copy'), 'one')
      same('x-amz-copy-source-version-id', copy.CopySourceVersionId === first, true)
    },
    'CopyObject',
  ],
  [
    'a version has tags of its own',
    async (at) => {
      const [first] = await written(at, 'one', 'two')
      await at.tag('a', [{ Key: 'of', Value: 'first' }], { VersionId: first })
      same('first', await at.tags('a', { VersionId: first }), { of: 'first' })
      same('latest', await at.tags('a'), {})
    },
    'PutObjectTagging',
  ],
  [
    'If-None-Match: * creates over a delete marker',
    async (at) => {
      await written(at, 'one')
      await refused('over an object', at.put('a', 'x', { IfNoneMatch: '*' }), '412 PreconditionFailed')
      await at.remove('a')
      await at.put('a', 'two', { IfNoneMatch: '*' })
      same('object', await body(at, 'a'), 'two')
    },
    'How to prevent object overwrites with conditional writes',
  ],
])
