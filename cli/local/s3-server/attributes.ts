import { percentDecode, textOf } from './byte-strings'
import type { Call } from './call'
import { S3Error } from './errors'
import { lockOf } from './locks'
import { headerOf } from './request'
import type { Attributes } from './version'
import { parseXml } from './xml'

const SYSTEM_HEADERS = ['cache-control', 'content-disposition', 'content-language', 'expires', 'x-amz-website-redirect-location'] as const
const META = 'x-amz-meta-'
/** Bytes of names and values together: Amazon S3 user guide, "Working with object metadata". */
const MAX_METADATA_BYTES = 2048

const STORAGE_CLASSES = 'STANDARD REDUCED_REDUNDANCY STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING GLACIER_IR GLACIER DEEP_ARCHIVE'.split(' ')

export type Tags = [name: string, value: string][]

/** At most 10, names of 1 to 128 and values of at most 256 characters, each name once: Amazon S3 user guide, "Object tagging". */
const legalTags = (tags: Tags, code: 'InvalidTag' | 'InvalidArgument'): Tags => {
  const legal = tags.length <= 10 && tags.every(([name, value]) => name !== '' && name.length <= 128 && value.length <= 256)
  if (!legal || new Set(tags.map(([name]) => name)).size < tags.length) throw new S3Error(code, 'The tags are not valid.')
  return tags
}

const decoded = (part: string): string => textOf(percentDecode(part.replaceAll('+', ' ')))

const tagsOfHeader = (header: string): Tags => {
  const pairs = header.split('&').filter(Boolean)
  const tags = pairs.map((pair) => /^([^=]*)=?([^]*)$/.exec(pair) ?? []).map(([, name = '', value = '']) => [decoded(name), decoded(value)])
  return legalTags(tags as Tags, 'InvalidArgument')
}

/** Throws MalformedXML, InvalidTag. */
export const tagsOfXml = (body: Buffer): Tags => {
  const tags = parseXml(body, 'Tagging').children('TagSet')
  const pairs = tags.flatMap((set) => set.children('Tag')).map((tag): Tags[0] => [tag.text('Key') ?? '', tag.text('Value') ?? ''])
  return legalTags(pairs as Tags, 'InvalidTag')
}

/** The one encryption that can be asked for is by a key: without one Amazon S3 would take its own. Throws NotImplemented. */
const kmsKeyOf = ({ request: { headers } }: Call): string | undefined => {
  const [encryption, key] = ['', '-aws-kms-key-id'].map((name) => headerOf(headers, `x-amz-server-side-encryption${name}`))
  if (encryption === undefined && key === undefined) return undefined
  if (encryption !== 'aws:kms' || !key) throw new S3Error('NotImplemented', 'Encryption other than aws:kms with a key is not implemented.')
  return key
}

/**
 * What the headers of a PUT, an upload or a replacing copy say of the object. Throws MetadataTooLarge, InvalidArgument,
 * InvalidStorageClass, InvalidRequest, NotImplemented.
 */
export const attributesOf = (call: Call): Attributes => {
  const { headers } = call.request
  const kept: Record<string, string> = { 'content-type': headerOf(headers, 'content-type') ?? 'binary/octet-stream' }
  for (const name of SYSTEM_HEADERS) {
    const value = headerOf(headers, name)
    if (value !== undefined) kept[name] = value
  }
  // aws-chunked is how the body travelled, no property of the object
  const encoding = (headerOf(headers, 'content-encoding') ?? '')
    .split(',')
    .filter((word) => !/^\s*(aws-chunked)?\s*$/.test(word))
    .join(',')
    .trim()
  if (encoding !== '') kept['content-encoding'] = encoding
  const metadata = Object.keys(headers).filter((name) => name.startsWith(META) && name !== META)
  for (const name of metadata) kept[name] = headerOf(headers, name) ?? ''
  if (metadata.reduce((sum, name) => sum + name.length - META.length + (kept[name]?.length ?? 0), 0) > MAX_METADATA_BYTES)
    throw new S3Error('MetadataTooLarge')
  const storageClass = headerOf(headers, 'x-amz-storage-class')
  if (storageClass !== undefined && !STORAGE_CLASSES.includes(storageClass)) throw new S3Error('InvalidStorageClass')
  const tagging = headerOf(headers, 'x-amz-tagging')
  const lock = lockOf(headers, call.bucket(), call.now())
  const kmsKey = kmsKeyOf(call)
  return {
    headers: kept,
    ...(storageClass !== undefined && storageClass !== 'STANDARD' ? { storageClass } : {}),
    ...(tagging ? { tags: tagsOfHeader(tagging) } : {}),
    ...(lock ? { lock } : {}),
    ...(kmsKey ? { kmsKey } : {}),
  }
}
