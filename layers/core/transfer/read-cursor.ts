import { cursorFromJson, isListed, NO_TOTALS, type ListingTotals } from '../domain/listing'
import type { Call, ObjectStore } from '../domain/object-store'
import { isCursor } from '../domain/sound-files'
import { readRunFile } from './read-run-files'

/** Where a run's listing stands at its end. */
export interface ListingEnd {
  totals: ListingTotals
  /** whether the source was listed to its end */
  complete: boolean
  /** ms since 1970: when it last moved on */
  at: number | undefined
  /** what is wrong with the file, which then says nothing */
  faults: string[]
}

/** What cursor.json says; a file that is no cursor is a fault, and no exception. */
export const readCursor = async (state: ObjectStore, name: string, call: Call): Promise<ListingEnd> => {
  const { value, fault } = await readRunFile(state, name, 'a cursor', isCursor, call)
  if (value === undefined) return { totals: NO_TOTALS, complete: false, at: undefined, faults: fault === undefined ? [] : [fault] }
  const at = Date.parse(value.at)
  return {
    totals: value.totals,
    complete: value.ranges.length > 0 && isListed(cursorFromJson(value)),
    at: Number.isNaN(at) ? undefined : at,
    faults: [],
  }
}
