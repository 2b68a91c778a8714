import type { Reach } from '../../domain/access'
import { printableKey, type Key } from '../../domain/keys'
import type { ObjectStore } from '../../domain/object-store'
import { PROVIDERS, type ProviderName } from '../../domain/providers'
import { addressOf } from './addressing'
import { controlCalls } from './control'
import { createUpload } from './create-upload'
import { keptCredentials } from './credentials'
import { connect } from './http'
import { listObjects } from './list-objects'
import { readObject, statObject } from './read-object'
import { putBody, putObject } from './write-object'

export interface S3StoreOptions {
  bucket: string
  reach: Reach
  provider: ProviderName
  /** ms in which a reply must begin, and between two pieces of a body; default 60,000 */
  requestTimeoutMs?: number
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
  requestTimeoutMs = REQUEST_TIMEOUT_MS,
}: S3StoreOptions): ObjectStore & { close(): Promise<void> } => {
  const provider = PROVIDERS[name]
  const { region } = reach
  const credentials = keptCredentials(reach.credentials)
  const address = addressOf(bucket, region, reach.endpoint, provider)
  const http = connect(address, region, credentials, requestTimeoutMs)
  const control = controlCalls(bucket, region, address, provider, credentials, requestTimeoutMs)

  const what = (operation: string, key?: Key): string => `${operation} ${bucket}${key === undefined ? '' : ` "${printableKey(key)}"`}`

  return {
    list: (query, call = {}) => listObjects(http, what('list'), provider, query, call),
    read: (key, options = {}) => readObject(http, what('read', key), key, options),
    stat: (key, call = {}) => statObject(http, what('stat', key), key, call),
    put: (key, body, options = {}) => putObject(http, what('put', key), key, body, options),
    createUpload: (key, options = {}) => createUpload(http, what('createUpload', key), key, options),
    putPart: (key, uploadId, number, body, { signal } = {}) =>
      putBody(http, { what: `${what('putPart', key)} part ${number}`, key, query: { partNumber: String(number), uploadId }, signal }, body),
    listParts: (key, uploadId, call) => control.listParts(what('listParts', key), key, uploadId, call?.signal),
    completeUpload: (key, uploadId, parts, call) => control.completeUpload(what('completeUpload', key), key, uploadId, parts, call?.signal),
    abortUpload: (key, uploadId, call) => control.abortUpload(what('abortUpload', key), key, uploadId, call?.signal),
    listUploads: (prefix, call) => control.listUploads(what('listUploads'), prefix, call?.signal),
    async close() {
      await Promise.all([http.close(), control.close()])
    },
  }
}
