import { createHash, randomBytes } from 'node:crypto'
import { attributesOf } from './attributes'
import type { Piece } from './bodies'
import { VerifiedBody, type Received } from './body'
import type { Bucket, Part, Upload } from './bucket'
import { textOf } from './byte-strings'
import type { Call, Handler } from './call'
import { CHECKSUM_NAMES, checksumNamed, checksumOfParts, isCrc, type ChecksumType } from './checksums'
import { checkWrite } from './conditions'
import { copyPartBytes } from './copies'
import { S3Error } from './errors'
import { MAX_PARTS } from './read-object'
import { checksumElements, checksumHeaders, encryptionHeaders, etagOf, quoted, timeText, versionHeader } from './replies'
import { headerOf, queryOf, wholeNumber, type S3Request } from './request'
import { hexOf, newTick, type StoredObject } from './version'
import { document, element, parseXml, type XmlElement } from './xml'

/** Every part but the last has at least 5 MiB: Amazon S3 user guide, "Multipart upload limits". */
const MIN_PART_BYTES = 5 * 2 ** 20

const checksumOf = (request: S3Request): Upload['checksum'] => {
  const word = headerOf(request.headers, 'x-amz-checksum-algorithm')
  if (word === undefined) return undefined
  const algorithm = checksumNamed(word)
  const type = headerOf(request.headers, 'x-amz-checksum-type') ?? (algorithm === 'crc64nvme' ? 'FULL_OBJECT' : 'COMPOSITE')
  const possible = type === 'FULL_OBJECT' ? isCrc(algorithm) : type === 'COMPOSITE' && algorithm !== 'crc64nvme'
  if (!possible) throw new S3Error('InvalidRequest', `The ${type} checksum type cannot be used with ${word}.`)
  return { algorithm, type: type as ChecksumType }
}

const identity = (call: Call, id: string): string =>
  element('Bucket', call.request.bucket) + element('Key', textOf(call.request.key)) + element('UploadId', id)

/** Ids of one key are in the order of their beginning, as ListMultipartUploads shall be; the rest of an id cannot be guessed. */
const newUploadId = (): string => hexOf(newTick()) + randomBytes(12).toString('hex')

export const createUpload: Handler = async (call) => {
  const { key } = call.request
  const upload: Upload = { ...attributesOf(call), id: newUploadId(), key, initiated: call.now(), checksum: checksumOf(call.request) }
  await call.bucket().create(upload, call.stillAllowed)
  const said: Record<string, string> = upload.checksum
    ? { 'x-amz-checksum-algorithm': upload.checksum.algorithm.toUpperCase(), 'x-amz-checksum-type': upload.checksum.type }
    : {}
  return {
    status: 200,
    headers: { ...said, ...encryptionHeaders(upload) },
    body: document('InitiateMultipartUploadResult', identity(call, upload.id)),
  }
}

const partNumber = (request: S3Request): number => {
  const number = wholeNumber('partNumber', queryOf(request, 'partNumber'), 1, MAX_PARTS)
  if (number === undefined) throw new S3Error('InvalidArgument', 'partNumber is missing.')
  return number
}

/** Adds a part whose bytes lie ready, if the upload is still open and the caller still may; otherwise removes them. */
const keepPart = async (call: Call, bucket: Bucket, id: string, pieces: Piece[], { size, md5, checksum }: Received): Promise<Part> => {
  const part: Part = { size, etag: md5.toString('hex'), modified: call.now(), pieces, checksum }
  await bucket.putPart(call.request.key, id, partNumber(call.request), part, call.stillAllowed)
  return part
}

