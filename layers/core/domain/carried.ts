import { createHash } from 'node:crypto'
import { bareEtag } from './compare'
import { canBeHeader, SYSTEM_HEADERS } from './header-text'
import { STORAGE_CLASSES, type Carry, type Migration } from './migration'
import type { ObjectHeaders, ObjectInfo, ObjectLock, PutOptions, Tag } from './object-store'
import type { NotCarried } from './outcomes'
import { counted } from './units'

/**
 * Amazon S3's limit of user metadata: bytes of names and values in UTF-8 (user guide, "Working with object metadata"). A value's
 * bytes above 0x7F are each taken for a character of ISO 8859-1, as that page's example shows, so each counts as two.
 */
const MAX_METADATA_BYTES = 2048

/** Amazon S3 user guide, "Categorizing your objects using tags"; lengths in UTF-16 units, as JavaScript counts them. */
const MAX_TAGS = 10
const MAX_TAG_NAME = 128
const MAX_TAG_VALUE = 256
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u

/** What of a write is decided by the source's object and by what the request says of carrying. */
type CarriedOptions = Pick<PutOptions, 'headers' | 'storageClass' | 'lock' | 'kmsKey' | 'tags'>

const entryBytes = (name: string, value: string): number => Buffer.byteLength(name) + Buffer.byteLength(value)

const byName = <T>([a]: [string, T], [b]: [string, T]): number => (a < b ? -1 : a > b ? 1 : 0)

const NO_HEADER = 'no HTTP header can hold it unaltered'

/**
 * A Content-Encoding without `aws-chunked`, which some stores keep of how a body was sent to them. Amazon S3 takes it off, and a write
 * that says so would be read as one that is sent like that.
 */
const withoutTransfer = (encoding: string): string | undefined =>
  encoding
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word.toLowerCase() !== 'aws-chunked')
    .join(',') || undefined

/** System headers as they are, less what no header can hold. */
const systemHeaders = (headers: ObjectHeaders, notCarried: NotCarried[]): Omit<ObjectHeaders, 'metadata'> => {
  const kept: Omit<ObjectHeaders, 'metadata'> = {}
  for (const [field, name] of SYSTEM_HEADERS) {
    const value = headers[field]
    if (value === undefined) continue
    if (!canBeHeader(name, value)) notCarried.push({ what: name, reason: NO_HEADER })
    else if (field === 'contentEncoding' && /aws-chunked/i.test(value)) {
      const rest = withoutTransfer(value)
      if (rest !== undefined) kept[field] = rest
      notCarried.push({ what: name, reason: 'aws-chunked is how a body was sent: Amazon S3 keeps it for no object' })
    } else kept[field] = value
  }
  return kept
}

/**
 * User metadata as it is, and ours: `mtime`, the source's Last-Modified in seconds since 1970 (rclone's convention; a name that
 * the object uses itself is left alone), and `source-etag`, which delta runs rest on and which therefore takes its name from the
 * object. Ours have their room; the object's own are kept in order of their names while Amazon S3's limit leaves room.
 */
const metadata = ({ headers, lastModified, etag }: ObjectInfo, notCarried: NotCarried[]): Record<string, string> => {
  const own = new Map(Object.entries(headers.metadata).sort(byName))
  const ours = new Map<string, string>()
  if (!own.has('mtime')) ours.set('mtime', String(Date.parse(lastModified) / 1000))
  const sourceEtag = bareEtag(etag)
  if (sourceEtag !== '' && canBeHeader('source-etag', sourceEtag)) {
    ours.set('source-etag', sourceEtag)
    const other = own.get('source-etag')
    own.delete('source-etag')
    if (other !== undefined && other !== sourceEtag)
      notCarried.push({ what: 'metadata source-etag', reason: `the name is taken for the ETag at the source; the value was ${other}` })
  }
  let left = MAX_METADATA_BYTES
  for (const [name, value] of ours) left -= entryBytes(name, value)
  const kept = [...own].filter(([name, value]) => {
    const what = `metadata ${name}`
    if (!canBeHeader(name, value)) notCarried.push({ what, reason: NO_HEADER })
    else if (entryBytes(name, value) > left)
      notCarried.push({ what, reason: `Amazon S3 takes ${MAX_METADATA_BYTES} bytes of user metadata, and no more fits` })
    else {
      left -= entryBytes(name, value)
      return true
    }
    return false
  })
  // fromEntries defines: an assignment would lose metadata called __proto__
  return Object.fromEntries([...ours, ...kept].sort(byName))
}

