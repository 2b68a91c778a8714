import { StoreRefused, StoreUnavailable } from '../../domain/errors'
import { canBeHeader, SYSTEM_HEADERS } from '../../domain/header-text'
import type { ObjectHeaders, ObjectInfo, ObjectLock, PutOptions } from '../../domain/object-store'
import { encodeQueryValue } from './percent'

export type ReplyHeaders = Record<string, string | string[] | undefined>

export const headerOf = (headers: ReplyHeaders, name: string): string | undefined => {
  const value = headers[name]
  return Array.isArray(value) ? value.join(',') : value
}

const META = 'x-amz-meta-'

const ENCRYPTION = 'x-amz-server-side-encryption'
const KMS_KEY = 'x-amz-server-side-encryption-aws-kms-key-id'
const LOCK = { mode: 'x-amz-object-lock-mode', until: 'x-amz-object-lock-retain-until-date', hold: 'x-amz-object-lock-legal-hold' }

/**
 * The headers of a write. Values are latin1, one character a byte, as replies are read: what came in goes out byte for byte.
 * Throws StoreRefused for a name or value that no header can hold, rather than altering it.
 */
export const writeHeaders = (what: string, options: PutOptions): Record<string, string> => {
  const { headers, storageClass, tags = [], lock, kmsKey, ifMatch, ifNoneMatch } = options
  const sent: Record<string, string> = {}
  const set = (name: string, value: string | undefined): void => {
    if (value === undefined) return
    if (!canBeHeader(name, value)) {
      throw new StoreRefused(`${what}: the value of ${JSON.stringify(name)} cannot be sent as a header`, 'InvalidHeader', 0)
    }
    sent[name] = value
  }
  if (headers !== undefined) {
    for (const [field, name] of SYSTEM_HEADERS) set(name, headers[field])
    for (const [name, value] of Object.entries(headers.metadata)) set(`${META}${name.toLowerCase()}`, value)
  }
  set('x-amz-storage-class', storageClass)
  if (tags.length > 0) set('x-amz-tagging', tags.map(({ name, value }) => `${encodeQueryValue(name)}=${encodeQueryValue(value)}`).join('&'))
  set(LOCK.mode, lock?.retention?.mode)
  set(LOCK.until, lock?.retention?.until)
  if (lock?.hold === true) set(LOCK.hold, 'ON')
  // API reference, PutObject: "The Content-MD5 or x-amz-sdk-checksum-algorithm header is required" with a lock; moto holds to it
  if (lock !== undefined) set('x-amz-sdk-checksum-algorithm', 'CRC32')
  if (kmsKey !== undefined) set(ENCRYPTION, 'aws:kms')
  set(KMS_KEY, kmsKey)
  set('if-match', ifMatch)
  if (ifNoneMatch === true) set('if-none-match', '*')
  return sent
}

const carriedHeaders = (headers: ReplyHeaders): ObjectHeaders => {
  const metadata = Object.keys(headers)
    .filter((name) => name.startsWith(META))
    .map((name) => [name.slice(META.length), headerOf(headers, name)])
  // fromEntries defines: an assignment would lose metadata called __proto__
  const carried: ObjectHeaders = { metadata: Object.fromEntries(metadata) as Record<string, string> }
  for (const [field, name] of SYSTEM_HEADERS) {
    const value = headerOf(headers, name)
    if (value !== undefined) carried[field] = value
  }
  return carried
}

/** Undefined: neither a retention nor a hold. Throws StoreRefused for a retention that is not understood: it must not get lost. */
const lockOf = (what: string, headers: ReplyHeaders): ObjectLock | undefined => {
  const mode = headerOf(headers, LOCK.mode)
  const hold = headerOf(headers, LOCK.hold) === 'ON'
  if (mode === undefined || mode === '') return hold ? { hold } : undefined
  const until = new Date(headerOf(headers, LOCK.until) ?? '')
  if ((mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE') || Number.isNaN(until.getTime()))
    throw new StoreRefused(`${what}: the reply's object lock is not understood`, 'InvalidObjectLock', 200)
  return { retention: { mode, until: until.toISOString() }, hold }
}

/** `x-amz-restore`: Amazon S3 API reference, HeadObject. */
const restoreOf = (header: string | undefined): ObjectInfo['restore'] => {
  const ongoing = /ongoing-request="(true|false)"/.exec(header ?? '')?.[1]
  if (ongoing === undefined) return undefined
  const expiry = new Date(/expiry-date="([^"]+)"/.exec(header ?? '')?.[1] ?? '')
  return { ongoing: ongoing === 'true', ...(!Number.isNaN(expiry.getTime()) && { expiresAt: expiry.toISOString() }) }
}

/** Throws StoreUnavailable if the reply has no such header. */
export const neededHeader = (what: string, headers: ReplyHeaders, name: string): string => {
  const value = headerOf(headers, name)
  if (value === undefined || value === '') throw new StoreUnavailable(`${what}: the reply has no ${name} header`)
  return value
}

/** `size`: bytes of the whole object. Throws StoreUnavailable for a reply without ETag or a readable Last-Modified, StoreRefused for an object lock that is not understood. */
export const objectInfo = (what: string, headers: ReplyHeaders, size: number): ObjectInfo => {
  const modified = new Date(neededHeader(what, headers, 'last-modified'))
  if (Number.isNaN(modified.getTime())) throw new StoreUnavailable(`${what}: the reply's Last-Modified is no date`)
  const info: ObjectInfo = {
    size,
    etag: neededHeader(what, headers, 'etag'),
    lastModified: modified.toISOString(),
    headers: carriedHeaders(headers),
  }
  const known: Partial<ObjectInfo> = {
    storageClass: headerOf(headers, 'x-amz-storage-class'),
    encryption: headerOf(headers, ENCRYPTION),
    kmsKey: headerOf(headers, KMS_KEY),
    versionId: headerOf(headers, 'x-amz-version-id'),
    lock: lockOf(what, headers),
    archiveStatus: headerOf(headers, 'x-amz-archive-status'),
    restore: restoreOf(headerOf(headers, 'x-amz-restore')),
    crc32: headerOf(headers, 'x-amz-checksum-crc32'),
    parts: byteCount(headerOf(headers, 'x-amz-mp-parts-count')),
    unsendable: byteCount(headerOf(headers, 'x-amz-missing-meta')),
    redirects: headerOf(headers, 'x-amz-website-redirect-location') === undefined ? undefined : true,
  }
  return Object.assign(info, Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)))
}

/** A header that counts bytes, or undefined if it is no number that JavaScript can hold exactly. */
export const byteCount = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^\d+$/.test(text)) return undefined
  const count = Number(text)
  return Number.isSafeInteger(count) ? count : undefined
}
