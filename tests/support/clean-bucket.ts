import { parseRequest, type BucketSettings, type Migration, type MigrationRequest } from '@drayage/core'
import type { DataClassification } from '../../layers/core/domain/migration'
import { tlsOnlyStatement } from '../../layers/core/domain/tls-policy'

export const ACCOUNT = '123456789012'
export const REGION = 'eu-central-1'
export const BUCKET = 'acme-archive'
export const KEY = `arn:aws:kms:${REGION}:${ACCOUNT}:key/11111111-2222-3333-4444-555555555555`

/** Requires TLS 1.2 of everybody. */
export const cleanPolicy = (bucket = BUCKET) => ({
  Version: '2012-10-17',
  Statement: [
    tlsOnlyStatement(bucket),
    { ...tlsOnlyStatement(bucket), Sid: 'Tls12', Condition: { NumericLessThan: { 's3:TlsVersion': '1.2' } } },
  ],
})

const ENCRYPTION = {
  public: { algorithm: 'AES256', key: null },
  internal: { algorithm: 'AES256', key: null },
  confidential: { algorithm: 'aws:kms', key: null },
  restricted: { algorithm: 'aws:kms', key: KEY },
} as const

/** Settings that pass every check, of a bucket as each class wants it at the least. */
export const cleanSettings = (classification: DataClassification): BucketSettings => ({
  region: { value: REGION },
  publicAccessBlock: { value: { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true } },
  publicPolicy: { value: false },
  policy: { value: JSON.stringify(cleanPolicy()) },
  encryption: { value: ENCRYPTION[classification] },
  versioning: { value: 'Enabled' },
  mfaDelete: { value: true },
  accessLog: { value: 'acme-logs' },
  ownership: { value: 'BucketOwnerEnforced' },
  replication: { value: [] },
  notifications: { value: [] },
  objectLock: { value: 'none' },
})

/** A request for such a bucket on Amazon S3. */
export const requestFor = (classification: DataClassification, destination: object = {}): MigrationRequest => ({
  source: { bucket: 'source-bucket', endpoint: 'embedded' },
  destination: {
    bucket: BUCKET,
    region: REGION,
    account: ACCOUNT,
    kmsKey: classification === 'restricted' ? KEY : null,
    ...destination,
  },
  dataClassification: classification,
  residency: { regions: [REGION] },
})

export const migrationFor = (classification: DataClassification, destination: object = {}): Migration =>
  parseRequest(requestFor(classification, destination), {
    runtime: 'local',
    runId: 'run-1',
    executionId: 'x:run-1',
    now: new Date('2026-11-21T00:00:00.000Z'),
  })
