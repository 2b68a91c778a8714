import {
  CreateBucketCommand,
  DeleteBucketEncryptionCommand,
  DeleteBucketOwnershipControlsCommand,
  DeleteBucketPolicyCommand,
  DeletePublicAccessBlockCommand,
  PutBucketAclCommand,
  PutBucketEncryptionCommand,
  PutBucketLoggingCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketReplicationCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  PutPublicAccessBlockCommand,
  S3Client,
  type PublicAccessBlockConfiguration,
  type ServerSideEncryptionByDefault,
} from '@aws-sdk/client-s3'
import { s3Store } from '@drayage/core'
import { destinationChecks, type Check } from '../../layers/core/domain/bucket-checks'
import { DATA_CLASSIFICATIONS, type DataClassification } from '../../layers/core/domain/migration'
import { cleanPolicy, KEY, migrationFor, REGION } from '../support/clean-bucket'
import { describeWithMoto, startMoto, type Moto } from '../support/moto'

const ON: PublicAccessBlockConfiguration = {
  BlockPublicAcls: true,
  IgnorePublicAcls: true,
  BlockPublicPolicy: true,
  RestrictPublicBuckets: true,
}

describeWithMoto('the settings of a bucket in moto, as a run asks for them', () => {
  let moto: Moto
  let s3: S3Client
  let made = 0

  beforeAll(async () => {
    moto = await startMoto()
    s3 = new S3Client({ ...moto.settings, region: REGION, forcePathStyle: true })
    // Access logs are delivered by ACL in moto.
    await s3.send(new CreateBucketCommand({ Bucket: 'acme-logs', CreateBucketConfiguration: { LocationConstraint: REGION } }))
    await s3.send(
      new PutBucketAclCommand({
        Bucket: 'acme-logs',
        AccessControlPolicy: {
          Owner: { ID: '75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a' },
          Grants: (['WRITE', 'READ_ACP'] as const).map((Permission) => ({
            Grantee: { Type: 'Group', URI: 'http://acs.amazonaws.com/groups/s3/LogDelivery' },
            Permission,
          })),
        },
      }),
    )
  })

  afterAll(async () => {
    s3?.destroy()
    await moto?.stop()
  })

  const encrypt = (Bucket: string, ApplyServerSideEncryptionByDefault: ServerSideEncryptionByDefault) =>
    s3.send(
      new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules: [{ ApplyServerSideEncryptionByDefault }] } }),
    )

  /** A new bucket that satisfies the class. */
  const cleanBucket = async (classification: DataClassification): Promise<string> => {
    const Bucket = `acme-${classification}-${made++}`
    await s3.send(
      new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true, CreateBucketConfiguration: { LocationConstraint: REGION } }),
    )
    await s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: ON }))
    await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify(cleanPolicy(Bucket)) }))
    await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }))
    await s3.send(
      new PutBucketLoggingCommand({ Bucket, BucketLoggingStatus: { LoggingEnabled: { TargetBucket: 'acme-logs', TargetPrefix: '' } } }),
    )
    await s3.send(
      new PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] } }),
    )
    await s3.send(
      new PutObjectLockConfigurationCommand({
        Bucket,
        ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } } },
      }),
    )
    const byClass: Record<DataClassification, ServerSideEncryptionByDefault> = {
      public: { SSEAlgorithm: 'AES256' },
      internal: { SSEAlgorithm: 'AES256' },
      confidential: { SSEAlgorithm: 'aws:kms' },
      restricted: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: KEY },
    }
    await encrypt(Bucket, byClass[classification])
    return Bucket
  }

  const checksOf = async (classification: DataClassification, bucket: string): Promise<Check[]> => {
    const store = s3Store({
      bucket,
      provider: 'minio',
      reach: { endpoint: moto.endpoint, region: REGION, credentials: async () => moto.settings.credentials },
    })
    try {
      return destinationChecks(migrationFor(classification, { bucket }), await store.settings())
    } finally {
      await store.close()
    }
  }

  /** moto has no GetBucketPolicyStatus: it answers with a listing, which is no answer. Everything else it knows. */
  const notFine = (checks: readonly Check[]): string[] =>
    checks.flatMap(({ id, level, result }) => (result === 'pass' || id === 'public-policy' ? [] : [`${id} ${result} ${level}`]))

  test('what moto does not know is unknown, and blocks', async () => {
    const checks = await checksOf('internal', await cleanBucket('internal'))
    expect(checks.find(({ id }) => id === 'public-policy')).toMatchObject({ result: 'unknown', level: 'block' })
  })

  type Mutant = [name: string, found: (classification: DataClassification) => string[], mutate: (Bucket: string) => Promise<unknown>]
  const only =
    (id: string, ...levels: [string, string, string, string]) =>
    (classification: DataClassification) => [`${id} fail ${levels[DATA_CLASSIFICATIONS.indexOf(classification)]}`]
  const always = (id: string, level: string) => only(id, level, level, level, level)

  const withPolicy = (change: (policy: ReturnType<typeof cleanPolicy>, bucket: string) => object) => (Bucket: string) =>
    s3.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify(change(cleanPolicy(Bucket), Bucket)) }))

  const MUTANTS: Mutant[] = [
    ...(Object.keys(ON) as (keyof PublicAccessBlockConfiguration)[]).map((off): Mutant => [
      `${off} off`,
      always('public-access-block', 'block'),
      (Bucket) => s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: { ...ON, [off]: false } })),
    ]),
    ['no Block Public Access', always('public-access-block', 'block'), (Bucket) => s3.send(new DeletePublicAccessBlockCommand({ Bucket }))],
    [
      'no policy',
      (classification) => [
        ...only('tls-only', 'warn', 'block', 'block', 'block')(classification),
        ...only('tls-version', 'info', 'info', 'warn', 'warn')(classification),
      ],
      (Bucket) => s3.send(new DeleteBucketPolicyCommand({ Bucket })),
    ],
    [
      'a policy that refuses plaintext for reads only',
      only('tls-only', 'warn', 'block', 'block', 'block'),
      withPolicy(({ Statement: [tls, ...rest], ...policy }) => ({ ...policy, Statement: [{ ...tls, Action: 's3:GetObject' }, ...rest] })),
    ],
    [
      'a policy about the objects only',
      only('tls-only', 'warn', 'block', 'block', 'block'),
      withPolicy(({ Statement: [tls, ...rest], ...policy }, bucket) => ({
        ...policy,
        Statement: [{ ...tls, Resource: `arn:aws:s3:::${bucket}/*` }, ...rest],
      })),
    ],
    [
      'no encryption',
      (classification) => [
        ...always('encryption', 'block')(classification),
        ...(classification === 'restricted' ? always('encryption-key', 'info')(classification) : []),
      ],
      (Bucket) => s3.send(new DeleteBucketEncryptionCommand({ Bucket })),
    ],
    [
      // the request for restricted data names a key, and every write then does
      'a customer key that the request does not name',
      only('encryption-key', 'block', 'block', 'block', 'info'),
      (Bucket) => encrypt(Bucket, { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: `${KEY.slice(0, -1)}6` }),
    ],
    [
      'versioning suspended',
      only('versioning', 'warn', 'warn', 'block', 'block'),
      (Bucket) => s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Suspended' } })),
    ],
    [
      'no access log',
      only('access-log', 'warn', 'warn', 'block', 'block'),
      (Bucket) => s3.send(new PutBucketLoggingCommand({ Bucket, BucketLoggingStatus: {} })),
    ],
    [
      'Object Lock without a default retention',
      only('mfa-delete', 'info', 'info', 'info', 'block'),
      (Bucket) => s3.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' } })),
    ],
    [
      'ACLs on',
      always('ownership', 'warn'),
      (Bucket) =>
        s3.send(new PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls: { Rules: [{ ObjectOwnership: 'ObjectWriter' }] } })),
    ],
    ['no ownership controls', always('ownership', 'warn'), (Bucket) => s3.send(new DeleteBucketOwnershipControlsCommand({ Bucket }))],
    [
      'replication',
      always('replication', 'warn'),
      (Bucket) =>
        s3.send(
          new PutBucketReplicationCommand({
            Bucket,
            ReplicationConfiguration: {
              Role: 'arn:aws:iam::123456789012:role/replicator',
              Rules: [{ ID: '1', Priority: 1, Status: 'Enabled', Destination: { Bucket: 'arn:aws:s3:::elsewhere' } }],
            },
          }),
        ),
    ],
    [
      'notifications',
      always('notifications', 'warn'),
      (Bucket) =>
        s3.send(
          new PutBucketNotificationConfigurationCommand({
            Bucket,
            // moto has no EventBridgeConfiguration
            NotificationConfiguration: {
              QueueConfigurations: [{ QueueArn: `arn:aws:sqs:${REGION}:123456789012:listener`, Events: ['s3:ObjectCreated:*'] }],
            },
          }),
        ),
    ],
  ]

  describe.each(DATA_CLASSIFICATIONS)('%s data', (classification) => {
    test('a clean bucket passes', async () => {
      expect(notFine(await checksOf(classification, await cleanBucket(classification)))).toEqual([])
    })

    test.each(MUTANTS)('%s: that check fails, with its level, and nothing else does', async (_name, found, mutate) => {
      const bucket = await cleanBucket(classification)
      await mutate(bucket)
      expect(notFine(await checksOf(classification, bucket))).toEqual(found(classification))
    })
  })

  test('another region', async () => {
    const there = new S3Client({ ...moto.settings, region: 'eu-west-1', forcePathStyle: true })
    await there.send(new CreateBucketCommand({ Bucket: 'acme-elsewhere', CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } }))
    there.destroy()
    const region = (await checksOf('internal', 'acme-elsewhere')).find(({ id }) => id === 'region')
    expect(region).toMatchObject({
      result: 'fail',
      level: 'block',
      evidence: `the bucket is in eu-west-1, destination.region is ${REGION}`,
    })
  })
})
