import { after, encodeListed, textOf, type ByteString } from './byte-strings'
import type { Bucket } from './bucket'
import type { Handler } from './call'
import { S3Error } from './errors'
import { pageOf, type Page, type Walk } from './page'
import { quoted, timeText } from './replies'
import { queryOf, wholeNumber, type S3Request } from './request'
import { isMarker, NULL_VERSION, orderOfId, type StoredObject } from './version'
import { objectsFrom, uploadsFrom, versionsFrom, type ListedVersion } from './walks'
import { document, element } from './xml'

/** Most keys of one reply, as Amazon S3. */
const MAX_KEYS = 1000

/** Where the walk after `after` begins: keys before the prefix are not asked for. */
const startOf = (prefix: ByteString, position: ByteString | undefined): ByteString =>
  position === undefined || position < prefix ? prefix : after(position)

/** A page of a walk, which is closed whatever happens. */
const paged = async <Item>(walk: Walk<Item>, range: Parameters<typeof pageOf>[1]): Promise<Page<Item>> => {
  try {
    return await pageOf(walk, range)
  } finally {
    await walk.close()
  }
}

/** How keys are written in the reply. Throws InvalidArgument for another encoding-type. */
const encodingOf = (request: S3Request): { write: (bytes: ByteString) => string; name: string | undefined } => {
  const name = queryOf(request, 'encoding-type')
  if (name !== undefined && name !== 'url') throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request')
  return { name, write: name === undefined ? textOf : encodeListed }
}

const sizeOfPage = (request: S3Request, name: string): number =>
  Math.min(wholeNumber(name, queryOf(request, name), 0, 2 ** 31 - 1) ?? MAX_KEYS, MAX_KEYS)

/** What all listings say of an object, in the order of Amazon S3's schema. */
const described = ({ etag, checksum, size, storageClass }: StoredObject): string =>
  element('ETag', quoted(etag)) +
  (checksum ? element('ChecksumAlgorithm', checksum.algorithm.toUpperCase()) + element('ChecksumType', checksum.type) : '') +
  element('Size', size) +
  element('StorageClass', storageClass ?? 'STANDARD')

const commonPrefixes = (prefixes: readonly ByteString[], write: (bytes: ByteString) => string): string[] =>
  prefixes.map((rolled) => `<CommonPrefixes>${element('Prefix', write(rolled))}</CommonPrefixes>`)

/** ListObjects and ListObjectsV2: they differ in how a page says where the next one begins. */
export const listObjects: Handler = async (call) => {
  const { request } = call
  const bucket = call.bucket()
  const version2 = queryOf(request, 'list-type') === '2'
  const { write, name } = encodingOf(request)
  const prefix = queryOf(request, 'prefix') ?? ''
  const delimiter = queryOf(request, 'delimiter') ?? ''
  const most = sizeOfPage(request, 'max-keys')
  const start = queryOf(request, version2 ? 'start-after' : 'marker')
  const token = version2 ? queryOf(request, 'continuation-token') : undefined
  const position = token === undefined ? start : fromToken(token)
  const walk = objectsFrom(bucket, startOf(prefix, position), most)
  const page = await paged(walk, { prefix, delimiter, after: position, most })
  const last = page.truncated ? page.last?.key : undefined
  const turn = version2
    ? [
        element('KeyCount', page.items.length + page.prefixes.length),
        element('ContinuationToken', token),
        element('NextContinuationToken', last === undefined ? undefined : toToken(last)),
        element('StartAfter', start === undefined ? undefined : write(start)),
      ]
    : // as Amazon S3: without a delimiter the next marker is the last key, and not said
      [element('Marker', write(start ?? '')), element('NextMarker', last !== undefined && delimiter !== '' ? write(last) : undefined)]
  const inner = [
    element('Name', request.bucket),
    element('Prefix', write(prefix)),
    ...turn,
    element('MaxKeys', most),
    element('Delimiter', delimiter === '' ? undefined : write(delimiter)),
    element('EncodingType', name),
    element('IsTruncated', page.truncated),
    ...page.items.map(
      ({ key, item }) =>
        `<Contents>${element('Key', write(key))}${element('LastModified', timeText(item.modified))}${described(item)}</Contents>`,
    ),
    ...commonPrefixes(page.prefixes, write),
  ]
  return { status: 200, body: document('ListBucketResult', inner.join('')) }
}

const toToken = (position: ByteString): string => Buffer.from(position, 'latin1').toString('base64url')

