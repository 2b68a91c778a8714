import {
  estimate as estimateRun,
  lambda,
  OutlivesAccess,
  OverBudget,
  type Estimate,
  type ListingTotals,
  type Migration,
  type Step,
} from '@drayage/core'

/** Prices the run and its duration. Throws OverBudget or OutlivesAccess before anything is copied. */
export const estimate: Step<{ migration: Migration; listing: ListingTotals }, Estimate> = async ({ migration, listing }, { services }) => {
  const found = estimateRun(listing, migration.limits)
  const { costUsd } = migration.limits
  if (costUsd !== null && found.costUsd > costUsd) {
    throw new OverBudget(
      `the run is estimated at US$ ${found.costUsd}, over limits.costUsd of ${costUsd}; raise it or migrate a smaller source.prefix`,
    )
  }
  const endsAt = services.now().getTime() + found.durationSeconds * 1000
  if (!migration.dryRun && endsAt > Date.parse(migration.access.expiresAt)) {
    throw new OutlivesAccess(
      `the run is estimated to last ${found.durationSeconds} s, beyond its access (${migration.access.expiresAt}); raise access.hours or limits.batches`,
    )
  }
  return found
}

export const handler = lambda(estimate)
