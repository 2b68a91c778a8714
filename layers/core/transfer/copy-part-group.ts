import { errorName } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import type { PartGroup } from '../domain/parts'
import { copyParts } from './copy-parts'
import { readLargeObject } from './large-object'

export interface PartGroupTurn {
  state: ObjectStore
  source: ObjectStore
  destination: ObjectStore
  signal: AbortSignal
  /** false: take no further part */
  going(): boolean
}

/** One turn over a part group of a large object. Throws as `copyParts` does. */
export const copyPartGroup = async (
  migration: Migration,
  shard: string,
  upload: { uploadId: string; partSize: number; partGroup: PartGroup },
  turn: PartGroupTurn,
): Promise<{ done: boolean; parts: number; bytes: number }> => {
  const { state, signal } = turn
  const object = await readLargeObject(state, migration.runId, shard, { signal })
  return copyParts(migration, object, upload, { ...turn, mayGoOn: () => errorName(signal.reason) === 'DeadlinePassed' })
}
