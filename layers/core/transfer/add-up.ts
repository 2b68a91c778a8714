import { setMaxListeners } from 'node:events'
import { errorName, NoSuchObject, StateBroken, StoreUnavailable } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { RunSums, type ShardFiles } from '../domain/run-sums'
import { listNames } from '../domain/state-files'
import { shardOf, stateKeys, verdictsPrefix } from '../domain/state-keys'
import { count, counted } from '../domain/units'
import { findCheckpoint, writeCheckpoint } from './checkpoints'
import { readAhead } from './read-ahead'
import { readShardFiles } from './read-shard-files'
import { withRetries } from './retries'
import { rowFiles, type RowFiles } from './row-files'
import { readVerdictFile } from './verify-batch'

/** Shards that are read at once: a run of a million objects has a thousand, of about three requests each. */
const READ_AHEAD = 8

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
 * run's lists on the way. Stops when `going` says so, and leaves a checkpoint: undefined. Every such turn has added a shard, or told more
 * of what only the destination has in the range of one; one that could not throws. The turn that comes to the end has the sums; so has one
 * behind which no checkpoint can be left, and they say how many shards are not in them. `began`: ms since 1970; `verified`: see RunSums.
 */
export const addUp = async (
  { runId, startedAt, dryRun }: Migration,
  { began, verified }: { began: number; verified: boolean },
  { state, signal, going, segmentBytes }: AddingTurn,
): Promise<AddedUp | undefined> => {
  const call = { signal }
  const { checkpoint, turn, last, faults } = await withRetries(() => findCheckpoint(state, runId, call), signal)
  const names = dryRun ? [] : await withRetries(() => listNames(state, stateKeys(runId).batches, call), signal)
  const first = checkpoint?.began ?? began
  const options = { runId, startedAt: Date.parse(startedAt), now: first, verified }
  const sums = checkpoint === undefined ? new RunSums(options) : RunSums.fromJson(checkpoint.sums, options)
  // a gap shows in every turn
  sums.fault(...faults.filter((fault) => !sums.faults().includes(fault)))
  const lists = await rowFiles(state, runId, checkpoint?.rows, { signal, segmentBytes })
  const before = checkpoint?.shards ?? 0
  const rest = names.filter((name) => checkpoint === undefined || name > checkpoint.last)
  let added = 0
  /** whether there is more than in the checkpoint before */
  let further = false
  /** whether a shard, or a verdict file, is added in part */
  let within = false
  /** where telling what only the destination has in the range of the last shard stopped: a verdict file, or at the end */
  let told: number | undefined

  const pause = async (ending: { signal: AbortSignal }): Promise<undefined> => {
    const rows = await lists.pause(ending)
    const behind = rest[added - 1] ?? checkpoint!.last
    const standing = { began: first, last: behind, ...(told !== undefined && { told }), shards: before + added, sums: sums.toJson(), rows }
    await withRetries(() => writeCheckpoint(state, runId, turn, standing, ending), ending.signal)
  }

  /** Of what only the destination has in a shard's range, from this verdict file on. Returns the file that the next turn begins with. */
  const tell = async (shard: string, from: number): Promise<number | undefined> => {
    const files = await withRetries(() => listNames(state, verdictsPrefix(runId, shard), call), signal)
    for (const [index, file] of files.entries()) {
      if (index < from) continue
      if (index > from && !last && !going()) return index
      try {
        const { verdicts } = await withRetries(() => readVerdictFile(state, file, call), signal)
        await lists.addExtra(sums.addStrangers(verdicts))
      } catch (error) {
        if (!(error instanceof StateBroken || error instanceof NoSuchObject)) throw error
        sums.fault(`${shard}: ${error.message}`)
      }
    }
    return undefined
  }

  const stopping = new AbortController()
  const reading = { signal: AbortSignal.any([signal, stopping.signal]) }
  setMaxListeners(0, reading.signal)
  try {
    if (checkpoint?.told !== undefined) {
      within = true
      told = await tell(shardOf(runId, checkpoint.last), checkpoint.told)
      within = false
      further = true
      if (told !== undefined || (!last && !going())) return await pause(call)
    }
    for await (const files of readAhead(rest, READ_AHEAD, (name) => readShardFiles(runId, name, state, reading))) {
      within = true
      await lists.add(sums.add(files))
      told = strangersOf(files) > 0 ? await tell(files.name, 0) : undefined
      within = false
      further = true
      added++
      if (told !== undefined) return await pause(call)
      if (going()) continue
      if (!last) return await pause(call)
      break
    }
    if (further && lists.segments() >= MANY_SEGMENTS && !last) return await pause(call)
  } catch (error) {
    if (errorName(signal.reason) !== 'DeadlinePassed') throw error
    if (within || !further || last) throw new StoreUnavailable('no shard could be added up in the time that a call has', { cause: error })
    // the call's own signal has ended; what a call keeps back is enough for this
    return await pause({ signal: new AbortController().signal })
  } finally {
    // what was read ahead is of no use to anybody
    stopping.abort()
  }
  // A shard of a late twin, which the turns have gone past; one that was taken away from behind them; or the last turn's time was over.
  if (names.length !== before + added)
    sums.mistrust(
      `there ${names.length === 1 ? 'is' : 'are'} ${counted(names.length, 'shard')}, and ${counted(before + added, 'was', 'were')} added up`,
    )
  const found = sums.verdicts.extra + sums.verdicts.vanished
  const listed = sums.extra.count + sums.vanished.count
  if (listed !== found) sums.fault(`only ${count(listed)} of the ${counted(found, 'object')} that only the destination has could be told`)
  return { sums, lists, began: first }
}
