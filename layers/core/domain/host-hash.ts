import { createHash } from 'node:crypto'

/** What logs and certificates print of an endpoint's host: enough to compare two, and not its name. */
export const hostHash = (host: string): string => `host#${createHash('sha256').update(host).digest('hex').slice(0, 8)}`

/** An endpoint of a request without its name: null (Amazon S3, or the store of the credential) and `embedded` as they are. */
export const endpointHash = (endpoint: string | null): string | null =>
  endpoint === null || endpoint === 'embedded' ? endpoint : hostHash(new URL(endpoint).hostname)
