import { carriedHeaders } from '../domain/carried-headers'
import { equalBy, sameEtag } from '../domain/compare'
import { assertRepresentable, destinationKey } from '../domain/destination-key'
import { NoSuchObject, NoSuchUpload, ObjectChanged } from '../domain/errors'
import type { Key } from '../domain/keys'
import type { Migration } from '../domain/migration'
import type { ListedObject, ObjectStore } from '../domain/object-store'
import { partGroups, partSizeOf, type PartGroup } from '../domain/parts'
import type { OutcomeName } from '../domain/outcomes'
import { begunSince, evidenceOf, type UploadRecord } from '../domain/uploads'
import { readLargeObject } from './large-object'
import { readOutcomes, writeOutcomes } from './outcome-files'
import { withRetries } from './retries'
import { findRecord, writeRecord } from './upload-record'

export interface UploadTurn {
  state: ObjectStore
  source: ObjectStore
  destination: ObjectStore
  signal: AbortSignal
  now(): Date
  heard(outcome: OutcomeName, bytes: number): void
}

/** What CopyParts works on: an upload and its part groups; no groups when there is nothing left to copy. */
export interface BegunUpload {
  uploadId: string
  /** bytes */
  partSize: number
  partGroups: PartGroup[]
}

const NOTHING_TO_COPY: BegunUpload = { uploadId: '', partSize: 0, partGroups: [] }

/** The object under exactly this key at the destination, from its listing: no right to read it is needed. */
export const listedAt = async (store: ObjectStore, key: Key, signal: AbortSignal): Promise<ListedObject | undefined> => {
  for await (const page of store.list({ prefix: key, pageSize: 1 }, { signal })) return page.find((object) => object.key.equals(key))
  return undefined
}

const stillOpen = async (store: ObjectStore, key: Key, uploadId: string, signal: AbortSignal): Promise<boolean> => {
  try {
    await store.listParts(key, uploadId, { signal })
    return true
  } catch (error) {
    if (error instanceof NoSuchUpload) return false
    throw error
  }
}

/** Aborts what was created under this key after an announcement whose call did not live to write the id down. */
const abortAnnounced = async (key: Key, { openedAt }: UploadRecord, { destination, signal }: UploadTurn): Promise<void> => {
  for (const upload of await destination.listUploads(key, { signal }))
    if (upload.key.equals(key) && begunSince(upload, openedAt)) await destination.abortUpload(key, upload.uploadId, { signal })
}

/** The id of an upload that can be gone on with, or undefined. One that cannot is aborted first: its record is about to be replaced. */
const adopted = async (
  record: UploadRecord | undefined,
  key: Key,
  { etag, partSize }: { etag: string; partSize: number },
  turn: UploadTurn,
): Promise<string | undefined> => {
  const { destination, signal } = turn
  if (record?.state !== 'open') return undefined
  if (record.uploadId === null) {
    await abortAnnounced(key, record, turn)
    return undefined
  }
  if (!(await stillOpen(destination, key, record.uploadId, signal))) return undefined
  if (sameEtag(record.sourceEtag, etag) && record.partSize === partSize) return record.uploadId
  await destination.abortUpload(key, record.uploadId, { signal })
  return undefined
}

/**
 * Finds or begins the upload of one large object: skips it if the destination's object is equal, goes on with an upload
 * that an earlier call or run left open if the source's ETag is still the same, otherwise announces and creates one.
 * Throws ObjectChanged, NoSuchObject, KeyNotRepresentable and the store's errors: CompleteUpload makes them an outcome.
 */
export const beginUpload = async (migration: Migration, shard: string, turn: UploadTurn): Promise<BegunUpload> => {
  const { state, source, destination, signal } = turn
  const { runId } = migration
  const object = await readLargeObject(state, runId, shard, { signal })
  if ((await readOutcomes(state, runId, shard, { signal })).length > 0) return NOTHING_TO_COPY
  const key = destinationKey(migration, object.key)
  assertRepresentable(key)

  const record = await findRecord(state, migration, object.key, { signal })
  const found = await withRetries(() => listedAt(destination, key, signal), signal)
  const evidence = equalBy(object, found, evidenceOf(record))
  if (evidence) {
    if (
      await writeOutcomes(state, runId, shard, 0, [{ key: object.key, outcome: 'skipped', bytes: 0, etag: found!.etag, evidence }], {
        signal,
      })
    ) {
      turn.heard('skipped', 0)
    }
    return NOTHING_TO_COPY
  }

  const partSize = partSizeOf(object.size)
  const groups = { partSize, partGroups: partGroups(object.size, partSize) }
  const opened = {
    runId,
    state: 'open' as const,
    sourceEtag: object.etag,
    destinationEtag: null,
    partSize,
    openedAt: turn.now().toISOString(),
  }
  const kept = await withRetries(() => adopted(record, key, { etag: object.etag, partSize }, turn), signal)
  if (kept !== undefined) {
    await writeRecord(state, migration, object.key, { ...opened, uploadId: kept, openedAt: record!.openedAt }, { signal })
    return { uploadId: kept, ...groups }
  }
  const info = await withRetries(() => source.stat(object.key, { signal }), signal)
  if (info === undefined) throw new NoSuchObject('the object is gone from the source')
  if (!sameEtag(info.etag, object.etag)) throw new ObjectChanged('the object is no longer the one that was listed')
  await writeRecord(state, migration, object.key, { ...opened, uploadId: null }, { signal })
  const uploadId = await destination.createUpload(key, { headers: carriedHeaders(info), signal })
  await writeRecord(state, migration, object.key, { ...opened, uploadId }, { signal })
  return { uploadId, ...groups }
}
