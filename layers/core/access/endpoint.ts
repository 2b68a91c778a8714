import { BlockList, isIP } from 'node:net'
import { SPECIAL_RANGES } from '../domain/special-addresses'

const notPublic = new BlockList()
for (const { address, bits, family } of SPECIAL_RANGES) notPublic.addSubnet(address, bits, family)

/**
 * What is wrong with a source's endpoint, in words that do not repeat it; undefined: nothing. It looks at the text only: a
 * name that resolves to a private address is refused where the connection is made (stores/s3/address-guard.ts).
 */
export const endpointProblem = (endpoint: string): string | undefined => {
  if (/\s/.test(endpoint) || !URL.canParse(endpoint)) return 'is not a URL'
  const url = new URL(endpoint)
  if (url.protocol !== 'https:') return 'must begin with https://'
  if (url.username !== '' || url.password !== '' || endpoint.includes('@')) return 'must not hold a user name or password'
  if (/[?#]/.test(endpoint)) return 'must not hold a query or fragment'
  return isPublicHost(url.hostname) ? undefined : 'must not be a private, loopback, link-local or metadata address'
}

/** `hostname` as URL gives it: lower case, IPv4 in every spelling turned into four decimals, IPv6 in brackets. */
const isPublicHost = (hostname: string): boolean => {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  const family = isIP(host)
  if (family !== 0) return !notPublic.check(host, family === 4 ? 'ipv4' : 'ipv6')
  return !/(^|\.)localhost$|\.(internal|local)$/.test(host) && host.includes('.')
}
