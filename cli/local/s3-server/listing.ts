import { after, encodeListed, textOf, type ByteString } from './byte-strings'
import type { Bucket } from './bucket'
import type { Handler } from './call'
import { S3Error } from './errors'
import { pageOf, type Page, type Walk } from './page'
import { OWNER, quoted, timeText } from './replies'
import { queryOf, wholeNumber, type S3Request } from './request'
import { isMarker, legalVersionId, NULL_VERSION, orderOfId, type StoredObject } from './version'
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

/** What all listings are asked alike. `write` writes keys into the reply. Throws InvalidArgument. */
const askedOf = (request: S3Request, size: 'max-keys' | 'max-uploads') => {
  const encoding = queryOf(request, 'encoding-type')
  if (encoding !== undefined && encoding !== 'url') throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request')
  return {
    encoding,
    write: encoding === undefined ? textOf : encodeListed,
    prefix: queryOf(request, 'prefix') ?? '',
    delimiter: queryOf(request, 'delimiter') ?? '',
    most: Math.min(wholeNumber(size, queryOf(request, size), 0, 2 ** 31 - 1) ?? MAX_KEYS, MAX_KEYS),
  }
}

/** What all listings answer alike. */
const frameOf = (asked: ReturnType<typeof askedOf>, size: 'MaxKeys' | 'MaxUploads', page: Page<unknown>): string =>
  [
    element('Prefix', asked.write(asked.prefix)),
    element('Delimiter', asked.delimiter === '' ? undefined : asked.write(asked.delimiter)),
    element(size, asked.most),
    element('EncodingType', asked.encoding),
    element('IsTruncated', page.truncated),
    ...page.prefixes.map((rolled) => `<CommonPrefixes>${element('Prefix', asked.write(rolled))}</CommonPrefixes>`),
  ].join('')

/** What all listings say of an object, in the order of Amazon S3's schema. */
const described = ({ etag, checksum, size, storageClass }: StoredObject): string =>
  element('ETag', quoted(etag)) +
  (checksum ? element('ChecksumAlgorithm', checksum.algorithm.toUpperCase()) + element('ChecksumType', checksum.type) : '') +
  element('Size', size) +
  element('StorageClass', storageClass ?? 'STANDARD')

/** ListObjects and ListObjectsV2: they differ in how a page says where the next one begins. */
export const listObjects: Handler = async (call) => {
  const { request } = call
  const bucket = call.bucket()
  const type = queryOf(request, 'list-type')
  if (type !== undefined && type !== '2') throw new S3Error('InvalidArgument', 'Invalid List Type specified in Request')
  const version2 = type !== undefined
  const owner = !version2 || queryOf(request, 'fetch-owner') === 'true' ? OWNER : ''
  const asked = askedOf(request, 'max-keys')
  const { write, prefix, delimiter, most } = asked
  const start = queryOf(request, version2 ? 'start-after' : 'marker')
  const token = version2 ? queryOf(request, 'continuation-token') : undefined
  const position = token === undefined ? start : fromToken(token)
  const walk = objectsFrom(bucket, startOf(prefix, position), most)
  const page = await paged(walk, { ...asked, after: position })
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
    ...turn,
    frameOf(asked, 'MaxKeys', page),
    ...page.items.map(
      ({ key, item }) =>
        `<Contents>${element('Key', write(key))}${element('LastModified', timeText(item.modified))}${described(item)}${owner}</Contents>`,
    ),
  ]
  return { status: 200, body: document('ListBucketResult', inner.join('')) }
}

export const toToken = (position: ByteString): string => Buffer.from(position, 'latin1').toString('base64url')

/** Throws InvalidArgument for a token that this server has not written. */
export const fromToken = (token: string): ByteString => {
  const position = Buffer.from(token, 'base64url').toString('latin1')
  if (token === '' || toToken(position) !== token) throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect')
  return position
}

export const listVersions: Handler = async (call) => {
  const { request } = call
  const bucket = call.bucket()
  const asked = askedOf(request, 'max-keys')
  const { write, prefix, most } = asked
  const keyMarker = queryOf(request, 'key-marker') ?? ''
  const idMarker = legalVersionId(queryOf(request, 'version-id-marker') || undefined)
  if (idMarker !== undefined && keyMarker === '')
    throw new S3Error('InvalidArgument', 'A version-id marker cannot be specified without a key marker.')
  const within = idMarker !== undefined && keyMarker >= prefix
  const behind = within ? await orderOf(bucket, keyMarker, idMarker) : undefined
  const from = within ? keyMarker : startOf(prefix, keyMarker || undefined)
  const page = await paged(versionsFrom(bucket, from, behind, most), { ...asked, after: keyMarker || undefined })
  const last = page.truncated ? page.last : undefined
  const inner = [
    element('Name', request.bucket),
    element('KeyMarker', write(keyMarker)),
    element('VersionIdMarker', idMarker ?? ''),
    element('NextKeyMarker', last && write(last.key)),
    element('NextVersionIdMarker', last?.item?.version.id),
    frameOf(asked, 'MaxKeys', page),
    ...page.items.map(({ key, item }) => listedVersion(write(key), item)),
  ]
  return { status: 200, body: document('ListVersionsResult', inner.join('')) }
}

/** Where a version stands among its key's, also when it was deleted since; only of the null version that is not known then. */
const orderOf = async (bucket: Bucket, key: ByteString, id: string): Promise<string | undefined> =>
  id === NULL_VERSION ? (await bucket.version(key, id))?.order : orderOfId(id)

const listedVersion = (key: string, { version, latest }: ListedVersion): string => {
  const name = isMarker(version) ? 'DeleteMarker' : 'Version'
  const identity = element('Key', key) + element('VersionId', version.id) + element('IsLatest', latest)
  return `<${name}>${identity}${element('LastModified', timeText(version.modified))}${isMarker(version) ? '' : described(version)}${OWNER}</${name}>`
}

export const listUploads: Handler = async (call) => {
  const { request } = call
  const asked = askedOf(request, 'max-uploads')
  const { write, prefix, most } = asked
  const keyMarker = queryOf(request, 'key-marker') ?? ''
  const idMarker = queryOf(request, 'upload-id-marker') ?? ''
  const behind = idMarker === '' || keyMarker < prefix ? undefined : idMarker
  const from = behind === undefined ? startOf(prefix, keyMarker || undefined) : keyMarker
  const walk = uploadsFrom(call.bucket(), from, behind, most)
  const page = await paged(walk, { ...asked, after: keyMarker || undefined })
  const last = page.truncated ? page.last : undefined
  const inner = [
    element('Bucket', request.bucket),
    element('KeyMarker', write(keyMarker)),
    element('UploadIdMarker', idMarker),
    element('NextKeyMarker', last && write(last.key)),
    element('NextUploadIdMarker', last?.item?.id),
    frameOf(asked, 'MaxUploads', page),
    ...page.items.map(
      ({ key, item: { id, initiated, storageClass } }) =>
        `<Upload>${element('Key', write(key))}${element('UploadId', id)}${element('StorageClass', storageClass ?? 'STANDARD')}${element('Initiated', timeText(initiated))}</Upload>`,
    ),
  ]
  return { status: 200, body: document('ListMultipartUploadsResult', inner.join('')) }
}