/** undefined: STANDARD, which needs no header. */
const storageClass = (wanted: Carry['storageClass'], listed: string, notCarried: NotCarried[]): string | undefined => {
  const chosen =
    wanted === 'keep'
      ? listed
      : typeof wanted === 'string'
        ? wanted
        : Object.hasOwn(wanted, listed)
          ? wanted[listed]!
          : (wanted['*'] ?? 'STANDARD')
  if ((STORAGE_CLASSES as readonly string[]).includes(chosen)) return chosen === 'STANDARD' ? undefined : chosen
  notCarried.push({ what: 'storage-class', reason: `Amazon S3 has no class ${chosen} for a bucket: it was written as STANDARD` })
  return undefined
}

const lock = ({ retention, hold }: ObjectLock, now: Date, notCarried: NotCarried[]): ObjectLock | undefined => {
  const holds = retention !== undefined && Date.parse(retention.until) > now.getTime()
  if (retention !== undefined && !holds)
    notCarried.push({
      what: 'retention',
      reason: `${retention.mode} until ${retention.until} has ended; Amazon S3 takes no date in the past`,
    })
  return holds || hold ? { ...(holds ? { retention } : {}), hold } : undefined
}

const tagFault = ({ name, value }: Tag, before: readonly Tag[]): string | undefined => {
  if (name === '' || name.length > MAX_TAG_NAME) return `its name has ${name.length} characters; Amazon S3 takes 1 to ${MAX_TAG_NAME}`
  if (value.length > MAX_TAG_VALUE) return `its value has ${value.length} characters; Amazon S3 takes ${MAX_TAG_VALUE}`
  if (!TAG_TEXT.test(name) || !TAG_TEXT.test(value)) return 'it holds a character that Amazon S3 takes in no tag'
  if (/^aws:/i.test(name)) return 'names that begin with aws: are reserved'
  if (before.some((tag) => tag.name === name)) return 'its name comes twice; Amazon S3 takes each once'
  return before.length >= MAX_TAGS ? `Amazon S3 takes ${MAX_TAGS} tags, and there are no more places` : undefined
}

/** The tags that Amazon S3 takes, in the source's order, and a row for each other one. */
export const carriedTags = (tags: readonly Tag[]): { tags: Tag[]; notCarried: NotCarried[] } => {
  const kept: Tag[] = []
  const notCarried: NotCarried[] = []
  for (const tag of tags) {
    const reason = tagFault(tag, kept)
    if (reason === undefined) kept.push(tag)
    else notCarried.push({ what: `tag ${tag.name}`, reason })
  }
  return { tags: kept, notCarried }
}

/** What a copy is written with besides its bytes, and what of the source's object it will not have. */
interface Carried {
  options: CarriedOptions
  notCarried: NotCarried[]
}

/**
 * Decides what the copy of an object carries: an allowlist, nothing that acts (no redirects, no ACLs). `listedClass`: the storage
 * class that the listing named; a HEAD names it only where it is not STANDARD. Tags are read by another request and come from
 * `carriedTags`.
 */
