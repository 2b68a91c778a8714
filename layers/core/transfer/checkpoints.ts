import { checkpointFromText, checkpointToText, type Checkpoint } from '../domain/checkpoint'
import { PreconditionFailed, StateBroken } from '../domain/errors'
import type { Call, ObjectStore } from '../domain/object-store'
import { listNames, readBytes, writeText } from '../domain/state-files'
import { stateKeys, sumsKey, turnOf } from '../domain/state-keys'

/** Broken checkpoints one behind the other after which a run goes no further: what breaks each would let the turns go round for ever. */
const BROKEN = 3

/** Where adding up stands. */
export interface Standing {
  /** the last checkpoint that is sound; undefined: none is */
  checkpoint: Checkpoint | undefined
  /** the number of the next one */
  turn: number
  /** what is wrong with those behind it */
  faults: string[]
}

/** The last sound checkpoint of a run. Throws StateBroken where the last three are broken. */
export const findCheckpoint = async (state: ObjectStore, runId: string, call: Call): Promise<Standing> => {
  const names = (await listNames(state, stateKeys(runId).sums, call)).filter((name) => turnOf(name) !== undefined)
  const turn = (turnOf(names.at(-1) ?? '') ?? -1) + 1
  const faults: string[] = []
  for (const name of names.reverse()) {
    try {
      return { checkpoint: checkpointFromText((await readBytes(state, name, call)).body.toString('utf8'), name), turn, faults }
    } catch (error) {
      if (!(error instanceof StateBroken)) throw error
      faults.push(`${error.message}: what it had was added up again`)
      if (faults.length === BROKEN) throw error
    }
  }
  return { checkpoint: undefined, turn, faults }
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
