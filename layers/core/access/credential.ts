import { z } from 'zod'
import { CredentialNotForThisMigration, CredentialsRefused } from '../domain/errors'
import { hasPrefix } from '../domain/keys'
import type { Migration } from '../domain/migration'
import { endpointProblem } from './endpoint'

const bounds = z.strictObject({ bucket: z.string().min(1), prefix: z.string() })

const stored = z.strictObject({
  endpoint: z.string(),
  region: z.string().min(1),
  accessKeyId: z.string().min(1),
  secretAccessKey: z.string().min(1),
  sessionToken: z.string().min(1).optional(),
  source: bounds,
  destination: bounds,
  expiresAt: z.iso.datetime({ offset: true }),
})

/** What a secret holds: with what to reach a source, and what that may be used for. */
export type StoredCredential = z.infer<typeof stored>

/** The fields an error may name: any other path could hold a piece of the secret. */
const NAMEABLE = new Set([...Object.keys(stored.shape), ...Object.keys(bounds.shape)])

/**
 * Reads a secret's text. Throws CredentialsRefused, which names the secret and its wrong fields and nothing of their content;
 * the parsers' own errors are not kept as causes, since JSON.parse quotes the text.
 */
export const parseCredential = (name: string, text: string): StoredCredential => {
  const parsed = stored.safeParse(jsonOrUndefined(text))
  if (!parsed.success) {
    const fields = parsed.error.issues.map(({ path }) => path.filter((part) => NAMEABLE.has(String(part))).join('.') || 'its form')
    throw new CredentialsRefused(`secret ${name}: not as \`credentials put\` writes it: ${[...new Set(fields)].join(', ')}`)
  }
  const problem = endpointProblem(parsed.data.endpoint)
  if (problem !== undefined) throw new CredentialsRefused(`secret ${name}: its endpoint ${problem}`)
  return parsed.data
}

const jsonOrUndefined = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Throws CredentialNotForThisMigration unless both sides lie within the secret's bounds and it has not expired. */
export const assertWithinBounds = (name: string, credential: StoredCredential, migration: Migration, now: Date): void => {
  const problems = (['source', 'destination'] as const).flatMap((side) => sideProblems(side, credential[side], migration[side]))
  if (now.getTime() >= Date.parse(credential.expiresAt)) problems.push(`it expired at ${credential.expiresAt}`)
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