export const uploadPart: Handler = async (call) => {
  const bucket = call.bucket()
  const upload = bucket.upload(call.request.key, queryOf(call.request, 'uploadId'))
  partNumber(call.request)
  const { algorithm, type } = upload.checksum ?? {}
  const body = new VerifiedBody(call.request, call.payload, 'of the body', algorithm)
  const given = body.announced
  if (algorithm !== undefined && given !== algorithm && (given !== undefined || type === 'COMPOSITE'))
    throw new S3Error('InvalidRequest', `Checksum Type mismatch: the upload has ${algorithm}, the part ${given ?? 'none'}.`)
  const pieces = await bucket.bodies.write(body.chunks(), body.size)
  const part = await keepPart(call, bucket, upload.id, pieces, body.received())
  return { status: 200, headers: { etag: quoted(part.etag), ...checksumHeaders(part.checksum) } }
}

export const uploadPartCopy: Handler = async (call) => {
  const bucket = call.bucket()
  const upload = bucket.upload(call.request.key, queryOf(call.request, 'uploadId'))
  partNumber(call.request)
  const { pieces, received } = await copyPartBytes(call, upload.checksum?.algorithm)
  const part = await keepPart(call, bucket, upload.id, pieces, received)
  const inner = element('LastModified', timeText(part.modified)) + element('ETag', quoted(part.etag)) + checksumElements(part.checksum)
  return { status: 200, body: document('CopyPartResult', inner) }
}

export const listParts: Handler = async (call) => {
  const bucket = call.bucket()
  const upload = bucket.upload(call.request.key, queryOf(call.request, 'uploadId'))
  const marker = wholeNumber('part-number-marker', queryOf(call.request, 'part-number-marker'), 0, MAX_PARTS) ?? 0
  const most = Math.min(wholeNumber('max-parts', queryOf(call.request, 'max-parts'), 0, 2 ** 31 - 1) ?? 1000, 1000)
  const rest = await bucket.parts(upload.id, marker, most + 1)
  const page = rest.slice(0, most)
  const parts = page.map(
    ([number, part]) =>
      `<Part>${element('PartNumber', number)}${element('LastModified', timeText(part.modified))}${element('ETag', quoted(part.etag))}${element('Size', part.size)}${checksumElements(part.checksum)}</Part>`,
  )
  const inner = [
    identity(call, upload.id),
    element('PartNumberMarker', marker),
    element('NextPartNumberMarker', page.at(-1)?.[0] ?? marker),
    element('MaxParts', most),
    element('IsTruncated', rest.length > page.length),
    element('StorageClass', upload.storageClass ?? 'STANDARD'),
    element('ChecksumAlgorithm', upload.checksum?.algorithm.toUpperCase()),
    element('ChecksumType', upload.checksum?.type),
    ...parts,
  ]
  return { status: 200, body: document('ListPartsResult', inner.join('')) }
}

/** The part that one element of the request names. Throws InvalidPart, InvalidRequest. */
const chosenPart = (stored: Map<number, Part>, asked: XmlElement, type: ChecksumType | undefined): Part => {
  const number = Number(asked.text('PartNumber'))
  const part = stored.get(number)
  const etag = asked.text('ETag')?.trim().replaceAll('"', '')
  if (!part || part.etag !== etag) throw new S3Error('InvalidPart')
  const { checksum } = part
  const claimed = checksum && asked.text(`Checksum${checksum.algorithm.toUpperCase()}`)
  if (type === 'COMPOSITE' && claimed === undefined)
    throw new S3Error('InvalidRequest', `The request must include the checksum of each part; that of part ${number} is missing.`)
  if (checksum && claimed !== undefined && claimed !== checksum.value) throw new S3Error('InvalidPart')
  return part
}

/** The parts that the request names. Throws MalformedXML, InvalidPartOrder, InvalidPart, EntityTooSmall. */
const chosenParts = (stored: Map<number, Part>, body: Buffer, type: ChecksumType | undefined): Part[] => {
  const asked = parseXml(body, 'CompleteMultipartUpload').children('Part')
  if (asked.length === 0 || asked.length > MAX_PARTS) throw new S3Error('MalformedXML')
  const numbers = asked.map((part) => Number(part.text('PartNumber')))
  if (numbers.some((number, at) => at > 0 && number <= (numbers[at - 1] as number))) throw new S3Error('InvalidPartOrder')
  const parts = asked.map((part) => chosenPart(stored, part, type))
  if (parts.slice(0, -1).some(({ size }) => size < MIN_PART_BYTES)) throw new S3Error('EntityTooSmall')
  return parts
}

