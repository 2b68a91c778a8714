import { isArchived } from './archive'
import type { Bucket } from './bucket'
import type { Call, Handler } from './call'
import { isUnmodified, parseRange } from './conditions'
import { S3Error } from './errors'
import { checksumElements, checksumHeaders, isJoined, objectHeaders, versionHeader } from './replies'
import { headerOf, queryOf, wholeNumber, type Reply } from './request'
import { isMarker, legalVersionId, type StoredObject, type Version, type VersionedObject } from './version'
import { document, element } from './xml'

/** Parts an upload may have: Amazon S3 user guide, "Multipart upload limits". */
export const MAX_PARTS = 10_000

type Refusal = Reply & { error: S3Error }

/** The object that a request reads, its current version or the one that it names; a delete marker is told as such. Throws NoSuchKey, NoSuchVersion. */
export const chosen = async (call: Call, bucket: Bucket): Promise<VersionedObject | Refusal> => {
  const { request } = call
  const id = legalVersionId(queryOf(request, 'versionId'))
  const version = id === undefined ? bucket.current(request.key) : await bucket.version(request.key, id)
  if (version === undefined) throw new S3Error(id === undefined ? 'NoSuchKey' : 'NoSuchVersion')
  return isMarker(version) ? markerReply(version, id !== undefined, bucket) : version
}

/** Amazon S3 user guide, "Working with delete markers": 404, or 405 where the marker itself is named. */
const markerReply = (marker: Version, named: boolean, bucket: Bucket): Refusal => ({
  status: named ? 405 : 404,
  error: new S3Error(named ? 'MethodNotAllowed' : 'NoSuchKey'),
  headers: {
    ...versionHeader(marker, bucket.versioning !== undefined),
    'x-amz-delete-marker': 'true',
    ...(named ? { allow: 'DELETE', 'last-modified': new Date(marker.modified).toUTCString() } : {}),
  },
})

interface Extent {
  from: number
  /** excluded */
  to: number
  partial: boolean
  /** undefined: no part was asked for */
  part?: number
}

/** What of the object is asked for: all of it, a range, or a part. Throws InvalidRange, InvalidPartNumber, InvalidRequest. */
const extentOf = (call: Call, object: StoredObject): Extent => {
  const { size, pieces } = object
  const part = wholeNumber('partNumber', queryOf(call.request, 'partNumber'), 1, MAX_PARTS)
  const asked = headerOf(call.request.headers, 'range')
  if (part === undefined) {
    const range = parseRange(asked, size)
    return { from: 0, to: size, ...range, partial: range !== undefined }
  }
  if (asked !== undefined) throw new S3Error('InvalidRequest', 'Cannot specify both Range header and partNumber query parameter')
  if (part > Math.max(isJoined(object) ? pieces.length : 1, 1)) throw new S3Error('InvalidPartNumber')
  const from = pieces.slice(0, part - 1).reduce((sum, piece) => sum + piece.size, 0)
  return { from, to: from + (pieces[part - 1]?.size ?? 0), partial: size > 0, part }
}

/** The checksum of what is sent: the object's, or that of a part of it; a range has none. */
const checksumOf = (object: StoredObject, { from, to, part }: Extent): Record<string, string> => {
  const { checksum, partChecksums } = object
  const ofPart = part === undefined ? undefined : partChecksums?.[part - 1]
  if (checksum && ofPart !== undefined) return checksumHeaders({ algorithm: checksum.algorithm, value: ofPart })
  return to - from === object.size ? checksumHeaders(checksum) : {}
}

/** `response-content-type` and its like replace a header of the reply: API reference, GetObject. */
const OVERRIDES = ['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-type', 'expires']
export const OVERRIDE_PARAMETERS = OVERRIDES.map((name) => `response-${name}`)

