import { StoreRefused, StoreUnavailable } from '../../domain/errors'
import { keyText, type Key } from '../../domain/keys'
import type { Tag, VersionCall } from '../../domain/object-store'
import type { Http } from './http'
import { noMarker, versionQuery } from './read-object'
import { parseRoot, textOf, type XmlNode, type XmlValue } from './xml'

/** Ten tags of 128 and 256 characters, each of at most 4 bytes that are escaped, are a quarter of it. */
const REPLY_BYTES = 256 * 1024

const tagOf = (node: XmlValue): Tag | undefined => {
  if (typeof node !== 'object' || Array.isArray(node)) return undefined
  const [name, value] = ['Key', 'Value'].map((element) => {
    const bytes = textOf(node, element)
    return bytes && keyText(bytes)
  })
  return name === undefined || name === '' || value === undefined ? undefined : { name, value }
}

const tagsOf = (root: XmlNode | undefined): Tag[] | undefined => {
  const set = root?.['TagSet']
  if (typeof set === 'string') return set.trim() === '' ? [] : undefined
  const listed = typeof set === 'object' && !Array.isArray(set) ? (set['Tag'] as XmlValue[]) : undefined
  const tags = listed?.map(tagOf)
  return tags?.every((tag) => tag !== undefined) === true ? tags : undefined
}

/** GetObjectTagging. Throws NoSuchObject; StoreUnavailable for a reply that is not understood. */
export const objectTags = async (http: Http, what: string, key: Key, options: VersionCall): Promise<Tag[]> => {
  const { signal } = options
  const query = { ...versionQuery(options), tagging: '' }
  let body: Buffer
  try {
    const reply = await http.send({ what, method: 'GET', key, query, signal }).catch(noMarker(options))
    body = await http.gather(what, reply, REPLY_BYTES, () => new StoreUnavailable(`${what}: the reply does not end`), signal)
  } catch (error) {
    // as some stores (CubeFS) say that there are none
    if (error instanceof StoreRefused && /^NoSuchTagSet(Error)?$/.test(error.code)) return []
    throw error
  }
  const tags = tagsOf(parseRoot(body, 'Tagging'))
  if (tags === undefined) throw new StoreUnavailable(`${what}: the reply holds no tags that are understood`)
  return tags
}
