import { keyToJson, type Key } from '../domain/keys'
import type { Migration } from '../domain/migration'
import type { Call, ObjectStore } from '../domain/object-store'
import { findJson, writeJson } from '../domain/state-files'
import { uploadKey } from '../domain/state-keys'
import type { UploadRecord } from '../domain/uploads'

export const findRecord = async (state: ObjectStore, migration: Migration, key: Key, call: Call): Promise<UploadRecord | undefined> =>
  (await findJson<UploadRecord>(state, uploadKey(migration.pair, key), call))?.value

export const writeRecord = async (
  state: ObjectStore,
  migration: Migration,
  key: Key,
  record: Omit<UploadRecord, 'key'>,
  call: Call,
): Promise<void> => {
  await writeJson(state, uploadKey(migration.pair, key), { key: keyToJson(key), ...record }, call)
}
