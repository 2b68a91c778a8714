import type { Credentials, Key } from '@drayage/core'
import { ACCOUNT } from './s3-server/account'

export interface Attempt {
  /** as in IAM's names of actions */
  call: 's3:PutObject' | 's3:ListObjectsV2'
  /** status and error code as answered */
  answer: string
  /** whether the server no longer knows the key */
  refused: boolean
}

interface Subject {
  endpoint: string
  region: string
  bucket: string
  key: Key
  credentials: Credentials
}

/**
 * Uses a key as a holder of it would, with a client that is not ours, and says what was answered. The PUT asks for an ETag
 * that no object has: even a key that still works writes nothing.
 */
export const tryKey = async (call: Attempt['call'], subject: Subject): Promise<Attempt> => {
  const { ListObjectsV2Command, PutObjectCommand, S3Client } = await import('@aws-sdk/client-s3')
  const client = new S3Client({
    endpoint: subject.endpoint,
    region: subject.region,
    credentials: { accessKeyId: subject.credentials.accessKeyId, secretAccessKey: subject.credentials.secretAccessKey },
    forcePathStyle: true,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  })
  const Key = subject.key.toString('utf8')
  const bucket = { Bucket: subject.bucket, ExpectedBucketOwner: ACCOUNT }
  try {
    const { $metadata } =
      call === 's3:PutObject'
        ? await client.send(new PutObjectCommand({ ...bucket, Key, Body: '', ContentLength: 0, IfMatch: '"no-such-etag"' }))
        : await client.send(new ListObjectsV2Command({ ...bucket, Prefix: Key, MaxKeys: 1 }))
    return { call, answer: String($metadata.httpStatusCode), refused: false }
  } catch (error) {
    const { name, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } }
    if ($metadata?.httpStatusCode === undefined) throw error
    const answer = `${$metadata.httpStatusCode} ${name}`
    return {
      call,
      answer: name === 'NoSuchKey' ? `${answer}: it may write, and there is nothing to replace` : answer,
      refused: name === 'InvalidAccessKeyId',
    }
  } finally {
    client.destroy()
  }
}
