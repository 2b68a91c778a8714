import { carried, carriedHash } from '../domain/carried'
import { sameEtag } from '../domain/compare'
import { destinationKey } from '../domain/destination-key'
import { AccessDenied, NoSuchObject, ObjectChanged, StoreRefused } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ListedVersion, ObjectStore, Tag } from '../domain/object-store'
import type { NotCarried, Untimed } from '../domain/outcomes'
import type { ShardObject } from '../domain/shards'
import type { Recognised } from '../domain/version-chain'
import type { Sides } from './copy-object'
import { withRetries } from './retries'

interface ToldTurn extends Sides {
  /** the destination with the run's right to read */
  reading(): Promise<ObjectStore>
}

const TAGS_UNSEEN = 'the call that wrote it was lost, and the destination does not tell whether it has its tags'
const TAGS_MISSING = 'it was written without its tags: the destination did not take them'

/** What became of the tags that a lost call may have had to leave out: a row that says too much is better than none. */
const tagRows = async (
  migration: Migration,
  version: ShardObject,
  { versionId }: ListedVersion,
  asked: readonly Tag[],
  { reading, signal }: ToldTurn,
): Promise<NotCarried[]> => {
  if (asked.length === 0) return []
  try {
    const store = await reading()
    const tags = () => store.tags(destinationKey(migration, version.key), { versionId, signal })
    const there = new Map((await withRetries(tags, signal)).map(({ name, value }) => [name, value]))
    return asked.every(({ name, value }) => there.get(name) === value) ? [] : [{ what: 'tags', reason: TAGS_MISSING }]
  } catch (error) {
    if (!(error instanceof AccessDenied) && !(error instanceof StoreRefused) && !(error instanceof NoSuchObject)) throw error
    return [{ what: 'tags', reason: TAGS_UNSEEN }]
  }
}

/**
 * The outcome of a version that a call of this run has written without living to tell of it. What it did not carry is decided once more,
 * from a HEAD of the source's version. It rests on what it was recognised by: the checksum of what was sent is lost with the call.
 * Throws NoSuchObject and ObjectChanged, as a copy would, and what the stores throw.
 */
export const toldCopied = async (
  migration: Migration,
  version: ShardObject,
  { found, evidence }: Recognised,
  turn: ToldTurn,
): Promise<Untimed> => {
  const { source, tags, now, signal } = turn
  const { key, versionId } = version
  const copied = { key, versionId, outcome: 'copied', bytes: version.size, destinationVersion: found.versionId } as const
  if (found.deleteMarker) return copied
  const info = await withRetries(() => source.stat(key, { versionId, signal }), signal)
  if (info === undefined) throw new NoSuchObject('the object is gone from the source')
  if (!sameEtag(info.etag, version.etag)) throw new ObjectChanged('the object is no longer the one that was listed')
  const { options, notCarried } = carried(info, migration, version.storageClass, now())
  const asked = await tags.find(key, versionId)
  const rows = [...notCarried, ...asked.notCarried]
  const lost = await tagRows(migration, version, found, asked.tags, turn)
  return {
    ...copied,
    ...{ etag: found.etag, evidence, carried: migration.verification.mode === 'listing' ? undefined : carriedHash(options) },
    notCarried: rows.length + lost.length > 0 ? [...rows, ...lost] : undefined,
  }
}