/** Throws InvalidArgument for a token that this server has not written. */
const fromToken = (token: string): ByteString => {
  const position = Buffer.from(token, 'base64url').toString('latin1')
  if (token === '' || toToken(position) !== token) throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect')
  return position
}

export const listVersions: Handler = async (call) => {
  const { request } = call
  const bucket = call.bucket()
  const { write, name } = encodingOf(request)
  const prefix = queryOf(request, 'prefix') ?? ''
  const delimiter = queryOf(request, 'delimiter') ?? ''
  const most = sizeOfPage(request, 'max-keys')
  const keyMarker = queryOf(request, 'key-marker')
  const idMarker = queryOf(request, 'version-id-marker')
  if (idMarker !== undefined && !keyMarker)
    throw new S3Error('InvalidArgument', 'A version-id marker cannot be specified without a key marker.')
  const behind = idMarker && keyMarker ? await orderOf(bucket, keyMarker, idMarker) : undefined
  const from = behind === undefined || keyMarker === undefined ? startOf(prefix, keyMarker || undefined) : keyMarker
  const page = await paged(versionsFrom(bucket, from, behind, most), { prefix, delimiter, after: keyMarker, most })
  const last = page.truncated ? page.last : undefined
  const inner = [
    element('Name', request.bucket),
    element('Prefix', write(prefix)),
    element('KeyMarker', write(keyMarker ?? '')),
    element('VersionIdMarker', idMarker ?? ''),
    element('NextKeyMarker', last && write(last.key)),
    element('NextVersionIdMarker', last?.item?.version.id),
    element('MaxKeys', most),
    element('Delimiter', delimiter === '' ? undefined : write(delimiter)),
    element('EncodingType', name),
    element('IsTruncated', page.truncated),
    ...page.items.map(({ key, item }) => listedVersion(write(key), item)),
    ...commonPrefixes(page.prefixes, write),
  ]
  return { status: 200, body: document('ListVersionsResult', inner.join('')) }
}

/** Where a version stands among its key's, also when it was deleted since. Throws InvalidArgument, NoSuchVersion. */
const orderOf = async (bucket: Bucket, key: ByteString, id: string): Promise<string> => {
  if (id === NULL_VERSION) return (await bucket.version(key, id)).order
  if (!/^[0-9a-f]{32}$/.test(id)) throw new S3Error('InvalidArgument', 'Invalid version id specified')
  return orderOfId(id)
}

const listedVersion = (key: string, { version, latest }: ListedVersion): string => {
  const name = isMarker(version) ? 'DeleteMarker' : 'Version'
  const identity = element('Key', key) + element('VersionId', version.id) + element('IsLatest', latest)
  return `<${name}>${identity}${element('LastModified', timeText(version.modified))}${isMarker(version) ? '' : described(version)}</${name}>`
}

export const listUploads: Handler = async (call) => {
  const { request } = call
  const { write, name } = encodingOf(request)
  const prefix = queryOf(request, 'prefix') ?? ''
  const delimiter = queryOf(request, 'delimiter') ?? ''
  const most = sizeOfPage(request, 'max-uploads')
  const keyMarker = queryOf(request, 'key-marker') ?? ''
  const idMarker = queryOf(request, 'upload-id-marker') ?? ''
  const behind = idMarker === '' || keyMarker < prefix ? undefined : idMarker
  const from = behind === undefined ? startOf(prefix, keyMarker || undefined) : keyMarker
  const walk = uploadsFrom(call.bucket(), from, behind, most)
  const page = await paged(walk, { prefix, delimiter, after: keyMarker || undefined, most })
  const last = page.truncated ? page.last : undefined
  const inner = [
    element('Bucket', request.bucket),
    element('KeyMarker', write(keyMarker)),
    element('UploadIdMarker', idMarker),
    element('NextKeyMarker', last && write(last.key)),
    element('NextUploadIdMarker', last?.item?.id),
    element('Prefix', write(prefix)),
    element('Delimiter', delimiter === '' ? undefined : write(delimiter)),
    element('MaxUploads', most),
    element('EncodingType', name),
    element('IsTruncated', page.truncated),
    ...page.items.map(
      ({ key, item: { id, initiated, storageClass } }) =>
        `<Upload>${element('Key', write(key))}${element('UploadId', id)}${element('StorageClass', storageClass ?? 'STANDARD')}${element('Initiated', timeText(initiated))}</Upload>`,
    ),
    ...commonPrefixes(page.prefixes, write),
  ]
  return { status: 200, body: document('ListMultipartUploadsResult', inner.join('')) }
}
