import type { LookupFunction } from 'node:net'
import { guardedLookup, type Addresses, type Resolver } from './address-guard'

/** How a store's connections are made, whoever makes them. */
export interface Connection {
  addresses: Addresses
  /** PEM of the only certificate authorities that are trusted; undefined: the public ones, and those of NODE_EXTRA_CA_CERTS */
  ca: string | undefined
  /** undefined: the system's */
  resolve?: Resolver | undefined
}

export interface ConnectionOptions {
  minVersion: 'TLSv1.2'
  rejectUnauthorized: true
  ca?: string
  lookup?: LookupFunction
}

/** What of it Node's TLS is told. Said, and not left to defaults: those follow NODE_OPTIONS and NODE_TLS_REJECT_UNAUTHORIZED. */
export const connectionOptions = ({ addresses, ca, resolve }: Connection): ConnectionOptions => {
  const lookup = guardedLookup(addresses, resolve)
  return { minVersion: 'TLSv1.2', rejectUnauthorized: true, ...(ca !== undefined && { ca }), ...(lookup !== undefined && { lookup }) }
}
