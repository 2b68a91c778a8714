import type { ListingTotals } from './listing'

/**
 * List prices in US$, us-east-1, as known in November 2026 and not checked against a bill: Amazon S3 PUT, COPY, POST and
 * LIST requests; Lambda on arm64 per GB-second; Step Functions Standard per state transition. What the source's provider
 * charges for requests and egress is not included.
 */
const PRICES = { s3Request: 5e-6, lambdaGbSecond: 0.0000133334, transition: 25e-6 } as const

/** Assumed speed of one copier, to be corrected by measurements on AWS: latency-bound small objects, and bytes. */
const SPEED = { objectsPerSecond: 100, bytesPerSecond: 40 * 1024 * 1024 } as const

/** Memory of a copier in GB: 1,769 MB is one vCPU. */
const COPIER_GB = 1769 / 1024

/** Requests to the state bucket per shard: shard, cursor, outcomes, verdict. Transitions per shard: two children of 4. */
const STATE_REQUESTS = 4
const SHARD_TRANSITIONS = 8
const LARGE_TRANSITIONS = 8

export interface Estimate {
  /** US$, rounded up to a cent */
  costUsd: number
  /** seconds of copying at the migration's concurrency */
  durationSeconds: number
  /** requests to the destination that are billed as PUT */
  putRequests: number
  /** objects that will be failed outcomes because Amazon S3 cannot hold their keys */
  problemKeys: number
}

/** What a run over this listing costs and lasts if everything has to be copied: assumptions above, not measurements. Pure. */
export const estimate = (totals: ListingTotals, limits: { batches: number; largeObjects: number }): Estimate => {
  const putRequests = totals.listed - totals.large + totals.largeParts + 2 * totals.large
  const listRequests = Math.ceil(totals.listed / 1000) * 3
  const workSeconds = totals.listed / SPEED.objectsPerSecond + totals.bytes / SPEED.bytesPerSecond
  const s3 = (putRequests + listRequests + totals.batches * STATE_REQUESTS + totals.large * STATE_REQUESTS) * PRICES.s3Request
  const lambda = workSeconds * COPIER_GB * PRICES.lambdaGbSecond
  const transitions = (totals.batches * SHARD_TRANSITIONS + totals.large * LARGE_TRANSITIONS + 30) * PRICES.transition
  const units = totals.batches + totals.large
  const sideBySide = Math.max(1, Math.min(units, limits.batches + limits.largeObjects))
  return {
    costUsd: Math.ceil((s3 + lambda + transitions) * 100) / 100,
    durationSeconds: Math.ceil(workSeconds / sideBySide),
    putRequests,
    problemKeys: totals.unrepresentable,
  }
}
