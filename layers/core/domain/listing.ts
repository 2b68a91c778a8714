import { noArchived, type ArchiveCounts } from './archived'
import { keyFromJson, keyToJson, type Key, type KeyJson } from './keys'
import type { ExcludedBy } from './shards'

/** What ListSource has counted so far; the numbers that choices of the state machine and the estimate read. */
export interface ListingTotals {
  listed: number
  excluded: number
  /** the excluded by what left them out; undefined: none is */
  excludedFor?: Record<ExcludedBy, number> | undefined
  /** bytes of all objects that are not excluded */
  bytes: number
  /** shards: units of work of CopyBatches and VerifyBatches */
  batches: number
  /** large objects: units of work of CopyLargeObjects */
  large: number
  /** parts that the large objects will be cut into */
  largeParts: number
  /** of a run over all versions: requests that those copied in parts take besides one for each; undefined: none is */
  extraPuts?: number | undefined
  /** objects whose key Amazon S3 cannot hold: they will be failed outcomes */
  unrepresentable: number
  /** objects that are archived or, in Intelligent-Tiering, may be: what RestoreArchived looks at */
  archived: number
  /** the same by storage class, with their bytes */
  archivedIn: ArchiveCounts
}

export const NO_TOTALS: ListingTotals = {
  listed: 0,
  excluded: 0,
  bytes: 0,
  batches: 0,
  large: 0,
  largeParts: 0,
  unrepresentable: 0,
  archived: 0,
  archivedIn: noArchived(),
}

/** Where listing stands: what is left of each range, and the totals of the shards written so far. */
export interface Cursor {
  ranges: { after: Key | undefined; upTo: Key | undefined; done: boolean }[]
  totals: ListingTotals
}

export const firstCursor = (): Cursor => ({ ranges: [{ after: undefined, upTo: undefined, done: false }], totals: NO_TOTALS })

export const isListed = (cursor: Cursor): boolean => cursor.ranges.every((range) => range.done)

interface RangeJson {
  after: KeyJson | null
  upTo: KeyJson | null
  done: boolean
}

export interface CursorJson {
  ranges: RangeJson[]
  totals: ListingTotals
  /** ISO 8601: when the listing moved on to here */
  at: string
}

const toJson = (key: Key | undefined): KeyJson | null => (key === undefined ? null : keyToJson(key))
const fromJson = (json: KeyJson | null): Key | undefined => (json === null ? undefined : keyFromJson(json))

export const cursorToJson = ({ ranges, totals }: Cursor, now: Date): CursorJson => ({
  ranges: ranges.map(({ after, upTo, done }) => ({ after: toJson(after), upTo: toJson(upTo), done })),
  totals,
  at: now.toISOString(),
})

export const cursorFromJson = ({ ranges, totals }: CursorJson): Cursor => ({
  ranges: ranges.map(({ after, upTo, done }) => ({ after: fromJson(after), upTo: fromJson(upTo), done })),
  totals,
})
