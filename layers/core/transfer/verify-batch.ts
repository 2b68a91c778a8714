import { StateBroken, StoreUnavailable } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { Call, ObjectStore } from '../domain/object-store'
import type { Outcome } from '../domain/outcomes'
import { listNames, readBytes, writeText } from '../domain/state-files'
import { largeName, shardKey, verdictsKey, verdictsPrefix } from '../domain/state-keys'
import { shardFromText, type Shard } from '../domain/shards'
import {
  isExpected,
  judge,
  noVerdicts,
  verdictsFromText,
  verdictsToText,
  type Verdict,
  type VerdictCounts,
  type VerdictFile,
} from '../domain/verdicts'
import { matchListing } from './match-listing'
import { readOutcomes } from './outcome-files'

export interface VerifyTurn {
  state: ObjectStore
  /** with rights to list, and no others */
  destination: ObjectStore
  signal: AbortSignal
  /** false: stop after the current object */
  going(): boolean
}

/** Verdict files of a shard so far, in order. Throws StateBroken if they leave a gap or overlap. */
export const readVerdicts = async (state: ObjectStore, runId: string, shard: string, call: Call): Promise<VerdictFile[]> => {
  const files: VerdictFile[] = []
  for (const name of await listNames(state, verdictsPrefix(runId, shard), call)) {
    const file = verdictsFromText((await readBytes(state, name, call)).body.toString('utf8'))
    if (file.first !== (files.at(-1)?.next ?? 0)) throw new StateBroken(`${name} does not begin where the verdicts before it end`)
    files.push(file)
  }
  return files
}

/** Every outcome of the shard's range by key (latin1), those of its large objects included. */
const outcomesByKey = async (
  migration: Migration,
  shard: string,
  { objects }: Shard,
  state: ObjectStore,
  call: Call,
): Promise<Map<string, Outcome>> => {
  const outcomes = await readOutcomes(state, migration.runId, shard, call)
  for (const object of objects)
    if (object.large) outcomes.push(...(await readOutcomes(state, migration.runId, largeName(object.key), call)))
  return new Map(outcomes.map((outcome) => [outcome.key.toString('latin1'), outcome]))
}

/**
 * One turn of verifying a shard: the destination's own listing of its key range against the shard and its outcomes. Writes
 * one line per object that is not simply right. Objects that only the destination has are `extra`.
 */
export const verifyBatch = async (
  migration: Migration,
  shard: string,
  { state, destination, signal, going }: VerifyTurn,
): Promise<{ done: boolean } & VerdictCounts> => {
  const { runId } = migration
  const name = shardKey(runId, shard)
  const whole = shardFromText((await readBytes(state, name, { signal })).body.toString('utf8'), name)
  const before = await readVerdicts(state, runId, shard, { signal })
  const first = before.at(-1)?.next ?? 0
  const counts = noVerdicts()
  if (before.length > 0 && first === whole.objects.length) return { done: true, ...counts }

  const outcomes = await outcomesByKey(migration, shard, whole, state, { signal })
  const rest = whole.objects.slice(first)
  const range = { after: whole.objects[first - 1]?.key ?? whole.after, upTo: whole.upTo }
  const verdicts: Verdict[] = []
  let next = first
  let done = true
  for await (const match of matchListing(migration, destination, range, rest, { signal })) {
    if (match.object === undefined) {
      counts.extra++
      verdicts.push({ key: match.found.key, verdict: 'extra', detail: 'only at the destination' })
      continue
    }
    if (!going() && next > first) {
      done = false
      break
    }
    const outcome = outcomes.get(match.object.key.toString('latin1'))
    const verdict = judge(match.object, outcome, match.found)
    if (verdict) {
      counts[verdict.verdict]++
      verdicts.push(verdict)
    } else counts[isExpected(outcome!) ? 'verified' : 'notExpected']++
    next++
  }
  if (done && next !== whole.objects.length)
    throw new StoreUnavailable(`only ${next} of ${whole.objects.length} objects of ${name} could be judged`)
  await writeText(state, verdictsKey(runId, shard, first), verdictsToText({ first, next, counts, verdicts }), { signal })
  return { done, ...counts }
}
