import type { ListingTotals } from './listing'
import { isKeyed, type Migration } from './migration'
import { restoreEstimate, type RestoreEstimate } from './restore-times'
import { LOOK_BYTES } from './sample'
import { bytesText, counted } from './units'

/**
 * List prices in US$, us-east-1, as known in November 2026 and not checked against a bill: Amazon S3 PUT, COPY, POST and
 * LIST requests, and GET; Lambda on arm64 per GB-second; Step Functions Standard per state transition. What the source's provider
 * charges for requests and egress is not included.
 */
const PRICES = { s3Request: 5e-6, s3Get: 4e-7, lambdaGbSecond: 0.0000133334, transition: 25e-6 } as const

/** Assumed speed of one copier, and of one verifier that reads again, to be corrected by measurements on AWS: latency-bound small objects, and bytes. */
const SPEED = { objectsPerSecond: 100, bytesPerSecond: 40 * 1024 * 1024 } as const

/** Memory of a copier, and of a verifier, in GB: 1,769 MB is one vCPU. */
const COPIER_GB = 1769 / 1024

/** Requests to the state bucket per shard: shard, cursor, outcomes, verdict. Transitions per shard: two children of 4. */
const STATE_REQUESTS = 4
const SHARD_TRANSITIONS = 8
const LARGE_TRANSITIONS = 8

/** What reading objects again takes at each side. What the source's provider charges for it is not known here. */
export interface RereadEstimate {
  /** objects of the sample */
  objects: number
  /** GETs at the source, and as many at the destination: one for each range of 16 MiB, and one for the tags where they are carried */
  requests: number
  /** bytes that leave the source once more, and as many that are read of the destination */
  bytes: number
}

export interface Estimate {
  /** US$, rounded up to a cent */
  costUsd: number
  /** seconds of copying, and of reading again where the mode is reread, at the migration's concurrency */
  durationSeconds: number
  /** requests to the destination that are billed as PUT */
  putRequests: number
  /** objects that will be failed outcomes because Amazon S3 cannot hold their keys */
  problemKeys: number
  /** null: the listing shows nothing that is or may be archived */
  restore: RestoreEstimate | null
  /** null: the mode reads nothing again */
  reread: RereadEstimate | null
}

/**
 * Of a sample what is to be expected, as if it were a smaller listing. A listing tells no sizes but their sum: with a part of a range
 * for each object these are the most requests that it can take.
 */
const rereadEstimate = (
  totals: ListingTotals,
  { verification: { mode, sample }, carry }: Pick<Migration, 'verification' | 'carry'>,
): RereadEstimate | null => {
  if (mode !== 'reread') return null
  const objects = Math.ceil((totals.listed - totals.excluded) * sample)
  const bytes = Math.ceil(totals.bytes * sample)
  return { objects, requests: (carry.tags ? 2 : 1) * objects + Math.floor(bytes / LOOK_BYTES), bytes }
}

/** For people: what a reread takes. Most stores charge for what leaves them, so that the source's bytes come first. */
export const rereadLine = ({ objects, requests, bytes }: RereadEstimate): string =>
  `Verification reads ${counted(objects, 'object')} again: ${bytesText(bytes)} more leave the source, by up to ${counted(requests, 'GET request')}, and as many are read at the destination`

/** Of one function; divide by how many work side by side. */
const secondsOf = (objects: number, bytes: number): number => objects / SPEED.objectsPerSecond + bytes / SPEED.bytesPerSecond

/**
 * What a run over this listing costs and lasts if everything that is not excluded has to be copied, and, where the mode is reread, its
 * sample read again at both sides: assumptions above, not measurements. Pure. The destination is asked for each key of a list by itself,
 * once by the copier and once by the verifier. What it has besides is not known: where that lies in thousands between the keys, the
 * copier takes up to one more list request for each.
 */
export const estimate = (
  totals: ListingTotals,
  migration: Pick<Migration, 'selection' | 'verification' | 'carry'> & {
    limits: Pick<Migration['limits'], 'batches' | 'largeObjects'>
    restore: Pick<Migration['restore'], 'tier'>
  },
): Estimate => {
  const { limits, restore } = migration
  const migrated = totals.listed - totals.excluded
  const putRequests = migrated - totals.large + totals.largeParts + 2 * totals.large + (totals.extraPuts ?? 0)
  const listRequests = isKeyed(migration) ? 2 * migrated : Math.ceil(totals.listed / 1000) * 3
  const reread = rereadEstimate(totals, migration)
  const copySeconds = secondsOf(migrated, totals.bytes)
  const rereadSeconds = reread === null ? 0 : secondsOf(reread.objects, reread.bytes)
  const s3 =
    (putRequests + listRequests + totals.batches * STATE_REQUESTS + totals.large * STATE_REQUESTS) * PRICES.s3Request +
    (reread?.requests ?? 0) * PRICES.s3Get
  const lambda = (copySeconds + rereadSeconds) * COPIER_GB * PRICES.lambdaGbSecond
  const transitions = (totals.batches * SHARD_TRANSITIONS + totals.large * LARGE_TRANSITIONS + 30) * PRICES.transition
  const verifiers = Math.max(1, Math.min(totals.batches, limits.batches))
  const copiers = verifiers + Math.min(totals.large, limits.largeObjects)
  return {
    costUsd: Math.ceil((s3 + lambda + transitions) * 100) / 100,
    durationSeconds: Math.ceil(copySeconds / copiers + rereadSeconds / verifiers),
    putRequests,
    problemKeys: totals.unrepresentable,
    restore: restoreEstimate(totals.archivedIn, restore.tier),
    reread,
  }
}
