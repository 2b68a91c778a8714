import type { Executions } from '../domain/access'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { findJson, listNames, readJson } from '../domain/state-files'
import { PAIRS, stateKeys } from '../domain/state-keys'
import type { Lock } from './lock'

export interface SweepTurn {
  state: ObjectStore
  executions: Executions
  /** run ids that the existing temporary roles are tagged with */
  withRoles: readonly string[]
  signal: AbortSignal
}

/**
 * The runs that still hold something although they no longer run: a pair's lock, which Cleanup releases last, or a temporary
 * role. Reads only. A role's run without a frozen request is none of ours to judge and is left out.
 */
export const runsToClose = async ({ state, executions, withRoles, signal }: SweepTurn): Promise<string[]> => {
  const held = new Map<string, string>()
  for (const runId of withRoles) {
    const request = await findJson<Migration>(state, stateKeys(runId).request, { signal })
    if (request) held.set(runId, request.value.executionId)
  }
  for (const name of await listNames(state, PAIRS, { signal })) {
    const { holder } = (await readJson<Lock>(state, name, { signal })).value
    if (holder) held.set(holder.runId, holder.executionId)
  }
  const ended: string[] = []
  for (const [runId, executionId] of held) if (!(await executions.isRunning(executionId))) ended.push(runId)
  return ended
}
