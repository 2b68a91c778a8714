import type { Executions } from '../domain/access'
import { PairLocked, PreconditionFailed } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { findJson, readJson, writeJson } from '../domain/state-files'
import { pairKey } from '../domain/state-keys'
import { certified } from './write-certificate'

/** pairs/<hash>.json: which execution works on a source and destination. Released by writing null: nothing may delete. */
export interface Lock {
  holder: { runId: string; executionId: string } | null
  /** earlier holders whose certificate nobody has seen yet: all that the sweep can find of a run whose last step was lost */
  unclosed?: string[]
  /** ISO 8601 */
  at: string
}

interface LockTurn {
  state: ObjectStore
  signal: AbortSignal
  executions: Executions
  now(): Date
}

/**
 * Takes the pair's lock, or takes it over from an execution that no longer runs. Taking it twice is taking it once.
 * Throws PairLocked if another execution that still runs holds it, or was faster.
 */
export const takeLock = async ({ pair, runId, executionId }: Migration, { state, executions, now, signal }: LockTurn): Promise<void> => {
  const name = pairKey(pair)
  const taken = await findJson<Lock>(state, name, { signal })
  const holder = taken?.value.holder
  if (holder?.executionId === executionId) return
  if (holder && (await executions.isRunning(holder.executionId))) {
    throw new PairLocked(`the run ${holder.runId} works on the same source and destination; wait for its end or stop it`)
  }
  const unclosed = [...(taken?.value.unclosed ?? []), ...(holder ? [holder.runId] : [])]
  const lock: Lock = { holder: { runId, executionId }, unclosed, at: now().toISOString() }
  try {
    await writeJson(state, name, lock, { signal, ...(taken ? { ifMatch: taken.etag } : { ifNoneMatch: true }) })
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error
    const winner = (await readJson<Lock>(state, name, { signal })).value.holder
    if (winner?.executionId !== executionId)
      throw new PairLocked(`the run ${winner?.runId ?? 'of another execution'} took the same source and destination first`)
  }
}

/** Whether this run holds the pair's lock, so that no other run works on the pair. */
export const holdsLock = async (
  { pair, executionId }: Migration,
  { state, signal }: Pick<LockTurn, 'state' | 'signal'>,
): Promise<boolean> => (await findJson<Lock>(state, pairKey(pair), { signal }))?.value.holder?.executionId === executionId

/** Releases the lock if this run holds it. Returns who holds it afterwards: the run id of another, or null. */
export const releaseLock = async (
  { pair, runId, executionId }: Migration,
  { state, now, signal }: Omit<LockTurn, 'executions'>,
): Promise<string | null> => {
  const name = pairKey(pair)
  const taken = await findJson<Lock>(state, name, { signal })
  if (!taken?.value.holder) return null
  if (taken.value.holder.executionId !== executionId) return taken.value.holder.runId
  const unclosed: string[] = []
  for (const earlier of taken.value.unclosed ?? []) if ((await certified(earlier, { state, signal })) !== 'yes') unclosed.push(earlier)
  const released: Lock = { holder: null, unclosed: [...unclosed, runId], at: now().toISOString() }
  await writeJson(state, name, released, { ifMatch: taken.etag, signal })
  return null
}
