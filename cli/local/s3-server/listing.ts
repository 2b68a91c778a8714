import type { Bucket, StoredObject } from './bucket'
import { afterPrefix, encodeListed, textOf, type ByteString } from './byte-strings'
import type { Handler } from './call'
import { S3Error } from './errors'
import { quoted } from './objects'
import { queryOf, wholeNumber, type S3Request } from './request'
import { document, element } from './xml'

/** Most keys of one reply, as Amazon S3. */
const MAX_KEYS = 1000

interface Page {
  objects: [ByteString, StoredObject][]
  prefixes: ByteString[]
  truncated: boolean
  /** the last key or common prefix of the page */
  last: ByteString
}

/** A page of what lies after `after`, in byte order; what is rolled up into a common prefix is skipped in one step. */
const pageOf = (bucket: Bucket, prefix: ByteString, delimiter: ByteString, after: ByteString | undefined, most: number): Page => {
  const page: Page = { objects: [], prefixes: [], truncated: false, last: after ?? '' }
  if (most === 0) return page
  // 0x00 is the least byte: the next key after `after`
  const keys = bucket.order.from(after === undefined || after < prefix ? prefix : `${after}\0`)
  for (let key = keys.next().value; key?.startsWith(prefix);) {
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    const rolled = end < 0 ? undefined : key.slice(0, end + delimiter.length)
    if (rolled === undefined || rolled !== after) {
      if (page.objects.length + page.prefixes.length === most) return { ...page, truncated: true }
      if (rolled === undefined) page.objects.push([key, bucket.object(key)])
      else page.prefixes.push(rolled)
      page.last = rolled ?? key
    }
    key = keys.next(rolled && afterPrefix(rolled)).value
  }
  return page
}

/** How keys are written in the reply. Throws InvalidArgument for another encoding-type. */
const encodingOf = (request: S3Request): { write: (bytes: ByteString) => string; name: string | undefined } => {
  const name = queryOf(request, 'encoding-type')
  if (name !== undefined && name !== 'url') throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request')
  return { name, write: name === undefined ? textOf : encodeListed }
}

const sizeOfPage = (request: S3Request, name: string): number =>
  Math.min(wholeNumber(name, queryOf(request, name), 0, 2 ** 31 - 1) ?? MAX_KEYS, MAX_KEYS)

const contents = ([key, object]: [ByteString, StoredObject], write: (bytes: ByteString) => string): string => {
  const checksum = object.checksum
    ? element('ChecksumAlgorithm', object.checksum.algorithm.toUpperCase()) + element('ChecksumType', object.checksum.type)
    : ''
  return `<Contents>${element('Key', write(key))}${element('LastModified', new Date(object.modified).toISOString())}${element('ETag', quoted(object.etag))}${checksum}${element('Size', object.size)}${element('StorageClass', object.storageClass ?? 'STANDARD')}</Contents>`
}

/** ListObjects and ListObjectsV2: they differ in how a page says where the next one begins. */
export const listObjects: Handler = (call) => {
  const { request } = call
  const bucket = call.bucket()
  const version2 = queryOf(request, 'list-type') === '2'
  const { write, name } = encodingOf(request)
  const prefix = queryOf(request, 'prefix') ?? ''
  const delimiter = queryOf(request, 'delimiter') ?? ''
  const most = sizeOfPage(request, 'max-keys')
  const start = queryOf(request, version2 ? 'start-after' : 'marker')
  const token = version2 ? queryOf(request, 'continuation-token') : undefined
  const page = pageOf(bucket, prefix, delimiter, token === undefined ? start : fromToken(token), most)
  const position = version2
    ? [
        element('KeyCount', page.objects.length + page.prefixes.length),
        element('ContinuationToken', token),
        element('NextContinuationToken', page.truncated ? toToken(page.last) : undefined),
        element('StartAfter', start === undefined ? undefined : write(start)),
      ]
    : // as Amazon S3: without a delimiter the next marker is the last key, and not said
      [element('Marker', write(start ?? '')), element('NextMarker', page.truncated && delimiter !== '' ? write(page.last) : undefined)]
  const inner = [
    element('Name', request.bucket),
    element('Prefix', write(prefix)),
    ...position,
    element('MaxKeys', most),
    element('Delimiter', delimiter === '' ? undefined : write(delimiter)),
    element('EncodingType', name),
    element('IsTruncated', page.truncated),
    ...page.objects.map((object) => contents(object, write)),
    ...page.prefixes.map((rolled) => `<CommonPrefixes>${element('Prefix', write(rolled))}</CommonPrefixes>`),
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

export const listUploads: Handler = (call) => {
  const { request } = call
  if (queryOf(request, 'delimiter')) throw new S3Error('NotImplemented', 'A delimiter is not implemented for ListMultipartUploads.')
  const { write, name } = encodingOf(request)
  const prefix = queryOf(request, 'prefix') ?? ''
  const most = sizeOfPage(request, 'max-uploads')
  const keyMarker = queryOf(request, 'key-marker') ?? ''
  const idMarker = queryOf(request, 'upload-id-marker') ?? ''
  const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
  const rest = [...call.bucket().uploads.values()]
    .filter(({ key, id }) => key.startsWith(prefix) && (key > keyMarker || (key === keyMarker && idMarker !== '' && id > idMarker)))
    .sort((a, b) => order(a.key, b.key) || order(a.id, b.id))
  const page = rest.slice(0, most)
  const last = rest.length > page.length ? page.at(-1) : undefined
  const uploads = page.map(
    ({ key, id, initiated, storageClass }) =>
      `<Upload>${element('Key', write(key))}${element('UploadId', id)}${element('StorageClass', storageClass ?? 'STANDARD')}${element('Initiated', new Date(initiated).toISOString())}</Upload>`,
  )
  const inner = [
    element('Bucket', request.bucket),
    element('KeyMarker', write(keyMarker)),
    element('UploadIdMarker', idMarker),
    element('NextKeyMarker', last && write(last.key)),
    element('NextUploadIdMarker', last?.id),
    element('Prefix', write(prefix)),
    element('MaxUploads', most),
    element('EncodingType', name),
    element('IsTruncated', last !== undefined),
    ...uploads,
  ]
  return { status: 200, body: document('ListMultipartUploadsResult', inner.join('')) }
}
