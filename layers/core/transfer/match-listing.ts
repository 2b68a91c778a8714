import { destinationKey, destinationPrefix } from '../domain/destination-key'
import { compareKeys, type Key } from '../domain/keys'
import type { Migration } from '../domain/migration'
import type { Call, KeyRange, ListedObject, ObjectStore } from '../domain/object-store'

/** A range of source keys as the range of destination keys they are written to. */
const destinationRange = (migration: Migration, { after, upTo }: KeyRange): KeyRange => ({
  after: after && destinationKey(migration, after),
  upTo: upTo && destinationKey(migration, upTo),
})

/** A source object, its index, and what the destination has under its key; or an object that stands only at the destination. */
export type Match<T> = { object: T; index: number; found: ListedObject | undefined } | { object: undefined; found: ListedObject }

/**
 * Walks the destination's own listing of a range beside the source's objects of it, both in byte order; about one request
 * per 1,000 objects. Yields every source object, in order, and every object that stands only at the destination.
 */
export async function* matchListing<T extends { key: Key }>(
  migration: Migration,
  destination: ObjectStore,
  range: KeyRange,
  objects: readonly T[],
  call: Call,
): AsyncGenerator<Match<T>> {
  let next = 0
  for await (const page of destination.list({ prefix: destinationPrefix(migration), ...destinationRange(migration, range) }, call)) {
    for (const found of page) {
      let object = objects[next]
      let order = object ? compareKeys(destinationKey(migration, object.key), found.key) : 1
      while (object && order < 0) {
        yield { object, index: next, found: undefined }
        object = objects[++next]
        order = object ? compareKeys(destinationKey(migration, object.key), found.key) : 1
      }
      if (object && order === 0) {
        yield { object, index: next, found }
        next++
      } else yield { object: undefined, found }
    }
  }
  for (; next < objects.length; next++) yield { object: objects[next]!, index: next, found: undefined }
}
