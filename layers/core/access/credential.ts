import { X509Certificate } from 'node:crypto'
import { z } from 'zod'
import { CredentialNotForThisMigration, CredentialsRefused } from '../domain/errors'
import { hasPrefix } from '../domain/keys'
import type { Migration } from '../domain/migration'
import { OVERLAP, overlaps } from '../domain/overlap'
import { endpointProblem } from './endpoint'

/** Longest life of a stored credential, in days. */
export const MAX_DAYS = 30
const DAY_MS = 24 * 60 * 60 * 1000
/** The clock of who stored a credential and of who reads it may differ by this much, in ms, without its expiry being beyond the cap. */
const CLOCKS_MS = 15 * 60 * 1000

const bounds = z.strictObject({ bucket: z.string().min(1), prefix: z.string() })
/** IAM user guide, "Identifiers": a role's ARN with its path. */
export const ROLE_ARN = /^arn:(aws[a-z-]*):iam::(\d{12}):role\/[\w+=,.@/-]{1,576}$/
/** AssumeRole's own rule for an ExternalId (STS API reference). */
const EXTERNAL_ID = /^[\w+=,.@:/-]{2,1224}$/

const use = {
  region: z.string().min(1),
  source: bounds,
  destination: bounds,
  expiresAt: z.iso.datetime({ offset: true }),
}

const withKeys = z.strictObject({
  ...use,
  endpoint: z.string(),
  accessKeyId: z.string().min(1),
  secretAccessKey: z.string().min(1),
  sessionToken: z.string().min(1).optional(),
  ca: z.string().min(1).optional(),
})

const role = z.strictObject({ arn: z.string().regex(ROLE_ARN), externalId: z.string().regex(EXTERNAL_ID) })
const withRole = z.strictObject({ ...use, role })

export type KeyCredential = z.infer<typeof withKeys>
/** Amazon S3 by a role of the source's account: there is no key to keep or to revoke. */
export type RoleCredential = z.infer<typeof withRole>
/** What a secret holds: with what to reach a source, and what that may be used for. */
export type StoredCredential = KeyCredential | RoleCredential

export const isRoleCredential = (credential: StoredCredential): credential is RoleCredential => 'role' in credential

/** The fields an error may name: any other path could hold a piece of the secret. */
const NAMEABLE = new Set([
  ...Object.keys(withKeys.shape),
  ...Object.keys(withRole.shape),
  ...Object.keys(bounds.shape),
  ...Object.keys(role.shape),
])

/**
 * Reads a secret's text. Throws CredentialsRefused, which names the secret and its wrong fields and nothing of their content;
 * the parsers' own errors are not kept as causes, since JSON.parse quotes the text.
 */
export const parseCredential = (name: string, text: string): StoredCredential => {
  const content = jsonOrUndefined(text)
  const schema = typeof content === 'object' && content !== null && 'role' in content ? withRole : withKeys
  const parsed = schema.safeParse(content)
  if (!parsed.success) {
    const fields = parsed.error.issues.map(({ path }) => path.filter((part) => NAMEABLE.has(String(part))).join('.') || 'its form')
    throw new CredentialsRefused(`secret ${name}: not as \`credentials put\` writes it: ${[...new Set(fields)].join(', ')}`)
  }
  if (isRoleCredential(parsed.data)) return parsed.data
  const problem = endpointProblem(parsed.data.endpoint)
  if (problem !== undefined) throw new CredentialsRefused(`secret ${name}: its endpoint ${problem}`)
  const wrongCa = parsed.data.ca === undefined ? undefined : caProblem(parsed.data.ca)
  if (wrongCa !== undefined) throw new CredentialsRefused(`secret ${name}: its ca ${wrongCa}`)
  return parsed.data
}

const jsonOrUndefined = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What is wrong with a PEM of certificate authorities, in words that do not repeat it; undefined: nothing. */
export const caProblem = (pem: string): string | undefined => {
  if (pem.includes('PRIVATE KEY')) return 'holds a private key; only certificates belong there'
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  if (certificates.length === 0) return 'holds no certificate in PEM form'
  try {
    for (const certificate of certificates) new X509Certificate(certificate)
    return undefined
  } catch {
    return 'holds a certificate that cannot be read'
  }
}

/** What is wrong with an expiry, seen from now; undefined: nothing. */
export const expiryProblem = (expiresAt: string, now: Date): string | undefined => {
  const end = Date.parse(expiresAt)
  if (now.getTime() >= end) return `it expired at ${expiresAt}`
  return end - now.getTime() > MAX_DAYS * DAY_MS + CLOCKS_MS ? `it expires at ${expiresAt}, over the cap of ${MAX_DAYS} days` : undefined
}

/**
 * Throws CredentialNotForThisMigration unless both sides lie within the secret's bounds, are not the same objects, and its expiry is ahead
 * and below the cap.
 */
export const assertWithinBounds = (name: string, credential: StoredCredential, migration: Migration, now: Date): void => {
  const problems = (['source', 'destination'] as const).flatMap((side) => sideProblems(side, credential[side], migration[side]))
  const reached = { region: credential.region, endpoint: isRoleCredential(credential) ? null : credential.endpoint }
  if (overlaps({ source: { ...migration.source, ...reached }, destination: migration.destination }))
    problems.push(`destination.bucket ${OVERLAP}`)
  const expiry = expiryProblem(credential.expiresAt, now)
  if (expiry !== undefined) problems.push(expiry)
  if (problems.length > 0) throw new CredentialNotForThisMigration(`secret ${name} is not for this migration: ${problems.join('; ')}`)
}

interface Bounds {
  bucket: string
  prefix: string
}

const sideProblems = (side: string, allowed: Bounds, asked: Bounds): string[] => {
  if (asked.bucket !== allowed.bucket) return [`${side}.bucket is another one`]
  return hasPrefix(Buffer.from(asked.prefix), Buffer.from(allowed.prefix)) ? [] : [`${side}.prefix lies outside its bounds`]
}
