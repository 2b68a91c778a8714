import { sameEtag } from '../domain/compare'
import { assertRepresentable, destinationKey } from '../domain/destination-key'
import { errorName, isRetryable, NoSuchUpload } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ListedVersion } from '../domain/object-store'
import type { Untimed } from '../domain/outcomes'
import { partCount } from '../domain/parts'
import type { ShardObject } from '../domain/shards'
import { evidenceOf } from '../domain/uploads'
import { outcomeOfError } from './copy-object'
import { copyParts } from './copy-parts'
import { abortUpload, copiedOutcome, joinUpload } from './join-upload'
import { openUpload, type OpenTurn } from './open-upload'
import { withRetries } from './retries'
import { findRecord } from './upload-record'

/** A version's outcome, and since when it was under way, in ms since 1970. */
export interface Written {
  outcome: Untimed
  began: number
}

interface InPartsTurn extends OpenTurn {
  going(): boolean
}

/**
 * One turn over a version that is copied in parts, to the end of its key's chain. Its upload is begun when every older version stands,
 * and nothing is written to the key before it has ended. undefined: the turn finished some parts, and the next one goes on with the
 * upload. Throws NoSuchUpload if the upload is gone: it was aborted, or it was completed and the answer was lost.
 */
export const copyVersionInParts = async (migration: Migration, version: ShardObject, turn: InPartsTurn): Promise<Written | undefined> => {
  const { state, signal } = turn
  const record = () => findRecord(state, migration, version.key, { signal })
  const began = turn.now().getTime()
  let asked = 0
  // a turn that took no part at all would be followed by another one like it
  const going = (): boolean => asked++ === 0 || turn.going()
  try {
    assertRepresentable(destinationKey(migration, version.key))
    const upload = await openUpload(migration, version, await record(), turn)
    const partGroup = { first: 1, last: partCount(version.size, upload.partSize) }
    const mayGoOn = (error: unknown): boolean => isRetryable(error) || errorName(signal.reason) === 'DeadlinePassed'
    const { done } = await copyParts(migration, version, { ...upload, partGroup }, { ...turn, going, mayGoOn })
    if (!done) return undefined
    const open = (await record())!
    const outcome = await withRetries(() => joinUpload(migration, version, open, turn), signal)
    return { outcome, began: Date.parse(open.openedAt) }
  } catch (error) {
    if (error instanceof NoSuchUpload) throw error
    const outcome = outcomeOfError(version, error, signal)
    // one that cannot be aborted now is aborted by Cleanup
    await record()
      .then((open) => abortUpload(migration, version, open, turn))
      .catch(() => undefined)
    return { outcome, began }
  }
}

/** What a version that stands at the destination was written as, if an upload of this run has become it: the call that asked for it was lost. */
export const writtenInParts = async (
  migration: Migration,
  version: ShardObject,
  found: ListedVersion,
  { state, signal }: Pick<InPartsTurn, 'state' | 'signal'>,
): Promise<Written | undefined> => {
  const record = await findRecord(state, migration, version.key, { signal })
  const made = evidenceOf(record)
  const isOurs = record?.runId === migration.runId && record.versionId === version.versionId
  if (!isOurs || made === undefined || !sameEtag(made.destinationEtag, found.etag)) return undefined
  return { outcome: copiedOutcome(version, record, found), began: Date.parse(record.openedAt) }
}
