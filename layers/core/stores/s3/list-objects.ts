import { compareKeys, type Key } from '../../domain/keys'
import type { Call, ListedObject, ListQuery } from '../../domain/object-store'
import type { Provider } from '../../domain/providers'
import type { Http } from './http'
import { parseObjectsPage, type ObjectsPage } from './list-page'
import { listingBroken, outOfOrder, PAGE_SIZE, walkPages, type ListParams } from './pager'

/** A list reply above this is not read: 1,000 keys of 1,024 bytes, each percent-encoded, are a third of it. */
const PAGE_BYTES = 10_000_000

/** One list reply, whole. */
export const fetchPage = async (http: Http, what: string, query: ListParams, { signal }: Call): Promise<Buffer> => {
  const reply = await http.send({ what, method: 'GET', query, signal })
  return http.gather(what, reply, PAGE_BYTES, () => listingBroken(what, `a reply of more than ${PAGE_BYTES} bytes`), signal)
}

/** What every list request says. */
export const listParams = ({ prefix, pageSize = PAGE_SIZE }: ListQuery, { urlEncoding }: Provider): ListParams => ({
  'max-keys': String(pageSize),
  ...(prefix.length > 0 && { prefix }),
  ...(urlEncoding && { 'encoding-type': 'url' }),
})

/** Where the next page begins. */
type Position = { marker: Key | undefined } | { token: string }

/** The objects of a range, one array per reply; each reply is asked for when the one before has been taken. */
export const listObjects = (http: Http, what: string, provider: Provider, query: ListQuery, call: Call): AsyncIterable<ListedObject[]> => {
  const v2 = provider.list === 'v2'
  /** of the pages since the last key */
  const tokens = new Set<string>()

  const paramsOf = (position: Position): ListParams => {
    const params: ListParams = { ...listParams(query, provider), ...(v2 && { 'list-type': '2' }) }
    if ('token' in position) params['continuation-token'] = position.token
    else if (position.marker !== undefined) params[v2 ? 'start-after' : 'marker'] = position.marker
    return params
  }

  return walkPages<ListedObject, ObjectsPage, Position>(what, query, {
    first: { marker: query.after },
    fetch: async (position) => parseObjectsPage(what, await fetchPage(http, what, paramsOf(position), call)),
    check({ key }, last) {
      if (last !== undefined && compareKeys(key, last) <= 0) throw outOfOrder(what, key, last)
    },
    next({ items, token, nextMarker }, position) {
      if (v2) {
        if (token === undefined) throw listingBroken(what, 'truncated, but without a continuation token')
        if (items.length > 0) tokens.clear()
        if ('token' in position) tokens.add(position.token)
        if (tokens.has(token)) throw listingBroken(what, 'the continuation token repeats')
        return { token }
      }
      const marker = items.at(-1)?.key ?? nextMarker
      if (marker === undefined || marker.length === 0) throw listingBroken(what, 'truncated, but with neither a key nor a marker')
      const before = 'marker' in position ? position.marker : undefined
      if (before !== undefined && compareKeys(marker, before) <= 0) throw listingBroken(what, 'the marker does not move')
      return { marker }
    },
  })
}
