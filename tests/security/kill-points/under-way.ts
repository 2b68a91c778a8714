import { writeJson, type Migration, type ObjectStore } from '@drayage/core'
import { destinationKey } from '../../../layers/core/domain/destination-key'
import { keyToJson } from '../../../layers/core/domain/keys'
import { stateKeys, uploadKey } from '../../../layers/core/domain/state-keys'

/** What a run has under way when it comes to Cleanup: it listed its source, and an upload is open. */
export const begin = async (
  { state, destination }: { state: ObjectStore; destination: ObjectStore },
  migration: Migration,
  now: Date,
): Promise<void> => {
  const { runId, pair } = migration
  const key = Buffer.from(`large object of ${runId}`)
  const opened = { runId, state: 'open', sourceEtag: '"x"', destinationEtag: null, partSize: 1, openedAt: now.toISOString() }
  const uploadId = await destination.createUpload(destinationKey(migration, key))
  await writeJson(state, uploadKey(pair, key), { ...opened, key: keyToJson(key), uploadId })
  await writeJson(state, stateKeys(runId).cursor, {})
}
