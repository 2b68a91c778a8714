import { destinationKey, destinationRange, isRepresentable } from '../domain/destination-key'
import { compareKeys, type Key } from '../domain/keys'
import { isKeyed, type Migration } from '../domain/migration'
import type { KeyRange, ListQuery } from '../domain/object-store'
import { withRetries } from './retries'

/** How a destination is asked for its objects, or for its versions; both answers in the order of its listing. */
export interface Asked<F extends { key: Key }> {
  list(query: ListQuery): AsyncIterable<F[]>
  /** what stands under exactly this key */
  at(key: Key): Promise<F[]>
  /** the most that can stand under one key */
  most: number
  /** keys that are looked up at once */
  width: number
}

/** Entries of a listing, one after the other, under none of the wanted keys, at which looking up is cheaper than going on: a page. */
const GAP = 1000

/** Keys that are looked up before the listing is tried again: about as long as a page takes, where they are asked for at once. */
const LOOKUPS = 16

/** What the destination has under each of these keys of the source, in order, each asked for by itself. */
async function* lookUp<F extends { key: Key }>(
  migration: Migration,
  keys: readonly Key[],
  { at, width }: Asked<F>,
  signal: AbortSignal,
): AsyncGenerator<F[]> {
  const found = async (key: Key): Promise<F[]> => {
    const there = destinationKey(migration, key)
    return isRepresentable(there) ? withRetries(() => at(there), signal) : []
  }
  for (let first = 0; first < keys.length; first += width) yield* await Promise.all(keys.slice(first, first + width).map(found))
}

/**
 * What the destination has under each of these keys of the source, all of them in the range and in order. Its listing is walked beside
 * them, about one request per 1,000 keys, but not through all that it has besides: between two keys may lie any number of strangers.
 * After `gap` of them the next 16 keys are looked up by themselves, and the walk goes on behind those. So every page of 1,000 gets
 * further by a key at least, whatever stands in it: n keys take at most n + n / 16 + 1 requests. The keys of a list are all looked up.
 */
export async function* matchWanted<F extends { key: Key }>(
  migration: Migration,
  { after, upTo }: KeyRange,
  keys: readonly Key[],
  asked: Asked<F>,
  signal: AbortSignal,
  gap = GAP,
): AsyncGenerator<F[]> {
  if (isKeyed(migration)) {
    yield* lookUp(migration, keys, asked, signal)
    return
  }
  const wanted = keys.map((key) => destinationKey(migration, key))
  let next = 0
  let found: F[] = []
  let strangers = 0
  function* pass(): Generator<F[]> {
    yield found
    next++
    found = []
    strangers = 0
  }
  while (next < keys.length) {
    // what is listed before the range counts too: a store that cannot be told where it begins may have any number of them there
    const { query } = destinationRange(migration, { after: keys[next - 1] ?? after, upTo })
    for await (const page of asked.list(query)) {
      for (const entry of page) {
        while (next < keys.length && compareKeys(wanted[next]!, entry.key) < 0) yield* pass()
        if (next === keys.length) return
        if (!wanted[next]!.equals(entry.key)) strangers++
        else if (found.push(entry) === asked.most) yield* pass()
      }
      if (next === keys.length) return
      if (strangers >= gap) break
    }
    if (strangers < gap) {
      while (next < keys.length) yield* pass()
      return
    }
    const some = keys.slice(next, next + LOOKUPS)
    for await (const there of lookUp(migration, some, asked, signal)) {
      found = there
      yield* pass()
    }
  }
}
