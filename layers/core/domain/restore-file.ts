import type { ArchiveCounts } from './archived'
import type { Migration } from './migration'
import { restoreEstimate } from './restore-times'

/** Where a pass over the shards stands: it goes on in this shard, at this index of its objects. */
export interface PassPosition {
  shard: string
  index: number
}

/** restore.json: what was asked to be restored, and what is not known to be readable yet. */
export interface RestoreFile {
  /** where the pass under way goes on; null: at the beginning */
  next: PassPosition | null
  /** ISO 8601: when every archived object had been asked for; null: not yet */
  askedAt: string | null
  /** by shard: the objects that are waited for, as ranges of their indexes, for example `0-41 44` */
  pending: Record<string, string>
  /** objects whose restore was asked for, by this run or before it */
  asked: number
  /** of those, the ones that are seen to be readable */
  ready: number
  /** objects that are or may be archived and are equal at the destination already: nothing is restored for them */
  notNeeded: number
  /** objects that could not be restored, by the error's name: nobody waits for them */
  refused: Record<string, number>
}

export const firstRestoreFile = (): RestoreFile => ({
  next: null,
  askedAt: null,
  pending: {},
  asked: 0,
  ready: 0,
  notNeeded: 0,
  refused: {},
})

export const refusedOf = ({ refused }: Pick<RestoreFile, 'refused'>): number => Object.values(refused).reduce((sum, many) => sum + many, 0)

/** How many of those asked for are still waited for. */
export const ongoingOf = (file: RestoreFile): number =>
  Object.values(file.pending).reduce((sum, ranges) => sum + indexesOf(ranges).length, 0)

/** Ascending indexes as ranges. */
export const rangesOf = (indexes: readonly number[]): string => {
  const ranges: [number, number][] = []
  for (const index of indexes) {
    const last = ranges.at(-1)
    if (last !== undefined && index === last[1] + 1) last[1] = index
    else ranges.push([index, index])
  }
  return ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(' ')
}

export const indexesOf = (ranges: string): number[] =>
  ranges === ''
    ? []
    : ranges.split(' ').flatMap((range) => {
        const [from, to] = range.split('-').map(Number) as [number, number?]
        return Array.from({ length: (to ?? from) - from + 1 }, (_, step) => from + step)
      })

/** What a report says of archived objects. */
export interface ArchivedReport {
  /** of GLACIER and DEEP_ARCHIVE, and their bytes */
  objects: number
  bytes: number
  /** Intelligent-Tiering's objects stand here all, for no listing says which are archived */
  byClass: ArchiveCounts
  /** whether the run was asked to restore them */
  requested: boolean
  tier: Migration['restore']['tier']
  days: number
  /** see RestoreEstimate */
  estimateHours: number | null
  estimateHoursAtMost: number | null
  asked: number
  restored: number
  notNeeded: number
  refused: Record<string, number>
}

/** null: the listing shows nothing that is or may be archived. `file`: undefined if nothing was asked for. */
export const archivedReport = (
  { restore }: Pick<Migration, 'restore'>,
  byClass: ArchiveCounts,
  file: RestoreFile | undefined,
): ArchivedReport | null => {
  const found = restoreEstimate(byClass, restore.tier)
  if (found === null) return null
  const { asked, ready, notNeeded, refused } = file ?? firstRestoreFile()
  const { GLACIER, DEEP_ARCHIVE } = byClass
  return {
    objects: GLACIER.objects + DEEP_ARCHIVE.objects,
    bytes: GLACIER.bytes + DEEP_ARCHIVE.bytes,
    byClass,
    requested: restore.archived,
    tier: restore.tier,
    days: restore.days,
    estimateHours: found.hours,
    estimateHoursAtMost: found.hoursAtMost,
    asked,
    restored: ready,
    notNeeded,
    refused,
  }
}
