/** A range of addresses that no object store of another owner has. */
export interface SpecialRange {
  address: string
  bits: number
  family: 'ipv4' | 'ipv6'
  /** a network of an owner's own (RFC 1918), which a VPC may lead to; never loopback, link-local or metadata */
  private: boolean
}

const v4 = (address: string, bits: number, isPrivate = false): SpecialRange => ({ address, bits, family: 'ipv4', private: isPrivate })
const v6 = (address: string, bits: number): SpecialRange => ({ address, bits, family: 'ipv6', private: false })

/**
 * IANA special-purpose registries. Of IPv6's own local addresses none is private in the sense above: a metadata service
 * (fd00:ec2::254) lies among them. An IPv4 address in IPv6 clothes (::ffff:a.b.c.d) is checked as the IPv4 address.
 */
export const SPECIAL_RANGES: readonly SpecialRange[] = [
  v4('0.0.0.0', 8),
  v4('10.0.0.0', 8, true),
  v4('100.64.0.0', 10),
  v4('127.0.0.0', 8),
  v4('169.254.0.0', 16),
  v4('172.16.0.0', 12, true),
  v4('192.0.0.0', 24),
  v4('192.168.0.0', 16, true),
  v4('198.18.0.0', 15),
  v4('224.0.0.0', 3),
  v6('::', 96),
  v6('64:ff9b::', 96),
  v6('64:ff9b:1::', 48),
  v6('2001::', 32),
  v6('2002::', 16),
  v6('fc00::', 7),
  v6('fe80::', 10),
  v6('fec0::', 10),
  v6('ff00::', 8),
]
