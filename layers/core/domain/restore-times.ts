import type { ArchiveCounts } from './archived'
import type { Migration } from './migration'
import type { RestoreOrder } from './object-store'
import { counted } from './units'

type Tier = RestoreOrder['tier']

/**
 * Hours within which Amazon S3 typically has an object readable (user guide, "Understanding archive retrieval options", as of
 * November 2026, untried): the longer end of each range. Intelligent-Tiering's archive tiers take as long as the class beside them.
 * undefined: the tier does not restore this class.
 */
const HOURS: Readonly<Record<Tier, { glacier: number; deep: number | undefined }>> = {
  Expedited: { glacier: 5 / 60, deep: undefined },
  Standard: { glacier: 5, deep: 12 },
  Bulk: { glacier: 12, deep: 48 },
}

/** What restoring what a listing shows would take, if all of it had to be restored. What the source's provider charges for it is not known here. */
export interface RestoreEstimate {
  tier: Tier
  /** one for each object of GLACIER or DEEP_ARCHIVE, and for those of Intelligent-Tiering that turn out to be archived */
  requests: number
  /** HEADs that say which objects of Intelligent-Tiering are archived */
  heads: number
  /** hours until the last object of GLACIER or DEEP_ARCHIVE is expected to be readable; null: the tier does not restore DEEP_ARCHIVE */
  hours: number | null
  /** the same if Intelligent-Tiering's objects stand in its deepest archive tier that the order can restore */
  hoursAtMost: number | null
}

/** null: nothing of the listing is archived, nor may be. */
export const restoreEstimate = (byClass: ArchiveCounts, tier: Tier): RestoreEstimate | null => {
  const { GLACIER, DEEP_ARCHIVE, INTELLIGENT_TIERING } = byClass
  const requests = GLACIER.objects + DEEP_ARCHIVE.objects
  const heads = INTELLIGENT_TIERING.objects
  if (requests + heads === 0) return null
  const { glacier, deep } = HOURS[tier]
  if (DEEP_ARCHIVE.objects > 0 && deep === undefined) return { tier, requests, heads, hours: null, hoursAtMost: null }
  const hours = Math.max(0, GLACIER.objects > 0 ? glacier : 0, DEEP_ARCHIVE.objects > 0 ? deep! : 0)
  return { tier, requests, heads, hours, hoursAtMost: Math.max(hours, heads > 0 ? (deep ?? glacier) : 0) }
}

/** Why archived objects cannot be restored as the request asks; one line per field, empty: they can. `copySeconds`: of copying after it. */
export const restoreProblems = ({ tier, days }: Migration['restore'], byClass: ArchiveCounts, copySeconds: number): string[] => {
  const found = restoreEstimate(byClass, tier)
  if (found === null) return []
  if (found.hours === null)
    return [
      `restore.tier: Expedited does not restore DEEP_ARCHIVE, which ${counted(byClass.DEEP_ARCHIVE.objects, 'object is', 'objects are')} in; ask for Standard (up to ${HOURS.Standard.deep} hours) or Bulk (up to ${HOURS.Bulk.deep})`,
    ]
  // The first restored copy may be hours older than the last one, and must still be there when copying ends.
  const needed = Math.ceil((found.hours + copySeconds / 3600) / 24)
  return days < needed
    ? [
        `restore.days: restored copies stay ${counted(days, 'day')}, and restoring and copying may take ${needed}; ask for at least ${needed}, or for a faster restore.tier`,
      ]
    : []
}

/**
 * Why what is restored could not be verified as the request asks; one line, empty: it can. A request that names its classes is refused
 * as it is parsed: with `keep` only the listing says that there are archived ones.
 */
export const keptProblems = (
  { carry, verification }: Pick<Migration, 'carry' | 'verification'>,
  { GLACIER, DEEP_ARCHIVE }: ArchiveCounts,
): string[] => {
  const objects = GLACIER.objects + DEEP_ARCHIVE.objects
  return carry.storageClass === 'keep' && verification.mode === 'reread' && objects > 0
    ? [
        `verification.mode: carry.storageClass keep writes ${counted(objects, 'object')} to GLACIER or DEEP_ARCHIVE, which cannot be read again; ask for the mode checksum, or write another class`,
      ]
    : []
}

/** Looks in the time that a restore is expected to take, at most. */
const LOOKS = 200
/** Least and longest wait between two looks, in seconds, once a restore has not been done at once. */
const LEAST_SECONDS = 60
const LONGEST_SECONDS = 3600

/**
 * Seconds until the next look, when restores were asked for `elapsed` seconds ago and are expected to take up to `hours`. The first
 * looks come soon and ever later, for other stores restore faster than Amazon's; then at most 200 within the expected time; a restore
 * that takes much longer is looked at ever more rarely. Over the longest access, 30 days, that is below 1,200 looks (a test counts
 * them) of 9 events each: Step Functions ends an execution at 25,000 (service quotas, "Maximum execution history size").
 */
export const secondsToNextLook = (hours: number, elapsed: number): number => {
  const steady = Math.max(LEAST_SECONDS, Math.ceil((hours * 3600) / LOOKS), Math.min(LONGEST_SECONDS, Math.ceil(elapsed / 100)))
  return Math.max(2, Math.min(steady, Math.ceil(elapsed)))
}
