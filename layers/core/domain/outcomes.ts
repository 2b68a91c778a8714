import { keyFromJson, keyToJson, type Key, type KeyJson } from './keys'

/** What became of an object that was not excluded. */
export type OutcomeName = 'copied' | 'skipped' | 'changed' | 'failed'

/**
 * What says that an object at the destination is equal to the source's, from the strongest on: the same ETag · the record of the
 * upload that made it · the source's ETag kept in its metadata · only its size, and that it is not older.
 */
export type Evidence = 'etag' | 'upload-record' | 'source-etag' | 'size-and-time'

/** What the bytes that were read were compared with: the source's own MD5, the ETag that the same parts make, or only their number. */
export type ReadProof = 'md5' | 'parts' | 'length'

/** Something of the source's object that its copy does not have. */
export interface NotCarried {
  /** for example `metadata`, `tags`, `storage-class`, `retention`, `redirect` */
  what: string
  reason: string
}

export interface Outcome {
  key: Key
  /** the source's version; undefined: the run is over current objects */
  versionId?: string | undefined
  outcome: OutcomeName
  /** bytes that were copied; 0 for the others */
  bytes: number
  /** when it was known, in ms since 1970, and how long it took, in ms; of a large object since its upload was begun */
  at: number
  ms: number
  /** tries that a copy by one PUT took, if more than one */
  tries?: number | undefined
  /** the destination's ETag: as its PUT answered, or as its listing gave it for what was found there; none of a delete marker */
  etag?: string | undefined
  /** the destination's version, where it keeps versions */
  destinationVersion?: string | undefined
  /** base64 CRC32 of what was sent, where the call that sent it tells of it; of parts, the checksum of theirs with `-<parts>` */
  crc32?: string | undefined
  /** copied, and the mode compares headers: hash of the headers, metadata and storage class that it was written with; see `carriedHash` */
  carried?: string | undefined
  /** copied, and the call that read the bytes tells of it */
  proof?: ReadProof | undefined
  /** skipped, or copied as a version by a call that was lost and found there: what the equality rests on */
  evidence?: Evidence | undefined
  notCarried?: NotCarried[] | undefined
  /** failed or changed: the error's name and its words */
  reason?: string | undefined
  detail?: string | undefined
}

/** An outcome before it is known when it was known and how long it took. */
export type Untimed = Omit<Outcome, 'at' | 'ms'>

/** `began` and `now` in ms since 1970. */
export const timed = (outcome: Untimed, began: number, now: number): Outcome => ({ ...outcome, at: now, ms: Math.max(0, now - began) })

export const outcomeToLine = ({ key, ...rest }: Outcome): string => JSON.stringify({ key: keyToJson(key), ...rest })

export const outcomeFromLine = (line: string): Outcome => {
  const outcome = JSON.parse(line) as Omit<Outcome, 'key'> & { key: KeyJson }
  return Object.assign(outcome as Omit<Outcome, 'key'>, { key: keyFromJson(outcome.key) })
}
