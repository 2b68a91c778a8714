import type { Observation } from '../domain/access'
import { destinationPrefix, probeKey, sourceKey } from '../domain/destination-key'
import type { Migration } from '../domain/migration'
import type { ObjectStore, OpenUpload } from '../domain/object-store'
import { findJson, writeJson, type StateFile } from '../domain/state-files'
import { uploadKey } from '../domain/state-keys'
import type { UploadRecord } from '../domain/uploads'

/** How far a store's clock may be behind ours when it dates an upload that we announced before creating it, in ms. */
const CLOCK_SKEW_MS = 15 * 60_000

const since = (upload: OpenUpload, announced: string): boolean => Date.parse(upload.initiated) >= Date.parse(announced) - CLOCK_SKEW_MS

interface Closing {
  state: ObjectStore
  destination: ObjectStore
  signal: AbortSignal
}

/** The record by which an open upload is this run's: it names the upload, or it announced one under this key and the id was lost. */
const recordOf = async (
  migration: Migration,
  upload: OpenUpload,
  { state, signal }: Closing,
): Promise<StateFile<UploadRecord> | undefined> => {
  const kept = await findJson<UploadRecord>(state, uploadKey(migration.pair, sourceKey(migration, upload.key)), { signal })
  if (kept?.value.runId !== migration.runId) return undefined
  const { uploadId, openedAt } = kept.value
  return (uploadId === null ? since(upload, openedAt) : uploadId === upload.uploadId) ? kept : undefined
}

/** Aborts every open upload of this run; returns how many there were. Uploads of others under the prefix are left alone. */
const abortOurs = async (migration: Migration, closing: Closing): Promise<number> => {
  const { state, destination, signal } = closing
  let ours = 0
  for (const upload of await destination.listUploads(destinationPrefix(migration), { signal })) {
    const probe = upload.key.equals(probeKey(migration)) && since(upload, migration.startedAt)
    const record = probe ? undefined : await recordOf(migration, upload, closing)
    if (!probe && !record) continue
    ours++
    await destination.abortUpload(upload.key, upload.uploadId, { signal })
    if (record) {
      const name = uploadKey(migration.pair, sourceKey(migration, upload.key))
      await writeJson(state, name, { ...record.value, uploadId: upload.uploadId, state: 'aborted' }, { ifMatch: record.etag, signal })
    }
  }
  return ours
}

/** Rounds of aborting: a part that was under way when its upload was aborted can keep the upload alive until the next one. */
const ROUNDS = 3

/**
 * Aborts what uploads this run left open, by the destination's own list of open uploads, until that list holds none of them.
 * Returns what was observed.
 */
export const abortOpenUploads = async (
  migration: Migration,
  { state, destination, now, signal }: { state: ObjectStore; destination: ObjectStore; now(): Date; signal: AbortSignal },
): Promise<Observation> => {
  let aborted = 0
  let left = 0
  for (let round = 0; round < ROUNDS; round++) {
    left = await abortOurs(migration, { state, destination, signal })
    aborted += left
    if (left === 0) break
  }
  return {
    kind: 'uploads',
    name: migration.destination.bucket,
    call: 's3:ListMultipartUploads',
    answer: left > 0 ? 'uploads of this run are still open' : `no upload of this run is open${aborted > 0 ? `; ${aborted} aborted` : ''}`,
    closed: left === 0,
    at: now().toISOString(),
  }
}
