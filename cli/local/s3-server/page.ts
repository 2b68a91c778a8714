import { afterPrefix, type ByteString } from './byte-strings'

/** Items of a listing in the order of their keys. Closed by its user, also after an error. */
export interface Walk<Item> {
  /** The next item; undefined at the end. */
  next(): Promise<{ key: ByteString; item: Item } | undefined>
  /** Goes on at this key or the first after it. */
  seek(key: ByteString): void
  close(): Promise<void>
}

export interface Page<Item> {
  items: { key: ByteString; item: Item }[]
  prefixes: ByteString[]
  truncated: boolean
  /** the last item or common prefix of the page; undefined: there was none */
  last: { key: ByteString; item: Item | undefined } | undefined
}

/**
 * A page of at most `most` items and common prefixes. What is rolled up into a common prefix is skipped in one step, and so is the
 * prefix that the page before ended with.
 */
export const pageOf = async <Item>(
  walk: Walk<Item>,
  { prefix, delimiter, after, most }: { prefix: ByteString; delimiter: ByteString; after: ByteString | undefined; most: number },
): Promise<Page<Item>> => {
  const page: Page<Item> = { items: [], prefixes: [], truncated: false, last: undefined }
  if (most === 0) return page
  for (let found = await walk.next(); found?.key.startsWith(prefix); found = await walk.next()) {
    const { key, item } = found
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    const rolled = end < 0 ? undefined : key.slice(0, end + delimiter.length)
    if (rolled === undefined || rolled !== after) {
      if (page.items.length + page.prefixes.length === most) return { ...page, truncated: true }
      if (rolled === undefined) page.items.push(found)
      else page.prefixes.push(rolled)
      page.last = { key: rolled ?? key, item: rolled === undefined ? item : undefined }
    }
    if (rolled !== undefined) walk.seek(afterPrefix(rolled))
  }
  return page
}
