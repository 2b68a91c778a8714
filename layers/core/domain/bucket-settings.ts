import type { Call } from './object-store'

/** What a store answered to one question about a bucket. `unknown`: why there is no answer; `code`: the store's own word for it. */
export type Answer<T> = { value: T } | { unknown: string; code?: string }

/** The four switches of Block Public Access. */
export interface PublicAccessBlock {
  BlockPublicAcls: boolean
  IgnorePublicAcls: boolean
  BlockPublicPolicy: boolean
  RestrictPublicBuckets: boolean
}

/**
 * The settings of a destination bucket, as far as Preflight judges them. "Not configured" is a value; a question that was refused
 * or that the store does not know is unknown.
 */
export interface BucketSettings {
  region: Answer<string>
  publicAccessBlock: Answer<PublicAccessBlock>
  /** whether Amazon S3 calls the bucket's policy public; no policy: false */
  publicPolicy: Answer<boolean>
  /** the bucket policy's JSON; null: none */
  policy: Answer<string | null>
  /** default encryption: AES256, aws:kms or aws:kms:dsse, and the key as it was configured (null: the AWS managed one); null: none */
  encryption: Answer<{ algorithm: string; key: string | null } | null>
  versioning: Answer<'Enabled' | 'Suspended' | 'never enabled'>
  mfaDelete: Answer<boolean>
  /** bucket that the access log goes to; null: none */
  accessLog: Answer<string | null>
  /** BucketOwnerEnforced: ACLs are off */
  ownership: Answer<string>
  /** buckets that enabled replication rules copy to */
  replication: Answer<string[]>
  /** what hears of new objects: ARNs, or `EventBridge` */
  notifications: Answer<string[]>
  /** `retention`: every new object is locked by default */
  objectLock: Answer<'none' | 'no default retention' | 'retention'>
}

export interface SettingsReader {
  /**
   * Asks a bucket for its settings, reading only. Throws StoreUnavailable, StoreThrottled, EndpointUnreachable, CredentialsRefused
   * and NoSuchBucket; any other refusal is an unknown answer.
   */
  settings(call?: Call): Promise<BucketSettings>
}
