import { alteredNames, carried, carriedHash, carriedTags } from '../domain/carried'
import { destinationKey } from '../domain/destination-key'
import { BodyMismatch, NoSuchObject, ObjectArchived, ObjectChanged } from '../domain/errors'
import type { Key } from '../domain/keys'
import type { Migration } from '../domain/migration'
import type { ListedObject, ObjectInfo, ObjectStore, ReadObject, ReadOptions } from '../domain/object-store'
import type { Outcome } from '../domain/outcomes'
import { partRange } from '../domain/parts'
import { LOOK_BYTES, rereadLooks } from '../domain/sample'
import type { ShardObject } from '../domain/shards'
import { count, counted } from '../domain/units'
import { verdictOf, type Verdict } from '../domain/verdicts'
import { firstDifference } from './first-difference'

/** An object that the listing does not speak against. */
export interface Expected {
  object: ShardObject
  outcome: Outcome
  /** as the destination lists it; with a version, where all versions are carried */
  found: ListedObject & { versionId?: string | undefined }
}

export interface Sides {
  source: ObjectStore
  destination: ObjectStore
  signal: AbortSignal
}

type Say = ReturnType<typeof verdictOf>

/** What it means that a side does not give its object. Throws the error on if that says nothing of the object. */
const refusedBySource = (say: Say, error: unknown): Verdict => {
  if (error instanceof ObjectChanged || error instanceof NoSuchObject)
    return say('unverifiable', 'the source has changed since it was copied')
  if (error instanceof ObjectArchived) return say('unverifiable', 'archived at the source: it cannot be read again')
  throw error
}

const refusedByDestination = (say: Say, error: unknown): Verdict => {
  if (error instanceof NoSuchObject) return say('missing', 'gone from the destination since it was listed')
  if (error instanceof ObjectChanged) return say('different', 'replaced at the destination since it was listed')
  if (error instanceof ObjectArchived)
    return say('unverifiable', 'archived at the destination: it cannot be read again; use the mode checksum')
  throw error
}

/** The tags as they were carried, and as they stand. Which could not be carried the report says already. */
const tagVerdict = async (say: Say, { object, outcome, found }: Expected, key: Key, { source, destination, signal }: Sides) => {
  if (outcome.notCarried?.some(({ what }) => what === 'tags') === true) return undefined
  const [before, after] = await Promise.all([
    source.tags(object.key, { versionId: object.versionId, signal }),
    destination.tags(key, { versionId: found.versionId, signal }),
  ])
  const asked = new Map(carriedTags(before).tags.map(({ name, value }) => [name, value]))
  const stand = new Map(after.map(({ name, value }) => [name, value]))
  const names = [...new Set([...asked.keys(), ...stand.keys()])].filter((name) => asked.get(name) !== stand.get(name))
  return names.length === 0 ? undefined : say('different', `tags: ${names.join(', ')}`)
}

/**
 * Headers, metadata and storage class. A copied object must have what it was written with. A skipped one may have been put by anybody:
 * it needs neither what our copies have of their own, nor the class that this run would have written.
 */
const carriedVerdict = (say: Say, migration: Migration, { object, outcome }: Expected, before: ObjectInfo, after: ObjectInfo) => {
  const { options } = carried(before, migration, object.storageClass, new Date(migration.startedAt))
  const names = alteredNames(options, after)
  if (outcome.outcome === 'copied' && outcome.carried === carriedHash(after))
    return names.length === 0 ? undefined : say('unverifiable', `the source has changed since it was copied: ${names.join(', ')}`)
  const ours = ['storage-class', 'metadata source-etag', ...(Object.hasOwn(before.headers.metadata, 'mtime') ? [] : ['metadata mtime'])]
  const others = outcome.outcome === 'copied' ? names : names.filter((name) => !ours.includes(name))
  if (others.length > 0) return say('different', `not as it was carried: ${others.join(', ')}`)
  return outcome.outcome === 'copied' && outcome.carried !== undefined
    ? say('different', 'its headers are those of the source, and not those that it was written with')
    : undefined
}

/** What both replies say before any byte is read. */
const headVerdict = (say: Say, migration: Migration, expected: Expected, before: ReadObject, after: ReadObject): Verdict | undefined => {
  const { size } = expected.object
  if (before.info.size !== size) return say('unverifiable', 'the source has changed since it was copied')
  if (after.info.size !== size)
    return say('different', `${counted(after.info.size, 'byte')} at the destination, ${count(size)} at the source, when it was read`)
  if (before.length !== after.length)
    throw new BodyMismatch(`${counted(before.length, 'byte')} of the source, ${count(after.length)} of the destination`)
  return carriedVerdict(say, migration, expected, before.info, after.info)
}

/**
 * One look at an object, counted from 0: that part of it is read at both sides, each pinned to its ETag, and compared byte by byte; the
 * headers too, and with the first look the tags where they are carried. Returns what is wrong, or undefined. Throws what a store throws
 * that says nothing of the object.
 */
export const rereadOnce = async (migration: Migration, expected: Expected, look: number, sides: Sides): Promise<Verdict | undefined> => {
  const { object, found } = expected
  const { source, destination, signal } = sides
  const say = verdictOf(object)
  const key = destinationKey(migration, object.key)
  const range = rereadLooks(object) === 1 ? undefined : partRange(object.size, LOOK_BYTES, look + 1)
  const pinned = ({ etag, versionId }: { etag: string; versionId?: string | undefined }): ReadOptions => ({
    ...{ range, ifMatch: etag || undefined, versionId, signal },
  })
  const [before, after] = await Promise.allSettled([source.read(object.key, pinned(object)), destination.read(key, pinned(found))])
  try {
    if (before.status === 'rejected') return refusedBySource(say, before.reason)
    if (after.status === 'rejected') return refusedByDestination(say, after.reason)
    const verdict = headVerdict(say, migration, expected, before.value, after.value)
    if (verdict !== undefined) return verdict
    const at = await firstDifference(before.value.body, after.value.body)
    if (at !== undefined) return say('different', `byte ${(range?.from ?? 0) + at} is another one at the destination than at the source`)
  } finally {
    for (const side of [before, after]) if (side.status === 'fulfilled') side.value.body.destroy()
  }
  return look === 0 && migration.carry.tags ? tagVerdict(say, expected, key, sides) : undefined
}
