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
  expiresAt: Date
}

const ours = ({ account }: Rights) => ({ StringEquals: { 'aws:ResourceAccount': account } })
const untilExpiry = ({ expiresAt }: Rights) => ({ DateLessThan: { 'aws:CurrentTime': iamTime(expiresAt) } })
const bucketArn = ({ partition, bucket }: Rights): string => `arn:${partition}:s3:::${bucket}`

const listObjects = (rights: Rights): Statement => ({
  Sid: 'ListObjects',
  Effect: 'Allow',
  Action: 's3:ListBucket',
  Resource: bucketArn(rights),
  Condition: {
    ...ours(rights),
    ...untilExpiry(rights),
    // A request without a prefix has no s3:prefix to compare: where the whole bucket is meant, a condition would refuse it.
    ...(rights.prefix === '' ? {} : { StringLike: { 's3:prefix': `${literal(rights.prefix)}*` } }),
  },
})

/** Writing to a bucket that encrypts with KMS, in one PUT or in parts (Amazon S3 user guide, "Using server-side encryption with AWS KMS keys"). */
const encrypt = (rights: Rights, key: string): Statement => ({
  Sid: 'EncryptObjects',
  Effect: 'Allow',
  Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
  Resource: key,
  Condition: {
    StringEquals: { 'kms:ViaService': `s3.${rights.region}.${rights.partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com'}` },
    ...untilExpiry(rights),
  },
})

/**
 * What a run's write role may do: write below one prefix of one bucket of one account until the expiry, and list and abort
 * uploads for as long as the role exists, since that only takes away. It may neither read nor delete an object.
 */
export const writePolicy = (rights: Rights): Policy => {
  const objects = `${bucketArn(rights)}/${literal(rights.prefix)}*`
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'WriteObjects',
        Effect: 'Allow',
        Action: 's3:PutObject',
        Resource: objects,
        Condition: { ...ours(rights), ...untilExpiry(rights) },
      },
      {
        Sid: 'AbortUploads',
        Effect: 'Allow',
        Action: ['s3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
        Resource: objects,
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
      ...(rights.kmsKey === null ? [] : [encrypt(rights, rights.kmsKey)]),
    ],
  }
}

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

/** What a run's verify role may do until the expiry: list below the prefix and read the bucket's settings. No object is read or written. */
export const verifyPolicy = (rights: Rights): Policy => ({
  Version: '2012-10-17',
  Statement: [
    listObjects(rights),
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
