import { PreconditionFailed, StateBroken } from '../domain/errors'
import type { Call, ObjectStore } from '../domain/object-store'
import { outcomeFromLine, outcomeToLine, type Outcome } from '../domain/outcomes'
import { listNames, readBytes, writeText } from '../domain/state-files'
import { firstIndex, outcomesKey, outcomesPrefix } from '../domain/state-keys'

const parse = (name: string, text: string): Outcome[] => {
  if (!text.endsWith('\n')) throw new StateBroken(`${name} does not end with a whole line`)
  try {
    return text.slice(0, -1).split('\n').map(outcomeFromLine)
  } catch (error) {
    throw new StateBroken(`a line of ${name} is not an outcome`, { cause: error })
  }
}

/** Large objects whose outcomes are read at once: each has a folder of its own, which takes two requests. */
export const LARGE_AT_ONCE = 16

/** The lines of one outcome file. */
const readOutcomeFile = async (state: ObjectStore, name: string, call: Call): Promise<Outcome[]> =>
  parse(name, (await readBytes(state, name, call)).body.toString('utf8'))

/** All outcomes of a shard so far, in order. Throws StateBroken if its files leave a gap or overlap. */
export const readOutcomes = async (state: ObjectStore, runId: string, shard: string, call: Call): Promise<Outcome[]> => {
  const outcomes: Outcome[] = []
  for (const name of await listNames(state, outcomesPrefix(runId, shard), call)) {
    if (firstIndex(name) !== outcomes.length) throw new StateBroken(`${name} does not begin where the outcomes before it end`)
    outcomes.push(...(await readOutcomeFile(state, name, call)))
  }
  return outcomes
}

/**
 * Writes outcomes from index `first` on, once: if a twin of this call was faster, its lines stand and ours are dropped.
 * Returns whether ours were written.
 */
export const writeOutcomes = async (
  state: ObjectStore,
  runId: string,
  shard: string,
  first: number,
  outcomes: readonly Outcome[],
  call: Call,
): Promise<boolean> => {
  try {
    await writeText(state, outcomesKey(runId, shard, first), outcomes.map((outcome) => `${outcomeToLine(outcome)}\n`).join(''), {
      ...call,
      ifNoneMatch: true,
    })
    return true
  } catch (error) {
    if (error instanceof PreconditionFailed) return false
    throw error
  }
}
