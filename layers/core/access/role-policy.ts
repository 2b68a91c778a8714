import { iamTime, literal, type Policy } from './policy'

/**
 * How long after a run's expiry its role can still be assumed, in ms: 24 hours. By then the permission policy allows nothing but
 * listing and aborting uploads, and that is what the dead-man schedule, which fires at the expiry, needs the role for.
 */
const CLOSING_MS = 24 * 60 * 60 * 1000

export interface WriteRights {
  partition: string
  /** account that owns the destination bucket */
  account: string
  bucket: string
  prefix: string
  expiresAt: Date
}

/**
 * What a run's role may do: write below one prefix of one bucket of one account until the expiry, and list and abort
 * uploads for as long as the role exists, since that only takes away. It may neither read nor delete an object.
 */
export const permissionPolicy = ({ partition, account, bucket, prefix, expiresAt }: WriteRights): Policy => {
  const bucketArn = `arn:${partition}:s3:::${bucket}`
  const objects = `${bucketArn}/${literal(prefix)}*`
  const ours = { StringEquals: { 'aws:ResourceAccount': account } }
  const untilExpiry = { DateLessThan: { 'aws:CurrentTime': iamTime(expiresAt) } }
  // A request without a prefix has no s3:prefix to compare: where the whole bucket is meant, a condition would refuse it.
  const belowPrefix = prefix === '' ? {} : { StringLike: { 's3:prefix': `${literal(prefix)}*` } }
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'WriteObjects', Effect: 'Allow', Action: 's3:PutObject', Resource: objects, Condition: { ...ours, ...untilExpiry } },
      {
        Sid: 'AbortUploads',
        Effect: 'Allow',
        Action: ['s3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
        Resource: objects,
        Condition: ours,
      },
      {
        Sid: 'ListObjects',
        Effect: 'Allow',
        Action: 's3:ListBucket',
        Resource: bucketArn,
        Condition: { ...ours, ...untilExpiry, ...belowPrefix },
      },
      // S3 knows no s3:prefix for this action (Service authorization reference, Amazon S3).
      { Sid: 'ListUploads', Effect: 'Allow', Action: 's3:ListBucketMultipartUploads', Resource: bucketArn, Condition: ours },
    ],
  }
}

/** Who may assume a run's role: the named functions' roles, until CLOSING_MS after the expiry. */
export const trustPolicy = (trustedRoleArns: readonly string[], expiresAt: Date): Policy => ({
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'TrustedFunctions',
      Effect: 'Allow',
      Principal: { AWS: [...trustedRoleArns] },
      Action: 'sts:AssumeRole',
      Condition: { DateLessThan: { 'aws:CurrentTime': iamTime(new Date(expiresAt.getTime() + CLOSING_MS)) } },
    },
  ],
})

/** Session policy of the verifier: of what the role may do, only listing objects. */
export const listOnlyPolicy = ({ partition, bucket }: Pick<WriteRights, 'partition' | 'bucket'>): Policy => ({
  Version: '2012-10-17',
  Statement: [{ Sid: 'ListOnly', Effect: 'Allow', Action: 's3:ListBucket', Resource: `arn:${partition}:s3:::${bucket}` }],
})
