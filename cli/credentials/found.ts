import type { DescribeSecretCommandOutput, SecretListEntry } from '@aws-sdk/client-secrets-manager'
import { readNote, type CredentialNote } from '../../layers/core/access/credential-note'
import { FINGERPRINT_TAG, KEY_ENDING_TAG, revocationOf, tagValue, type Revocation } from '../../layers/core/access/credential-tags'
import { EXPIRES_TAG } from '../../layers/core/access/names'

/** What is known of a stored credential without reading it. */
export interface FoundCredential {
  credential: string
  arn: string | null
  /** from the tag; null: there is none */
  expiresAt: string | null
  expired: boolean
  createdAt: string | null
  fingerprint: string | null
  keyEnding: string | null
  /** what it is for, by its description; null: that is not as `put` wrote it */
  use: CredentialNote | null
  revocation: Revocation | null
  /** scheduled for deletion: it can be used no more */
  deletedAt: string | null
}

export const foundCredential = (credential: string, secret: DescribeSecretCommandOutput | SecretListEntry, now: Date): FoundCredential => {
  const { ARN, Tags, Description, CreatedDate, DeletedDate } = secret
  const expiresAt = tagValue(Tags, EXPIRES_TAG) ?? null
  return {
    credential,
    arn: ARN ?? null,
    expiresAt,
    expired: expiresAt !== null && Date.parse(expiresAt) <= now.getTime(),
    createdAt: CreatedDate?.toISOString() ?? null,
    fingerprint: tagValue(Tags, FINGERPRINT_TAG) ?? null,
    keyEnding: tagValue(Tags, KEY_ENDING_TAG) ?? null,
    use: readNote(Description) ?? null,
    revocation: revocationOf(Tags) ?? null,
    deletedAt: DeletedDate?.toISOString() ?? null,
  }
}
