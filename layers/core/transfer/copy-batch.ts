import type { Migration } from '../domain/migration'
import type { ListedObject } from '../domain/object-store'
import { timed, type Outcome, type Untimed } from '../domain/outcomes'
import { readBytes } from '../domain/state-files'
import { shardKey } from '../domain/state-keys'
import { shardFromText, type ShardObject } from '../domain/shards'
import { copyObject, outcomeOfError, type Sides } from './copy-object'
import type { CopyTurn } from './copy-turn'
import { copyVersions } from './copy-versions'
import { absentOutcome, countOutcomes, endTurn, type CopyCounts } from './end-turn'
import { equalBy } from './equal'
import { matchObjects } from './match-listing'
import { readOutcomes } from './outcome-files'
import { inPool } from './pool'
import { TagCarrier } from './tag-carrier'

const outcomeOf = async (
  migration: Migration,
  object: ShardObject,
  found: ListedObject | undefined,
  turn: CopyTurn & Sides,
): Promise<Untimed> => {
  if (object.absent) return absentOutcome(object)
  try {
    const evidence = await equalBy(migration, object, found, undefined, turn)
    if (evidence) return { key: object.key, outcome: 'skipped', bytes: 0, etag: found!.etag, evidence }
  } catch (error) {
    return outcomeOfError(object, error, turn.signal)
  }
  return copyObject(migration, object, turn)
}

/**
 * One turn of a batch: goes on behind the outcomes that are written, skips what is equal at the destination, copies the rest,
 * writes one outcome line per object. Every turn writes at least one outcome. Large objects are left to CopyLargeObjects.
 */
export const copyBatch = async (migration: Migration, shard: string, turn: CopyTurn): Promise<CopyCounts & { done: boolean }> => {
  if (migration.carry.versions === 'all') return copyVersions(migration, shard, turn)
  const { state, destination, signal } = turn
  const name = shardKey(migration.runId, shard)
  const { objects, after, upTo } = shardFromText((await readBytes(state, name, { signal })).body.toString('utf8'), name)
  const small = objects.filter((object) => !object.large)
  const first = (await readOutcomes(state, migration.runId, shard, { signal })).length
  const rest = small.slice(first)
  if (rest.length === 0) return { ...countOutcomes([]), done: true }

  const sides = { ...turn, tags: new TagCarrier(migration, turn.source, signal) }
  const begun = turn.now().getTime()
  const outcomes: (Outcome | undefined)[] = []
  let started = 0
  const stopped = await inPool(
    matchObjects(migration, destination, { after: small[first - 1]?.key ?? after, upTo }, rest, { signal }),
    turn.concurrency,
    async (match) => {
      started++
      const began = turn.now().getTime()
      const outcome = timed(await outcomeOf(migration, match.object, match.found, sides), began, turn.now().getTime())
      outcomes[match.index] = outcome
      turn.heard(outcome.outcome, outcome.bytes)
    },
    turn.going,
  ).then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
  return endTurn(migration, shard, turn, { first, rest, outcomes, started, stopped, begun })
}
