import { carriedHash } from './carried'
import { looksLikeMd5, sameContent, sameEtag, saysNothing, type UploadEvidence } from './compare'
import type { ObjectHeaders, ObjectInfo } from './object-store'
import type { Evidence } from './outcomes'
import { writtenSince } from './written-since'

interface Listed {
  size: number
  etag: string
  /** ISO 8601 */
  lastModified: string
}

/** What is known of an object of the source and of the object under its key at the destination. */
export interface Facts {
  source: Listed
  found: Listed | undefined
  /** ISO 8601: see `writtenSince` */
  writingSince: string
  record?: UploadEvidence | undefined
  /** what this run's writes are encrypted with, so that an ETag of the destination is no MD5; null: as the bucket does by default */
  kmsKey: string | null
  /** HEAD of the destination's object; undefined: not asked yet */
  copy?: ObjectInfo | 'gone' | 'unreadable' | undefined
  /** HEAD of the source's object, and the headers that a copy of it carries; undefined: not asked yet */
  original?: { info: ObjectInfo; carried: ObjectHeaders } | 'gone' | undefined
}

/** `ask-…`: the facts do not decide yet; the HEAD of that side does, or leads on. */
export type Equality = { equal: Evidence } | 'copy' | 'ask-copy' | 'ask-original'

const time = ({ lastModified }: { lastModified: string }): number => Date.parse(lastModified)

/** Whether the copy was certainly written after the source's object: Amazon S3 lists whole seconds, and in the same one either may be. */
const isLater = (found: Listed, source: Listed): boolean => time(found) > time(source)

/** Under SSE-KMS an ETag is no MD5, whatever its form (Amazon S3 API reference, "Object": ETag). */
const isMd5 = ({ etag, encryption }: ObjectInfo): boolean => looksLikeMd5(etag) && !encryption?.startsWith('aws:kms')

/** What says that the bytes are the same without asking anybody. */
const sameBytes = (source: Listed, found: Listed, record: UploadEvidence | undefined): 'etag' | 'upload-record' | undefined => {
  if (sameContent(source.etag, found.etag)) return 'etag'
  return record && sameContent(record.sourceEtag, source.etag) && sameContent(record.destinationEtag, found.etag)
    ? 'upload-record'
    : undefined
}

/** Whether the copy has the headers and metadata that a new one would have; what only says which version it was made of is left out. */
const sameHeaders = ({ info, carried }: { info: ObjectInfo; carried: ObjectHeaders }, found: ObjectHeaders): boolean => {
  const ours = info.headers.metadata['mtime'] === undefined ? ['mtime', 'source-etag'] : ['source-etag']
  const hash = ({ metadata, ...system }: ObjectHeaders): string => {
    const rest = Object.entries(metadata).filter(([name]) => !ours.includes(name))
    return carriedHash({ headers: { ...system, metadata: Object.fromEntries(rest) } })
  }
  return hash(carried) === hash(found)
}

/** The bytes are the same: the object is, unless it was put again since it was copied and has other headers by now. */
const unlessPutAgain = ({ source, found, original }: Facts, copy: ObjectInfo, evidence: Evidence): Equality => {
  if (isLater(found!, source)) return { equal: evidence }
  if (original === undefined) return 'ask-original'
  if (original === 'gone' || !sameEtag(original.info.etag, source.etag)) return 'copy'
  return sameHeaders(original, copy.headers) ? { equal: evidence } : 'copy'
}

/**
 * Whether the object at the destination is equal to the listed one, and on what that rests. The rows in order:
 *
 *   nothing there, or its size differs                         → copy
 *   it was written since the run began                         → copy: a call that was lost put it there, and nobody told of it
 *   ETags equal, and the copy is later                         → etag, without any request, unless a KMS key is asked for
 *   the upload record names both ETags, and the copy is later  → upload-record, likewise
 *   the copy has gone, or is another one than was listed       → copy
 *   a KMS key is asked for, and the copy is not under it       → copy
 *   ETags equal or both recorded, and the copy is not later    → etag or upload-record, if it has the headers that a new copy would
 *                                                                be given; else copy
 *   the copy keeps another source ETag                         → copy
 *   the copy keeps this source ETag                            → source-etag, with the headers looked at as above; but copy if both
 *                                                                ETags are plain MD5s, which then differ
 *   it keeps none, or may not be read                          → size-and-time, if the ETags cannot be compared (parts, KMS) and the
 *                                                                copy is later; else copy
 *
 * An ETag that says nothing (`saysNothing`) is equal to none, recorded by none and kept by none.
 *
 * Later: by the stores' own clocks and Last-Modified, which no store lets anybody set.
 */
export const equality = (facts: Facts): Equality => {
  const { source, found, writingSince, record, kmsKey, copy, original } = facts
  if (found === undefined || found.size !== source.size || writtenSince(found, writingSince)) return 'copy'
  const same = sameBytes(source, found, record)
  if (same !== undefined && isLater(found, source) && (kmsKey === null || copy === 'unreadable')) return { equal: same }
  if (copy === undefined) return 'ask-copy'
  if (copy === 'gone') return 'copy'
  const bySizeAndTime = (comparable: boolean): Equality => (!comparable && isLater(found, source) ? { equal: 'size-and-time' } : 'copy')
  if (copy === 'unreadable')
    return bySizeAndTime(same !== undefined || (looksLikeMd5(source.etag) && looksLikeMd5(found.etag) && kmsKey === null))
  if (!sameEtag(copy.etag, found.etag)) return 'copy'
  if (kmsKey !== null && copy.kmsKey !== kmsKey) return 'copy'
  if (same !== undefined) return unlessPutAgain(facts, copy, same)

  const comparable = looksLikeMd5(source.etag) && isMd5(copy)
  const kept = copy.headers.metadata['source-etag']
  if (kept === undefined || saysNothing(source.etag)) return bySizeAndTime(comparable)
  if (!sameEtag(kept, source.etag)) return 'copy'
  if (comparable) {
    if (original === undefined) return 'ask-original'
    if (original === 'gone' || isMd5(original.info)) return 'copy'
  }
  return unlessPutAgain(facts, copy, 'source-etag')
}
