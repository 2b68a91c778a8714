import type { Payload } from './auth'
import type { Bucket } from './bucket'
import type { Buckets } from './buckets'
import type { ByteString } from './byte-strings'
import type { Need } from './key-ring'
import type { Reply, S3Request } from './request'

/** One authenticated and authorised request, as its handler is given it. */
export interface Call {
  request: S3Request
  buckets: Buckets
  /** Throws NoSuchBucket. */
  bucket(): Bucket
  payload: Payload
  /** the body of a request that carries XML or nothing */
  small: Buffer
  /** ms since 1970, in whole seconds */
  now(): number
  /**
   * Asks again whether the caller may do what it does: to be called right before a change becomes visible, so that no write of
   * a key appears after the key was revoked. Throws as KeyRing.authorise does.
   */
  stillAllowed(): void
  /** Whether the caller may do something else as well, such as read the source of a copy. Throws as KeyRing.authorise does. */
  may(need: Need, bucket: string, key: ByteString): void
}

export type Handler = (call: Call) => Reply | Promise<Reply>
