import { Readable } from 'node:stream'
import { attributesOf } from './attributes'
import { MAX_PUT_BYTES, type Received } from './body'
import type { Bucket } from './bucket'
import { legalKey, percentDecode, type ByteString } from './byte-strings'
import type { Call, Handler } from './call'
import { Digest, type ChecksumName } from './checksums'
import { checkWrite, isUnmodified, parseRange } from './conditions'
import { S3Error } from './errors'
import { checksumElements, quoted, timeText, versionHeader } from './replies'
import { headerOf } from './request'
import { isMarker, type StoredObject, type VersionedObject } from './version'
import { document, element } from './xml'

/** The object that x-amz-copy-source names, if the caller may read it and its conditions hold. Throws InvalidArgument, AccessDenied, PreconditionFailed. */
const copySource = async (call: Call): Promise<{ bucket: Bucket; key: ByteString; object: VersionedObject }> => {
  const { headers } = call.request
  const source = (headerOf(headers, 'x-amz-copy-source') ?? '').replace(/^\//, '')
  const [path = '', id] = source.split('?versionId=')
  const slash = path.indexOf('/')
  if (slash < 1) throw new S3Error('InvalidArgument', 'x-amz-copy-source must be a bucket, a slash and a key.')
  const name = path.slice(0, slash)
  const key = legalKey(percentDecode(path.slice(slash + 1)))
  call.mayRead(name, key)
  const bucket = call.buckets.get(name)
  const object = id === undefined ? bucket.find(key) : await bucket.version(key, id)
  if (object === undefined) throw new S3Error('NoSuchKey')
  if (isMarker(object))
    throw new S3Error('InvalidRequest', 'The source of a copy request may not specifically refer to a delete marker by version id.')
  const conditions = Object.fromEntries(
    ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'].map((condition) => [
      condition,
      headers[`x-amz-copy-source-${condition}`],
    ]),
  )
  if (isUnmodified(conditions, object)) throw new S3Error('PreconditionFailed')
  return { bucket, key, object }
}

/** Copies bytes of a stored object into new pieces of a bucket. */
const copyBytes = async (
  from: Bucket,
  object: StoredObject,
  start: number,
  end: number,
  to: Bucket,
  algorithm: ChecksumName | undefined,
) => {
  if (end - start > MAX_PUT_BYTES) throw new S3Error('InvalidRequest', 'The copy source is larger than 5 GiB.')
  const digest = new Digest(algorithm)
  const body = from.bodies.read(object.pieces, start, end)
  const chunks = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of Readable.from(Buffer.isBuffer(body) ? [body] : body) as AsyncIterable<Buffer>) {
      digest.update(chunk)
      yield chunk
    }
  }
  const pieces = await to.bodies.write(chunks(), end - start)
  return { pieces, received: digest.finish() satisfies Received }
}

export const copyObject: Handler = async (call) => {
  const { headers, key } = call.request
  const bucket = call.bucket()
  const source = await copySource(call)
  const versioned = bucket.versioning !== undefined
  const replace = headerOf(headers, 'x-amz-metadata-directive') === 'REPLACE'
  const given = attributesOf(headers)
  if (source.bucket === bucket && source.key === key && !replace && !versioned && given.storageClass === source.object.storageClass)
    throw new S3Error(
      'InvalidRequest',
      'This copy request is illegal because it is trying to copy an object to itself without changing it.',
    )
  const conditions = (): void => checkWrite(headers, bucket.find(key))
  conditions()
  const { pieces, received } = await copyBytes(
    source.bucket,
    source.object,
    0,
    source.object.size,
    bucket,
    source.object.checksum?.algorithm,
  )
  const tags = headerOf(headers, 'x-amz-tagging-directive') === 'REPLACE' ? given.tags : source.object.tags
  const object: StoredObject = {
    headers: replace ? given.headers : source.object.headers,
    storageClass: given.storageClass,
    tags,
    size: received.size,
    etag: received.md5.toString('hex'),
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
      ...versionHeader(version, versioned),
      ...(source.bucket.versioning === undefined ? {} : { 'x-amz-copy-source-version-id': source.object.id }),
    },
    body: document('CopyObjectResult', inner),
  }
}

/** The bytes for UploadPartCopy. Throws InvalidRange, InvalidArgument. */
export const copyPartBytes = async (call: Call, algorithm: ChecksumName | undefined) => {
  const { bucket, object } = await copySource(call)
  const given = headerOf(call.request.headers, 'x-amz-copy-source-range')
  const range = parseRange(given, object.size)
  if (given !== undefined && !range) throw new S3Error('InvalidArgument', 'x-amz-copy-source-range must be bytes=first-last.')
  return copyBytes(bucket, object, range?.from ?? 0, range?.to ?? object.size, call.bucket(), algorithm)
}
