import { destinationKey } from '../domain/destination-key'
import { sameEtag } from '../domain/compare'
import { BodyMismatch, isRetryable, NoSuchUpload } from '../domain/errors'
import type { Key } from '../domain/keys'
import type { Migration } from '../domain/migration'
import type { ListedObject, UploadPart } from '../domain/object-store'
import type { Outcome } from '../domain/outcomes'
import { partCount, partRange } from '../domain/parts'
import { causeOf, type CaughtError } from '../domain/report'
import { joinedEtag, type UploadRecord } from '../domain/uploads'
import { outcomeOfError } from './copy-object'
import { readLargeObject } from './large-object'
import { readOutcomes, writeOutcomes } from './outcome-files'
import { withRetries } from './retries'
import { listedAt, type UploadTurn } from './begin-upload'
import { findRecord, writeRecord } from './upload-record'

/** Every part there, each of its right size; otherwise the upload must not be completed. */
const checkParts = ({ size }: ListedObject, partSize: number, parts: readonly UploadPart[]): void => {
  const wanted = partCount(size, partSize)
  if (parts.length !== wanted) throw new BodyMismatch(`the upload has ${parts.length} parts of ${wanted}`)
  for (const part of parts) {
    const { from, to } = partRange(size, partSize, part.number)
    if (part.size !== to - from + 1) throw new BodyMismatch(`part ${part.number} has ${part.size} bytes of ${to - from + 1}`)
  }
}

const CHANGED = new Set(['ObjectChanged', 'NoSuchObject'])

const failedOutcome = ({ key }: ListedObject, failure: CaughtError): Outcome => ({
  key,
  outcome: CHANGED.has(failure.Error) ? 'changed' : 'failed',
  bytes: 0,
  reason: failure.Error,
  detail: causeOf(failure).slice(0, 1000),
})

type EndTurn = Omit<UploadTurn, 'source' | 'now'>

const abort = async (
  migration: Migration,
  object: ListedObject,
  record: UploadRecord | undefined,
  { state, destination, signal }: EndTurn,
): Promise<void> => {
  if (record?.state !== 'open' || record.runId !== migration.runId || record.uploadId === null) return
  const { uploadId } = record
  await withRetries(() => destination.abortUpload(destinationKey(migration, object.key), uploadId, { signal }), signal)
  await writeRecord(state, migration, object.key, { ...record, state: 'aborted' }, { signal })
}

/** What a lost answer said: the object that the upload has become, if the destination lists it with the ETag that its parts make. */
const alreadyJoined = async (
  object: ListedObject,
  key: Key,
  { destinationEtag }: UploadRecord,
  { destination, signal }: EndTurn,
): Promise<ListedObject | undefined> => {
  if (destinationEtag === null) return undefined
  const found = await withRetries(() => listedAt(destination, key, signal), signal)
  return found?.size === object.size && sameEtag(found.etag, destinationEtag) ? found : undefined
}

const complete = async (migration: Migration, object: ListedObject, record: UploadRecord, turn: EndTurn): Promise<Outcome> => {
  const { state, destination, signal } = turn
  const key = destinationKey(migration, object.key)
  const uploadId = record.uploadId!
  const join = async (): Promise<{ etag: string }> => {
    const parts = await withRetries(() => destination.listParts(key, uploadId, { signal }), signal)
    checkParts(object, record.partSize, parts)
    await writeRecord(state, migration, object.key, { ...record, destinationEtag: joinedEtag(parts) }, { signal })
    return destination.completeUpload(key, uploadId, parts, { signal })
  }
  const { etag } = await join().catch(async (error: unknown) => {
    const found = error instanceof NoSuchUpload ? await alreadyJoined(object, key, record, turn) : undefined
    if (found === undefined) throw error
    return found
  })
  await writeRecord(state, migration, object.key, { ...record, state: 'complete', destinationEtag: etag }, { signal })
  return { key: object.key, outcome: 'copied', bytes: object.size, etag }
}

/**
 * Ends one large object: completes its upload from the destination's own list of parts, or, told of a `failure`, aborts it;
 * either way exactly one outcome is written. An object that has its outcome already is done. A call that was lost between
 * completing and writing finds the record complete, and one whose completion was not answered finds the object itself: both
 * write the outcome from it.
 */
export const completeUpload = async (
  migration: Migration,
  shard: string,
  failure: CaughtError | undefined,
  turn: EndTurn,
): Promise<{ outcome: Outcome['outcome'] }> => {
  const { state, signal } = turn
  const { runId } = migration
  const object = await readLargeObject(state, runId, shard, { signal })
  const [already] = await readOutcomes(state, runId, shard, { signal })
  if (already) return { outcome: already.outcome }
  const record = await findRecord(state, migration, object.key, { signal })
  let outcome: Outcome
  if (failure) {
    await abort(migration, object, record, turn)
    outcome = failedOutcome(object, failure)
  } else if (record?.state === 'complete' && record.runId === runId && record.destinationEtag !== null) {
    outcome = { key: object.key, outcome: 'copied', bytes: object.size, etag: record.destinationEtag }
  } else if (record?.state === 'open' && record.uploadId !== null) {
    outcome = await complete(migration, object, record, turn).catch((error: unknown) => {
      if (isRetryable(error)) throw error
      return outcomeOfError(object, error, signal)
    })
  } else {
    outcome = failedOutcome(object, { Error: 'NoSuchUpload', Cause: 'no open upload is recorded for this object' })
  }
  if (await writeOutcomes(state, runId, shard, 0, [outcome], { signal })) turn.heard(outcome.outcome, outcome.bytes)
  return { outcome: outcome.outcome }
}
