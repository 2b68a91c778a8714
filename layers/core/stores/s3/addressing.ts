import { isIP } from 'node:net'
import type { Provider } from '../../domain/providers'
import { encodePath } from './percent'

export interface Address {
  /** scheme, host and port of the connections */
  origin: string
  /** the Host header: what is signed */
  host: string
  /** what stands before `/key` in a request line: empty, or a path-style bucket and an endpoint's own path */
  root: string
  /** the endpoint without the bucket, for clients that do their own addressing */
  endpoint: string
  pathStyle: boolean
}

const amazonS3 = (region: string): string => `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`

/**
 * Where a bucket's requests go. No endpoint: Amazon S3 of the region. A bucket with a dot breaks the certificate of a wildcard
 * host, and an address or `localhost` has no host names below it: those are addressed by path whatever the provider prefers.
 */
export const addressOf = (bucket: string, region: string, endpoint: string | undefined, provider: Provider): Address => {
  const url = new URL(endpoint ?? amazonS3(region))
  const bare = url.hostname.replace(/^\[|\]$/g, '')
  const pathStyle = provider.pathStyle || bucket.includes('.') || isIP(bare) !== 0 || bare === 'localhost'
  const base = url.pathname.replace(/\/+$/, '')
  const host = pathStyle ? url.host : `${bucket}.${url.host}`
  return {
    origin: `${url.protocol}//${host}`,
    host,
    root: pathStyle ? `${base}/${encodePath(Buffer.from(bucket))}` : base,
    endpoint: `${url.protocol}//${url.host}${base}`,
    pathStyle,
  }
}
