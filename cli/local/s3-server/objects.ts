import { attributesOf, tagsOfXml } from './attributes'
import { VerifiedBody } from './body'
import type { Bucket, StoredObject } from './bucket'
import { bytesOf, legalKey, textOf, type ByteString } from './byte-strings'
import type { Call, Handler } from './call'
import type { Checksum } from './checksums'
import { checkWrite, isUnmodified, parseRange } from './conditions'
import { S3Error } from './errors'
import { headerOf, queryOf, wholeNumber, type Reply } from './request'
import { document, element, parseXml } from './xml'

/** Parts an upload may have: Amazon S3 user guide, "Multipart upload limits". */
export const MAX_PARTS = 10_000
/** Objects of one DeleteObjects. */
const MAX_DELETED = 1000

export const checksumHeaders = (checksum: (Checksum & { type?: string }) | undefined): Record<string, string> =>
  checksum
    ? { [`x-amz-checksum-${checksum.algorithm}`]: checksum.value, ...(checksum.type ? { 'x-amz-checksum-type': checksum.type } : {}) }
    : {}

export const quoted = (etag: string): string => `"${etag}"`

/** Stores an object whose body lies ready, if the caller still may and the conditions still hold; otherwise removes the body. */
export const place = (call: Call, bucket: Bucket, object: StoredObject, conditions: () => void): void => {
  try {
    call.stillAllowed()
    conditions()
    bucket.commit({ put: call.request.key, object })
  } catch (error) {
    bucket.blobs.remove(object.pieces)
    throw error
  }
}

export const putObject: Handler = async (call) => {
  const { headers, key } = call.request
  const bucket = call.bucket()
  const conditions = (): void => checkWrite(headers, bucket.objects.get(key))
  conditions() // before the body: a refusal need not wait for it
  const attributes = attributesOf(headers)
  const body = new VerifiedBody(call.request, call.payload)
  const pieces = await bucket.blobs.write(body.chunks(), body.size)
  const { size, md5, checksum } = body.received()
  const object: StoredObject = { ...attributes, size, etag: md5.toString('hex'), modified: call.now(), pieces }
  if (checksum) object.checksum = { ...checksum, type: 'FULL_OBJECT' }
  place(call, bucket, object, conditions)
  return { status: 200, headers: { etag: quoted(object.etag), ...checksumHeaders(object.checksum) } }
}

const describe = (object: StoredObject): Record<string, string | number> => ({
  ...object.headers,
  'accept-ranges': 'bytes',
  etag: quoted(object.etag),
  'last-modified': new Date(object.modified).toUTCString(),
  ...(object.storageClass ? { 'x-amz-storage-class': object.storageClass } : {}),
  ...(object.tags?.length ? { 'x-amz-tagging-count': object.tags.length } : {}),
})

/** What of the object is asked for: all of it, a range, or a part. Throws InvalidRange, InvalidPartNumber. */
const extent = (
  call: Call,
  { size, pieces, etag }: StoredObject,
): { from: number; to: number; partial: boolean; headers: Record<string, number> } => {
  const number = wholeNumber('partNumber', queryOf(call.request, 'partNumber'), 1, MAX_PARTS)
  if (number === undefined) {
    const range = parseRange(headerOf(call.request.headers, 'range'), size)
    return { from: 0, to: size, ...range, partial: range !== undefined, headers: {} }
  }
  const parts = etag.includes('-') ? pieces.length : 1
  if (number > Math.max(parts, 1)) throw new S3Error('InvalidPartNumber')
  const from = pieces.slice(0, number - 1).reduce((sum, piece) => sum + piece.size, 0)
  return {
    from,
    to: from + (pieces[number - 1]?.size ?? 0),
    partial: size > 0,
    headers: etag.includes('-') ? { 'x-amz-mp-parts-count': parts } : {},
  }
}

