import { StoreUnavailable } from '../../domain/errors'
import type { Key } from '../../domain/keys'
import type { PutOptions } from '../../domain/object-store'
import { writeHeaders } from './headers'
import type { Http } from './http'
import { parseRoot, textOf } from './xml'

const REPLY_BYTES = 64 * 1024

/**
 * CreateMultipartUpload, by hand: client-s3 takes `Expires` only as a date, and a header is to arrive as it was. The checksum's
 * algorithm is announced here, for without it Amazon S3 refuses parts that bring one.
 */
export const createUpload = async (http: Http, what: string, key: Key, options: PutOptions): Promise<string> => {
  const { signal } = options
  const headers = { ...writeHeaders(what, options), 'x-amz-checksum-algorithm': 'CRC32' }
  const reply = await http.send({ what, method: 'POST', key, query: { uploads: '' }, headers, signal })
  const body = await http.gather(what, reply, REPLY_BYTES, () => new StoreUnavailable(`${what}: the reply does not end`), signal)
  const root = parseRoot(body, 'InitiateMultipartUploadResult')
  const uploadId = root === undefined ? undefined : textOf(root, 'UploadId')?.toString('utf8')
  if (uploadId === undefined || uploadId === '') throw new StoreUnavailable(`${what}: the reply holds no upload id`)
  return uploadId
}
