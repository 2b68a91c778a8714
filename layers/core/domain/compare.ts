import type { Outcome } from './outcomes'

/** An ETag without its quotes and weakness mark; opaque otherwise. */
export const bareEtag = (etag: string): string => etag.replace(/^W\//, '').replace(/^"(.*)"$/, '$1')

/** Whether an ETag has the form of a plain MD5: one PUT, no parts. Under SSE-KMS it has that form and is none. */
export const looksLikeMd5 = (etag: string): boolean => /^[0-9a-f]{32}$/i.test(bareEtag(etag))

export const sameEtag = (a: string, b: string): boolean => bareEtag(a).toLowerCase() === bareEtag(b).toLowerCase()

/** What a finished upload's record says: this source ETag became this destination ETag. */
export interface UploadEvidence {
  sourceEtag: string
  destinationEtag: string
}

interface Listed {
  size: number
  etag: string
}

/**
 * Whether the object at the destination is equal to the listed one, and on what that rests; undefined: copy it.
 *
 *   nothing there                                       → copy
 *   size differs                                        → copy
 *   ETags equal (and not empty)                         → skip: etag
 *   the upload record names both ETags as they are now  → skip: upload-record
 *   anything else                                       → copy
 */
export const equalBy = (source: Listed, found: Listed | undefined, record?: UploadEvidence): Outcome['evidence'] => {
  if (found === undefined || found.size !== source.size) return undefined
  if (bareEtag(source.etag) !== '' && sameEtag(source.etag, found.etag)) return 'etag'
  if (record && sameEtag(record.sourceEtag, source.etag) && sameEtag(record.destinationEtag, found.etag)) return 'upload-record'
  return undefined
}