export const getObject: Handler = (call): Reply => {
  const { request } = call
  const bucket = call.bucket()
  const object = bucket.object(request.key)
  if (isUnmodified(request.headers, object)) return { status: 304, headers: describe(object) }
  const { from, to, partial, headers } = extent(call, object)
  const whole = to - from === object.size
  return {
    status: partial ? 206 : 200,
    headers: {
      ...describe(object),
      ...headers,
      'content-length': to - from,
      ...(partial ? { 'content-range': `bytes ${from}-${to - 1}/${object.size}` } : {}),
      // a checksum of the object says nothing of a part of it
      ...(whole && headerOf(request.headers, 'x-amz-checksum-mode')?.toUpperCase() === 'ENABLED' ? checksumHeaders(object.checksum) : {}),
    },
    ...(request.method === 'GET' ? { body: bucket.blobs.read(object.pieces, from, to) } : {}),
  }
}

export const checksumElements = (checksum: (Checksum & { type?: string }) | undefined): string =>
  checksum ? element(`Checksum${checksum.algorithm.toUpperCase()}`, checksum.value) + element('ChecksumType', checksum.type) : ''

export const getObjectAttributes: Handler = (call) => {
  const object = call.bucket().object(call.request.key)
  const wanted = new Set((headerOf(call.request.headers, 'x-amz-object-attributes') ?? '').split(',').map((name) => name.trim()))
  const parts = object.etag.includes('-') ? `<ObjectParts>${element('PartsCount', object.pieces.length)}</ObjectParts>` : ''
  const answers: Record<string, string> = {
    ETag: element('ETag', object.etag),
    Checksum: object.checksum ? `<Checksum>${checksumElements(object.checksum)}</Checksum>` : '',
    ObjectParts: parts,
    StorageClass: element('StorageClass', object.storageClass ?? 'STANDARD'),
    ObjectSize: element('ObjectSize', object.size),
  }
  const inner = Object.entries(answers).map(([name, xml]) => (wanted.has(name) ? xml : ''))
  return {
    status: 200,
    headers: { 'last-modified': new Date(object.modified).toUTCString() },
    body: document('GetObjectAttributesResponse', inner.join('')),
  }
}

const remove = (bucket: Bucket, key: ByteString): void => {
  if (bucket.objects.has(key)) bucket.commit({ delete: key })
}

export const deleteObject: Handler = (call) => {
  remove(call.bucket(), call.request.key)
  return { status: 204 }
}

export const deleteObjects: Handler = (call) => {
  const bucket = call.bucket()
  const request = parseXml(call.small, 'Delete')
  const objects = request.children('Object')
  if (objects.length === 0 || objects.length > MAX_DELETED) throw new S3Error('MalformedXML')
  if (objects.some((object) => object.text('VersionId') !== undefined)) throw new S3Error('NotImplemented', 'Versions are not implemented.')
  const keys = objects.map((object) => legalKey(bytesOf(object.text('Key') ?? '')))
  for (const key of keys) remove(bucket, key)
  const quiet = request.text('Quiet') === 'true'
  return {
    status: 200,
    body: document('DeleteResult', quiet ? '' : keys.map((key) => `<Deleted>${element('Key', textOf(key))}</Deleted>`).join('')),
  }
}

export const getTags: Handler = (call) => {
  const { tags = [] } = call.bucket().object(call.request.key)
  const set = tags.map(([name, value]) => `<Tag>${element('Key', name)}${element('Value', value)}</Tag>`).join('')
  return { status: 200, body: document('Tagging', `<TagSet>${set}</TagSet>`) }
}

const setTags = (call: Call, tags: [string, string][]): void => {
  const bucket = call.bucket()
  bucket.commit({ put: call.request.key, object: { ...bucket.object(call.request.key), tags } })
}

export const putTags: Handler = (call) => {
  setTags(call, tagsOfXml(call.small))
  return { status: 200 }
}

export const deleteTags: Handler = (call) => {
  setTags(call, [])
  return { status: 204 }
}
