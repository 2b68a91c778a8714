import { StoreRefused, StoreUnavailable } from '../../domain/errors'
import type { Key } from '../../domain/keys'
import type { Call } from '../../domain/object-store'
import { headerOf } from './headers'
import type { Http } from './http'

const REPLY_BYTES = 64 * 1024

/**
 * DELETE without a version. In a bucket whose versioning is not enabled this deletes an object: callers ask for the bucket's
 * versioning first. Throws StoreRefused if the reply does not say that it made a marker with an id of its own.
 */
export const markObject = async (http: Http, what: string, key: Key, { signal }: Call): Promise<{ versionId: string }> => {
  const reply = await http.send({ what, method: 'DELETE', key, signal })
  await http.gather(what, reply, REPLY_BYTES, () => new StoreUnavailable(`${what}: the reply does not end`), signal)
  const versionId = headerOf(reply.headers, 'x-amz-version-id')
  if (headerOf(reply.headers, 'x-amz-delete-marker') !== 'true' || versionId === undefined || versionId === 'null')
    throw new StoreRefused(`${what}: the store does not say that it made a delete marker`, 'NoDeleteMarker', reply.status)
  return { versionId }
}
