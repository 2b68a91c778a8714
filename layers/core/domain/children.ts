import { z } from 'zod'
import { causeWords } from './cause'
import { StateBroken } from './errors'
import { FLEETS, type Fleet } from './map-run'
import { shortLine } from './one-line'
import type { Report } from './report-schema'
import { KINDS, OTHERS } from './sampled'
import { shardOf } from './state-keys'
import { count } from './units'

/** What a report says of the children that ended with an error. */
export type Children = NonNullable<Report['children']>
export type FailedChildren = Children['failed'][number]

/** Characters of an error's name and of its words: Step Functions takes 256 and 32,768. */
const MOST_NAME = 100
const MOST_CAUSE = 1000

/** Characters of a cause in the run's one sentence, which is the cause of a Fail state too. */
const MOST_IN_REASON = 300

/**
 * A child's end as Step Functions writes it into a Map Run's FAILED files, as far as it is read. One that was aborted has a status and
 * no error. `Input` is a text of JSON: the frozen migration, in which no credential stands, and the shard's key.
 */
const ended = z.object({ Status: z.string(), Error: z.string().nullish(), Cause: z.string().nullish(), Input: z.unknown().optional() })

const shardIn = (runId: string, input: unknown): string | null => {
  try {
    const { shard } = (typeof input === 'string' ? JSON.parse(input) : input) as { shard: string }
    return shardOf(runId, shard)
  } catch {
    return null
  }
}

type Kind = Omit<FailedChildren, 'fleet'>

/** Children that ended with an error, by its name: what it holds does not grow with their number. */
export class ChildSums {
  readonly #kinds = new Map<string, Kind>()

  constructor(private readonly runId: string) {}

  /** Throws StateBroken if this is no child's end with an error. */
  add(record: unknown): void {
    const { success, data } = ended.safeParse(record)
    if (!success || data.Status === 'SUCCEEDED') throw new StateBroken("one of its objects is no failed child's end")
    const { Status, Error: name, Cause: cause, Input } = data
    this.#add(shortLine(name || Status, MOST_NAME), 1, () => ({
      cause: shortLine(causeWords(cause ?? ''), MOST_CAUSE),
      shard: shardIn(this.runId, Input),
    }))
  }

  merge(other: ChildSums): void {
    for (const { error, count: many, ...example } of other.#kinds.values()) this.#add(error, many, () => example)
  }

  /** The most frequent first. */
  of(fleet: Fleet): FailedChildren[] {
    return [...this.#kinds.values()].sort((a, b) => b.count - a.count).map((kind) => ({ fleet, ...kind }))
  }

  #add(name: string, many: number, example: () => Pick<Kind, 'cause' | 'shard'>): void {
    const error = this.#kinds.has(name) || this.#kinds.size < KINDS ? name : OTHERS
    const kind = this.#kinds.get(error)
    if (kind === undefined) this.#kinds.set(error, { error, count: many, ...example() })
    else kind.count += many
  }
}

const lineOf = ({ fleet, error, count: many, cause }: FailedChildren): string =>
  `${fleet}: ${many === 1 ? '1 child' : `${count(many)} children`} ended with ${error}${cause === '' ? '' : `: ${cause}`}`

/** A fleet of which not every child's end is known. */
export const unknownLine = ({ fleet, why }: Children['unknown'][number]): string =>
  `${fleet}: how all of its children ended is not known: ${why}`

/** For eyes: one line per fleet and error, and one per fleet of which not all is known. */
export const childrenLines = (children: Children | null): string[] => [
  ...(children?.failed ?? []).map((failed) => `${lineOf(failed)}${failed.shard === null ? '' : ` (for example ${failed.shard})`}`),
  ...(children?.unknown ?? []).map(unknownLine),
]

/** Each fleet's most frequent error, for the run's one sentence. */
export const mainReasons = (children: Children | null): string[] =>
  FLEETS.flatMap((fleet) => (children?.failed ?? []).find((failed) => failed.fleet === fleet) ?? []).map((failed) =>
    lineOf({ ...failed, cause: shortLine(failed.cause, MOST_IN_REASON) }),
  )
