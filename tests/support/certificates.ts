import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'

/** A certificate with its key, both PEM. */
export interface Certified {
  certificate: string
  key: string
}

const der = (tag: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body])
  const digits = body.length.toString(16)
  const length = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex')
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body])
}

const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts)
const integer = (bytes: Buffer): Buffer => der(0x02, bytes)
const object = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))
const octets = (...parts: Buffer[]): Buffer => der(0x04, ...parts)
const bits = (bytes: Buffer): Buffer => der(0x03, Buffer.from([0]), bytes)
const YES = der(0x01, Buffer.from([0xff]))

const ECDSA_SHA256 = sequence(object('2a8648ce3d040302'))
const COMMON_NAME = '550403'
const BASIC_CONSTRAINTS = '551d13'
const ALTERNATIVE_NAMES = '551d11'

const nameOf = (text: string): Buffer => sequence(der(0x31, sequence(object(COMMON_NAME), der(0x0c, Buffer.from(text)))))

const utc = (time: Date): Buffer =>
  der(
    0x17,
    Buffer.from(
      `${time
        .toISOString()
        .replace(/[-:T]|\.\d+/g, '')
        .slice(2)}`,
    ),
  )

/** dNSName or iPAddress (RFC 5280, section 4.2.1.6). */
const alternative = (host: string): Buffer =>
  isIP(host) === 4 ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host))

const HOUR_MS = 3_600_000

const issue = (subject: string, hosts: readonly string[], issuer: { name: string; key: KeyObject } | undefined) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const extensions = [
    ...(hosts.length === 0 ? [sequence(object(BASIC_CONSTRAINTS), YES, octets(sequence(YES)))] : []),
    ...(hosts.length > 0 ? [sequence(object(ALTERNATIVE_NAMES), octets(sequence(...hosts.map(alternative))))] : []),
  ]
  const content = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    nameOf(issuer?.name ?? subject),
    sequence(utc(new Date(Date.now() - HOUR_MS)), utc(new Date(Date.now() + 24 * HOUR_MS))),
    nameOf(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  )
  const signature = sign('sha256', content, issuer?.key ?? privateKey)
  const bytes = sequence(content, ECDSA_SHA256, bits(signature))
  const lines = bytes
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n')
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    privateKey,
  }
}

/** A certificate for these hosts that vouches for itself. */
export const selfSigned = (...hosts: string[]): Certified => issue('self-signed', hosts, undefined)

/** An authority, made for a test and known to nobody, and what it certifies. */
export const certificateAuthority = (name: string): { certificate: string; certify(...hosts: string[]): Certified } => {
  const { certificate, privateKey } = issue(name, [], undefined)
  return { certificate, certify: (...hosts) => issue('leaf', hosts, { name, key: privateKey }) }
}
