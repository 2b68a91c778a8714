import { BlockList, isIP } from 'node:net'

/** Addresses no object store of another owner has (IANA special-purpose registries). BlockList checks ::ffff:a.b.c.d as a.b.c.d. */
const NOT_PUBLIC: [address: string, bits: number, family: 'ipv4' | 'ipv6'][] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 96, 'ipv6'],
  ['64:ff9b::', 96, 'ipv6'],
  ['64:ff9b:1::', 48, 'ipv6'],
  ['2001::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['fec0::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
]

const notPublic = new BlockList()
for (const [address, bits, family] of NOT_PUBLIC) notPublic.addSubnet(address, bits, family)

/**
 * What is wrong with a source's endpoint, in words that do not repeat it; undefined: nothing. It looks at the text only: a
 * name that resolves to a private address must be refused where the connection is made.
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
