import { compareKeys, hasPrefix, type Key } from '../../layers/core/domain/keys'
import type { ListedVersion, ListQuery, ObjectStore } from '../../layers/core/domain/object-store'

const ETAG = '"d41d8cd98f00b204e9800998ecf8427e"'

/**
 * A store that has, besides its own objects, any number of empty others, which it lists and can be asked after. Made for listings of 100,000s: a page
 * costs what is in it. `strangers`: in byte order; a key may come several times, as so many versions.
 */
export const strangeStore = (inner: ObjectStore, strangers: readonly Key[]): ObjectStore => {
  const entry = (at: number): ListedVersion => ({
    ...{ key: strangers[at]!, size: 0, etag: ETAG, lastModified: '2020-01-01T00:00:00.000Z', versionId: `s${at}` },
    ...{ latest: at === 0 || !strangers[at - 1]!.equals(strangers[at]!), deleteMarker: false },
  })

  /** The first stranger at or behind a key. */
  const search = (key: Key): number => {
    let [low, high] = [0, strangers.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareKeys(strangers[middle]!, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  async function* pages<T extends { key: Key }>(query: ListQuery, listed: AsyncIterable<T[]>): AsyncGenerator<T[]> {
    const { prefix, after, upTo, pageSize = 1000 } = query
    const own: T[] = []
    for await (const page of listed) own.push(...page)
    const from = after !== undefined && compareKeys(after, prefix) > 0 ? after : prefix
    let at = search(from)
    while (at < strangers.length && after !== undefined && compareKeys(strangers[at]!, after) <= 0) at++
    const isListed = (key: Key | undefined): key is Key =>
      key !== undefined && hasPrefix(key, prefix) && (upTo === undefined || compareKeys(key, upTo) <= 0)
    do {
      const page: T[] = []
      for (; page.length < pageSize;) {
        const stranger = isListed(strangers[at]) ? strangers[at] : undefined
        if (own.length === 0 && stranger === undefined) break
        const isOwn = own.length > 0 && (stranger === undefined || compareKeys(own[0]!.key, stranger) < 0)
        page.push(isOwn ? own.shift()! : (entry(at++) as unknown as T))
      }
      yield page
    } while (own.length > 0 || isListed(strangers[at]))
  }

  return {
    ...inner,
    stat: async (key, options) => {
      const stranger = strangers[search(key)]
      if (stranger?.equals(key) !== true) return inner.stat(key, options)
      return { ...entry(search(key)), headers: { metadata: {} } }
    },
    list: (query, call) => pages(query, inner.list(query, call)),
    listVersions: (query, call) => pages(query, inner.listVersions(query, call)),
  }
}
