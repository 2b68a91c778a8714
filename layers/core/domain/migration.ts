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

export const VERIFICATION_MODES = ['listing', 'checksum', 'reread'] as const
export type VerificationMode = (typeof VERIFICATION_MODES)[number]

/** How fast archived bytes are brought back: Amazon S3 API reference, RestoreObject. */
export const RESTORE_TIERS = ['Bulk', 'Standard', 'Expedited'] as const

/** Which of the source's objects are migrated. Everything that is left out is counted as excluded. */
export interface Selection {
  /** globs over whole source keys; [] for all */
  include: string[]
  exclude: string[]
  /** bytes, both included; null: no limit */
  minBytes: number | null
  maxBytes: number | null
  /** ISO 8601: only objects last modified at or after this; null: no limit */
  modifiedSince: string | null
  /** ISO 8601: only objects last modified before this; null: no limit */
  modifiedBefore: string | null
  /** a file of the state bucket below `inputs/` that names the keys; null: the source's own listing */
  keys: string | null
  /** the run whose failures are the keys; null: none */
  failuresOf: string | null
}

/** The classes that objects can be written to in a general purpose bucket (Amazon S3 API reference, PutObject). */
export const STORAGE_CLASSES = [
  'STANDARD',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER_IR',
  'GLACIER',
  'DEEP_ARCHIVE',
  'REDUCED_REDUNDANCY',
] as const
export type StorageClass = (typeof STORAGE_CLASSES)[number]

/** What a copy carries besides bytes, system headers and user metadata. */
export interface Carry {
  /** `keep`: the source's; a class: that one; a map: by the source's class, `*` for any other, else STANDARD */
  storageClass: 'keep' | StorageClass | Record<string, StorageClass>
  tags: boolean
  /** Object Lock's retention and legal hold */
  retention: boolean
  /** `all`: every version, oldest first, and delete markers */
  versions: 'current' | 'all'
}

/** Whether the objects come from a list of keys rather than from the source's listing. */
export const isKeyed = ({ selection: { keys, failuresOf } }: { selection: Pick<Selection, 'keys' | 'failuresOf'> }): boolean =>
  keys !== null || failuresOf !== null

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
    /** the beginning of every source key that `prefix` takes the place of; '' for none */
    replaces: string
    /** ARN of the KMS key that every object is written with; null: as the bucket encrypts by default */
    kmsKey: string | null
  }
  selection: Selection
  carry: Carry
  /** what the objects are: decides what Preflight demands of source transport and destination bucket */
  dataClassification: DataClassification
  /** regions in which the destination may stand; [] for any */
  residency: { regions: string[] }
  dryRun: boolean
  /** true: succeeds only if nothing had to be copied and everything verified */
  cutover: boolean
  verification: {
    mode: VerificationMode
    /** reread: the share of the objects that is read again, over 0 and up to 1 */
    sample: number
  }
  restore: {
    /** whether archived objects of the source are restored before they are copied */
    archived: boolean
    tier: (typeof RESTORE_TIERS)[number]
    /** how long the restored copies stay at the source */
    days: number
  }
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
