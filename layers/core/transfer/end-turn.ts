import { errorName, StoreUnavailable } from '../domain/errors'
import type { Migration } from '../domain/migration'
import { timed, type Outcome, type OutcomeName, type Untimed } from '../domain/outcomes'
import type { ShardObject } from '../domain/shards'
import { counted } from '../domain/units'
import type { CopyTurn } from './copy-turn'
import { writeOutcomes } from './outcome-files'

export type CopyCounts = Record<OutcomeName, number> & {
  /** bytes copied */
  bytes: number
}

export const countOutcomes = (outcomes: readonly Outcome[]): CopyCounts => {
  const counts: CopyCounts = { copied: 0, skipped: 0, changed: 0, failed: 0, bytes: 0 }
  for (const { outcome, bytes } of outcomes) {
    counts[outcome] += 1
    counts.bytes += bytes
  }
  return counts
}

/** What a list names and the source does not have. */
export const absentOutcome = ({ key }: ShardObject): Untimed => ({
  key,
  outcome: 'changed',
  bytes: 0,
  reason: 'NoSuchObject',
  detail: 'the list names it, and the source has no such object',
})

/** An object that a whole call could not finish: its own failure, so that the batch goes on behind it. */
const outOfTime = ({ key, versionId, size }: ShardObject): Untimed => ({
  ...{ key, versionId, outcome: 'failed', bytes: 0, reason: 'DeadlinePassed' },
  detail: `a whole function call was too short for its ${counted(size, 'byte')}; lower limits.largeObjectBytes so that it is copied in parts`,
})

/** What a turn has done with the objects of a shard from index `first` on. */
interface TurnResult {
  first: number
  /** those that the turn might have taken, in order */
  rest: readonly ShardObject[]
  /** by their index in `rest`; the first hole ends what counts */
  outcomes: readonly (Outcome | undefined)[]
  /** how many were begun */
  started: number
  /** what ended the turn before its time, if anything did */
  stopped: { error: unknown } | undefined
  /** whether it finished parts of a version that the next turn goes on with */
  goesOn?: boolean
  /** ms since 1970 */
  begun: number
}

/**
 * Ends a turn of a batch: writes the outcomes that are known without a gap, at least one unless the turn finished parts of a version, or
 * throws what kept the turn from any.
 * `done`: the shard has an outcome for every object.
 */
export const endTurn = async (
  migration: Migration,
  shard: string,
  { state, signal, now }: CopyTurn,
  { first, rest, outcomes, started, stopped, goesOn = false, begun }: TurnResult,
): Promise<CopyCounts & { done: boolean }> => {
  const known = Array.from(rest, (_object, index) => outcomes[index])
  const hole = known.indexOf(undefined)
  const written = (hole === -1 ? known : known.slice(0, hole)) as Outcome[]
  const byDeadline = stopped !== undefined && errorName(signal.reason) === 'DeadlinePassed'
  if (stopped && !byDeadline && written.length === 0) throw stopped.error
  if (started === 0) throw new StoreUnavailable('the destination did not list the range of the shard in the time that a call has')
  if (written.length === 0 && goesOn) return { ...countOutcomes([]), done: false }
  if (written.length === 0) written.push(timed(outOfTime(rest[0]!), begun, now().getTime()))
  const ours = await writeOutcomes(state, migration.runId, shard, first, written, {})
  if (stopped && !byDeadline) throw stopped.error
  return { ...countOutcomes(ours ? written : []), done: ours && written.length === rest.length }
}
