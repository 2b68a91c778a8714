import type { Access, Executions, Held } from '../domain/access'
import type { Closure } from '../domain/closure'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { findJson, listNames, readJson } from '../domain/state-files'
import { PAIRS, stateKeys } from '../domain/state-keys'
import type { Lock } from './lock'
import { recordedBy } from './records'
import { certified } from './write-certificate'

export interface LookTurn {
  state: ObjectStore
  access: Pick<Access, 'inventory' | 'ownerOf'>
  executions: Executions
  now(): Date
  signal: AbortSignal
}

/** What the sweep finds. */
export interface Found {
  /** runs that no longer run and are not closed */
  toClose: string[]
  /** those of them that a Cleanup has looked at and could not close */
  stuck: string[]
  /** what stands under our path or in our group and in no run's record: nothing of ours will ever end it */
  orphans: Held[]
}

/** Longest that a Cleanup can still be at work after it wrote its record, in ms: its function's time-out. */
const CLEANUP_MS = 900_000

/**
 * Looks for runs that hold something although they no longer run: what they created, a pair's lock, or a lock that they released
 * without a certificate. And for what no run has a record of. Reads only.
 */
export const lookAround = async (turn: LookTurn): Promise<Found> => {
  const { state, access, executions, now, signal } = turn
  const runs = new Set<string>()
  const orphans: Held[] = []
  for (const held of await access.inventory()) {
    const runId = await recordedBy(held, turn)
    if (runId === undefined) orphans.push(held)
    else runs.add(runId)
  }
  for (const name of await listNames(state, PAIRS, { signal })) {
    const { holder, unclosed = [] } = (await readJson<Lock>(state, name, { signal })).value
    if (holder) runs.add(holder.runId)
    for (const runId of unclosed) if ((await certified(runId, { state, signal })) !== 'yes') runs.add(runId)
  }
  const toClose: string[] = []
  const stuck: string[] = []
  for (const runId of runs) {
    const request = await findJson<Migration>(state, stateKeys(runId).request, { signal })
    if (request === undefined || (await executions.isRunning(request.value.executionId))) continue
    toClose.push(runId)
    const closure = await findJson<Closure>(state, stateKeys(runId).closure, { signal })
    if (closure && now().getTime() - Date.parse(closure.value.at) > CLEANUP_MS) stuck.push(runId)
  }
  return { toClose, stuck, orphans }
}
