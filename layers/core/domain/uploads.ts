import type { UploadEvidence } from './compare'
import type { KeyJson } from './keys'

/**
 * uploads/<pair>/<hash of key>.json: what became of a large object's upload. It is written as `open` before the upload
 * exists, so that no upload is unknown to Cleanup; when it is complete, the two ETags let a later run skip the object.
 */
export interface UploadRecord {
  key: KeyJson
  runId: string
  state: 'open' | 'complete' | 'aborted'
  /** null: announced, and its id not yet known */
  uploadId: string | null
  sourceEtag: string
  destinationEtag: string | null
  /** bytes */
  partSize: number
  /** ISO 8601: before the upload was created */
  openedAt: string
}

/** What a complete record proves about an object that is still as it was. */
export const evidenceOf = (record: UploadRecord | undefined): UploadEvidence | undefined =>
  record?.state === 'complete' && record.destinationEtag !== null
    ? { sourceEtag: record.sourceEtag, destinationEtag: record.destinationEtag }
    : undefined
