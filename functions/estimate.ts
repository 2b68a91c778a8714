import {
  counted,
  estimate as estimateRun,
  InvalidRequest,
  keptProblems,
  lambda,
  OutlivesAccess,
  OverBudget,
  restoreProblems,
  type Estimate,
  type ListingTotals,
  type Migration,
  type Step,
} from '@drayage/core'

/**
 * Prices the run and its duration. Throws OverBudget or OutlivesAccess before anything is restored or copied, and InvalidRequest if
 * the source's archived objects cannot be restored, or then not be verified, as the request asks.
 */
export const estimate: Step<{ migration: Migration; listing: ListingTotals }, Estimate> = async ({ migration, listing }, { services }) => {
  const found = estimateRun(listing, migration)
  const { costUsd } = migration.limits
  if (costUsd !== null && found.costUsd > costUsd) {
    throw new OverBudget(
      `the run is estimated at US$ ${found.costUsd}, over limits.costUsd of ${costUsd}; raise it or migrate a smaller source.prefix`,
    )
  }
  const { archived } = migration.restore
  const problems = archived
    ? [...restoreProblems(migration.restore, listing.archivedIn, found.durationSeconds), ...keptProblems(migration, listing.archivedIn)]
    : []
  if (problems.length > 0) throw new InvalidRequest(problems)
  const hours = (archived && found.restore?.hours) || 0
  const endsAt = services.now().getTime() + hours * 3_600_000 + found.durationSeconds * 1000
  if (!migration.dryRun && endsAt > Date.parse(migration.access.expiresAt)) {
    const restoring = hours > 0 ? `to restore archived objects for up to ${counted(Math.ceil(hours), 'hour')} and then ` : ''
    const fewer = found.reread === null ? '' : ', or ask for a smaller verification.sample'
    const faster = hours > 0 ? 'access.hours, or ask for a faster restore.tier' : `access.hours or limits.batches${fewer}`
    throw new OutlivesAccess(
      `the run is estimated ${restoring}to last ${found.durationSeconds} s, beyond its access (${migration.access.expiresAt}); raise ${faster}`,
    )
  }
  return found
}

export const handler = lambda(estimate)
