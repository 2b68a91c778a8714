import { assertRepresentable, destinationKey } from '../domain/destination-key'
import { NoSuchUpload } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ListedVersion } from '../domain/object-store'
import { timed, type Outcome, type Untimed } from '../domain/outcomes'
import type { ShardObject } from '../domain/shards'
import { recognise, type Recognised } from '../domain/version-chain'
import { writtenSince } from '../domain/written-since'
import { copyObject, outcomeOfError, type Sides } from './copy-object'
import type { CopyTurn } from './copy-turn'
import { copyVersionInParts, writtenInParts, type Written } from './copy-version-in-parts'
import { absentOutcome } from './end-turn'
import { withRetries } from './retries'
import { toldCopied } from './told-copied'
import { chainAt, withMetadata, type ShardChain } from './version-chains'

/** What Amazon S3 calls the version of an object that was written while versioning was off or suspended. */
const NO_VERSION = 'null'

export const isVersion = (versionId: string | undefined): boolean => versionId !== undefined && versionId !== NO_VERSION

/** A turn over the versions of a shard, and what it has learnt of the destination. */
export interface VersionTurn extends CopyTurn, Sides {
  /** whether a write of this run was answered with a version: undefined until the first answer */
  keepsVersions: boolean | undefined
  /** whether it finished parts of a version that the next turn goes on with */
  goesOn: boolean
}

/** One version to be written: what the destination listed of its key before, and what it lists by now of this version, asked afresh. */
interface Task {
  migration: Migration
  version: ShardObject
  found: readonly ListedVersion[]
  written(): Promise<Written | undefined>
  turn: VersionTurn
}

const failed = ({ key, versionId }: ShardObject, reason: string, detail: string): Untimed => ({
  ...{ key, versionId, outcome: 'failed', bytes: 0, reason, detail },
})

const NO_VERSIONS = 'the destination answered a write without a version: it keeps none, so older versions would be lost under newer ones'

/**
 * Puts a delete marker, and never deletes: only where a write of this run has shown that the destination keeps versions, or where
 * nothing could be lost if it did not (the key has no version there, or none that a suspended bucket would take away).
 */
const markOnce = async ({ migration, version, found, written, turn }: Task): Promise<Untimed> => {
  const { destination, signal } = turn
  if (turn.keepsVersions !== true && !found.every(({ versionId }) => isVersion(versionId)))
    return failed(version, 'NoVersions', 'the destination was not seen to keep versions: a delete marker could delete')
  const key = destinationKey(migration, version.key)
  assertRepresentable(key)
  let tries = 0
  return withRetries(async () => {
    const there = tries++ > 0 ? await written() : undefined
    if (there !== undefined) return there.outcome
    const { versionId } = await destination.mark(key, { signal })
    return { key: version.key, versionId: version.versionId, outcome: 'copied', bytes: 0, destinationVersion: versionId }
  }, signal)
}

/** A version in parts. If its upload is gone in the middle, it was completed without our hearing of it, or is begun once more. */
const writeInParts = async ({ migration, version, written, turn }: Task): Promise<Written | undefined> => {
  try {
    return await copyVersionInParts(migration, version, turn)
  } catch (error) {
    if (!(error instanceof NoSuchUpload)) throw error
    return (await written()) ?? (await copyVersionInParts(migration, version, turn))
  }
}

/** A version that this run has written, held to what its write was answered: whether the destination keeps versions. */
const asKept = (made: Written, version: ShardObject, turn: VersionTurn): Written => {
  turn.keepsVersions = isVersion(made.outcome.destinationVersion)
  return turn.keepsVersions ? made : { ...made, outcome: failed(version, 'NoVersions', NO_VERSIONS) }
}

/** One version to the end of the key's chain at the destination. undefined: the next turn goes on with it. */
const writeVersion = async (task: Task, began: number): Promise<Written | undefined> => {
  const { migration, version, written, turn } = task
  if (version.absent) return { outcome: absentOutcome(version), began }
  if (turn.keepsVersions === false) return { outcome: failed(version, 'NoVersions', NO_VERSIONS), began }
  if (version.deleteMarker) return { outcome: await markOnce(task), began }
  const made =
    version.size >= migration.limits.largeObjectBytes
      ? await writeInParts(task)
      : { outcome: await copyObject(migration, version, turn, async () => (await written())?.outcome), began }
  return made?.outcome.outcome === 'copied' ? asKept(made, version, turn) : made
}

const EARLIER_MISSING = 'an older version of this key could not be carried, and versions arrive in order or not at all'

/** The outcome of a version that stands at the destination: copied if this run has written it, skipped if it stood there before. */
const standingOutcome = async (
  migration: Migration,
  version: ShardObject,
  there: Recognised,
  turn: VersionTurn,
  began: number,
): Promise<Written> => {
  const { found, evidence } = there
  const ours = version.size >= migration.limits.largeObjectBytes ? await writtenInParts(migration, version, found, turn) : undefined
  if (ours !== undefined) return asKept(ours, version, turn)
  if (writtenSince(found, turn.writingSince))
    return asKept({ outcome: await toldCopied(migration, version, there, turn), began }, version, turn)
  const skipped: Untimed = {
    ...{ key: version.key, versionId: version.versionId, outcome: 'skipped', bytes: 0, evidence },
    ...{ etag: found.deleteMarker ? undefined : found.etag, destinationVersion: found.versionId },
  }
  return { outcome: skipped, began }
}

/**
 * One key: what of its chain stands at the destination is skipped, the rest written, strictly in order. A version that could not be
 * written stops its key: what came after it would otherwise stand in its place. `done` are the outcomes that earlier turns have
 * written for the chain's first versions.
 */
export const copyChain = async (
  migration: Migration,
  chain: ShardChain,
  done: readonly Outcome[],
  found: ListedVersion[],
  turn: VersionTurn,
  tell: (version: number, outcome: Outcome) => void,
): Promise<void> => {
  const { destination, signal } = turn
  const missing = (outcome: Untimed | undefined) => outcome?.outcome === 'failed' || outcome?.outcome === 'changed'
  const known = async (there: ListedVersion[]) => recognise(chain.versions, await withMetadata(migration, chain, there, turn))
  const listed = () => withRetries(() => chainAt(destination, destinationKey(migration, chain.key), { signal }), signal)
  let stopped = done.some(missing)
  let before: Recognised[] | undefined
  for (let at = done.length; at < chain.versions.length; at++) {
    if (at > done.length && !turn.going()) return
    const version = chain.versions[at]!
    const began = turn.now().getTime()
    const standing = (there: Recognised | undefined) => there && standingOutcome(migration, version, there, turn, began)
    const written = async () => standing((await known(await listed()))[at])
    let made: Written | undefined
    if (stopped) made = { outcome: failed(version, 'EarlierVersionMissing', EARLIER_MISSING), began }
    else {
      try {
        before ??= await known(found)
        made = (await standing(before[at])) ?? (await writeVersion({ migration, version, found, written, turn }, began))
      } catch (error) {
        made = { outcome: outcomeOfError(version, error, signal), began }
      }
    }
    if (made === undefined) {
      turn.goesOn = true
      return
    }
    stopped ||= missing(made.outcome)
    tell(at, timed(made.outcome, made.began, turn.now().getTime()))
  }
}
