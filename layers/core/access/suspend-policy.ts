import type { Policy } from './policy'

/**
 * Takes everything away at once, also from sessions that are already out, except what Cleanup still needs the role for. It has
 * no condition: one on aws:TokenIssueTime would let a copier assume the role again.
 */
export const suspendPolicy = (): Policy => ({
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'Suspended',
      Effect: 'Deny',
      NotAction: ['s3:ListBucketMultipartUploads', 's3:ListMultipartUploadParts', 's3:AbortMultipartUpload'],
      Resource: '*',
    },
  ],
})