/** Throws InvalidArgument for what no header can hold. */
const overrides = ({ request }: Call): Record<string, string> => {
  const given = request.query.filter(([name]) => OVERRIDE_PARAMETERS.includes(name))
  const unfit = given.find(([, value]) => /[^\t\x20-\x7e\x80-\xff]/.test(value))
  if (unfit) throw new S3Error('InvalidArgument', `No header can hold this ${unfit[0]}.`)
  return Object.fromEntries(given.map(([name, value]) => [name.slice('response-'.length), value]))
}

export const getObject: Handler = async (call): Promise<Reply> => {
  const { request } = call
  const bucket = call.bucket()
  const object = await chosen(call, bucket)
  if ('status' in object) return object
  const described = objectHeaders(object, bucket.versioning !== undefined, call.now())
  if (isUnmodified(request.headers, object)) return { status: 304, headers: described }
  const extent = extentOf(call, object)
  const { from, to, partial, part } = extent
  if (request.method === 'GET' && isArchived(object, call.now())) throw new S3Error('InvalidObjectState')
  return {
    status: partial ? 206 : 200,
    headers: {
      ...described,
      ...overrides(call),
      ...(part !== undefined && isJoined(object) ? { 'x-amz-mp-parts-count': object.pieces.length } : {}),
      'content-length': to - from,
      ...(partial ? { 'content-range': `bytes ${from}-${to - 1}/${object.size}` } : {}),
      ...(headerOf(request.headers, 'x-amz-checksum-mode')?.toUpperCase() === 'ENABLED' ? checksumOf(object, extent) : {}),
    },
    ...(request.method === 'GET' ? { body: bucket.bodies.read(object.pieces, from, to) } : {}),
  }
}

/** A page of the parts of a joined object; their numbers count from 1. Amazon S3 tells single parts only where they have checksums. */
const partsOf = (call: Call, { pieces, checksum, partChecksums }: StoredObject): string => {
  const { headers } = call.request
  const most = Math.min(wholeNumber('x-amz-max-parts', headerOf(headers, 'x-amz-max-parts'), 0, 2 ** 31 - 1) ?? 1000, 1000)
  const marker = wholeNumber('x-amz-part-number-marker', headerOf(headers, 'x-amz-part-number-marker'), 0, MAX_PARTS) ?? 0
  if (!checksum || !partChecksums) return element('PartsCount', pieces.length)
  const page = pieces.slice(marker, marker + most)
  const parts = page.map(({ size }, at) => {
    const value = partChecksums[marker + at] ?? ''
    return `<Part>${element('PartNumber', marker + at + 1)}${element('Size', size)}${checksumElements({ algorithm: checksum.algorithm, value })}</Part>`
  })
  return [
    element('PartsCount', pieces.length),
    element('PartNumberMarker', marker),
    element('NextPartNumberMarker', marker + page.length),
    element('MaxParts', most),
    element('IsTruncated', marker + page.length < pieces.length),
    ...parts,
  ].join('')
}

export const getObjectAttributes: Handler = async (call) => {
  const bucket = call.bucket()
  const object = await chosen(call, bucket)
  if ('status' in object) return object
  const wanted = (headerOf(call.request.headers, 'x-amz-object-attributes') ?? '').split(',').map((name) => name.trim())
  const answers: Record<string, string> = {
    ETag: element('ETag', object.etag),
    Checksum: object.checksum ? `<Checksum>${checksumElements(object.checksum)}</Checksum>` : '',
    ObjectParts: isJoined(object) ? `<ObjectParts>${partsOf(call, object)}</ObjectParts>` : '',
    StorageClass: element('StorageClass', object.storageClass ?? 'STANDARD'),
    ObjectSize: element('ObjectSize', object.size),
  }
  if (!wanted.every((name) => Object.hasOwn(answers, name))) throw new S3Error('InvalidArgument', 'Invalid attribute name specified.')
  const inner = Object.entries(answers).map(([name, xml]) => (wanted.includes(name) ? xml : ''))
  return {
    status: 200,
    headers: { 'last-modified': new Date(object.modified).toUTCString(), ...versionHeader(object, bucket.versioning !== undefined) },
    body: document('GetObjectAttributesResponse', inner.join('')),
  }
}
