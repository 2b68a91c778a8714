import { StoreRefused, StoreUnavailable } from '../../domain/errors'
import type { ObjectHeaders, ObjectInfo, PutOptions } from '../../domain/object-store'

export type ReplyHeaders = Record<string, string | string[] | undefined>

export const headerOf = (headers: ReplyHeaders, name: string): string | undefined => {
  const value = headers[name]
  return Array.isArray(value) ? value.join(',') : value
}

const META = 'x-amz-meta-'

const SYSTEM = {
  contentType: 'content-type',
  contentEncoding: 'content-encoding',
  contentLanguage: 'content-language',
  contentDisposition: 'content-disposition',
  cacheControl: 'cache-control',
  expires: 'expires',
} as const satisfies Record<Exclude<keyof ObjectHeaders, 'metadata'>, string>

const SYSTEM_ENTRIES = Object.entries(SYSTEM) as [keyof typeof SYSTEM, string][]

/** RFC 9110: a name is a token; a value is visible characters, spaces, tabs and (as they come from other stores) bytes above 0x7F. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * The headers of a write. Values are latin1, one character a byte, as replies are read: what came in goes out byte for byte.
 * Throws StoreRefused for a name or value that no header can hold, rather than altering it.
 */
export const writeHeaders = (what: string, { headers, storageClass, ifMatch, ifNoneMatch }: PutOptions): Record<string, string> => {
  const sent: Record<string, string> = {}
  const set = (name: string, value: string | undefined): void => {
    if (value === undefined) return
    if (!NAME.test(name) || !VALUE.test(value)) {
      throw new StoreRefused(`${what}: the value of ${JSON.stringify(name)} cannot be sent as a header`, 'InvalidHeader', 0)
    }
    sent[name] = value
  }
  if (headers !== undefined) {
    for (const [field, name] of SYSTEM_ENTRIES) set(name, headers[field])
    for (const [name, value] of Object.entries(headers.metadata)) set(`${META}${name.toLowerCase()}`, value)
  }
  set('x-amz-storage-class', storageClass)
  set('if-match', ifMatch)
  if (ifNoneMatch === true) set('if-none-match', '*')
  return sent
}

const carriedHeaders = (headers: ReplyHeaders): ObjectHeaders => {
  const metadata = Object.keys(headers)
    .filter((name) => name.startsWith(META))
    .map((name) => [name.slice(META.length), headerOf(headers, name)])
  // fromEntries defines: an assignment would lose metadata called __proto__
  const carried: ObjectHeaders = { metadata: Object.fromEntries(metadata) as Record<string, string> }
  for (const [field, name] of SYSTEM_ENTRIES) {
    const value = headerOf(headers, name)
    if (value !== undefined) carried[field] = value
  }
  return carried
}

/** Throws StoreUnavailable if the reply has no such header. */
export const neededHeader = (what: string, headers: ReplyHeaders, name: string): string => {
  const value = headerOf(headers, name)
  if (value === undefined || value === '') throw new StoreUnavailable(`${what}: the reply has no ${name} header`)
  return value
}

/** `size`: bytes of the whole object. Throws StoreUnavailable for a reply without ETag or a readable Last-Modified. */
export const objectInfo = (what: string, headers: ReplyHeaders, size: number): ObjectInfo => {
  const modified = new Date(neededHeader(what, headers, 'last-modified'))
  if (Number.isNaN(modified.getTime())) throw new StoreUnavailable(`${what}: the reply's Last-Modified is no date`)
  const info: ObjectInfo = {
    size,
    etag: neededHeader(what, headers, 'etag'),
    lastModified: modified.toISOString(),
    headers: carriedHeaders(headers),
  }
  const storageClass = headerOf(headers, 'x-amz-storage-class')
  if (storageClass !== undefined) info.storageClass = storageClass
  const encryption = headerOf(headers, 'x-amz-server-side-encryption')
  if (encryption !== undefined) info.encryption = encryption
  return info
}

/** A header that counts bytes, or undefined if it is no number that JavaScript can hold exactly. */
export const byteCount = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^\d+$/.test(text)) return undefined
  const count = Number(text)
  return Number.isSafeInteger(count) ? count : undefined
}
