import { namedKey, type Key } from '../../domain/keys'
import type { ListedObject, ListedVersion } from '../../domain/object-store'
import { byteCount } from './headers'
import { listingBroken, type Page } from './pager'
import { decodeUrlBytes } from './percent'
import { parseRoot, textOf, type XmlNode, type XmlValue } from './xml'

/** A reply to ListObjects or ListObjectsV2. */
export interface ObjectsPage extends Page<ListedObject> {
  /** NextContinuationToken of ListObjectsV2 */
  token: string | undefined
  /** NextMarker of ListObjects: only some stores send it */
  nextMarker: Key | undefined
}

/** A reply to ListObjectVersions. */
export interface VersionsPage extends Page<ListedVersion> {
  nextKey: Key | undefined
  nextVersionId: string | undefined
}

const nodes = (value: XmlValue): XmlNode[] =>
  Array.isArray(value) ? value.filter((item): item is XmlNode => typeof item === 'object') : []

/** What all list replies have in common. Throws SourceListingBroken for one that cannot be trusted in itself. */
const openPage = (what: string, body: Buffer, name: string) => {
  const root = parseRoot(body, name)
  if (root === undefined) throw listingBroken(what, 'the reply is no list (empty, cut off, HTML, or with a DOCTYPE or ENTITY)')
  if (root['IsTruncated'] !== 'true' && root['IsTruncated'] !== 'false')
    throw listingBroken(what, 'the reply does not say whether it is truncated')
  if (nodes(root['CommonPrefixes']).length > 0) throw listingBroken(what, 'keys are folded into common prefixes, which nobody asked for')

  const urlEncoded = root['EncodingType'] === 'url'
  const keyOf = (node: XmlNode, element: string): Key | undefined => {
    const text = textOf(node, element)
    return text !== undefined && urlEncoded ? decodeUrlBytes(text) : text
  }

  const word = (node: XmlNode, element: string): string | undefined => {
    const text = textOf(node, element)?.toString('latin1')
    return text === '' ? undefined : text
  }

  const entriesOf = (element: string): XmlNode[] => {
    const value = root[element]
    const listed = nodes(value)
    if (listed.length !== (Array.isArray(value) ? value.length : 0)) throw listingBroken(what, 'an entry is empty')
    return listed
  }

  /** What a delete marker has too. */
  const identityOf = (node: XmlNode): Pick<ListedObject, 'key' | 'lastModified'> => {
    const key = keyOf(node, 'Key')
    if (key === undefined || key.length === 0) throw listingBroken(what, 'a key is empty or cannot be read')
    const modified = new Date(word(node, 'LastModified') ?? '')
    if (Number.isNaN(modified.getTime())) throw listingBroken(what, 'a Last-Modified is no date')
    return { key, lastModified: modified.toISOString() }
  }

  const objectOf = (node: XmlNode): ListedObject => {
    const identity = identityOf(node)
    const size = byteCount(word(node, 'Size'))
    if (size === undefined) throw listingBroken(what, 'a size is no whole number of bytes')
    const etag = word(node, 'ETag')
    if (etag === undefined) throw listingBroken(what, 'an object has no ETag')
    const storageClass = word(node, 'StorageClass')
    return { ...identity, size, etag, ...(storageClass === undefined ? {} : { storageClass }) }
  }

  return { root, truncated: root['IsTruncated'] === 'true', keyOf, word, entriesOf, identityOf, objectOf }
}

/** Reads a reply to ListObjects or ListObjectsV2; whether it follows from the page before is the pager's to see. */
export const parseObjectsPage = (what: string, body: Buffer): ObjectsPage => {
  const { root, truncated, keyOf, entriesOf, objectOf } = openPage(what, body, 'ListBucketResult')
  const token = textOf(root, 'NextContinuationToken')?.toString('utf8')
  return {
    items: entriesOf('Contents').map(objectOf),
    truncated,
    token: token === '' ? undefined : token,
    nextMarker: keyOf(root, 'NextMarker'),
  }
}

const ENTRIES = /<(Version|DeleteMarker)[\s/>]/g

/**
 * Reads a reply to ListObjectVersions. Versions and delete markers stand among each other and the parser gathers them by name: their
 * order is taken from the text. A `<` of a key is always escaped, so that nothing but an element begins so; a comment or CDATA that
 * does is one entry too many, which is refused. So is a page that puts all markers last, one of them behind a version that is older
 * by its date: stores that do this (moto, MinIO before July 2020) do not say what came first. Where markers stand among versions dates are not looked
 * at, for the date of an upload is that of its beginning.
 */
export const parseVersionsPage = (what: string, body: Buffer): VersionsPage => {
  const { root, truncated, keyOf, word, entriesOf, identityOf, objectOf } = openPage(what, body, 'ListVersionsResult')

  const versionOf = (node: XmlNode, deleteMarker: boolean): ListedVersion => {
    const object = deleteMarker ? { ...identityOf(node), size: 0, etag: '' } : objectOf(node)
    const versionId = word(node, 'VersionId')
    if (versionId === undefined) throw listingBroken(what, 'a version has no id')
    const latest = word(node, 'IsLatest')
    if (latest !== 'true' && latest !== 'false') throw listingBroken(what, 'a version does not say whether it is the latest')
    return { ...object, versionId, latest: latest === 'true', deleteMarker }
  }

  const versions = entriesOf('Version')
  const markers = entriesOf('DeleteMarker')
  const order = [...body.toString('latin1').matchAll(ENTRIES)].map(([, name]) => name === 'DeleteMarker')
  const marked = order.filter(Boolean).length
  if (marked !== markers.length || order.length - marked !== versions.length)
    throw listingBroken(what, 'an entry stands where none belongs')
  const [version, marker] = [versions.values(), markers.values()]
  const items = order.map((isMarker) => versionOf((isMarker ? marker : version).next().value as XmlNode, isMarker))
  if (marked > 0 && !order.slice(0, -marked).includes(true)) {
    const oldest = new Map<string, string>()
    for (const { key, deleteMarker, lastModified } of items) {
      const name = key.toString('latin1')
      if (deleteMarker && (oldest.get(name) ?? lastModified) < lastModified)
        throw listingBroken(what, `${namedKey(key)}: its delete markers stand behind its versions and not among them`)
      if (!deleteMarker) oldest.set(name, lastModified)
    }
  }
  return {
    items,
    truncated,
    nextKey: keyOf(root, 'NextKeyMarker'),
    nextVersionId: word(root, 'NextVersionIdMarker'),
  }
}