export const carried = (
  info: ObjectInfo,
  { carry, destination }: { carry: Carry; destination: Pick<Migration['destination'], 'kmsKey'> },
  listedClass: string | undefined,
  now: Date,
): Carried => {
  const notCarried: NotCarried[] = []
  const headers: ObjectHeaders = { ...systemHeaders(info.headers, notCarried), metadata: metadata(info, notCarried) }
  const options: CarriedOptions = { headers }
  const chosen = storageClass(carry.storageClass, listedClass ?? info.storageClass ?? 'STANDARD', notCarried)
  if (chosen !== undefined) options.storageClass = chosen
  const locked = carry.retention && info.lock !== undefined ? lock(info.lock, now, notCarried) : undefined
  if (locked !== undefined) options.lock = locked
  if (destination.kmsKey !== null) options.kmsKey = destination.kmsKey
  if (info.unsendable !== undefined && info.unsendable > 0)
    notCarried.push({
      what: 'metadata',
      reason: `${counted(info.unsendable, 'entry', 'entries')} that the source has and cannot send (x-amz-missing-meta)`,
    })
  if (info.redirects === true)
    notCarried.push({ what: 'redirect', reason: 'nothing that acts is carried: it redirects visitors of a website' })
  return { options, notCarried }
}

/** Hex digits of the hash that an outcome holds: with 16 an altered header goes unseen once in 2^64. */
const HASH_DIGITS = 16

const hash = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, HASH_DIGITS)

/** An encoded word (RFC 2047) in UTF-8: how Amazon S3 answers metadata that is not ASCII, whatever it was sent as. */
const ENCODED_WORD = /=\?utf-8\?([bq])\?([^?\s]*)\?=/gi

const decodedWord = (_word: string, encoding: string, text: string): string =>
  encoding.toLowerCase() === 'b'
    ? Buffer.from(text, 'base64').toString('utf8')
    : Buffer.from(
        text.replaceAll('_', ' ').replace(/=([0-9a-f]{2})/gi, (_hex, digits: string) => String.fromCharCode(parseInt(digits, 16))),
        'latin1',
      ).toString('utf8')

const plain = (value: string): string =>
  value.replace(/(=\?utf-8\?[bq]\?[^?\s]*\?=)\s+(?==\?utf-8\?[bq]\?)/gi, '$1').replace(ENCODED_WORD, decodedWord)

/** What stores answer for an object that was written without a type (RFC 9110, section 8.3: the same as none). */
const NO_TYPE = ['binary/octet-stream', 'application/octet-stream']

/** What an object was written with, or what a HEAD of it answers: equal for both if nothing was altered. */
type Written = Pick<ObjectInfo, 'storageClass'> & { headers?: ObjectHeaders | undefined }

/** Headers, user metadata and storage class by name, in order of their names and in one form. */
const written = ({ headers = { metadata: {} }, storageClass = 'STANDARD' }: Written): [name: string, value: string][] => {
  const system = SYSTEM_HEADERS.flatMap(([field, name]): [string, string][] => {
    const value = headers[field]
    return value === undefined || (field === 'contentType' && NO_TYPE.includes(value)) ? [] : [[name, value]]
  })
  const metadata = Object.entries(headers.metadata).map(([name, value]): [string, string] => [
    `metadata ${name.toLowerCase()}`,
    plain(value),
  ])
  return [...system, ...metadata, ['storage-class', storageClass] as [string, string]].sort(byName)
}

/**
 * A short hash of the headers, user metadata and storage class that an object was written with, or that a HEAD of it answers: the
 * same for both if nothing was altered. Tags, locks and encryption are not in it: a HEAD does not show them to everybody.
 */
export const carriedHash = (object: Written): string => hash(written(object))

/** Names of what a HEAD answers otherwise than it was written. Names only: a value may be anything. */
export const alteredNames = (before: Written, after: Written): string[] => {
  const [a, b] = [new Map(written(before)), new Map(written(after))]
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name))
}

/** A hash of everything that an upload was begun with: one that was begun with anything else is not gone on with. */
export const optionsHash = (options: CarriedOptions): string =>
  hash([carriedHash(options), options.lock ?? null, options.kmsKey ?? null, (options.tags ?? []).map(({ name, value }) => [name, value])])
