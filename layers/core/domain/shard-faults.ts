import { z } from 'zod'
import type { ListingTotals } from './listing'
import type { Outcome, OutcomeName } from './outcomes'
import { objectId, type Shard } from './shards'
import { count, counted } from './units'
import { isJudged, VERDICT_EVIDENCE, type Verdict, type VerdictFile, type VerdictName } from './verdicts'

/** What is wrong with the files of one shard, beyond what their readers refuse. Every figure of a report is a sum of what stands here. */

const whole = z.int().min(0)
const time = z.number().min(0)

const NAMES: ReadonlySet<unknown> = new Set<OutcomeName>(['copied', 'skipped', 'changed', 'failed'])
const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const isTime = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= 0

/**
 * Whether a line says what the books add up: anything else would make a sum that is no number. By hand, for it is asked of every object:
 * a schema took a twentieth of all that adding up takes.
 */
export const isOutcome = ({ outcome, bytes, at, ms, tries }: Outcome): boolean =>
  NAMES.has(outcome) && isWhole(bytes) && isTime(at) && isTime(ms) && (tries === undefined || isWhole(tries))

/** `outcomes`: one for each object of the shard, as `shardBooks` found them; `small`: the lines of the batch itself, as they stand. */
export const outcomeFaults = (
  { objects }: Shard,
  name: string,
  small: readonly Outcome[],
  outcomes: readonly (Outcome | undefined)[],
): string[] => {
  const faults: string[] = []
  const inOrder = outcomes.filter((_outcome, index) => !objects[index]!.large)
  if (small.some((outcome, index) => inOrder[index] !== outcome))
    faults.push(`${name}: its outcomes do not stand in the order of its objects`)
  const wrong = objects.filter((object, index) => {
    const outcome = outcomes[index]
    return outcome !== undefined && outcome.bytes !== (outcome.outcome === 'copied' ? object.size : 0)
  })
  if (wrong.length > 0)
    faults.push(
      `${name}: ${counted(wrong.length, 'outcome counts other bytes than its object has', 'outcomes count other bytes than their objects have')}`,
    )
  return faults
}

const JUDGED = ['verified', 'notExpected', 'missing', 'different', 'unverifiable', 'unaccounted'] as const
const LINES = ['missing', 'different', 'unverifiable', 'unaccounted'] as const satisfies readonly VerdictName[]

const countable = z.object({
  first: whole,
  next: whole,
  counts: z.record(z.enum([...JUDGED, 'extra', 'vanished']), whole),
  evidence: z.partialRecord(z.enum(VERDICT_EVIDENCE), whole),
  at: time,
  ms: time,
})

/** Whether a verdict file says what the books add up. */
export const isVerdictFile = (file: VerdictFile): boolean => countable.safeParse(file).success

/** What of a shard verification has not come to, though it was reached: the objects that have no verdict are known. */
export const coverageFaults = ({ objects }: Shard, name: string, files: readonly VerdictFile[]): string[] => {
  const covered = files.at(-1)?.next ?? 0
  if (covered < objects.length) return [`${name}: its verdicts cover ${count(covered)} of ${counted(objects.length, 'object')}`]
  return isJudged(files.at(-1), objects.length) ? [] : [`${name}: not all that the destination has there was looked at`]
}

/** What of a shard's verdicts, `withoutStrangers`, does not fit together: what they say of objects is not to be trusted. */
export const verdictFaults = ({ objects }: Shard, name: string, files: readonly VerdictFile[]): string[] => {
  const faults: string[] = []
  const covered = files.at(-1)?.next ?? 0
  if (covered > objects.length) faults.push(`${name}: its verdicts cover ${count(covered)} of ${counted(objects.length, 'object')}`)
  for (const { first, next, counts, evidence, verdicts } of files) {
    const judged = JUDGED.reduce((sum, each) => sum + counts[each], 0)
    const rests = Object.values(evidence).reduce((sum, each) => sum + each, 0)
    const lines = LINES.every((each) => verdicts.filter(({ verdict }) => verdict === each).length === counts[each])
    if (judged !== next - first || rests !== counts.verified || !lines)
      faults.push(`${name}: the counts of its verdicts are not those of their lines`)
    const inRange = new Set(verdicts.length === 0 ? [] : objects.slice(first, next).map(objectId))
    const isStray = (verdict: Verdict): boolean => !inRange.delete(objectId(verdict))
    if (verdicts.some(isStray)) faults.push(`${name}: a verdict is doubled, or is of an object that does not stand there`)
  }
  return faults
}

/** What the headers of all shards come to. */
export type ShardTotals = Pick<ListingTotals, 'listed' | 'excluded' | 'bytes' | 'batches' | 'large'>

/** What the shards' own sums and the listing's say of each other. */
export const totalsFaults = <T extends Readonly<Record<string, number>>>(found: T, told: Readonly<Record<keyof T, unknown>>): string[] =>
  Object.keys(found)
    .filter((name) => found[name] !== told[name])
    .map((name) => `the shards hold ${found[name]} (${name}), and the listing counted ${String(told[name])}`)
