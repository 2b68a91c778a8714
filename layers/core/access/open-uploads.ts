import type { Observation } from '../domain/access'
import { destinationPrefix, probeKey, sourceKey } from '../domain/destination-key'
import type { Migration } from '../domain/migration'
import type { ObjectStore, OpenUpload } from '../domain/object-store'
import { findJson, writeJson, type StateFile } from '../domain/state-files'
import { uploadKey } from '../domain/state-keys'
import { begunSince, type UploadRecord } from '../domain/uploads'
import { holdsLock } from './lock'

interface Closing {
  state: ObjectStore
  destination: ObjectStore
  signal: AbortSignal
}

/**
 * Whether uploads of other runs of the pair are this run's to abort: those of dead runs, which nobody else will come back for.
 * Only while it holds the pair's lock. A dry run leaves them to the run that can go on with them.
 */
const closesForPair = (migration: Migration, closing: Closing): Promise<boolean> =>
  migration.dryRun ? Promise.resolve(false) : holdsLock(migration, closing)

/**
 * The record by which an open upload is this run's, or one of a dead run of the pair: it names the upload, or it announced one
 * under this key whose id was lost. The lock is asked about after the record: a run that takes it writes its own record later.
 */
const recordOf = async (migration: Migration, upload: OpenUpload, closing: Closing): Promise<StateFile<UploadRecord> | undefined> => {
  const { state, signal } = closing
  const kept = await findJson<UploadRecord>(state, uploadKey(migration.pair, sourceKey(migration, upload.key)), { signal })
  if (kept === undefined) return undefined
  const { runId, uploadId, openedAt } = kept.value
  if (uploadId === null ? !begunSince(upload, openedAt) : uploadId !== upload.uploadId) return undefined
  return runId === migration.runId || (await closesForPair(migration, closing)) ? kept : undefined
}

/** Whether it is a write probe that a Preflight could not abort, of this run or of a dead one of the pair. */
const isOurProbe = async (migration: Migration, upload: OpenUpload, closing: Closing): Promise<boolean> =>
  upload.key.equals(probeKey(migration)) && (begunSince(upload, migration.startedAt) || (await closesForPair(migration, closing)))

/** Aborts every open upload of this run and of dead ones of its pair; returns how many there were. Strangers' uploads are left alone. */
const abortOurs = async (migration: Migration, closing: Closing): Promise<number> => {
  const { state, destination, signal } = closing
  let ours = 0
  for (const upload of await destination.listUploads(destinationPrefix(migration), { signal })) {
    const probe = await isOurProbe(migration, upload, closing)
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
 * Aborts what uploads this run and dead runs of its pair left open, by the destination's own list of open uploads, until that
 * list holds none of them. Returns what was observed.
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
