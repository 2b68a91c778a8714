import type { Carry } from '../domain/migration'
import { iamTime, literal, type Policy, type Statement } from './policy'

/**
 * How long after a run's expiry its write role can still be assumed, in ms: 24 hours. By then the permission policy allows nothing
 * but listing and aborting uploads, and that is what the dead-man schedule, which fires at the expiry, needs the role for.
 */
export const CLOSING_MS = 24 * 60 * 60 * 1000

/** Where a run's roles have rights, and until when. */
export interface Rights {
  partition: string
  region: string
  /** account that owns the destination bucket */
  account: string
  bucket: string
  prefix: string
  /** ARN of the key that the bucket encrypts with; null: none of KMS that needs a right */
  kmsKey: string | null
  /** what the copies carry: rights for nothing else */
  carry: Pick<Carry, 'tags' | 'retention' | 'versions'>
  /** whether the stage lets runs put delete markers */
  deleteMarkers: boolean
  expiresAt: Date
}

const ours = ({ account }: Rights) => ({ StringEquals: { 'aws:ResourceAccount': account } })
const untilExpiry = ({ expiresAt }: Rights) => ({ DateLessThan: { 'aws:CurrentTime': iamTime(expiresAt) } })
const bucketArn = ({ partition, bucket }: Rights): string => `arn:${partition}:s3:::${bucket}`
const objectsArn = (rights: Rights): string => `${bucketArn(rights)}/${literal(rights.prefix)}*`
const withVersions = ({ carry }: Rights): boolean => carry.versions === 'all'
const where = (asked: boolean, ...actions: string[]): string[] => (asked ? actions : [])

const listObjects = (rights: Rights): Statement => ({
  Sid: 'ListObjects',
  Effect: 'Allow',
  Action: ['s3:ListBucket', ...where(withVersions(rights), 's3:ListBucketVersions')],
  Resource: bucketArn(rights),
  Condition: {
    ...ours(rights),
    ...untilExpiry(rights),
    // A request without a prefix has no s3:prefix to compare: where the whole bucket is meant, a condition would refuse it.
    ...(rights.prefix === '' ? {} : { StringLike: { 's3:prefix': `${literal(rights.prefix)}*` } }),
  },
})

/** Uses of the key of a bucket that encrypts with KMS, through Amazon S3 alone; none without such a key. */
const useKey = (rights: Rights, Sid: string, ...Action: string[]): Statement[] => {
  if (rights.kmsKey === null) return []
  const service = `s3.${rights.region}.${rights.partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com'}`
  return [
    {
      Sid,
      Effect: 'Allow',
      Action,
      Resource: rights.kmsKey,
      Condition: { StringEquals: { 'kms:ViaService': service }, ...untilExpiry(rights) },
    },
  ]
}

/**
 * What writing an object with all that it carries takes (Service authorization reference, Amazon S3): tags and Object Lock in a
 * PUT's headers have actions of their own. DeleteObject without a version puts a delete marker, but in a bucket without versioning
 * it deletes: hence only in a run over all versions, of a stage that was deployed with `deleteMarkers`.
 */
const writeActions = (rights: Rights): string[] => [
  's3:PutObject',
  ...where(rights.carry.tags, 's3:PutObjectTagging'),
  ...where(rights.carry.retention, 's3:PutObjectRetention', 's3:PutObjectLegalHold'),
  ...where(withVersions(rights) && rights.deleteMarkers, 's3:DeleteObject'),
]

/**
 * What a run's write role may do: write below one prefix of one bucket of one account until the expiry, and list and abort
 * uploads for as long as the role exists, since that only takes away. It may not read an object, and never delete a version.
 */
export const writePolicy = (rights: Rights): Policy => ({
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'WriteObjects',
      Effect: 'Allow',
      Action: writeActions(rights),
      Resource: objectsArn(rights),
      Condition: { ...ours(rights), ...untilExpiry(rights) },
    },
    {
      Sid: 'AbortUploads',
      Effect: 'Allow',
      Action: ['s3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
      Resource: objectsArn(rights),
      Condition: ours(rights),
    },
    listObjects(rights),
    // S3 knows no s3:prefix for this action (Service authorization reference, Amazon S3).
    {
      Sid: 'ListUploads',
      Effect: 'Allow',
      Action: 's3:ListBucketMultipartUploads',
      Resource: bucketArn(rights),
      Condition: ours(rights),
    },
    // An upload in parts needs Decrypt besides (Amazon S3 user guide, "Using server-side encryption with AWS KMS keys").
    ...useKey(rights, 'EncryptObjects', 'kms:GenerateDataKey', 'kms:Decrypt'),
  ],
})

/** The settings of the destination bucket that Preflight judges, by the names of the actions that read them. */
export const SETTINGS = [
  's3:GetBucketPublicAccessBlock',
  's3:GetBucketPolicyStatus',
  's3:GetBucketPolicy',
  's3:GetEncryptionConfiguration',
  's3:GetBucketVersioning',
  's3:GetBucketLogging',
  's3:GetBucketOwnershipControls',
  's3:GetReplicationConfiguration',
  's3:GetBucketNotification',
  's3:GetBucketObjectLockConfiguration',
  's3:GetBucketLocation',
]

/**
 * What a run's verify role may do until the expiry: list and read below the prefix, and read the bucket's settings. It writes
 * nothing. GetObject is HEAD too. A HEAD of what is not there is 404 to who may list, else 403 (Amazon S3 API reference, HeadObject);
 * that a right to list which a condition binds to a prefix counts there is not documented (docs/decisions/nothing-deletes.md).
 */
export const verifyPolicy = (rights: Rights): Policy => ({
  Version: '2012-10-17',
  Statement: [
    listObjects(rights),
    {
      Sid: 'ReadObjects',
      Effect: 'Allow',
      Action: [
        's3:GetObject',
        ...where(withVersions(rights), 's3:GetObjectVersion'),
        ...where(rights.carry.tags, 's3:GetObjectTagging'),
        ...where(rights.carry.tags && withVersions(rights), 's3:GetObjectVersionTagging'),
      ],
      Resource: objectsArn(rights),
      Condition: { ...ours(rights), ...untilExpiry(rights) },
    },
    ...useKey(rights, 'DecryptObjects', 'kms:Decrypt'),
    {
      Sid: 'ReadSettings',
      Effect: 'Allow',
      Action: SETTINGS,
      Resource: bucketArn(rights),
      Condition: { ...ours(rights), ...untilExpiry(rights) },
    },
  ],
})

/** Who may assume a run's role, and how: the named functions' roles, with the run's id as external id, until a time. */
export const trustPolicy = (trustedRoleArns: readonly string[], runId: string, until: Date): Policy => ({
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'TrustedFunctions',
      Effect: 'Allow',
      Principal: { AWS: [...trustedRoleArns] },
      Action: 'sts:AssumeRole',
      Condition: { StringEquals: { 'sts:ExternalId': runId }, DateLessThan: { 'aws:CurrentTime': iamTime(until) } },
    },
  ],
})
