import type { Key } from './keys'
import type { Outcome, OutcomeName } from './outcomes'
import type { Shard } from './shards'

/** The books: listed = copied + skipped + excluded + changed + failed, counted from the run's files. */
export interface Ledger {
  listed: number
  copied: number
  skipped: number
  excluded: number
  changed: number
  failed: number
}

export const emptyLedger = (): Ledger => ({ listed: 0, copied: 0, skipped: 0, excluded: 0, changed: 0, failed: 0 })

export const addLedger = (a: Ledger, b: Ledger): Ledger => {
  const sum = { ...a }
  for (const name of Object.keys(sum) as (keyof Ledger)[]) sum[name] += b[name]
  return sum
}

/** Listed objects that no outcome and no exclusion accounts for: 0 in balanced books, and negative if something is counted twice. */
export const unaccounted = ({ listed, copied, skipped, excluded, changed, failed }: Ledger): number =>
  listed - (copied + skipped + excluded + changed + failed)

export const balances = (ledger: Ledger): boolean => unaccounted(ledger) === 0

/** The books of one shard, and every outcome line that has no place in them. */
export interface ShardBooks {
  ledger: Ledger
  /** objects with their outcome, in the shard's order; undefined: none was written */
  outcomes: (Outcome | undefined)[]
  /** what is wrong with the outcome files: a doubled line, or a line for an object that was not listed */
  faults: string[]
}

/** Adds up one shard: `written` are the lines of all its outcome files, those of its large objects included. */
export const shardBooks = (shard: Shard, name: string, written: readonly Outcome[]): ShardBooks => {
  const byKey = new Map<string, Outcome>()
  const faults: string[] = []
  const id = (key: Key) => key.toString('latin1')
  for (const outcome of written) {
    if (byKey.has(id(outcome.key))) faults.push(`${name}: an object has two outcomes`)
    else byKey.set(id(outcome.key), outcome)
  }
  const ledger: Ledger = { ...emptyLedger(), listed: shard.listed, excluded: shard.excluded }
  const outcomes = shard.objects.map(({ key }) => {
    const outcome = byKey.get(id(key))
    byKey.delete(id(key))
    if (outcome) ledger[outcome.outcome satisfies OutcomeName] += 1
    return outcome
  })
  if (byKey.size > 0) faults.push(`${name}: ${byKey.size} outcomes are for objects that the shard does not list`)
  return { ledger, outcomes, faults }
}
