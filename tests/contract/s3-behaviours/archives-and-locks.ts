import * as S3 from '@aws-sdk/client-s3'
import { Differs, group, md5Etag, refused, same, type Place } from './behaviour'

const ARCHIVES = 'Working with archived objects'
const LOCKS = 'How S3 Object Lock works'
const KMS = 'Using server-side encryption with AWS KMS keys (SSE-KMS)'

const restore = (at: Place, Key: string, RestoreRequest: S3.RestoreRequest) =>
  at.client.send(new S3.RestoreObjectCommand({ Bucket: at.bucket, Key, RestoreRequest }))

/** A bucket with Object Lock beside this one, and its verbs. */
const locked = async (at: Place) => {
  const Bucket = `${at.bucket}-locked`
  await at.client.send(new S3.CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }))
  return {
    Bucket,
    put: (more: Partial<S3.PutObjectCommandInput>) =>
      at.client.send(new S3.PutObjectCommand({ Bucket, Key: 'a', Body: 'x', ChecksumAlgorithm: 'CRC32', ...more })),
    head: () => at.client.send(new S3.HeadObjectCommand({ Bucket, Key: 'a' })),
    remove: (VersionId?: string) => at.client.send(new S3.DeleteObjectCommand({ Bucket, Key: 'a', VersionId })),
  }
}

const inAnHour = (): Date => new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000)

export const archivesAndLocks = group('archives, locks and keys of encryption', [
  [
    'an archived object is told by HEAD and refused by GET and as the source of a copy',
    async (at) => {
      await at.put('a', 'x', { StorageClass: 'GLACIER' })
      same('HEAD', (await at.head('a')).StorageClass, 'GLACIER')
      await refused('GET', at.get('a'), '403 InvalidObjectState')
      await refused('copy', at.copy('b', 'a'), 403)
    },
    ARCHIVES,
  ],
  [
    'RestoreObject of an archived object is 202, and HEAD says that it was asked for',
    async (at) => {
      await at.put('a', 'x', { StorageClass: 'DEEP_ARCHIVE' })
      same('before', (await at.head('a')).Restore, undefined)
      same('status', (await restore(at, 'a', { Days: 1, GlacierJobParameters: { Tier: 'Bulk' } })).$metadata.httpStatusCode, 202)
      const said = (await at.head('a')).Restore ?? 'nothing'
      if (!/^ongoing-request="(true|false", expiry-date="[^"]+ 00:00:00 GMT)"$/.test(said))
        throw new Differs('HEAD: no x-amz-restore of S3’s form')
    },
    'RestoreObject',
  ],
  [
    'RestoreObject of an object in no archive is refused',
    async (at) => {
      await at.put('a')
      await refused('restore', restore(at, 'a', { Days: 1 }), '403 InvalidObjectState')
      await refused('of no object', restore(at, 'b', { Days: 1 }), '404 NoSuchKey')
    },
    'RestoreObject',
  ],
  [
    'RestoreObject refuses Expedited from DEEP_ARCHIVE',
    async (at) => {
      await at.put('a', 'x', { StorageClass: 'DEEP_ARCHIVE' })
      await refused('restore', restore(at, 'a', { Days: 1, GlacierJobParameters: { Tier: 'Expedited' } }), '4xx')
    },
    'Archive retrieval options',
  ],
  [
    'a bucket made with Object Lock says so and keeps versions for good',
    async (at) => {
      const { Bucket } = await locked(at)
      const { ObjectLockConfiguration } = await at.client.send(new S3.GetObjectLockConfigurationCommand({ Bucket }))
      same('lock', ObjectLockConfiguration?.ObjectLockEnabled, 'Enabled')
      same('versioning', (await at.client.send(new S3.GetBucketVersioningCommand({ Bucket }))).Status, 'Enabled')
      const suspend = new S3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Suspended' } })
      await refused('suspending it', at.client.send(suspend), '409 InvalidBucketState')
    },
    LOCKS,
  ],
  [
    'a bucket without Object Lock says so and refuses a lock',
    async (at) => {
      const asked = at.client.send(new S3.GetObjectLockConfigurationCommand({ Bucket: at.bucket }))
      await refused('configuration', asked, '404 ObjectLockConfigurationNotFoundError')
      const lock = { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: inAnHour(), ChecksumAlgorithm: 'CRC32' } as const
      await refused('PUT', at.put('a', 'x', lock), '400 InvalidRequest')
    },
    LOCKS,
  ],
  [
    'a retention and a legal hold that are given with PUT are told by HEAD',
    async (at) => {
      const bucket = await locked(at)
      const until = inAnHour()
      await bucket.put({ ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: until, ObjectLockLegalHoldStatus: 'ON' })
      const { ObjectLockMode, ObjectLockRetainUntilDate, ObjectLockLegalHoldStatus } = await bucket.head()
      same(
        'HEAD',
        [ObjectLockMode, ObjectLockRetainUntilDate?.getTime() === until.getTime(), ObjectLockLegalHoldStatus],
        ['GOVERNANCE', true, 'ON'],
      )
    },
    'PutObject',
  ],
  [
    'a locked version is not deleted; a delete marker is put all the same',
    async (at) => {
      const bucket = await locked(at)
      const { VersionId } = await bucket.put({ ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: inAnHour() })
      await refused('DELETE of the version', bucket.remove(VersionId), '403 AccessDenied')
      same('DELETE', (await bucket.remove()).DeleteMarker, true)
    },
    LOCKS,
  ],
  [
    'a key of encryption that is given with PUT is told again, and the ETag is no MD5',
    async (at) => {
      const kms = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'arn:aws:kms:us-east-1:000000000000:key/k' } as const
      const put = await at.put('a', 'x', kms)
      const head = await at.head('a')
      for (const [what, said] of [
        ['PUT', put],
        ['HEAD', head],
      ] as const)
        same(what, [said.ServerSideEncryption, said.SSEKMSKeyId], [kms.ServerSideEncryption, kms.SSEKMSKeyId])
      same('HEAD’s ETag', head.ETag === put.ETag, true)
      if (put.ETag === md5Etag('x')) throw new Differs('ETag: the MD5')
    },
    KMS,
  ],
])
