import { attributesOf } from './attributes'
import { VerifiedBody } from './body'
import type { Bucket } from './bucket'
import { bytesOf, legalKey, textOf, type ByteString } from './byte-strings'
import type { Call, Handler } from './call'
import { checkDelete, checkWrite } from './conditions'
import { S3Error } from './errors'
import { checksumHeaders, quoted, versionHeader } from './replies'
import { queryOf } from './request'
import { isMarker, type StoredObject, type Version } from './version'
import { document, element, parseXml } from './xml'

/** Objects of one DeleteObjects. */
const MAX_DELETED = 1000

export const putObject: Handler = async (call) => {
  const { headers, key } = call.request
  const bucket = call.bucket()
  const conditions = (): void => checkWrite(headers, bucket.find(key))
  conditions() // before the body: a refusal need not wait for it
  const attributes = attributesOf(headers)
  const body = new VerifiedBody(call.request, call.payload)
  const pieces = await bucket.bodies.write(body.chunks(), body.size)
  const { size, md5, checksum } = body.received()
  const object: StoredObject = { ...attributes, size, etag: md5.toString('hex'), modified: call.now(), pieces }
  if (checksum) object.checksum = { ...checksum, type: 'FULL_OBJECT' }
  const version = await bucket.put(key, object, () => {
    call.stillAllowed()
    conditions()
  })
  return {
    status: 200,
    headers: { etag: quoted(object.etag), ...checksumHeaders(object.checksum), ...versionHeader(version, bucket.versioning !== undefined) },
  }
}

const remove = (call: Call, bucket: Bucket, key: ByteString, id: string | undefined): Promise<Version | undefined> =>
  bucket.delete(key, id, call.now(), () => {
    call.stillAllowed()
    checkDelete(call.request.headers, bucket.find(key))
  })

export const deleteObject: Handler = async (call) => {
  const bucket = call.bucket()
  const id = queryOf(call.request, 'versionId')
  const version = await remove(call, bucket, call.request.key, id)
  return {
    status: 204,
    headers: {
      ...versionHeader(version ?? (id === undefined ? undefined : { id }), bucket.versioning !== undefined),
      ...(version && isMarker(version) ? { 'x-amz-delete-marker': 'true' } : {}),
    },
  }
}

interface Doomed {
  key: ByteString
  id: string | undefined
}

const deleted = ({ key, id }: Doomed, version: Version | undefined): string => {
  const marker = version !== undefined && isMarker(version)
  return `<Deleted>${[
    element('Key', textOf(key)),
    element('VersionId', id),
    marker ? element('DeleteMarker', true) + element('DeleteMarkerVersionId', version.id) : '',
  ].join('')}</Deleted>`
}

export const deleteObjects: Handler = async (call) => {
  const bucket = call.bucket()
  const request = parseXml(call.small, 'Delete')
  const asked = request.children('Object')
  if (asked.length === 0 || asked.length > MAX_DELETED) throw new S3Error('MalformedXML')
  const doomed = asked.map((object): Doomed => ({ key: legalKey(bytesOf(object.text('Key') ?? '')), id: object.text('VersionId') }))
  const told: string[] = []
  for (const one of doomed) told.push(deleted(one, await remove(call, bucket, one.key, one.id)))
  const quiet = request.text('Quiet') === 'true'
  return { status: 200, body: document('DeleteResult', quiet ? '' : told.join('')) }
}
