import { ObjectArchived, StoreRefused, StoreUnavailable } from '../../domain/errors'
import type { Key } from '../../domain/keys'
import type { RestoreOrder, VersionCall } from '../../domain/object-store'
import { crc32Of } from './aws-chunked'
import type { Http } from './http'
import { versionQuery } from './read-object'

const REPLY_BYTES = 64 * 1024

/** Without days for Intelligent-Tiering, which refuses them: Amazon S3 API reference, RestoreObject. */
const orderXml = ({ tier, days }: RestoreOrder): string =>
  `<RestoreRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${days === undefined ? '' : `<Days>${days}</Days>`}` +
  `<GlacierJobParameters><Tier>${tier}</Tier></GlacierJobParameters></RestoreRequest>`

/**
 * RestoreObject. 202: begun; 200: a restored copy is there, and stays as long as asked from now on. InvalidObjectState says that the
 * object is in no archive, so that it can be read. Throws NoSuchObject; StoreRefused for a tier or days that the store does not take.
 */
export const restoreObject = async (
  http: Http,
  what: string,
  key: Key,
  order: RestoreOrder,
  call: VersionCall,
): Promise<'begun' | 'ongoing' | 'restored'> => {
  const { signal } = call
  const body = Buffer.from(orderXml(order))
  const headers = { 'content-type': 'application/xml', 'x-amz-checksum-crc32': crc32Of(body) }
  try {
    const reply = await http.send({ what, method: 'POST', key, query: { restore: '', ...versionQuery(call) }, headers, body, signal })
    await http.gather(what, reply, REPLY_BYTES, () => new StoreUnavailable(`${what}: the reply does not end`), signal)
    return reply.status === 202 ? 'begun' : 'restored'
  } catch (error) {
    if (error instanceof StoreRefused && error.code === 'RestoreAlreadyInProgress') return 'ongoing'
    if (error instanceof ObjectArchived) return 'restored'
    throw error
  }
}
