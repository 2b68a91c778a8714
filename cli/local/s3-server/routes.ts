import { restoreObject } from './archive'
import * as buckets from './bucket-requests'
import type { Handler } from './call'
import { copyObject } from './copies'
import { S3Error } from './errors'
import type { Need } from './key-ring'
import { listObjects, listUploads, listVersions } from './listing'
import * as reads from './read-object'
import { ACCOUNT } from './account'
import { headerOf, queryOf, type S3Request } from './request'
import * as tags from './tags'
import * as uploads from './uploads'
import * as writes from './write-object'

export interface Route {
  need: Need
  /** what the caller's grant must cover: the key, the `prefix` that is listed, or only the bucket */
  subject: 'key' | 'prefix' | 'bucket'
  /** query parameters that it knows, signature and `x-id` apart */
  parameters: readonly string[]
  handle: Handler
  /** its handler reads the body itself */
  streams?: true
}

const route = (need: Need, subject: Route['subject'], parameters: string, handle: Handler): Route => ({
  need,
  subject,
  parameters: parameters.split(' '),
  handle,
})

const LISTED = 'prefix delimiter max-keys encoding-type'
const READ = `partNumber versionId ${reads.OVERRIDE_PARAMETERS.join(' ')}`
const UPLOADS_LISTED = 'uploads prefix delimiter max-uploads key-marker upload-id-marker encoding-type'

/** Method, level and the sub-resource that steers: everything that this server does. */
const ROUTES: Record<string, Route> = {
  'GET service': route('root', 'bucket', 'prefix max-buckets continuation-token bucket-region', buckets.listBuckets),
  'PUT bucket': route('root', 'bucket', '', buckets.createBucket),
  'DELETE bucket': route('root', 'bucket', '', buckets.deleteBucket),
  'HEAD bucket': route('list', 'bucket', '', buckets.headBucket),
  'GET bucket': route('list', 'prefix', `${LISTED} marker`, listObjects),
  'GET bucket list-type': route('list', 'prefix', `${LISTED} list-type start-after continuation-token fetch-owner`, listObjects),
  'GET bucket location': route('list', 'bucket', 'location', buckets.getLocation),
  'GET bucket uploads': route('abort', 'prefix', UPLOADS_LISTED, listUploads),
  'GET bucket versions': route('list', 'prefix', `${LISTED} versions key-marker version-id-marker`, listVersions),
  'GET bucket versioning': route('list', 'bucket', 'versioning', buckets.getVersioning),
  'PUT bucket versioning': route('root', 'bucket', 'versioning', buckets.putVersioning),
  'GET bucket object-lock': route('list', 'bucket', 'object-lock', buckets.getObjectLock),
  'POST bucket delete': route('root', 'bucket', 'delete', writes.deleteObjects),
  'PUT object': { ...route('write', 'key', '', writes.putObject), streams: true },
  'PUT object copy': route('write', 'key', '', copyObject),
  'GET object': route('read', 'key', READ, reads.getObject),
  'HEAD object': route('read', 'key', READ, reads.getObject),
  'DELETE object': route('mark', 'key', 'versionId', writes.deleteObject),
  'GET object attributes': route('read', 'key', 'attributes versionId', reads.getObjectAttributes),
  'GET object tagging': route('read', 'key', 'tagging versionId', tags.getTags),
  'PUT object tagging': route('root', 'key', 'tagging versionId', tags.putTags),
  'DELETE object tagging': route('root', 'key', 'tagging versionId', tags.deleteTags),
  'POST object restore': route('restore', 'key', 'restore versionId', restoreObject),
  'POST object uploads': route('write', 'key', 'uploads', uploads.createUpload),
  'PUT object uploadId': { ...route('write', 'key', 'uploadId partNumber', uploads.uploadPart), streams: true },
  'PUT object uploadId copy': route('write', 'key', 'uploadId partNumber', uploads.uploadPartCopy),
  'GET object uploadId': route('abort', 'key', 'uploadId max-parts part-number-marker', uploads.listParts),
  'POST object uploadId': route('write', 'key', 'uploadId', uploads.completeUpload),
  'DELETE object uploadId': route('abort', 'key', 'uploadId', uploads.abortUpload),
}

const STEERING = 'list-type location versions versioning object-lock uploads delete attributes tagging restore uploadId'.split(' ')
/** `x-amz-` headers of a presigned request stand in its query, and are looked at as headers. */
const COMMON = /^(?:x-id|x-amz-.*|X-Amz-(?:Algorithm|Credential|Date|Expires|SignedHeaders|Signature|Content-Sha256))$/

const KNOWN_HEADERS = new Set(
  [
    'date content-sha256 security-token user-agent trailer decoded-content-length sdk-checksum-algorithm expected-bucket-owner acl',
    'checksum-mode checksum-algorithm checksum-type checksum-crc32 checksum-crc32c checksum-crc64nvme checksum-sha1 checksum-sha256',
    'storage-class tagging tagging-directive metadata-directive mp-object-size object-attributes max-parts part-number-marker',
    'copy-source copy-source-range copy-source-if-match copy-source-if-none-match copy-source-if-modified-since',
    'server-side-encryption server-side-encryption-aws-kms-key-id website-redirect-location bucket-object-lock-enabled',
    'object-lock-mode object-lock-retain-until-date object-lock-legal-hold',
    'copy-source-if-unmodified-since source-expected-bucket-owner bucket-region',
  ].flatMap((names) => names.split(' ').map((name) => `x-amz-${name}`)),
)

/**
 * Throws NotImplemented for a header that asks for what this server does not do: it must not be passed over in silence; and
 * AccessDenied for another account as the owner, AccessControlListNotSupported for an ACL that says more than a bucket without any.
 */
const checkHeaders = ({ headers }: S3Request): void => {
  const unknown = Object.keys(headers).find(
    (name) => name.startsWith('x-amz-') && !name.startsWith('x-amz-meta-') && !KNOWN_HEADERS.has(name),
  )
  if (unknown !== undefined) throw new S3Error('NotImplemented', `The header ${unknown} is not implemented.`)
  for (const name of ['x-amz-expected-bucket-owner', 'x-amz-source-expected-bucket-owner'])
    if ((headerOf(headers, name) ?? ACCOUNT) !== ACCOUNT) throw new S3Error('AccessDenied')
  if (!['private', 'bucket-owner-full-control'].includes(headerOf(headers, 'x-amz-acl') ?? 'private'))
    throw new S3Error('AccessControlListNotSupported')
}

/** The name of what is asked for, as in ROUTES, whether or not it is there. */
export const operationOf = (request: S3Request): string => {
  const level = request.bucket === '' ? 'service' : request.key === '' ? 'bucket' : 'object'
  const steering = STEERING.find((name) => queryOf(request, name) !== undefined)
  const copy = request.method === 'PUT' && headerOf(request.headers, 'x-amz-copy-source') !== undefined ? 'copy' : undefined
  return [request.method, level, steering, copy].filter(Boolean).join(' ')
}

/** Throws NotImplemented for an operation, a query parameter or a header that is not implemented. */
export const routeOf = (request: S3Request): Route => {
  const name = operationOf(request)
  const route = Object.hasOwn(ROUTES, name) ? ROUTES[name] : undefined
  if (!route) throw new S3Error('NotImplemented', `${name} is not implemented.`)
  const unknown = request.query.find(([parameter]) => !route.parameters.includes(parameter) && !COMMON.test(parameter))
  if (unknown) throw new S3Error('NotImplemented', `The parameter ${unknown[0]} of ${name} is not implemented.`)
  checkHeaders(request)
  return route
}
