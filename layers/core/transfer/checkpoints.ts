import { checkpointFromText, checkpointToText, type Checkpoint } from '../domain/checkpoint'
import { NoSuchObject, PreconditionFailed, StateBroken } from '../domain/errors'
import type { Call, ObjectStore } from '../domain/object-store'
import { listNames, readBytes, writeText } from '../domain/state-files'
import { stateKeys, sumsKey, turnOf } from '../domain/state-keys'

/** Broken checkpoints one behind the other after which a run leaves no further one: what breaks each would let the turns go round for ever. */
const BROKEN = 3

/** The number of the last checkpoint that a name has digits for. */
const MOST_TURNS = 999_999

/** Where adding up stands. */
export interface Standing {
  /** the last checkpoint that is sound; undefined: none is */
  checkpoint: Checkpoint | undefined
  /** the number of the next one */
  turn: number
  /** there is to be no next one: this turn is the last, however far it comes */
  last: boolean
  /** what is wrong with those behind it, and the first that is gone */
  faults: string[]
}

const readCheckpoint = async (state: ObjectStore, name: string, call: Call): Promise<Checkpoint> => {
  try {
    return checkpointFromText((await readBytes(state, name, call)).body.toString('utf8'), name)
  } catch (error) {
    throw error instanceof NoSuchObject ? new StateBroken(`${name} is gone`, { cause: error }) : error
  }
}

/** Turns write 0, 1, 2, …: the first of them that is not there was taken away. */
const gap = (runId: string, names: readonly string[]): string[] => {
  const missing = names.findIndex((name, turn) => turnOf(name) !== turn)
  return missing === -1 ? [] : [`${sumsKey(runId, missing)} is gone`]
}

/** The last sound checkpoint of a run. One that is broken or gone is a fault, and no exception: a report is written for every run. */
export const findCheckpoint = async (state: ObjectStore, runId: string, call: Call): Promise<Standing> => {
  const names = (await listNames(state, stateKeys(runId).sums, call)).filter((name) => turnOf(name) !== undefined)
  const turn = (turnOf(names.at(-1) ?? '') ?? -1) + 1
  const faults: string[] = []
  const gone = gap(runId, names)
  const standing = (checkpoint: Checkpoint | undefined): Standing => {
    return { checkpoint, turn, last: faults.length >= BROKEN || turn > MOST_TURNS, faults: [...faults, ...gone] }
  }
  for (const name of names.reverse()) {
    try {
      return standing(await readCheckpoint(state, name, call))
    } catch (error) {
      if (!(error instanceof StateBroken)) throw error
      faults.push(`${error.message}: what it had was added up again`)
    }
  }
  return standing(undefined)
}

/** Writes a checkpoint, once: if a twin of this call was faster, its own stands, and the next turn goes on behind that. */
export const writeCheckpoint = async (
  state: ObjectStore,
  runId: string,
  turn: number,
  checkpoint: Checkpoint,
  call: Call,
): Promise<void> => {
  try {
    await writeText(state, sumsKey(runId, turn), checkpointToText(checkpoint), { ...call, ifNoneMatch: true })
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error
  }
}