const completedChecksum = (upload: Upload, parts: Part[]): StoredObject['checksum'] => {
  if (!upload.checksum) return undefined
  const { algorithm, type } = upload.checksum
  const values = parts.map(({ size, checksum }) => ({ value: checksum?.value ?? '', size }))
  return { algorithm, type, value: checksumOfParts(algorithm, type, values) }
}

/** Throws InvalidRequest or BadDigest where the request says something else of the whole object than its parts do. */
const checkWhole = (request: S3Request, { size, checksum }: StoredObject): void => {
  const claimedSize = wholeNumber('x-amz-mp-object-size', headerOf(request.headers, 'x-amz-mp-object-size'), 0, Number.MAX_SAFE_INTEGER)
  if (claimedSize !== undefined && claimedSize !== size)
    throw new S3Error('InvalidRequest', 'x-amz-mp-object-size does not match the parts.')
  const type = headerOf(request.headers, 'x-amz-checksum-type')
  if (type !== undefined && checksum && type !== checksum.type)
    throw new S3Error('InvalidRequest', "x-amz-checksum-type is not the upload's.")
  const claimed = CHECKSUM_NAMES.find((name) => request.headers[`x-amz-checksum-${name}`] !== undefined)
  const value = claimed && headerOf(request.headers, `x-amz-checksum-${claimed}`)
  if (claimed && (checksum?.algorithm !== claimed || checksum.value !== value)) throw new S3Error('BadDigest')
}

/** The object that an upload becomes. Throws as `chosenParts` and `checkWhole` do. */
const joined = (call: Call, upload: Upload, stored: Map<number, Part>): StoredObject => {
  const parts = chosenParts(stored, call.small, upload.checksum?.type)
  const md5s = createHash('md5').update(Buffer.concat(parts.map(({ etag }) => Buffer.from(etag, 'hex'))))
  const checksum = completedChecksum(upload, parts)
  const object: StoredObject = {
    headers: upload.headers,
    storageClass: upload.storageClass,
    tags: upload.tags,
    lock: upload.lock,
    kmsKey: upload.kmsKey,
    size: parts.reduce((sum, { size }) => sum + size, 0),
    etag: `${etagOf(md5s.digest('hex'), upload)}-${parts.length}`,
    modified: call.now(),
    pieces: parts.map(({ pieces: [piece] }) => piece ?? { body: '', size: 0 }),
    checksum,
    partChecksums: checksum && parts.map((part) => part.checksum?.value ?? ''),
  }
  checkWhole(call.request, object)
  return object
}

export const completeUpload: Handler = async (call) => {
  const { request } = call
  const bucket = call.bucket()
  const check = (): void => {
    call.stillAllowed()
    checkWrite(request.headers, bucket.find(request.key))
  }
  const join = (upload: Upload, stored: Map<number, Part>): StoredObject => joined(call, upload, stored)
  const object = await bucket.complete(request.key, queryOf(request, 'uploadId'), join, check)
  const inner = element('Bucket', request.bucket) + element('Key', textOf(request.key)) + element('ETag', quoted(object.etag))
  return {
    status: 200,
    headers: { ...encryptionHeaders(object), ...versionHeader(object, bucket.versioning !== undefined) },
    body: document('CompleteMultipartUploadResult', inner + checksumElements(object.checksum)),
  }
}

export const abortUpload: Handler = async (call) => {
  await call.bucket().abort(call.request.key, queryOf(call.request, 'uploadId'), call.stillAllowed)
  return { status: 204 }
}
