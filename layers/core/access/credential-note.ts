import { z } from 'zod'
import { isRoleCredential, type StoredCredential } from './credential'

/** Secrets Manager's limit of a description, in characters (API reference, CreateSecret). Counted here in bytes, which are never fewer. */
const DESCRIPTION_BYTES = 2048
/** What a description begins with, so that a reader of the console sees what the rest is. */
const BEGINNING = 'Drayage credential '

const bounds = z.object({ bucket: z.string(), prefix: z.string(), cut: z.literal(true).optional() })

const note = z.object({
  provider: z.string(),
  source: bounds,
  destination: bounds,
  region: z.string(),
  role: z.object({ arn: z.string(), externalId: z.string() }).optional(),
})

/**
 * What a credential may be used for, in the clear: the secret's description. For people only. What authorises is inside the secret,
 * since a description can be changed by others than who wrote it. Tags could not hold it: they take no character that a prefix may
 * not have, and 256 at most.
 */
export type CredentialNote = z.infer<typeof note>

const described = (content: CredentialNote): string => `${BEGINNING}${JSON.stringify(content)}`

/** Cut to `bytes` of UTF-8, not inside a character. */
const cutTo = (text: string, bytes: number): string => {
  let cut = ''
  for (const character of text) {
    if (Buffer.byteLength(cut + character) > bytes) break
    cut += character
  }
  return cut
}

/** The description of a credential's secret. Prefixes too long for it are cut, and say so. */
export const noteText = (credential: StoredCredential, provider: string): string => {
  const { source, destination, region } = credential
  const content: CredentialNote = { provider, source, destination, region, ...(isRoleCredential(credential) && { role: credential.role }) }
  for (let bytes = 1024; ; bytes = Math.floor(bytes / 2)) {
    const text = described({ ...content, source: shortened(source, bytes), destination: shortened(destination, bytes) })
    if (Buffer.byteLength(text) <= DESCRIPTION_BYTES || bytes === 0) return text
  }
}

const shortened = ({ bucket, prefix }: { bucket: string; prefix: string }, bytes: number): CredentialNote['source'] => {
  const cut = cutTo(prefix, bytes)
  return cut === prefix ? { bucket, prefix } : { bucket, prefix: cut, cut: true }
}

/** What a description says; undefined: it is none of ours, or somebody changed it. */
export const readNote = (description: string | undefined): CredentialNote | undefined => {
  if (!description?.startsWith(BEGINNING)) return undefined
  try {
    return note.safeParse(JSON.parse(description.slice(BEGINNING.length))).data
  } catch {
    return undefined
  }
}
