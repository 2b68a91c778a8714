import { randomBytes } from 'node:crypto'
import { archiveHeaders } from './archive'
import type { Checksum, ChecksumType } from './checksums'
import { lockHeaders } from './locks'
import { NULL_VERSION, type Attributes, type StoredObject, type VersionedObject } from './version'
import { element } from './xml'

type ObjectChecksum = Checksum & { type?: ChecksumType }

export const quoted = (etag: string): string => `"${etag}"`

/** The id that listings have for the one account. */
export const OWNER = `<Owner><ID>${'0'.repeat(64)}</ID></Owner>`

/** ISO 8601, as in XML; headers have HTTP dates. */
export const timeText = (ms: number): string => new Date(ms).toISOString()

export const checksumHeaders = (checksum: ObjectChecksum | undefined): Record<string, string> =>
  checksum
    ? { [`x-amz-checksum-${checksum.algorithm}`]: checksum.value, ...(checksum.type ? { 'x-amz-checksum-type': checksum.type } : {}) }
    : {}

export const checksumElements = (checksum: ObjectChecksum | undefined): string =>
  checksum ? element(`Checksum${checksum.algorithm.toUpperCase()}`, checksum.value) + element('ChecksumType', checksum.type) : ''

/** The version's id; nothing of the null version in a bucket that never had versions. */
export const versionHeader = (version: { id: string } | undefined, versioned: boolean): Record<string, string> =>
  version && (versioned || version.id !== NULL_VERSION) ? { 'x-amz-version-id': version.id } : {}

export const encryptionHeaders = ({ kmsKey }: Attributes): Record<string, string> =>
  kmsKey === undefined ? {} : { 'x-amz-server-side-encryption': 'aws:kms', 'x-amz-server-side-encryption-aws-kms-key-id': kmsKey }

/** The ETag of an object: its MD5, but under aws:kms, as everybody must expect, no MD5 of anything. */
export const etagOf = (md5: string, { kmsKey }: Attributes): string => (kmsKey === undefined ? md5 : randomBytes(16).toString('hex'))

/** What GET and HEAD say of an object whatever part of it is asked for. */
export const objectHeaders = (object: VersionedObject, versioned: boolean, now: number): Record<string, string | number> => ({
  ...object.headers,
  'accept-ranges': 'bytes',
  etag: quoted(object.etag),
  'last-modified': new Date(object.modified).toUTCString(),
  ...(object.storageClass ? { 'x-amz-storage-class': object.storageClass } : {}),
  ...(object.tags?.length ? { 'x-amz-tagging-count': object.tags.length } : {}),
  ...encryptionHeaders(object),
  ...lockHeaders(object.lock),
  ...archiveHeaders(object, now),
  ...versionHeader(object, versioned),
})

/** Whether the object was joined from parts: its ETag says so. */
export const isJoined = ({ etag }: StoredObject): boolean => etag.includes('-')
