import { destinationChecks } from '../domain/bucket-checks'
import type { BucketSettings } from '../domain/bucket-settings'
import { errorName } from '../domain/errors'
import type { Migration } from '../domain/migration'
import { driftOf, type Postflight, type PreflightFile } from '../domain/preflight-file'
import { withRetries } from './retries'

export interface PostflightTurn {
  /** what Preflight wrote, if the run came that far */
  before: PreflightFile | undefined
  /** whether it wrote something that cannot be read */
  lost: boolean
  /** asks the destination for its settings, with the run's right to read */
  settings(): Promise<BucketSettings>
  now(): Date
  signal: AbortSignal
}

/**
 * Asks the destination again what Preflight asked it. A question that cannot be put is an answer of its own: the books are written
 * whatever became of the access.
 */
export const postflight = async (migration: Migration, { before, lost, settings, now, signal }: PostflightTurn): Promise<Postflight> => {
  const at = now().toISOString()
  const not = (reason: string): Postflight => ({ repeated: false, at, reason })
  if (migration.dryRun) return not('a dry run writes nothing')
  if (lost) return not('what Preflight found cannot be read')
  if (before === undefined) return not('the run ended before Preflight had asked')
  if (before.problems.length > 0) return not('Preflight refused the run')
  if (before.settings === null) return { repeated: true, at, checks: destinationChecks(migration, null), drift: [] }
  try {
    const found = await withRetries(settings, signal)
    const checks = destinationChecks(migration, found)
    return { repeated: true, at, checks, drift: driftOf(before, checks, found) }
  } catch (error) {
    if (signal.aborted) throw error
    return not(`the destination could not be asked (${error instanceof Error ? `${errorName(error)}: ${error.message}` : 'unknown error'})`)
  }
}
