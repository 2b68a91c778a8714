import { createHash } from 'node:crypto'
import { bareEtag, looksLikeMd5, sameEtag, type Told, type UploadEvidence } from './compare'
import type { KeyJson } from './keys'
import type { OpenUpload, UploadPart } from './object-store'
import type { NotCarried } from './outcomes'

/**
 * uploads/<pair>/<hash of key>.json: what became of a large object's upload. It is written as `open` before the upload
 * exists, so that no upload is unknown to Cleanup; when it is complete, the two ETags let a later run skip the object.
 */
export interface UploadRecord {
  key: KeyJson
  /** the source's version, of a run over all versions; undefined: the current object */
  versionId?: string | undefined
  runId: string
  state: 'open' | 'complete' | 'aborted'
  /** null: announced, and its id not yet known */
  uploadId: string | null
  sourceEtag: string
  /** of a complete upload; of an open one what its parts make, written before its completion is asked for; null: not known */
  destinationEtag: string | null
  /** bytes */
  partSize: number
  /** the parts are the source's own: its ETag must come out (`exact`), or may (`guess`); undefined: they are cut as we like */
  partsAsSource?: 'exact' | 'guess' | undefined
  /** composite checksum of the object that the parts make; see `compositeCrc32` */
  crc32?: string | undefined
  /** ISO 8601: before the upload was created */
  openedAt: string
  /** what the destination listed under the key before the upload was begun; undefined: nothing, or the record is of a version */
  stood?: Told | undefined
  /** hash of everything that it was begun with: see `optionsHash` */
  options?: string | undefined
  /** hash of its headers, metadata and storage class: see `carriedHash` */
  carried?: string | undefined
  /** what of the source's object it does not have */
  notCarried?: NotCarried[] | undefined
}

/**
 * What a record proves about an object that is still as it was. An open one counts too: a destination that lists the ETag which
 * the parts make has completed the upload, whoever heard of it.
 */
export const evidenceOf = (record: UploadRecord | undefined): UploadEvidence | undefined =>
  record && record.state !== 'aborted' && record.destinationEtag !== null
    ? { sourceEtag: record.sourceEtag, destinationEtag: record.destinationEtag }
    : undefined

/** How far a store's clock may be behind ours when it dates an upload that we announced before creating it, in ms. */
const CLOCK_SKEW_MS = 15 * 60_000

/** Whether an open upload may have been begun at or after this time of ours (ISO 8601). */
export const begunSince = ({ initiated }: OpenUpload, time: string): boolean => Date.parse(initiated) >= Date.parse(time) - CLOCK_SKEW_MS

/** The ETag of an object made of these parts: the MD5 of their MD5s, and their number. Null where a part's ETag is no MD5. */
export const joinedEtag = (parts: readonly UploadPart[]): string | null =>
  parts.every(({ etag }) => looksLikeMd5(etag))
    ? `"${createHash('md5')
        .update(Buffer.concat(parts.map(({ etag }) => Buffer.from(bareEtag(etag), 'hex'))))
        .digest('hex')}-${parts.length}"`
    : null

/**
 * Whether an upload was given up because its parts, cut as the source's were, did not make the source's ETag: the bytes were damaged,
 * or the source's parts are not all of one size after all.
 */
export const madeAnotherEtag = ({ state, partsAsSource, sourceEtag, destinationEtag }: UploadRecord): boolean =>
  state === 'aborted' && partsAsSource === 'exact' && destinationEtag !== null && !sameEtag(destinationEtag, sourceEtag)
