import { sameContent, sameEtag } from '../domain/compare'
import { destinationKey } from '../domain/destination-key'
import { BodyMismatch } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { JoinedUpload, ObjectStore, UploadPart } from '../domain/object-store'
import type { Untimed } from '../domain/outcomes'
import { partCount, partRange } from '../domain/parts'
import { count, counted } from '../domain/units'
import { joinedEtag, type UploadRecord } from '../domain/uploads'
import { compositeCrc32 } from './composite-crc32'
import type { LargeObject } from './large-object'
import { withRetries } from './retries'
import { writeRecord } from './upload-record'

export interface JoinTurn {
  state: ObjectStore
  destination: ObjectStore
  signal: AbortSignal
}

/** Every part there, each of its right size; otherwise the upload must not be completed. */
const checkParts = ({ size }: LargeObject, partSize: number, parts: readonly UploadPart[]): void => {
  const wanted = partCount(size, partSize)
  if (parts.length !== wanted) throw new BodyMismatch(`the upload has ${counted(parts.length, 'part')} of ${count(wanted)}`)
  for (const part of parts) {
    const { from, to } = partRange(size, partSize, part.number)
    if (part.size !== to - from + 1)
      throw new BodyMismatch(`part ${part.number} has ${counted(part.size, 'byte')} of ${count(to - from + 1)}`)
  }
}

/** What an upload's record says of the object that it has become. */
export const copiedOutcome = ({ key, versionId, size }: LargeObject, record: UploadRecord, made: JoinedUpload): Untimed => {
  const { carried, crc32, notCarried = [], sourceEtag } = record
  const { etag, versionId: destinationVersion } = made
  const proof = sameContent(etag, sourceEtag) ? 'parts' : 'length'
  return {
    ...{ key, versionId, outcome: 'copied', bytes: size, etag, destinationVersion, crc32, carried, proof },
    notCarried: notCarried.length > 0 ? notCarried : undefined,
  }
}

/** Aborts an upload that this run has open, and writes that down. */
export const abortUpload = async (
  migration: Migration,
  object: LargeObject,
  record: UploadRecord | undefined,
  { state, destination, signal }: JoinTurn,
): Promise<void> => {
  if (record?.state !== 'open' || record.runId !== migration.runId || record.uploadId === null) return
  const { uploadId } = record
  await withRetries(() => destination.abortUpload(destinationKey(migration, object.key), uploadId, { signal }), signal)
  await writeRecord(state, migration, object.key, { ...record, state: 'aborted' }, { signal })
}

/** Writes down what an upload has become. */
export const noteJoined = async (
  migration: Migration,
  object: LargeObject,
  record: UploadRecord,
  made: JoinedUpload,
  { state, signal }: JoinTurn,
): Promise<Untimed> => {
  await writeRecord(state, migration, object.key, { ...record, state: 'complete', destinationEtag: made.etag }, { signal })
  return copiedOutcome(object, record, made)
}

/**
 * Completes an upload whose parts are all there. If they were cut as the source's, they must make the source's ETag: its own MD5s of
 * what was put into it. That is seen before anything is completed, so that no damaged object ever becomes visible. Throws BodyMismatch
 * for parts that are not the object's, NoSuchUpload, and what a store throws.
 */
export const joinUpload = async (migration: Migration, object: LargeObject, record: UploadRecord, turn: JoinTurn): Promise<Untimed> => {
  const { state, destination, signal } = turn
  const key = destinationKey(migration, object.key)
  const uploadId = record.uploadId!
  const parts = await withRetries(() => destination.listParts(key, uploadId, { signal }), signal)
  checkParts(object, record.partSize, parts)
  const joined = { ...record, destinationEtag: joinedEtag(parts), crc32: compositeCrc32(parts) }
  await writeRecord(state, migration, object.key, joined, { signal })
  const { destinationEtag: made, partsAsSource, sourceEtag } = joined
  if (partsAsSource === 'exact' && made !== null && !sameEtag(made, sourceEtag))
    throw new BodyMismatch(`the parts that were read make the ETag ${made}, and the object's is ${sourceEtag} at the source`)
  return noteJoined(migration, object, joined, await destination.completeUpload(key, uploadId, parts, { signal }), turn)
}
