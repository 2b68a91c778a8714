import { SourceListingBroken } from '../../domain/errors'
import { compareKeys, hasPrefix, namedKey, type Key } from '../../domain/keys'
import type { ListQuery } from '../../domain/object-store'

/** Entries a page: the stores' own limit (Amazon S3 API reference, ListObjectsV2 and ListObjectVersions). */
export const PAGE_SIZE = 1000

/** Truncated pages without a key, one after the other, before a listing counts as endless. */
export const EMPTY_PAGES = 1000

export type ListParams = Record<string, Buffer | string>

export interface Page<Item> {
  items: Item[]
  truncated: boolean
}

/** What one kind of listing has of its own. All of it throws SourceListingBroken. */
export interface Listing<Item, P extends Page<Item>, Position> {
  first: Position
  fetch(position: Position): Promise<P>
  /** `last`: the entry's key before it, or the key to begin after, or none */
  check(item: Item, last: Key | undefined): void
  /** where the page after this one begins */
  next(page: P, position: Position): Position
}

export const listingBroken = (what: string, why: string): SourceListingBroken => new SourceListingBroken(`${what}: ${why}`)

export const outOfOrder = (what: string, key: Key, last: Key): SourceListingBroken =>
  listingBroken(what, `${namedKey(key)} comes after ${namedKey(last)}: repeated or out of byte order`)

/**
 * Walks a range page by page and trusts no reply: a page that repeats, reorders or leaves the prefix, or that says there is more
 * and not where, is SourceListingBroken. Ends only at a page that says it is the last, or past `upTo`.
 */
export async function* walkPages<Item extends { key: Key }, P extends Page<Item>, Position>(
  what: string,
  { prefix, after, upTo }: ListQuery,
  { first, fetch, check, next }: Listing<Item, P, Position>,
): AsyncGenerator<Item[]> {
  let last = after
  let position = first
  let emptyPages = 0
  for (;;) {
    const page = await fetch(position)
    const { items } = page
    for (const item of items) {
      check(item, last)
      if (!hasPrefix(item.key, prefix)) throw listingBroken(what, `${namedKey(item.key)} is outside the prefix`)
      last = item.key
    }
    const beyond = upTo === undefined ? -1 : items.findIndex(({ key }) => compareKeys(key, upTo) > 0)
    if (beyond >= 0) {
      yield items.slice(0, beyond)
      return
    }
    const following = page.truncated ? next(page, position) : undefined
    yield items
    if (following === undefined) return
    position = following
    emptyPages = items.length > 0 ? 0 : emptyPages + 1
    if (emptyPages >= EMPTY_PAGES) throw listingBroken(what, `${EMPTY_PAGES} truncated pages without a key`)
  }
}
