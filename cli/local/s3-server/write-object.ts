import { attributesOf } from './attributes'
import { VerifiedBody } from './body'
import type { Bucket } from './bucket'
import { bytesOf, legalKey, textOf, type ByteString } from './byte-strings'
import type { Call, Handler } from './call'
import { checkMatch, checkWrite } from './conditions'
import { S3Error } from './errors'
import { checksumHeaders, encryptionHeaders, etagOf, quoted, versionHeader } from './replies'
import { headerOf, queryOf } from './request'
import { isMarker, legalVersionId, type StoredObject, type Version } from './version'
import { document, element, parseXml, type XmlElement } from './xml'

/** Objects of one DeleteObjects. */
const MAX_DELETED = 1000

export const putObject: Handler = async (call) => {
  const { headers, key } = call.request
  const bucket = call.bucket()
  const conditions = (): void => checkWrite(headers, bucket.find(key))
  conditions() // before the body: a refusal need not wait for it
  const attributes = attributesOf(call)
  const body = new VerifiedBody(call.request, call.payload)
  const pieces = await bucket.bodies.write(body.chunks(), body.size)
  const { size, md5, checksum } = body.received()
  const object: StoredObject = { ...attributes, size, etag: etagOf(md5.toString('hex'), attributes), modified: call.now(), pieces }
  if (checksum) object.checksum = { ...checksum, type: 'FULL_OBJECT' }
  const version = await bucket.put(key, object, () => {
    call.stillAllowed()
    conditions()
  })
  return {
    status: 200,
    headers: {
      etag: quoted(object.etag),
      ...checksumHeaders(object.checksum),
      ...encryptionHeaders(object),
      ...versionHeader(version, bucket.versioning !== undefined),
    },
  }
}

interface Doomed {
  key: ByteString
  id: string | undefined
  /** If-Match */
  match: string | undefined
}

/** Throws InvalidArgument, PreconditionFailed, NoSuchKey; NotImplemented for a version on a condition, as Amazon S3 does. */
const remove = async (call: Call, bucket: Bucket, { key, id, match }: Doomed): Promise<Version | undefined> => {
  if (id !== undefined && match !== undefined) throw new S3Error('NotImplemented', 'If-Match of a version is not implemented.')
  return bucket.delete(legalKey(key), legalVersionId(id), call.now(), () => {
    call.stillAllowed()
    checkMatch(match, bucket.find(key))
  })
}

/** Whoever may only make delete markers may not delete what there is: a version, or an object of a bucket that keeps no versions. */
export const deleteObject: Handler = async (call) => {
  const { headers, key } = call.request
  const bucket = call.bucket()
  const id = queryOf(call.request, 'versionId')
  if (id !== undefined || bucket.versioning !== 'Enabled') call.may('root', bucket.name, key)
  const version = await remove(call, bucket, { key, id, match: headerOf(headers, 'if-match') })
  return {
    status: 204,
    headers: {
      ...versionHeader(version ?? (id === undefined ? undefined : { id }), bucket.versioning !== undefined),
      ...(version && isMarker(version) ? { 'x-amz-delete-marker': 'true' } : {}),
    },
  }
}

const deleted = ({ key, id }: Doomed, version: Version | undefined): string => {
  const marked = version !== undefined && isMarker(version)
  const marker = marked ? element('DeleteMarker', true) + element('DeleteMarkerVersionId', version.id) : ''
  return `<Deleted>${element('Key', textOf(key))}${element('VersionId', id)}${marker}</Deleted>`
}

const refused = ({ key, id }: Doomed, { code, message }: S3Error): string =>
  `<Error>${element('Key', textOf(key))}${element('VersionId', id)}${element('Code', code)}${element('Message', message)}</Error>`

const doomedOf = (object: XmlElement): Doomed => {
  if (!object.text('Key')) throw new S3Error('MalformedXML')
  const unknown = ['LastModifiedTime', 'Size'].find((name) => object.text(name) !== undefined)
  if (unknown !== undefined) throw new S3Error('NotImplemented', `${unknown} of an object to delete is not implemented.`)
  return { key: bytesOf(object.text('Key') ?? ''), id: object.text('VersionId'), match: object.text('ETag') }
}

export const deleteObjects: Handler = async (call) => {
  const bucket = call.bucket()
  const summed = Object.keys(call.request.headers).some((name) => /^content-md5$|^x-amz-(trailer|checksum-(crc|sha))/.test(name))
  if (!summed) throw new S3Error('InvalidRequest', 'Missing required header for this request: Content-MD5 OR x-amz-checksum-*')
  const request = parseXml(call.small, 'Delete')
  const asked = request.children('Object')
  if (asked.length === 0 || asked.length > MAX_DELETED) throw new S3Error('MalformedXML')
  const quiet = request.text('Quiet') === 'true'
  const told: string[] = []
  for (const one of asked.map(doomedOf)) {
    try {
      const version = await remove(call, bucket, one)
      if (!quiet) told.push(deleted(one, version))
    } catch (error) {
      if (!(error instanceof S3Error)) throw error
      told.push(refused(one, error))
    }
  }
  return { status: 200, body: document('DeleteResult', told.join('')) }
}
