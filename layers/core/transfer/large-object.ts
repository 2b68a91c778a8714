import { largeFromText } from '../domain/shards'
import type { Call, ListedObject, ObjectStore } from '../domain/object-store'
import { readBytes } from '../domain/state-files'
import { shardKey } from '../domain/state-keys'

/** An object that is copied in parts; of a run over all versions, one of them. */
export type LargeObject = ListedObject & { versionId?: string | undefined }

/** The one large object of a unit of work. */
export const readLargeObject = async (state: ObjectStore, runId: string, shard: string, call: Call): Promise<ListedObject> =>
  largeFromText((await readBytes(state, shardKey(runId, shard), call)).body.toString('utf8'))
