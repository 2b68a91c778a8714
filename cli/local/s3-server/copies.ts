import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import { isArchived } from './archive'
import { attributesOf } from './attributes'
import { MAX_PUT_BYTES, type Received } from './body'
import type { Bodies } from './bodies'
import type { Bucket } from './bucket'
import { legalKey, percentDecode, type ByteString } from './byte-strings'
import type { Call, Handler } from './call'
import { checksumNamed, Digest, type ChecksumName } from './checksums'
import { checkWrite, isUnmodified } from './conditions'
import { S3Error } from './errors'
import { checksumElements, encryptionHeaders, etagOf, quoted, timeText, versionHeader } from './replies'
import { headerOf } from './request'
import { isMarker, legalVersionId, type StoredObject, type VersionedObject } from './version'
import { document, element } from './xml'

/** The object that x-amz-copy-source names, if the caller may read it and its conditions hold. Throws InvalidArgument, AccessDenied, PreconditionFailed, InvalidObjectState. */
const copySource = async (call: Call): Promise<{ bucket: Bucket; key: ByteString; object: VersionedObject; named: boolean }> => {
  const { headers } = call.request
  const [path = '', id] = (headerOf(headers, 'x-amz-copy-source') ?? '').split('?versionId=')
  const [, name, rest] = /^\/?([^/]+)\/([^]+)$/.exec(percentDecode(path)) ?? []
  if (name === undefined || rest === undefined) throw new S3Error('InvalidArgument', 'x-amz-copy-source must be bucket/key.')
  const key = legalKey(rest)
  call.may('read', name, key)
  const bucket = call.buckets.get(name)
  const object = id === undefined ? bucket.find(key) : await bucket.version(key, legalVersionId(id))
  if (object === undefined) throw new S3Error(id === undefined ? 'NoSuchKey' : 'NoSuchVersion')
  if (isMarker(object))
    throw new S3Error('InvalidRequest', 'The source of a copy request may not specifically refer to a delete marker by version id.')
  const names = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since']
  const conditions = Object.fromEntries(names.map((condition) => [condition, headers[`x-amz-copy-source-${condition}`]]))
  if (isUnmodified(conditions, object)) throw new S3Error('PreconditionFailed')
  if (isArchived(object, call.now())) throw new S3Error('InvalidObjectState')
  return { bucket, key, object, named: id !== undefined }
}

/** Copies bytes of a stored object into new pieces. */
const copyBytes = async (bodies: Bodies, object: StoredObject, start: number, end: number, algorithm: ChecksumName | undefined) => {
  if (end - start > MAX_PUT_BYTES) throw new S3Error('InvalidRequest', 'The copy source is larger than 5 GiB.')
  const digest = new Digest(algorithm)
  const body = bodies.read(object.pieces, start, end)
  const chunks = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of Readable.from(Buffer.isBuffer(body) ? [body] : body) as AsyncIterable<Buffer>) {
      digest.update(chunk)
      yield chunk
    }
  }
  try {
    const pieces = await bodies.write(chunks(), end - start)
    return { pieces, received: digest.finish() satisfies Received }
  } finally {
    if (!Buffer.isBuffer(body)) body.destroy()
  }
}

/** Whether a directive says REPLACE. Throws InvalidArgument. */
const replaces = (headers: IncomingHttpHeaders, name: string): boolean => {
  const directive = headerOf(headers, name) ?? 'COPY'
  if (directive !== 'COPY' && directive !== 'REPLACE') throw new S3Error('InvalidArgument', `Unknown ${name}: it is COPY or REPLACE.`)
  return directive === 'REPLACE'
}

export const copyObject: Handler = async (call) => {
  const { headers, key } = call.request
  const bucket = call.bucket()
  const source = await copySource(call)
  const versioned = bucket.versioning !== undefined
  const replace = replaces(headers, 'x-amz-metadata-directive')
  const replaceTags = replaces(headers, 'x-amz-tagging-directive')
  const given = attributesOf(call)
  const itself = source.bucket === bucket && source.key === key && !source.named
  if (itself && !replace && given.storageClass === source.object.storageClass)
    throw new S3Error(
      'InvalidRequest',
      'This copy request is illegal because it is trying to copy an object to itself without changing it.',
    )
  const conditions = (): void => checkWrite(headers, bucket.find(key))
  conditions()
  const wanted = headerOf(headers, 'x-amz-checksum-algorithm')
  const algorithm = wanted === undefined ? source.object.checksum?.algorithm : checksumNamed(wanted)
  const { pieces, received } = await copyBytes(bucket.bodies, source.object, 0, source.object.size, algorithm)
  const object: StoredObject = {
    headers: replace ? given.headers : source.object.headers,
    storageClass: given.storageClass,
    lock: given.lock,
    kmsKey: given.kmsKey,
    tags: replaceTags ? given.tags : source.object.tags,
    size: received.size,
    etag: etagOf(received.md5.toString('hex'), given),
    modified: call.now(),
    pieces,
  }
  if (received.checksum) object.checksum = { ...received.checksum, type: 'FULL_OBJECT' }
  const version = await bucket.put(key, object, () => {
    call.stillAllowed()
    conditions()
  })
  const inner =
    element('ETag', quoted(object.etag)) + element('LastModified', timeText(object.modified)) + checksumElements(object.checksum)
  return {
    status: 200,
    headers: {
      ...encryptionHeaders(object),
      ...versionHeader(version, versioned),
      ...(source.bucket.versioning === undefined ? {} : { 'x-amz-copy-source-version-id': source.object.id }),
    },
    body: document('CopyObjectResult', inner),
  }
}

/** The bytes for UploadPartCopy. Throws InvalidArgument for a range that does not lie within the source. */
export const copyPartBytes = async (call: Call, algorithm: ChecksumName | undefined) => {
  const { bucket, object } = await copySource(call)
  const given = headerOf(call.request.headers, 'x-amz-copy-source-range')
  const [, first = 0, last = object.size - 1] = given === undefined ? [] : (/^bytes=(\d+)-(\d+)$/.exec(given)?.map(Number) ?? [0, 1, 0])
  if (given !== undefined && (first > last || last >= object.size))
    throw new S3Error('InvalidArgument', `x-amz-copy-source-range must be bytes=first-last within the ${object.size} bytes of the source.`)
  return copyBytes(bucket.bodies, object, first, last + 1, algorithm)
}
