import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { SPECIAL_RANGES } from '../../domain/special-addresses'

/**
 * Where a store's connections may lead: `public` to public addresses only; `vpc` to private networks (RFC 1918) as well, and as
 * little as the other to this machine, its link or a metadata service; `any`: on one machine, whose network is the operator's affair.
 */
export type Addresses = 'public' | 'vpc' | 'any'

/** Its code is what the error map knows it by: it comes back through undici and the SDK, which wrap errors. */
class AddressRefused extends Error {
  readonly code = 'ERR_DRAYAGE_ADDRESS'

  constructor() {
    super('the address is not public')
    this.name = 'AddressRefused'
  }
}

const rangesRefused = (allowed: Exclude<Addresses, 'any'>): BlockList => {
  const list = new BlockList()
  for (const range of SPECIAL_RANGES) if (allowed === 'public' || !range.private) list.addSubnet(range.address, range.bits, range.family)
  return list
}

const REFUSED = { public: rangesRefused('public'), vpc: rangesRefused('vpc') }

/** An address with a scope (`fe80::1%eth0`) is none that isIP or BlockList reads, and none that a store has. */
const isRefused = (address: string, allowed: Exclude<Addresses, 'any'>): boolean => {
  const family = isIP(address)
  return family === 0 || address.includes('%') || REFUSED[allowed].check(address, family === 4 ? 'ipv4' : 'ipv6')
}

export type Resolver = (
  name: string,
  options: LookupOptions & { all: true },
  answer: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/**
 * Node's lookup for a connection, which then goes to these very answers: a name that answers something else the next time is
 * asked, and checked, again. One refused answer among many refuses all. Undefined: every address may be reached.
 */
export const guardedLookup = (allowed: Addresses, resolve: Resolver = systemLookup): LookupFunction | undefined => {
  if (allowed === 'any') return undefined
  return (name, options, answer) =>
    resolve(name, { ...options, all: true }, (error, addresses) => {
      const first = addresses?.[0]
      if (error !== null || first === undefined) answer(error ?? new AddressRefused(), '', 0)
      else if (addresses.some(({ address }) => isRefused(address, allowed))) answer(new AddressRefused(), '', 0)
      else if (options.all === true) answer(null, addresses)
      else answer(null, first.address, first.family)
    })
}

/** What a lookup never sees: a host that is an address is not looked up. Throws the error that a guarded lookup would answer. */
export const assertHostAllowed = (hostname: string, allowed: Addresses): void => {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (allowed !== 'any' && isIP(host) !== 0 && isRefused(host, allowed)) throw new AddressRefused()
}
