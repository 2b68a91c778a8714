import type { Migration } from '../domain/migration'
import type { Call, ObjectStore } from '../domain/object-store'
import { retryProblems } from '../domain/request-of'
import { findJson } from '../domain/state-files'
import { stateKeys } from '../domain/state-keys'

/**
 * What speaks against retrying the run whose failures a request names, a line per problem; [] where it names none. Whether there is such
 * a run, and whether it has failures, Preflight says.
 */
export const earlierRunProblems = async (migration: Migration, state: ObjectStore, call: Call): Promise<string[]> => {
  const { failuresOf } = migration.selection
  if (failuresOf === null) return []
  const earlier = await findJson<Migration>(state, stateKeys(failuresOf).request, call)
  return earlier === undefined ? [] : retryProblems(earlier.value, migration)
}
