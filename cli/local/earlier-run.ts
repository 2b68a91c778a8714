import { findJson, InvalidRequest, stateKeys, type Migration, type ObjectStore, type Report } from '@drayage/core'

/** A run that has ended, and of which every object that is not right is known. */
export interface EarlierRun {
  migration: Migration
  report: Report
}

/**
 * Reads a run whose failures are to be retried. Throws InvalidRequest if there is none of this name, if it has not ended, or if its
 * failures are not all that is not right, as in a cut-over that had to copy: then its whole request has to be run again.
 */
export const earlierRun = async (state: ObjectStore, runId: string): Promise<EarlierRun> => {
  const refuse = (words: string): never => {
    throw new InvalidRequest([`RUN: ${words}`])
  }
  const keys = stateKeys(runId)
  const migration = (await findJson<Migration>(state, keys.request))?.value
  if (migration === undefined) return refuse(`there is no run ${runId} in this state folder; name one that has a folder in its reports`)
  const report = (await findJson<Report>(state, keys.report))?.value
  if (report === undefined)
    return refuse(`${runId} has no report: it is still going, or was killed; run its request again, what is equal is skipped`)
  if (migration.dryRun) return refuse(`${runId} was a dry run, which copies nothing; run its request without dryRun`)
  if (report.failures.complete !== true)
    return refuse(`${runId} does not know all that is missing (${report.reason}); run its request again, what is equal is skipped`)
  if (report.failures.count === 0 && !report.succeeded)
    return refuse(
      `no object of ${runId} failed, and it is not verified for another reason (${report.reason}); run its request again, what is equal is skipped`,
    )
  return { migration, report }
}
