import type { ProviderName } from './providers'

/** Where objects come from or go to. */
export interface Place {
  bucket: string
  /** literal beginning of keys, '' for all; never joined with a separator */
  prefix: string
  region: string
  /** one-machine runtime only: a URL, or `embedded`; null: Amazon S3 of the region */
  endpoint: string | null
  /** one-machine runtime only: the AWS profile that holds the credentials; null: environment, then the default profile */
  profile: string | null
}

/** The four levels of the cloud migration guide, from no harm to the most. */
export const DATA_CLASSIFICATIONS = ['public', 'internal', 'confidential', 'restricted'] as const
export type DataClassification = (typeof DATA_CLASSIFICATIONS)[number]

/**
 * The parsed request, frozen: written by ValidateRequest, read by every other state. All defaults are set where it is made
 * (`request.ts`) and nowhere else. It holds references and counters: no keys, no credentials.
 */
export interface Migration {
  /** name of the execution, [A-Za-z0-9_-]{1,80} */
  runId: string
  /** the execution's ARN, or the local engine's id of it */
  executionId: string
  /** ISO 8601: when the request was parsed */
  startedAt: string
  /** name of the source–destination pair: 32 hex digits */
  pair: string
  source: Place & {
    provider: ProviderName
    /** AWS only: the name of the secret that holds endpoint, region and keys */
    credential: string | null
  }
  destination: Place & {
    /** the account that owns the bucket, 12 digits: sent as ExpectedBucketOwner with every call; null: not known (one machine only) */
    account: string | null
    /** ARN of the KMS key that the bucket encrypts with by default; null: none of KMS, or the AWS managed key */
    kmsKey: string | null
  }
  /** what the objects are: decides what Preflight demands of source transport and destination bucket */
  dataClassification: DataClassification
  /** regions in which the destination may stand; [] for any */
  residency: { regions: string[] }
  dryRun: boolean
  verification: { mode: 'listing' }
  credentials: {
    after: 'verified' | 'always' | 'expiry'
    /** Amazon S3 sources: the access key itself is made inactive and deleted before our copy of it is */
    revokeAtSource: boolean
  }
  access: {
    /** ISO 8601: from then on every temporary right has ended by itself */
    expiresAt: string
  }
  limits: {
    /** copiers and verifiers side by side */
    batches: number
    /** large objects side by side */
    largeObjects: number
    /** percent of the children that may fail before a Map stops; a failed child always fails the run */
    toleratedFailures: number
    /** objects a shard, at most */
    batchObjects: number
    /** bytes a shard, at most, unless its one object is larger */
    batchBytes: number
    /** objects of at least this many bytes are copied in parts by CopyLargeObjects */
    largeObjectBytes: number
    /** US$ the run may be estimated at; null: any */
    costUsd: number | null
  }
  /** prefixes in the state bucket that the Maps read */
  shards: { batches: string; large: string }
}
