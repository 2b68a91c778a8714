import { createHash } from 'node:crypto'
import { isRoleCredential, type StoredCredential } from './credential'
import { EXPIRES_TAG } from './names'

/** Tags of a secret besides its expiry: what can be said of a credential without reading it. Nothing here authorises anything. */
export const FINGERPRINT_TAG = 'drayage:fingerprint'
export const KEY_ENDING_TAG = 'drayage:key-ending'
const REVOKE_USER_TAG = 'drayage:revoke-user'
const REVOKE_ROLE_TAG = 'drayage:revoke-role'
const REVOKE_EXTERNAL_ID_TAG = 'drayage:revoke-external-id'

/** Who ends the access key at the source, where that is to be done (`credentials.revokeAtSource`). */
export interface Revocation {
  /** IAM user of the source's account that owns the key, without its path */
  user: string
  /** ARN of the role in the source's account that may end that user's keys */
  role: string
  externalId: string
}

export interface SecretTag {
  Key: string
  Value: string
}

/** First 16 hex digits of the SHA-256 of an access key id: tells two keys apart and gives none away. */
export const fingerprintOf = (accessKeyId: string): string => createHash('sha256').update(accessKeyId).digest('hex').slice(0, 16)

/** The last 4 characters say which key is meant; of a short id they would say too much of it. */
const ENDING_FROM = 16

export const tagsOf = (credential: StoredCredential, revocation: Revocation | undefined): SecretTag[] => {
  const tags: SecretTag[] = [{ Key: EXPIRES_TAG, Value: credential.expiresAt }]
  if (!isRoleCredential(credential)) {
    tags.push({ Key: FINGERPRINT_TAG, Value: fingerprintOf(credential.accessKeyId) })
    if (credential.accessKeyId.length >= ENDING_FROM) tags.push({ Key: KEY_ENDING_TAG, Value: credential.accessKeyId.slice(-4) })
  }
  if (revocation !== undefined)
    tags.push(
      { Key: REVOKE_USER_TAG, Value: revocation.user },
      { Key: REVOKE_ROLE_TAG, Value: revocation.role },
      { Key: REVOKE_EXTERNAL_ID_TAG, Value: revocation.externalId },
    )
  return tags
}

/** As a service returns them. */
export type FoundTags = readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined

export const tagValue = (tags: FoundTags, key: string): string | undefined => tags?.find(({ Key }) => Key === key)?.Value

/** Throws nothing: undefined if one of the three tags is missing. */
export const revocationOf = (tags: FoundTags): Revocation | undefined => {
  const user = tagValue(tags, REVOKE_USER_TAG)
  const role = tagValue(tags, REVOKE_ROLE_TAG)
  const externalId = tagValue(tags, REVOKE_EXTERNAL_ID_TAG)
  return user && role && externalId ? { user, role, externalId } : undefined
}

/** The access key of a secret in words that give none of it away: `…ABCD (fingerprint 0123456789abcdef)`; undefined: it holds no key. */
export const keyInWords = (tags: FoundTags): string | undefined => {
  const fingerprint = tagValue(tags, FINGERPRINT_TAG)
  if (fingerprint === undefined) return undefined
  const ending = tagValue(tags, KEY_ENDING_TAG)
  return `${ending === undefined ? '' : `…${ending} `}(fingerprint ${fingerprint})`
}
