import { SourceListingBroken } from '../../domain/errors'
import type { Key } from '../../domain/keys'
import type { ListedObject } from '../../domain/object-store'
import { byteCount } from './headers'
import { decodeUrlBytes } from './percent'
import { parseRoot, textOf, type XmlNode, type XmlValue } from './xml'

/** One list reply. */
export interface ListPage {
  objects: ListedObject[]
  truncated: boolean
  /** NextContinuationToken of ListObjectsV2 */
  token: string | undefined
  /** NextMarker of ListObjects: only some stores send it */
  nextMarker: Key | undefined
}

const nodes = (value: XmlValue): XmlNode[] =>
  Array.isArray(value) ? value.filter((item): item is XmlNode => typeof item === 'object') : []

/**
 * Reads a reply to ListObjects or ListObjectsV2. Throws SourceListingBroken for one that cannot be trusted in itself; whether it
 * follows from the page before is the pager's to see.
 */
export const parseListPage = (what: string, body: Buffer): ListPage => {
  const broken = (why: string): SourceListingBroken => new SourceListingBroken(`${what}: ${why}`)

  const root = parseRoot(body, 'ListBucketResult')
  if (root === undefined) throw broken('the reply is no list (empty, cut off, HTML, or with a DOCTYPE or ENTITY)')
  if (root['IsTruncated'] !== 'true' && root['IsTruncated'] !== 'false') throw broken('the reply does not say whether it is truncated')

  const urlEncoded = root['EncodingType'] === 'url'
  const keyOf = (node: XmlNode, name: string): Key | undefined => {
    const text = textOf(node, name)
    return text !== undefined && urlEncoded ? decodeUrlBytes(text) : text
  }

  const objectOf = (node: XmlNode): ListedObject => {
    const key = keyOf(node, 'Key')
    if (key === undefined || key.length === 0) throw broken('a key is empty or cannot be read')
    const size = byteCount(textOf(node, 'Size')?.toString('latin1'))
    if (size === undefined) throw broken('a size is no whole number of bytes')
    const etag = textOf(node, 'ETag')?.toString('latin1')
    if (etag === undefined || etag === '') throw broken('an object has no ETag')
    const modified = new Date(textOf(node, 'LastModified')?.toString('latin1') ?? '')
    if (Number.isNaN(modified.getTime())) throw broken('a Last-Modified is no date')
    const object: ListedObject = { key, size, etag, lastModified: modified.toISOString() }
    const storageClass = textOf(node, 'StorageClass')?.toString('latin1')
    return storageClass === undefined || storageClass === '' ? object : { ...object, storageClass }
  }

  const contents = root['Contents']
  const listed = nodes(contents)
  if (listed.length !== (Array.isArray(contents) ? contents.length : 0)) throw broken('an entry is empty')
  if (nodes(root['CommonPrefixes']).length > 0) throw broken('keys are folded into common prefixes, which nobody asked for')

  const token = textOf(root, 'NextContinuationToken')?.toString('utf8')
  return {
    objects: listed.map(objectOf),
    truncated: root['IsTruncated'] === 'true',
    token: token === '' ? undefined : token,
    nextMarker: keyOf(root, 'NextMarker'),
  }
}
