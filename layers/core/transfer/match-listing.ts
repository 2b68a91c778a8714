import { destinationKey, destinationRange } from '../domain/destination-key'
import { compareKeys, type Key } from '../domain/keys'
import { isKeyed, type Migration } from '../domain/migration'
import type { Call, KeyRange, ListedObject, ObjectStore } from '../domain/object-store'
import { listedAt } from './listed-at'
import { matchWanted, type Asked } from './match-wanted'

/** A source object, its index, and what the destination has under its key. */
interface ObjectMatch<T> {
  object: T
  index: number
  found: ListedObject | undefined
}

/** The same, or an object that stands only at the destination. */
type Match<T> = ObjectMatch<T> | { object: undefined; found: ListedObject }

const asked = (destination: ObjectStore, signal: AbortSignal): Asked<ListedObject> => ({
  list: (query) => destination.list(query, { signal }),
  at: async (key) => {
    const found = await listedAt(destination, key, signal)
    return found === undefined ? [] : [found]
  },
  most: 1,
  width: 16,
})

/** What the destination's own listing has under the keys of a range's source objects: yields each of these, in order, and nothing else. */
export async function* matchObjects<T extends { key: Key }>(
  migration: Migration,
  destination: ObjectStore,
  range: KeyRange,
  objects: readonly T[],
  { signal }: { signal: AbortSignal },
): AsyncGenerator<ObjectMatch<T>> {
  const keys = objects.map(({ key }) => key)
  let index = 0
  for await (const [found] of matchWanted(migration, range, keys, asked(destination, signal), signal)) {
    yield { object: objects[index]!, index, found }
    index++
  }
}

/**
 * The same, and besides, unless the run is over a list of keys, every object that stands only at the destination, however many there are:
 * for who has to tell them.
 */
export const matchListing = <T extends { key: Key }>(
  migration: Migration,
  destination: ObjectStore,
  range: KeyRange,
  objects: readonly T[],
  call: { signal: AbortSignal },
): AsyncIterable<Match<T>> =>
  isKeyed(migration) ? matchObjects(migration, destination, range, objects, call) : matchRange(migration, destination, range, objects, call)

/** Walks the listing of the range beside the source's objects, both in byte order; about one request per 1,000 objects. */
async function* matchRange<T extends { key: Key }>(
  migration: Migration,
  destination: ObjectStore,
  range: KeyRange,
  objects: readonly T[],
  call: Call,
): AsyncGenerator<Match<T>> {
  const { query, holds } = destinationRange(migration, range)
  let next = 0
  for await (const page of destination.list(query, call)) {
    for (const found of page.filter(holds)) {
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
