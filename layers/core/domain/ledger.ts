import type { Outcome, OutcomeName } from './outcomes'
import { isSameObject, listedIn, objectId, type Shard } from './shards'
import { counted } from './units'

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

/**
 * The outcome of each object, where every line stands in the order of the objects: those of the batch, then those of its large objects.
 * That is so of every sound shard of current objects, and says the same as a map of them, three times as fast. undefined: some line
 * does not stand there, or there are versions, of which a shard does not say that it names each once.
 */
const inOrder = ({ objects }: Shard, written: readonly Outcome[]): (Outcome | undefined)[] | undefined => {
  const found: (Outcome | undefined)[] = objects.map(() => undefined)
  let next = 0
  for (const large of [false, true]) {
    for (const [index, object] of objects.entries()) {
      if (object.versionId !== undefined) return undefined
      const line = object.large === large ? written[next] : undefined
      if (line === undefined || !isSameObject(object, line)) continue
      found[index] = line
      next++
    }
  }
  return next === written.length ? found : undefined
}

const matched = (shard: Shard, name: string, written: readonly Outcome[]): Omit<ShardBooks, 'ledger'> => {
  const outcomes = inOrder(shard, written)
  if (outcomes !== undefined) return { outcomes, faults: [] }
  const byId = new Map<string, Outcome>()
  const faults: string[] = []
  for (const outcome of written) {
    const id = objectId(outcome)
    if (byId.has(id)) faults.push(`${name}: an object has two outcomes`)
    else byId.set(id, outcome)
  }
  const found = shard.objects.map((object) => {
    const id = objectId(object)
    const outcome = byId.get(id)
    byId.delete(id)
    return outcome
  })
  if (byId.size > 0)
    faults.push(`${name}: ${counted(byId.size, 'outcome is for an object', 'outcomes are for objects')} that the shard does not list`)
  return { outcomes: found, faults }
}

/** Adds up one shard: `written` are the lines of all its outcome files, those of its large objects included. */
export const shardBooks = (shard: Shard, name: string, written: readonly Outcome[]): ShardBooks => {
  const { outcomes, faults } = matched(shard, name, written)
  const ledger: Ledger = { ...emptyLedger(), listed: listedIn(shard), excluded: shard.excluded.length }
  for (const outcome of outcomes) if (outcome) ledger[outcome.outcome satisfies OutcomeName] += 1
  return { ledger, outcomes, faults }
}
