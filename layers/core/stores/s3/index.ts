import type { Reach } from '../../domain/access'
import type { SettingsReader } from '../../domain/bucket-settings'
import { namedKey, type Key } from '../../domain/keys'
import type { ObjectStore } from '../../domain/object-store'
import { PROVIDERS, type ProviderName } from '../../domain/providers'
import type { Addresses, Resolver } from './address-guard'
import { addressOf } from './addressing'
import { readSettings } from './bucket-settings'
import { controlCalls } from './control'
import { createUpload } from './create-upload'
import { keptCredentials } from './credentials'
import { connect } from './http'
import { listObjects } from './list-objects'
import { listVersions } from './list-versions'
import { markObject } from './mark-object'
import { ownerHeader } from './owner'
import { readObject, statObject } from './read-object'
import { restoreObject } from './restore-object'
import { objectTags } from './tags'
import { putBody, putObject } from './write-object'

export interface S3StoreOptions {
  bucket: string
  reach: Reach
  provider: ProviderName
  /** the account that the bucket must belong to, 12 digits, sent with every request; undefined: not known */
  expectedOwner?: string | undefined
  /** ms in which a reply must begin, and between two pieces of a body; default 60,000 */
  requestTimeoutMs?: number
  /** the state bucket: its keys are names that we gave, which a log prints whatever it does with keys */
  ownNames?: boolean
  /** default `any` */
  addresses?: Addresses
  /** for tests: asked in place of the system for what names resolve to */
  resolve?: Resolver
}

const REQUEST_TIMEOUT_MS = 60_000

/**
 * A bucket of a store that speaks S3. The calls made per object or page go over our own signed HTTP; those made per upload over
 * client-s3 (docs/decisions). Nothing is tried twice: the errors say what is worth it. `close` ends every connection at once.
 */
export const s3Store = ({
  bucket,
  reach,
  provider: name,
  expectedOwner,
  requestTimeoutMs = REQUEST_TIMEOUT_MS,
  ownNames = false,
  addresses = 'any',
  resolve,
}: S3StoreOptions): ObjectStore & SettingsReader & { close(): Promise<void> } => {
  const provider = PROVIDERS[name]
  const { region } = reach
  const credentials = keptCredentials(reach.credentials)
  const address = addressOf(bucket, region, reach.endpoint, provider)
  const owner = ownerHeader(expectedOwner)
  const connection = { addresses, ca: reach.ca, resolve }
  const http = connect(address, region, credentials, requestTimeoutMs, connection, owner)
  const control = controlCalls(bucket, region, address, provider, credentials, requestTimeoutMs, connection, owner)

  const named = (key: Key): string => (ownNames ? `file ${JSON.stringify(key.toString('latin1'))}` : namedKey(key))
  const what = (operation: string, key?: Key): string => `${operation} ${bucket}${key === undefined ? '' : ` ${named(key)}`}`

  return {
    list: (query, call = {}) => listObjects(http, what('list'), provider, query, call),
    read: (key, options = {}) => readObject(http, what('read', key), key, options),
    listVersions: (query, call = {}) => listVersions(http, what('listVersions'), provider, query, call),
    stat: (key, options = {}) => statObject(http, what('stat', key), key, options),
    tags: (key, options = {}) => objectTags(http, what('tags', key), key, options),
    restore: (key, order, call = {}) => restoreObject(http, what('restore', key), key, order, call),
    mark: (key, call = {}) => markObject(http, what('mark', key), key, call),
    put: (key, body, options = {}) => putObject(http, what('put', key), key, body, options),
    createUpload: (key, options = {}) => createUpload(http, what('createUpload', key), key, options),
    putPart: (key, uploadId, number, body, { signal } = {}) =>
      putBody(http, { what: `${what('putPart', key)} part ${number}`, key, query: { partNumber: String(number), uploadId }, signal }, body),
    listParts: (key, uploadId, call) => control.listParts(what('listParts', key), key, uploadId, call?.signal),
    completeUpload: (key, uploadId, parts, call) => control.completeUpload(what('completeUpload', key), key, uploadId, parts, call?.signal),
    abortUpload: (key, uploadId, call) => control.abortUpload(what('abortUpload', key), key, uploadId, call?.signal),
    listUploads: (prefix, call) => control.listUploads(what('listUploads'), prefix, call?.signal),
    settings: ({ signal } = {}) => readSettings(control, bucket, what, signal),
    async close() {
      await Promise.all([http.close(), control.close()])
    },
  }
}
