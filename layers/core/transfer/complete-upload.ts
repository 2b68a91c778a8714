import { destinationKey } from '../domain/destination-key'
import { sameEtag } from '../domain/compare'
import { BodyMismatch, isRetryable, NoSuchUpload } from '../domain/errors'
import type { Key } from '../domain/keys'
import type { Migration } from '../domain/migration'
import type { ListedObject } from '../domain/object-store'
import { timed, type OutcomeName, type Untimed } from '../domain/outcomes'
import { causeOf, type CaughtError } from '../domain/report'
import type { UploadRecord } from '../domain/uploads'
import { outcomeOfError } from './copy-object'
import { abortUpload, copiedOutcome, joinUpload, noteJoined } from './join-upload'
import { readLargeObject } from './large-object'
import { listedAt } from './listed-at'
import { readOutcomes, writeOutcomes } from './outcome-files'
import { withRetries } from './retries'
import type { UploadTurn } from './begin-upload'
import { findRecord } from './upload-record'

const CHANGED = new Set(['ObjectChanged', 'NoSuchObject'])

const failedOutcome = ({ key }: ListedObject, failure: CaughtError): Untimed => ({
  key,
  outcome: CHANGED.has(failure.Error) ? 'changed' : 'failed',
  bytes: 0,
  reason: failure.Error,
  detail: causeOf(failure).slice(0, 1000),
})

type EndTurn = Omit<UploadTurn, 'source' | 'reading' | 'writingSince'>

/**
 * What a lost answer said: the object that the upload has become, if the destination lists it with the ETag that its parts make; and not if
 * it is the one that stood there before, of the same bytes and with other headers.
 */
const alreadyJoined = async (
  object: ListedObject,
  key: Key,
  { destinationEtag, stood }: UploadRecord,
  { destination, signal }: EndTurn,
): Promise<ListedObject | undefined> => {
  if (destinationEtag === null) return undefined
  const found = await withRetries(() => listedAt(destination, key, signal), signal)
  if (found?.size !== object.size || !sameEtag(found.etag, destinationEtag)) return undefined
  const isOld = stood !== undefined && sameEtag(found.etag, stood.etag) && found.lastModified === stood.lastModified
  return isOld ? undefined : found
}

/** Completes the upload, or finds that it was completed and only the answer was lost. */
const complete = async (migration: Migration, object: ListedObject, record: UploadRecord, turn: EndTurn): Promise<Untimed> =>
  joinUpload(migration, object, record, turn).catch(async (error: unknown) => {
    if (!(error instanceof NoSuchUpload)) throw error
    const found = await alreadyJoined(object, destinationKey(migration, object.key), record, turn)
    if (found === undefined) throw error
    return noteJoined(migration, object, record, { etag: found.etag }, turn)
  })

/** Parts that are wrong stay wrong: no later run may go on with them. The record is read again, for it says what they made. */
const failedCompletion = async (migration: Migration, object: ListedObject, error: unknown, turn: EndTurn): Promise<Untimed> => {
  if (isRetryable(error)) throw error
  const outcome = outcomeOfError(object, error, turn.signal)
  if (error instanceof BodyMismatch)
    await abortUpload(migration, object, await findRecord(turn.state, migration, object.key, { signal: turn.signal }), turn)
  return outcome
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
): Promise<{ outcome: OutcomeName }> => {
  const { state, signal } = turn
  const { runId } = migration
  const object = await readLargeObject(state, runId, shard, { signal })
  const [already] = await readOutcomes(state, runId, shard, { signal })
  if (already) return { outcome: already.outcome }
  const record = await findRecord(state, migration, object.key, { signal })
  let outcome: Untimed
  if (failure) {
    await abortUpload(migration, object, record, turn)
    outcome = failedOutcome(object, failure)
  } else if (record?.state === 'complete' && record.runId === runId && record.destinationEtag !== null) {
    outcome = copiedOutcome(object, record, { etag: record.destinationEtag })
  } else if (record?.state === 'open' && record.uploadId !== null) {
    outcome = await complete(migration, object, record, turn).catch((error: unknown) => failedCompletion(migration, object, error, turn))
  } else {
    outcome = failedOutcome(object, { Error: 'NoSuchUpload', Cause: 'no open upload is recorded for this object' })
  }
  const now = turn.now().getTime()
  const began = record === undefined ? now : Date.parse(record.openedAt)
  if (await writeOutcomes(state, runId, shard, 0, [timed(outcome, began, now)], { signal })) turn.heard(outcome.outcome, outcome.bytes)
  return { outcome: outcome.outcome }
}
