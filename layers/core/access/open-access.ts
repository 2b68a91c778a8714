import type { Access, Executions } from '../domain/access'
import { AccessNotOpened, InvalidRequest, PreconditionFailed } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { readJson, writeJson } from '../domain/state-files'
import { stateKeys } from '../domain/state-keys'
import type { AccessFile } from './access-file'
import { writeBaseline } from './baseline'
import { earlierRunProblems } from './earlier-run'
import { takeLock } from './lock'

export interface OpenTurn {
  state: ObjectStore
  access: Access
  executions: Executions
  now(): Date
  signal: AbortSignal
}

/** Writes a file once. The same content again is done; another content means that the run id was used before. */
const writeOnce = async (state: ObjectStore, name: string, value: unknown, signal: AbortSignal): Promise<void> => {
  try {
    await writeJson(state, name, value, { ifNoneMatch: true, signal })
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error
    const kept = await readJson<unknown>(state, name, { signal })
    if (JSON.stringify(kept.value) !== JSON.stringify(value))
      throw new AccessNotOpened(`${name} is there already with another content; start the run under a new name`)
  }
}

/**
 * Freezes the request, takes the pair's lock, writes down what there is (baseline.json) and what there will be (access.json), and
 * then creates what that names, in its order: the dead-man schedule before the roles. Calling it again goes on where it stopped.
 * Throws InvalidRequest for a retry of a run over other objects, PairLocked, AccessNotOpened.
 */
export const openAccess = async (
  migration: Migration,
  { state, access, executions, now, signal }: OpenTurn,
): Promise<{ grants: number; expiresAt: string }> => {
  const keys = stateKeys(migration.runId)
  const { expiresAt } = migration.access
  await writeOnce(state, keys.request, migration, signal)
  const problems = await earlierRunProblems(migration, state, { signal })
  if (problems.length > 0) throw new InvalidRequest(problems)
  await takeLock(migration, { state, executions, now, signal })
  await writeBaseline(migration, { state, access, now, signal })
  const grants = access.plan(migration)
  await writeOnce(state, keys.access, { runId: migration.runId, expiresAt, grants } satisfies AccessFile, signal)
  for (const grant of grants) await access.create(grant, migration)
  return { grants: grants.length, expiresAt }
}
