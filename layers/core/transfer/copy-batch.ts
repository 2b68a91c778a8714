import { equalBy } from '../domain/compare'
import { errorName, StoreUnavailable } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ListedObject, ObjectStore } from '../domain/object-store'
import type { Outcome, OutcomeName } from '../domain/outcomes'
import { readBytes } from '../domain/state-files'
import { shardKey } from '../domain/state-keys'
import { shardFromText, type ShardObject } from '../domain/shards'
import { copyObject } from './copy-object'
import { matchListing } from './match-listing'
import { readOutcomes, writeOutcomes } from './outcome-files'
import { inPool } from './pool'

export interface CopyTurn {
  state: ObjectStore
  source: ObjectStore
  destination: ObjectStore
  signal: AbortSignal
  /** false: take no further object */
  going(): boolean
  /** objects under way at once */
  concurrency: number
  heard(outcome: OutcomeName, bytes: number): void
}

export type CopyCounts = Record<OutcomeName, number> & {
  /** bytes copied */
  bytes: number
}

const countOutcomes = (outcomes: readonly Outcome[]): CopyCounts => {
  const counts: CopyCounts = { copied: 0, skipped: 0, changed: 0, failed: 0, bytes: 0 }
  for (const { outcome, bytes } of outcomes) {
    counts[outcome] += 1
    counts.bytes += bytes
  }
  return counts
}

/** An object that a whole call could not finish: its own failure, so that the batch goes on behind it. */
const outOfTime = (object: ShardObject): Outcome => ({
  key: object.key,
  outcome: 'failed',
  bytes: 0,
  reason: 'DeadlinePassed',
  detail: `a whole function call was too short for its ${object.size} bytes; lower limits.largeObjectBytes so that it is copied in parts`,
})

const outcomeOf = async (migration: Migration, object: ShardObject, found: ListedObject | undefined, turn: CopyTurn): Promise<Outcome> => {
  const evidence = equalBy(object, found)
  return evidence ? { key: object.key, outcome: 'skipped', bytes: 0, etag: found!.etag, evidence } : copyObject(migration, object, turn)
}

/**
 * One turn of a batch: goes on behind the outcomes that are written, skips what is equal at the destination, copies the rest,
 * writes one outcome line per object. Every turn writes at least one outcome. Large objects are left to CopyLargeObjects.
 */
export const copyBatch = async (migration: Migration, shard: string, turn: CopyTurn): Promise<CopyCounts & { done: boolean }> => {
  const { state, destination, signal } = turn
  const name = shardKey(migration.runId, shard)
  const { objects, after, upTo } = shardFromText((await readBytes(state, name, { signal })).body.toString('utf8'), name)
  const small = objects.filter((object) => !object.large)
  const first = (await readOutcomes(state, migration.runId, shard, { signal })).length
  const rest = small.slice(first)
  if (rest.length === 0) return { ...countOutcomes([]), done: true }

  const outcomes: (Outcome | undefined)[] = []
  let started = 0
  const stopped = await inPool(
    matchListing(migration, destination, { after: small[first - 1]?.key ?? after, upTo }, rest, { signal }),
    turn.concurrency,
    async (match) => {
      if (match.object === undefined) return
      started++
      const outcome = await outcomeOf(migration, match.object, match.found, turn)
      outcomes[match.index] = outcome
      turn.heard(outcome.outcome, outcome.bytes)
    },
    turn.going,
  ).then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
  const hole = outcomes.findIndex((outcome) => outcome === undefined)
  const written = (hole === -1 ? outcomes : outcomes.slice(0, hole)) as Outcome[]
  const byDeadline = stopped !== undefined && errorName(signal.reason) === 'DeadlinePassed'
  if (stopped && !byDeadline && written.length === 0) throw stopped.error
  if (started === 0) throw new StoreUnavailable('the destination did not list the range of the shard in the time that a call has')
  if (written.length === 0) written.push(outOfTime(rest[0]!))
  const ours = await writeOutcomes(state, migration.runId, shard, first, written, {})
  if (stopped && !byDeadline) throw stopped.error
  return { ...countOutcomes(ours ? written : []), done: ours && first + written.length === small.length }
}
