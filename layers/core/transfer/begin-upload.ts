import { assertRepresentable, destinationKey } from '../domain/destination-key'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { timed, type OutcomeName } from '../domain/outcomes'
import { partGroups, type PartGroup } from '../domain/parts'
import { evidenceOf } from '../domain/uploads'
import { equalBy } from './equal'
import { readLargeObject } from './large-object'
import { listedAt } from './listed-at'
import { openUpload } from './open-upload'
import { readOutcomes, writeOutcomes } from './outcome-files'
import { withRetries } from './retries'
import { TagCarrier } from './tag-carrier'
import { findRecord } from './upload-record'

export interface UploadTurn {
  state: ObjectStore
  source: ObjectStore
  destination: ObjectStore
  /** the destination with the run's right to read: for what only its metadata can say */
  reading(): Promise<ObjectStore>
  signal: AbortSignal
  now(): Date
  /** of the run's write probe, ISO 8601 by the destination's clock: see `writtenSince` */
  writingSince: string
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

/**
 * Finds or begins the upload of one large object: skips it if the destination's object is equal, goes on with an upload
 * that an earlier call or run left open if the source's ETag is still the same, otherwise announces and creates one. Leaves one whose
 * parts this run has joined to CompleteUpload.
 * Throws ObjectChanged, NoSuchObject, ObjectArchived, KeyNotRepresentable and the store's errors: CompleteUpload makes them an outcome.
 */
export const beginUpload = async (migration: Migration, shard: string, turn: UploadTurn): Promise<BegunUpload> => {
  const { state, destination, signal } = turn
  const { runId } = migration
  const began = turn.now().getTime()
  const object = await readLargeObject(state, runId, shard, { signal })
  if ((await readOutcomes(state, runId, shard, { signal })).length > 0) return NOTHING_TO_COPY
  const key = destinationKey(migration, object.key)
  assertRepresentable(key)

  // the record after the listing: whoever joins an upload has written so before the object can be listed
  const found = await withRetries(() => listedAt(destination, key, signal), signal)
  const record = await findRecord(state, migration, object.key, { signal })
  const made = evidenceOf(record)
  // this run has asked for the joining already, so this is a late twin of a call that was answered; CompleteUpload tells
  if (record?.runId === runId && made !== undefined) return NOTHING_TO_COPY
  const evidence = await equalBy(migration, object, found, made, turn)
  if (evidence) {
    const skipped = { key: object.key, outcome: 'skipped' as const, bytes: 0, etag: found!.etag, evidence }
    if (await writeOutcomes(state, runId, shard, 0, [timed(skipped, began, turn.now().getTime())], { signal })) turn.heard('skipped', 0)
    return NOTHING_TO_COPY
  }

  const { uploadId, partSize } = await openUpload(migration, object, record, {
    ...turn,
    tags: new TagCarrier(migration, turn.source, signal),
    stood: found && { etag: found.etag, lastModified: found.lastModified },
  })
  return { uploadId, partSize, partGroups: partGroups(object.size, partSize) }
}
