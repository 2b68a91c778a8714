import { setMaxListeners } from 'node:events'
import { errorName, StoreUnavailable } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { RunSums, type ShardFiles } from '../domain/run-sums'
import { listNames } from '../domain/state-files'
import { stateKeys } from '../domain/state-keys'
import { findCheckpoint, writeCheckpoint } from './checkpoints'
import { readAhead } from './read-ahead'
import { readShardFiles } from './read-shard-files'
import { withRetries } from './retries'
import { rowFiles, type RowFiles } from './row-files'
import { readVerdicts } from './verify-batch'

/** Shards that are read at once: a run of a million objects has a thousand, of about three requests each. */
const READ_AHEAD = 8

/**
 * Objects that only the destination has, from which on a shard is the first of a turn: a million of them take 28 s of a core, which no
 * call has beyond what it keeps back. One that is begun late would not come to its end, nor when the call is made again.
 */
const MANY_STRANGERS = 250_000

/**
 * Segments of the lists from which on they are joined in a turn of their own: 500 MiB, which are taken to be read and written in the 60 s
 * that a turn keeps back. At Amazon S3 that is not measured.
 */
const MANY_SEGMENTS = 64

export interface AddingTurn {
  state: ObjectStore
  signal: AbortSignal
  /** false: take no further shard */
  going(): boolean
  /** bytes of a list that are held; see `rowList` */
  segmentBytes?: number | undefined
}

/** A run whose shards are all added up. */
export interface AddedUp {
  sums: RunSums
  lists: RowFiles
  /** ms since 1970: when the first call began */
  began: number
}

const strangersOf = ({ verdicts }: ShardFiles): number => verdicts.reduce((sum, { counts }) => sum + counts.extra + counts.vanished, 0)

/**
 * One turn of adding up a run's shards, in order and with a few read ahead: goes on behind the last checkpoint, and gathers the rows of the
 * run's lists on the way. Stops when `going` says so, and leaves a checkpoint: undefined. Every such turn has added a shard; one that
 * could not throws. The turn that comes to the end has the sums. `began`: ms since 1970; `verified`: see RunSums.
 */
export const addUp = async (
  { runId, startedAt, dryRun }: Migration,
  { began, verified }: { began: number; verified: boolean },
  { state, signal, going, segmentBytes }: AddingTurn,
): Promise<AddedUp | undefined> => {
  const call = { signal }
  const { checkpoint, turn, faults } = await withRetries(() => findCheckpoint(state, runId, call), signal)
  const names = dryRun ? [] : await withRetries(() => listNames(state, stateKeys(runId).batches, call), signal)
  const first = checkpoint?.began ?? began
  const options = { runId, startedAt: Date.parse(startedAt), now: first, verified }
  const sums = checkpoint === undefined ? new RunSums(options) : RunSums.fromJson(checkpoint.sums, options)
  sums.fault(...faults)
  const lists = await rowFiles(state, runId, checkpoint?.rows, { signal, segmentBytes })
  const before = checkpoint?.shards ?? 0
  const rest = names.filter((name) => checkpoint === undefined || name > checkpoint.last)
  let added = 0
  /** whether a shard is added in part */
  let within = false

  const pause = async (ending: { signal: AbortSignal }): Promise<undefined> => {
    const rows = await lists.pause(ending)
    const standing = { began: first, last: rest[added - 1]!, shards: before + added, sums: sums.toJson(), rows }
    await withRetries(() => writeCheckpoint(state, runId, turn, standing, ending), ending.signal)
  }

  const stopping = new AbortController()
  const reading = { signal: AbortSignal.any([signal, stopping.signal]) }
  setMaxListeners(0, reading.signal)
  try {
    for await (const files of readAhead(rest, READ_AHEAD, (name) => readShardFiles(runId, name, state, reading))) {
      const strangers = strangersOf(files)
      if (added > 0 && strangers >= MANY_STRANGERS) return await pause(call)
      within = true
      await lists.add(sums.add(files))
      if (strangers > 0)
        for await (const { verdicts } of readVerdicts(state, runId, files.name, call)) await lists.addExtra(sums.addStrangers(verdicts))
      within = false
      added++
      if (!going()) return await pause(call)
    }
    if (added > 0 && lists.segments() >= MANY_SEGMENTS) return await pause(call)
  } catch (error) {
    if (errorName(signal.reason) !== 'DeadlinePassed') throw error
    if (within || added === 0) throw new StoreUnavailable('no shard could be added up in the time that a call has', { cause: error })
    // the call's own signal has ended; what a call keeps back is enough for this
    return await pause({ signal: new AbortController().signal })
  } finally {
    // what was read ahead is of no use to anybody
    stopping.abort()
  }
  // A shard of a late twin, which the turns have gone past; or one that was taken away from behind them.
  if (names.length !== before + added) sums.mistrust(`there are ${names.length} shards, and ${before + added} were added up`)
  return { sums, lists, began: first }
}
