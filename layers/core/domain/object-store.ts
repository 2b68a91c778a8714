import type { Readable } from 'node:stream'
import type { Key } from './keys'
import type { RESTORE_TIERS } from './migration'

/** Part of the key space: every key greater than `after` (none: from the beginning) and not greater than `upTo` (none: to the end). */
export interface KeyRange {
  after?: Key | undefined
  upTo?: Key | undefined
}

export interface ListQuery extends KeyRange {
  prefix: Key
  /** Keys a page, at most 1,000 (the stores' own limit and our default). */
  pageSize?: number | undefined
}

/** One object as a list reply describes it. */
export interface ListedObject {
  key: Key
  /** bytes */
  size: number
  /** opaque, with its quotes as the store sent it: what If-Match is given back */
  etag: string
  /** ISO 8601 */
  lastModified: string
  storageClass?: string | undefined
}

/** One version of an object, or a delete marker: it has no bytes and no ETag. */
export interface ListedVersion extends ListedObject {
  versionId: string
  /** whether it is the key's current one */
  latest: boolean
  deleteMarker: boolean
}

export interface Tag {
  name: string
  value: string
}

/** Object Lock as it stands on one version. */
export interface ObjectLock {
  retention?: { mode: 'GOVERNANCE' | 'COMPLIANCE'; /** ISO 8601 */ until: string } | undefined
  /** a legal hold, which has no end of its own */
  hold: boolean
}

/** The headers of an object that a copy carries: an allowlist, nothing that acts (no redirects, no ACLs). */
export interface ObjectHeaders {
  contentType?: string | undefined
  contentEncoding?: string | undefined
  contentLanguage?: string | undefined
  contentDisposition?: string | undefined
  cacheControl?: string | undefined
  expires?: string | undefined
  /** user metadata: names in lower case and without `x-amz-meta-` */
  metadata: Record<string, string>
}

export interface ObjectInfo {
  /** bytes of the whole object, also when a range was read */
  size: number
  etag: string
  /** ISO 8601 */
  lastModified: string
  headers: ObjectHeaders
  storageClass?: string | undefined
  /** `x-amz-server-side-encryption`: under aws:kms an ETag is no MD5 */
  encryption?: string | undefined
  /** ARN of the KMS key that it is encrypted with */
  kmsKey?: string | undefined
  versionId?: string | undefined
  lock?: ObjectLock | undefined
  /** Intelligent-Tiering's archive tiers, which no listing names: it must be restored before it is read */
  archiveStatus?: string | undefined
  /** of an archived object: a restore under way, or the copy that one has made, until `expiresAt` (ISO 8601) */
  restore?: { ongoing: boolean; expiresAt?: string | undefined } | undefined
  /** base64, with `-<parts>` for one of the parts' checksums; only where the store was asked for it and keeps it */
  crc32?: string | undefined
  /** of how many parts it was made, where a part was asked for and the store knows it */
  parts?: number | undefined
  /** metadata entries that the store has and cannot send as headers (`x-amz-missing-meta`) */
  unsendable?: number | undefined
  /** whether it redirects (`x-amz-website-redirect-location`): nothing that acts is carried */
  redirects?: boolean | undefined
}

/** Bytes `from` to `to`, both included. */
export interface ByteRange {
  from: number
  to: number
}

export interface Call {
  signal?: AbortSignal | undefined
}

/** Which version; none: the current one. */
export interface VersionCall extends Call {
  versionId?: string | undefined
}

export interface StatOptions extends VersionCall {
  /** asks after this part, from 1: `size` is then the part's, and `parts` says how many there are */
  part?: number | undefined
  /** true: ask for the stored checksum too */
  checksum?: boolean | undefined
}

export interface ReadOptions extends VersionCall {
  range?: ByteRange | undefined
  /** an ETag as listed; an object that no longer has it is ObjectChanged, never a mixture */
  ifMatch?: string | undefined
}

export interface ReadObject {
  info: ObjectInfo
  /** bytes of this reply: the range's length, or the object's size */
  length: number
  /** errors with a typed error; must be read to its end or destroyed */
  body: Readable
}

/** What is written: all of it in memory, or a stream of exactly `size` bytes. */
export type Body = Buffer | { stream: AsyncIterable<Uint8Array>; size: number }

