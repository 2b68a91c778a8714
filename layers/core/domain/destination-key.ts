import { KeyNotRepresentable } from './errors'
import { compareKeys, keyText, MAX_KEY_BYTES, type Key } from './keys'
import type { Migration } from './migration'
import type { KeyRange, ListQuery } from './object-store'

/** What of a migration says where its objects go. */
export interface Mapping {
  source: Pick<Migration['source'], 'prefix'>
  destination: Pick<Migration['destination'], 'prefix' | 'replaces'>
}

const prefix = (migration: Mapping): Buffer => Buffer.from(migration.destination.prefix, 'utf8')

const replaced = (migration: Mapping): number => Buffer.byteLength(migration.destination.replaces, 'utf8')

/**
 * Where an object goes: the destination's prefix, and then the source key without what that prefix replaces, byte for byte. Every
 * key of a migration begins with `destination.replaces`, since `source.prefix` does: no two keys go to the same place.
 */
export const destinationKey = (migration: Mapping, key: Key): Key => Buffer.concat([prefix(migration), key.subarray(replaced(migration))])

/** The prefix that everything this migration writes has, and nothing else should. */
export const destinationPrefix = (migration: Mapping): Key => destinationKey(migration, Buffer.from(migration.source.prefix, 'utf8'))

/** The source key that is written to this destination key. The reverse of `destinationKey`. */
export const sourceKey = (migration: Mapping, key: Key): Key =>
  Buffer.concat([Buffer.from(migration.destination.replaces, 'utf8'), key.subarray(prefix(migration).length)])

/** Under which Preflight begins, fills and aborts an upload; no object ever has it. */
export const probeKey = (migration: Mapping): Key => Buffer.concat([destinationPrefix(migration), Buffer.from('.drayage-probe')])

/** Throws KeyNotRepresentable for a key that Amazon S3 cannot hold: empty, not UTF-8, or over 1,024 bytes with its prefix. */
export const assertRepresentable = (key: Key): void => {
  if (key.length === 0)
    throw new KeyNotRepresentable(
      'the key would be empty at the destination: destination.replaces is all of it; leave it out with selection.exclude, or replace less',
    )
  if (key.length > MAX_KEY_BYTES)
    throw new KeyNotRepresentable(`the key would be ${key.length} bytes long at the destination; Amazon S3 takes ${MAX_KEY_BYTES}`)
  if (keyText(key) === undefined) throw new KeyNotRepresentable('the key is not UTF-8; Amazon S3 takes no other')
}

/** The longest beginning of a key that a store can be told: UTF-8, and no longer than a key. */
const tellable = (key: Key): Key => {
  let length = Math.min(key.length, MAX_KEY_BYTES)
  while (keyText(key.subarray(0, length)) === undefined) length--
  return key.subarray(0, length)
}

/**
 * How the destination is asked for what lies in a range of source keys. A shard may end at a key that no destination can hold, and which
 * a store may refuse to begin a listing behind. So it is asked from that key's longest beginning that it can be told; `holds` says which
 * of what it lists then lies in the range.
 */
export const destinationRange = (
  migration: Mapping,
  { after, upTo }: KeyRange,
): { query: ListQuery; holds(found: { key: Key }): boolean } => {
  const from = after && destinationKey(migration, after)
  const told = from && tellable(from)
  const query = {
    prefix: destinationPrefix(migration),
    after: told?.length === 0 ? undefined : told,
    upTo: upTo && destinationKey(migration, upTo),
  }
  return { query, holds: ({ key }) => from === undefined || compareKeys(key, from) > 0 }
}

/** Whether Amazon S3 can hold the key. */
export const isRepresentable = (key: Key): boolean => {
  try {
    assertRepresentable(key)
    return true
  } catch (error) {
    if (error instanceof KeyNotRepresentable) return false
    throw error
  }
}
