import { SourceListingBroken } from '../../domain/errors'
import { compareKeys, hasPrefix, namedKey, type Key } from '../../domain/keys'
import type { ListedObject, ListQuery } from '../../domain/object-store'
import type { Provider } from '../../domain/providers'
import type { ListPage } from './list-page'

/** Keys a page: the stores' own limit (Amazon S3 API reference, ListObjectsV2). */
const PAGE_SIZE = 1000

/** Truncated pages without a key, one after the other, before a listing counts as endless. */
const EMPTY_PAGES = 1000

export type ListParams = Record<string, Buffer | string>

/** Where the next page begins. */
type Position = { marker: Key | undefined } | { token: string }

const paramsOf = ({ prefix, pageSize }: ListQuery, provider: Provider, position: Position): ListParams => {
  const params: ListParams = { 'max-keys': String(pageSize ?? PAGE_SIZE) }
  if (provider.list === 'v2') params['list-type'] = '2'
  if (prefix.length > 0) params['prefix'] = prefix
  if (provider.urlEncoding) params['encoding-type'] = 'url'
  if ('token' in position) params['continuation-token'] = position.token
  else if (position.marker !== undefined) params[provider.list === 'v2' ? 'start-after' : 'marker'] = position.marker
  return params
}

/**
 * Walks a range page by page and trusts no reply: a page that repeats, reorders or leaves the prefix, or that says there is more
 * and not where, is SourceListingBroken. Ends only at a page that says it is the last, or past `upTo`.
 */
export async function* walkPages(
  what: string,
  query: ListQuery,
  provider: Provider,
  fetchPage: (params: ListParams) => Promise<ListPage>,
): AsyncGenerator<ListedObject[]> {
  const { prefix, after, upTo } = query
  const broken = (why: string): SourceListingBroken => new SourceListingBroken(`${what}: ${why}`)

  /** the greatest key seen, or the one to begin after */
  let last = after
  let position: Position = { marker: after }
  let emptyPages = 0

  const check = ({ key }: ListedObject): void => {
    if (last !== undefined && compareKeys(key, last) <= 0) {
      throw broken(`${namedKey(key)} comes after ${namedKey(last)}: repeated or out of byte order`)
    }
    if (!hasPrefix(key, prefix)) throw broken(`${namedKey(key)} is outside the prefix`)
    last = key
  }

  const next = ({ objects, token, nextMarker }: ListPage): Position => {
    if (provider.list === 'v2') {
      if (token === undefined) throw broken('truncated, but without a continuation token')
      if ('token' in position && position.token === token) throw broken('the continuation token repeats')
      return { token }
    }
    const marker = objects.at(-1)?.key ?? nextMarker
    if (marker === undefined || marker.length === 0) throw broken('truncated, but with neither a key nor a marker')
    const before = 'marker' in position ? position.marker : undefined
    if (before !== undefined && compareKeys(marker, before) <= 0) throw broken('the marker does not move')
    return { marker }
  }

  for (;;) {
    const page = await fetchPage(paramsOf(query, provider, position))
    page.objects.forEach(check)
    const beyond = upTo === undefined ? -1 : page.objects.findIndex(({ key }) => compareKeys(key, upTo) > 0)
    if (beyond >= 0) {
      yield page.objects.slice(0, beyond)
      return
    }
    const following = page.truncated ? next(page) : undefined
    yield page.objects
    if (following === undefined) return
    position = following
    emptyPages = page.objects.length > 0 ? 0 : emptyPages + 1
    if (emptyPages >= EMPTY_PAGES) throw broken(`${EMPTY_PAGES} truncated pages without a key`)
  }
}
