import { compareKeys, namedKey, type Key } from '../../domain/keys'
import type { Call, ListedVersion, ListQuery } from '../../domain/object-store'
import type { Provider } from '../../domain/providers'
import type { Http } from './http'
import { fetchPage, listParams } from './list-objects'
import { parseVersionsPage, type VersionsPage } from './list-page'
import { listingBroken, outOfOrder, walkPages } from './pager'

/** Behind a version of a key, or behind all of them; nothing: at the beginning. */
interface Position {
  key: Key | undefined
  versionId: string | undefined
}

/**
 * The versions and delete markers of a range, one array per reply. Besides the order of keys it is held that a key's latest version
 * stands first and no id comes twice: the ids of one key are kept, some 100 bytes each. A version that goes while its key is listed
 * can make the next one of the following page the latest, which is no lie.
 */
export const listVersions = (
  http: Http,
  what: string,
  provider: Provider,
  query: ListQuery,
  call: Call,
): AsyncIterable<ListedVersion[]> => {
  let ids = new Set<string>()
  let newPage = true

  return walkPages<ListedVersion, VersionsPage, Position>(what, query, {
    first: { key: query.after, versionId: undefined },
    async fetch({ key, versionId }) {
      const params = { ...listParams(query, provider), versions: '', ...(key && { 'key-marker': key }) }
      newPage = true
      const body = await fetchPage(http, what, { ...params, ...(versionId && { 'version-id-marker': versionId }) }, call)
      const page = parseVersionsPage(what, body)
      // some stores begin with the versions of a key that was named without one; Amazon S3 begins after them
      return { ...page, items: page.items.filter((item) => query.after === undefined || !item.key.equals(query.after)) }
    },
    check({ key, versionId, latest }, last) {
      const order = last === undefined ? 1 : compareKeys(key, last)
      const another = order > 0
      if (order < 0) throw outOfOrder(what, key, last as Key)
      if (another) ids = new Set()
      if (latest !== another && !(latest && newPage)) throw listingBroken(what, `${namedKey(key)}: its latest version does not stand first`)
      if (ids.has(versionId)) throw listingBroken(what, `${namedKey(key)}: a version comes twice`)
      ids.add(versionId)
      newPage = false
    },
    // of our own making where it can be: a marker that the store gives could lie beyond what it has listed
    next({ items, nextKey, nextVersionId }, before) {
      const last = items.at(-1)
      if (last !== undefined) return { key: last.key, versionId: last.versionId }
      if (nextKey === undefined || nextKey.length === 0) throw listingBroken(what, 'truncated, but with neither a version nor a marker')
      const order = before.key === undefined ? 1 : compareKeys(nextKey, before.key)
      if (order < 0 || (order === 0 && (nextVersionId === undefined || nextVersionId === before.versionId)))
        throw listingBroken(what, 'the marker does not move')
      return { key: nextKey, versionId: nextVersionId }
    },
  })
}