export interface PutOptions extends Call {
  headers?: ObjectHeaders | undefined
  storageClass?: string | undefined
  tags?: readonly Tag[] | undefined
  lock?: ObjectLock | undefined
  /** ARN of the KMS key to encrypt with; none: as the bucket does by default */
  kmsKey?: string | undefined
  ifMatch?: string | undefined
  /** true: only if no such object exists */
  ifNoneMatch?: boolean | undefined
}

export interface PutResult {
  etag: string
  /** base64 of the CRC32 that was computed on the way and that the store was made to verify */
  crc32: string
  /** only in a bucket with versions */
  versionId?: string | undefined
}

/** The object that an upload has become. */
export type JoinedUpload = Pick<PutResult, 'etag' | 'versionId'>

/** How archived bytes are brought back: Amazon S3 API reference, RestoreObject. */
export interface RestoreOrder {
  tier: (typeof RESTORE_TIERS)[number]
  /** for how many days the restored copy stays; an Intelligent-Tiering object takes none */
  days: number | undefined
}

export interface UploadPart {
  /** 1 to 10,000 */
  number: number
  etag: string
  /** bytes */
  size: number
  /** ISO 8601: when it was written, by the store's clock and in the unit of its listings */
  lastModified?: string | undefined
  /** base64 CRC32, where the store keeps it: Amazon S3 wants it back in completeUpload, so parts go there as listParts gave them */
  crc32?: string | undefined
}

export interface OpenUpload {
  key: Key
  uploadId: string
  /** ISO 8601 */
  initiated: string
}

/**
 * One bucket of an object store, as source, destination or state. There is no delete: nothing here may delete an object or a version.
 * Every method throws the typed errors of `errors.ts`: StoreUnavailable and StoreThrottled (worth another try), AccessDenied,
 * CredentialsRefused, NoSuchBucket, EndpointUnreachable, StoreRefused, and those named below. An aborted signal throws its reason.
 */
export interface ObjectStore {
  /** The objects of a range, in UTF-8 byte order, one array per list reply. Throws SourceListingBroken for a reply that cannot be trusted: it never ends early in silence. */
  list(query: ListQuery, call?: Call): AsyncIterable<ListedObject[]>
  /** Throws NoSuchObject; ObjectChanged if `ifMatch` no longer holds; ObjectArchived if it must be restored first. */
  read(key: Key, options?: ReadOptions): Promise<ReadObject>
  /** Every version and delete marker of a range: keys in UTF-8 byte order, a key's newest first, one array per reply. Throws SourceListingBroken. */
  listVersions(query: ListQuery, call?: Call): AsyncIterable<ListedVersion[]>
  /** undefined when there is no such object. */
  stat(key: Key, options?: StatOptions): Promise<ObjectInfo | undefined>
  /** Throws NoSuchObject. */
  tags(key: Key, options?: VersionCall): Promise<Tag[]>
  /** Asks for an archived object to be brought back. `restored`: it already is. Throws NoSuchObject. */
  restore(key: Key, order: RestoreOrder, call?: VersionCall): Promise<'begun' | 'ongoing' | 'restored'>
  /** Throws PreconditionFailed if `ifMatch` or `ifNoneMatch` does not hold; BodyMismatch when the store refuses the checksum or the stream is not `size` bytes long. */
  put(key: Key, body: Body, options?: PutOptions): Promise<PutResult>
  /** Returns the upload's id. */
  createUpload(key: Key, options?: Omit<PutOptions, 'ifMatch' | 'ifNoneMatch'>): Promise<string>
  /** Throws NoSuchUpload. */
  putPart(key: Key, uploadId: string, number: number, body: Body, call?: Call): Promise<PutResult>
  /** All parts, in order of number. Throws NoSuchUpload. */
  listParts(key: Key, uploadId: string, call?: Call): Promise<UploadPart[]>
  /** Throws NoSuchUpload. */
  completeUpload(key: Key, uploadId: string, parts: UploadPart[], call?: Call): Promise<JoinedUpload>
  /** An upload that is already gone is done. */
  abortUpload(key: Key, uploadId: string, call?: Call): Promise<void>
  /** Every open upload whose key begins with the prefix. */
  listUploads(prefix: Key, call?: Call): Promise<OpenUpload[]>
  /**
   * Puts a delete marker before a key's versions, in a bucket with versions: nothing is deleted. Throws StoreRefused if the reply
   * does not say that a marker was made.
   */
  mark(key: Key, call?: Call): Promise<{ versionId: string }>
}
