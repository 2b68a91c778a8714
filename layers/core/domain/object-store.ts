import type { Readable } from 'node:stream'
import type { Key } from './keys'

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
}

/** Bytes `from` to `to`, both included. */
export interface ByteRange {
  from: number
  to: number
}

export interface Call {
  signal?: AbortSignal | undefined
}

export interface ReadOptions extends Call {
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
  ifMatch?: string | undefined
  /** true: only if no such object exists */
  ifNoneMatch?: boolean | undefined
}

export interface PutResult {
  etag: string
  /** base64 of the CRC32 that was computed on the way and that the store was made to verify */
  crc32: string
}

export interface UploadPart {
  /** 1 to 10,000 */
  number: number
  etag: string
  /** bytes */
  size: number
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
 * One bucket of an object store, as source, destination or state. There is no delete: nothing here may delete an object.
 * Every method throws the typed errors of `errors.ts`: StoreUnavailable and StoreThrottled (worth another try), AccessDenied,
 * CredentialsRefused, NoSuchBucket, EndpointUnreachable, StoreRefused, and those named below. An aborted signal throws its reason.
 */
export interface ObjectStore {
  /** The objects of a range, in UTF-8 byte order, one array per list reply. Throws SourceListingBroken for a reply that cannot be trusted: it never ends early in silence. */
  list(query: ListQuery, call?: Call): AsyncIterable<ListedObject[]>
  /** Throws NoSuchObject; ObjectChanged if `ifMatch` no longer holds. */
  read(key: Key, options?: ReadOptions): Promise<ReadObject>
  /** undefined when there is no such object. */
  stat(key: Key, call?: Call): Promise<ObjectInfo | undefined>
  /** Throws PreconditionFailed if `ifMatch` or `ifNoneMatch` does not hold; BodyMismatch when the store refuses the checksum or the stream is not `size` bytes long. */
  put(key: Key, body: Body, options?: PutOptions): Promise<PutResult>
  /** Returns the upload's id. */
  createUpload(key: Key, options?: Omit<PutOptions, 'ifMatch' | 'ifNoneMatch'>): Promise<string>
  /** Throws NoSuchUpload. */
  putPart(key: Key, uploadId: string, number: number, body: Body, call?: Call): Promise<PutResult>
  /** All parts, in order of number. Throws NoSuchUpload. */
  listParts(key: Key, uploadId: string, call?: Call): Promise<UploadPart[]>
  /** Throws NoSuchUpload. Returns the object's ETag. */
  completeUpload(key: Key, uploadId: string, parts: UploadPart[], call?: Call): Promise<{ etag: string }>
  /** An upload that is already gone is done. */
  abortUpload(key: Key, uploadId: string, call?: Call): Promise<void>
  /** Every open upload whose key begins with the prefix. */
  listUploads(prefix: Key, call?: Call): Promise<OpenUpload[]>
}
