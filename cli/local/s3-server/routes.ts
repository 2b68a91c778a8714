import * as buckets from './bucket-requests'
import type { Handler } from './call'
import { copyObject } from './copies'
import { S3Error } from './errors'
import type { Need } from './key-ring'
import { listObjects, listUploads, listVersions } from './listing'
import * as reads from './read-object'
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

const LISTED = ['prefix', 'delimiter', 'max-keys', 'encoding-type']
const READ = ['partNumber', 'versionId', ...reads.OVERRIDE_PARAMETERS]

/** Method, level and the sub-resource that steers: everything that this server does. */
const ROUTES: Record<string, Route> = {
  'GET service': { need: 'root', subject: 'bucket', parameters: [], handle: buckets.listBuckets },
  'PUT bucket': { need: 'root', subject: 'bucket', parameters: [], handle: buckets.createBucket },
  'DELETE bucket': { need: 'root', subject: 'bucket', parameters: [], handle: buckets.deleteBucket },
  'HEAD bucket': { need: 'list', subject: 'bucket', parameters: [], handle: buckets.headBucket },
  'GET bucket': { need: 'list', subject: 'prefix', parameters: [...LISTED, 'marker'], handle: listObjects },
  'GET bucket list-type': {
    need: 'list',
    subject: 'prefix',
    parameters: [...LISTED, 'list-type', 'start-after', 'continuation-token', 'fetch-owner'],
    handle: listObjects,
  },
  'GET bucket location': { need: 'list', subject: 'bucket', parameters: ['location'], handle: buckets.getLocation },
  'GET bucket uploads': {
    need: 'abort',
    subject: 'prefix',
    parameters: ['uploads', 'prefix', 'delimiter', 'max-uploads', 'key-marker', 'upload-id-marker', 'encoding-type'],
    handle: listUploads,
  },
  'GET bucket versions': {
    need: 'list',
    subject: 'prefix',
    parameters: [...LISTED, 'versions', 'key-marker', 'version-id-marker'],
    handle: listVersions,
  },
  'GET bucket versioning': { need: 'list', subject: 'bucket', parameters: ['versioning'], handle: buckets.getVersioning },
  'PUT bucket versioning': { need: 'root', subject: 'bucket', parameters: ['versioning'], handle: buckets.putVersioning },
  'POST bucket delete': { need: 'root', subject: 'bucket', parameters: ['delete'], handle: writes.deleteObjects },
  'PUT object': { need: 'write', subject: 'key', parameters: [], handle: writes.putObject, streams: true },
  'PUT object copy': { need: 'write', subject: 'key', parameters: [], handle: copyObject },
  'GET object': { need: 'read', subject: 'key', parameters: READ, handle: reads.getObject },
  'HEAD object': { need: 'read', subject: 'key', parameters: READ, handle: reads.getObject },
  'DELETE object': { need: 'root', subject: 'key', parameters: ['versionId'], handle: writes.deleteObject },
  'GET object attributes': { need: 'read', subject: 'key', parameters: ['attributes', 'versionId'], handle: reads.getObjectAttributes },
  'GET object tagging': { need: 'read', subject: 'key', parameters: ['tagging', 'versionId'], handle: tags.getTags },
  'PUT object tagging': { need: 'root', subject: 'key', parameters: ['tagging', 'versionId'], handle: tags.putTags },
  'DELETE object tagging': { need: 'root', subject: 'key', parameters: ['tagging', 'versionId'], handle: tags.deleteTags },
  'POST object uploads': { need: 'write', subject: 'key', parameters: ['uploads'], handle: uploads.createUpload },
  'PUT object uploadId': {
    need: 'write',
    subject: 'key',
    parameters: ['uploadId', 'partNumber'],
    handle: uploads.uploadPart,
    streams: true,
  },
  'PUT object uploadId copy': { need: 'write', subject: 'key', parameters: ['uploadId', 'partNumber'], handle: uploads.uploadPartCopy },
  'GET object uploadId': {
    need: 'abort',
    subject: 'key',
    parameters: ['uploadId', 'max-parts', 'part-number-marker'],
    handle: uploads.listParts,
  },
  'POST object uploadId': { need: 'write', subject: 'key', parameters: ['uploadId'], handle: uploads.completeUpload },
  'DELETE object uploadId': { need: 'abort', subject: 'key', parameters: ['uploadId'], handle: uploads.abortUpload },
}

const STEERING = ['list-type', 'location', 'versions', 'versioning', 'uploads', 'delete', 'attributes', 'tagging', 'uploadId']
const COMMON = /^(?:x-id|X-Amz-(?:Algorithm|Credential|Date|Expires|SignedHeaders|Signature|Content-Sha256))$/

const KNOWN_HEADERS = new Set(
  [
    ...['date', 'content-sha256', 'security-token', 'user-agent', 'trailer', 'decoded-content-length', 'sdk-checksum-algorithm'],
    ...[
      'checksum-mode',
      'checksum-algorithm',
      'checksum-type',
      'checksum-crc32',
      'checksum-crc32c',
      'checksum-crc64nvme',
      'checksum-sha1',
      'checksum-sha256',
    ],
    ...[
      'storage-class',
      'tagging',
      'tagging-directive',
      'metadata-directive',
      'mp-object-size',
      'object-attributes',
      'max-parts',
      'part-number-marker',
      'bucket-region',
    ],
    ...[
      'copy-source',
      'copy-source-range',
      'copy-source-if-match',
      'copy-source-if-none-match',
      'copy-source-if-modified-since',
      'copy-source-if-unmodified-since',
    ],
  ].map((name) => `x-amz-${name}`),
)

/** Throws NotImplemented for a header that asks for what this server does not do: it must not be passed over in silence. */
const refuseUnknownHeaders = (request: S3Request): void => {
  const unknown = Object.keys(request.headers).find(
    (name) => name.startsWith('x-amz-') && !name.startsWith('x-amz-meta-') && !KNOWN_HEADERS.has(name),
  )
  if (unknown !== undefined) throw new S3Error('NotImplemented', `The header ${unknown} is not implemented.`)
}

/** Throws NotImplemented for an operation, a query parameter or a header that is not implemented. */
export const routeOf = (request: S3Request): Route => {
  const level = request.bucket === '' ? 'service' : request.key === '' ? 'bucket' : 'object'
  const steering = STEERING.find((name) => queryOf(request, name) !== undefined)
  const copy = request.method === 'PUT' && headerOf(request.headers, 'x-amz-copy-source') !== undefined ? 'copy' : undefined
  const name = [request.method, level, steering, copy].filter(Boolean).join(' ')
  const route = Object.hasOwn(ROUTES, name) ? ROUTES[name] : undefined
  if (!route) throw new S3Error('NotImplemented', `${name} is not implemented.`)
  const unknown = request.query.find(([parameter]) => !route.parameters.includes(parameter) && !COMMON.test(parameter))
  if (unknown) throw new S3Error('NotImplemented', `The parameter ${unknown[0]} of ${name} is not implemented.`)
  refuseUnknownHeaders(request)
  return route
}
