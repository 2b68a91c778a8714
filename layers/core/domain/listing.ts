import { keyFromJson, keyToJson, type Key, type KeyJson } from './keys'

/** What ListSource has counted so far; the numbers that choices of the state machine and the estimate read. */
export interface ListingTotals {
  listed: number
  excluded: number
  /** bytes of all listed objects */
  bytes: number
  /** shards: units of work of CopyBatches and VerifyBatches */
  batches: number
  /** large objects: units of work of CopyLargeObjects */
  large: number
  /** parts that the large objects will be cut into */
  largeParts: number
  /** objects whose key Amazon S3 cannot hold: they will be failed outcomes */
  unrepresentable: number
}

export const NO_TOTALS: ListingTotals = { listed: 0, excluded: 0, bytes: 0, batches: 0, large: 0, largeParts: 0, unrepresentable: 0 }

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
}

const toJson = (key: Key | undefined): KeyJson | null => (key === undefined ? null : keyToJson(key))
const fromJson = (json: KeyJson | null): Key | undefined => (json === null ? undefined : keyFromJson(json))

export const cursorToJson = ({ ranges, totals }: Cursor): CursorJson => ({
  ranges: ranges.map(({ after, upTo, done }) => ({ after: toJson(after), upTo: toJson(upTo), done })),
  totals,
})

export const cursorFromJson = ({ ranges, totals }: CursorJson): Cursor => ({
  ranges: ranges.map(({ after, upTo, done }) => ({ after: fromJson(after), upTo: fromJson(upTo), done })),
  totals,
})
