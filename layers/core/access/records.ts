import type { Access, Held } from '../domain/access'
import type { Call, ObjectStore } from '../domain/object-store'
import { findJson } from '../domain/state-files'
import { RUN_ID, stateKeys } from '../domain/state-keys'
import type { AccessFile } from './access-file'

/**
 * The run whose access.json names this thing; undefined: none does, so that no run of ours created it. What the thing says of itself
 * only tells which record to look into.
 */
export const recordedBy = async (
  held: Held,
  { access, state, signal }: Call & { access: Pick<Access, 'ownerOf'>; state: ObjectStore },
): Promise<string | undefined> => {
  const runId = await access.ownerOf(held)
  if (runId === undefined || !RUN_ID.test(runId)) return undefined
  const record = await findJson<AccessFile>(state, stateKeys(runId).access, { signal })
  return record?.value.grants.some(({ kind, name }) => kind === held.kind && name === held.name) ? runId : undefined
}
