import type { Observation } from '../domain/access'
import { destinationKey } from '../domain/destination-key'
import { keyFromJson, type Key } from '../domain/keys'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { listNames, readJson, writeJson } from '../domain/state-files'
import { uploadsPrefix } from '../domain/state-keys'
import type { UploadRecord } from '../domain/uploads'

/** How far a store's clock may be behind ours when it dates an upload that we announced before creating it, in ms. */
const CLOCK_SKEW_MS = 15 * 60_000

interface RunUpload {
  name: string
  etag: string
  key: Key
  record: UploadRecord
}

const uploadsOfRun = async ({ pair, runId }: Migration, state: ObjectStore, signal: AbortSignal): Promise<RunUpload[]> => {
  const uploads: RunUpload[] = []
  for (const name of await listNames(state, uploadsPrefix(pair), { signal })) {
    const { value: record, etag } = await readJson<UploadRecord>(state, name, { signal })
    if (record.runId === runId && record.state === 'open') uploads.push({ name, etag, key: keyFromJson(record.key), record })
  }
  return uploads
}

/** The ids of the uploads at the destination that an open record stands for: the one it names, or those begun under its key since it was announced. */
const openIds = async ({ record }: RunUpload, key: Key, destination: ObjectStore, signal: AbortSignal): Promise<string[]> => {
  const since = Date.parse(record.openedAt) - CLOCK_SKEW_MS
  const open = (await destination.listUploads(key, { signal })).filter((upload) => upload.key.equals(key))
  return open
    .filter(({ uploadId, initiated }) => (record.uploadId === null ? Date.parse(initiated) >= since : uploadId === record.uploadId))
    .map(({ uploadId }) => uploadId)
}

/**
 * Aborts the uploads that this run left open, and asks the destination whether any of them is still there.
 * Returns what was observed; a run without open uploads asks the destination nothing.
 */
export const abortOpenUploads = async (
  migration: Migration,
  { state, destination, now, signal }: { state: ObjectStore; destination: () => Promise<ObjectStore>; now(): Date; signal: AbortSignal },
): Promise<Observation> => {
  const uploads = await uploadsOfRun(migration, state, signal)
  let aborted = 0
  let left = 0
  for (const upload of uploads) {
    const store = await destination()
    const key = destinationKey(migration, upload.key)
    for (const uploadId of await openIds(upload, key, store, signal)) {
      await store.abortUpload(key, uploadId, { signal })
      aborted++
    }
    const still = (await openIds(upload, key, store, signal)).length
    left += still
    if (still === 0) await writeJson(state, upload.name, { ...upload.record, state: 'aborted' }, { ifMatch: upload.etag, signal })
  }
  return {
    kind: 'uploads',
    name: migration.destination.bucket,
    call: 's3:ListMultipartUploads',
    answer: uploads.length === 0 ? 'no upload of this run was open' : `${aborted} aborted, ${left} still open`,
    closed: left === 0,
    at: now().toISOString(),
  }
}
