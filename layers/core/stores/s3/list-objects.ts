import { SourceListingBroken } from '../../domain/errors'
import type { Call, ListedObject, ListQuery } from '../../domain/object-store'
import type { Provider } from '../../domain/providers'
import type { Http } from './http'
import { parseListPage } from './list-page'
import { walkPages } from './pager'

/** A list reply above this is not read: 1,000 keys of 1,024 bytes, each percent-encoded, are a third of it. */
const PAGE_BYTES = 10_000_000

/** The objects of a range, one array per reply; each reply is asked for when the one before has been taken. */
export const listObjects = (
  http: Http,
  what: string,
  provider: Provider,
  query: ListQuery,
  { signal }: Call,
): AsyncIterable<ListedObject[]> =>
  walkPages(what, query, provider, async (params) => {
    const reply = await http.send({ what, method: 'GET', query: params, signal })
    const tooLong = () => new SourceListingBroken(`${what}: a reply of more than ${PAGE_BYTES} bytes`)
    return parseListPage(what, await http.gather(what, reply, PAGE_BYTES, tooLong, signal))
  })
