import { join } from 'node:path'
import {
  CreateBucketCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { startEmbeddedS3 } from '../../cli/local/s3-server/index'
import { clientOf } from '../support/embedded-client'
import { describeWithMoto, startMoto, type Moto } from '../support/moto'
import { drayage, scratch } from '../workflow/cli-support'

const MIB = 1024 * 1024
const KMS = 'arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555'
const UNTIL = new Date('2099-01-01T00:00:00.000Z')

describeWithMoto('what a copy carries to moto, as client-s3 sees it there', () => {
  const place = scratch()
  const state = place.path('state')
  let moto: Moto
  let there: S3Client

  /** Works on the embedded source while no command runs over it. */
  const atSource = async (work: (client: S3Client) => Promise<unknown>): Promise<void> => {
    const server = await startEmbeddedS3({ directory: join(state, 's3') })
    const client = clientOf(server.endpoint, server.root)
    try {
      await work(client)
    } finally {
      client.destroy()
      await server.close()
    }
  }

  const migrate = async (bucket: string, destination: object, carry: object): Promise<Record<string, unknown>> => {
    const { accessKeyId, secretAccessKey } = moto.settings.credentials
    const { code, stdout, stderr } = await drayage(['run', '-', '--state', state, '--json'], {
      cwd: place.folder,
      env: { DRAYAGE_DESTINATION_ACCESS_KEY_ID: accessKeyId, DRAYAGE_DESTINATION_SECRET_ACCESS_KEY: secretAccessKey },
      input: JSON.stringify({
        source: { bucket, endpoint: 'embedded' },
        destination: { bucket, endpoint: moto.endpoint, ...destination },
        limits: { largeObjectBytes: 5 * MIB },
        carry,
      }),
    })
    expect([code, stderr, code === 0 ? '' : stdout]).toEqual([0, '', ''])
    return (JSON.parse(stdout) as { ledger: Record<string, unknown> }).ledger
  }

  beforeAll(async () => {
    moto = await startMoto()
    there = clientOf(moto.endpoint, moto.settings.credentials)
  })

  afterAll(async () => {
    there?.destroy()
    await moto?.stop()
    place.remove()
  })

  it.each([
    ['one PUT', 1000],
    ['in parts', 6 * MIB],
  ])('%s: tags, storage class, lock and KMS key', async (Key, size) => {
    const Bucket = `locked-${size}`
    const create = new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true })
    await there.send(create)
    await atSource(async (client) => {
      await client.send(create)
      const lock = { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: UNTIL, ObjectLockLegalHoldStatus: 'ON' } as const
      const described = {
        ContentType: 'text/plain',
        Metadata: { owner: 'me' },
        Tagging: 'team=a%20b',
        StorageClass: 'STANDARD_IA',
      } as const
      await client.send(new PutObjectCommand({ Bucket, Key, Body: Buffer.alloc(size, 'x'), ...described, ...lock }))
    })
    await migrate(Bucket, { kmsKey: KMS }, { storageClass: { STANDARD_IA: 'GLACIER_IR' }, tags: true, retention: true })
    const head = await there.send(new HeadObjectCommand({ Bucket, Key }))
    expect(head).toMatchObject({
      ...{ ContentType: 'text/plain', StorageClass: 'GLACIER_IR', ServerSideEncryption: 'aws:kms', SSEKMSKeyId: KMS, ContentLength: size },
      // moto takes a lock's headers with the beginning of an upload, and forgets them
      ...(size < 5 * MIB ? { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: UNTIL, ObjectLockLegalHoldStatus: 'ON' } : {}),
      Metadata: { owner: 'me', 'source-etag': expect.stringMatching(/^[0-9a-f]{32}$/) as string },
    })
    const { TagSet } = await there.send(new GetObjectTaggingCommand({ Bucket, Key }))
    expect(TagSet).toEqual([{ Key: 'team', Value: 'a b' }])
  })

  // moto lists every delete marker behind every version: which of a key's came first its listing does not say
  it('all versions; a second run recognises them', async () => {
    const Bucket = 'versions'
    const prepare = async (client: S3Client) => {
      await client.send(new CreateBucketCommand({ Bucket }))
      await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }))
    }
    await prepare(there)
    await atSource(async (client) => {
      await prepare(client)
      for (const Body of ['one', 'two']) await client.send(new PutObjectCommand({ Bucket, Key: 'a', Body }))
      await client.send(new PutObjectCommand({ Bucket, Key: 'b', Body: 'b' }))
    })
    const listed = async (client: S3Client) => {
      const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket }))
      return Versions.map(({ Key, ETag, Size, IsLatest }) => [Key, ETag, Size, IsLatest])
    }
    expect(await migrate(Bucket, {}, { versions: 'all' })).toMatchObject({ listed: 3, copied: 3 })
    const found = await listed(there)
    await atSource(async (client) => expect(found).toEqual(await listed(client)))
    expect(found).toHaveLength(3)
    expect(await migrate(Bucket, {}, { versions: 'all' })).toMatchObject({ listed: 3, skipped: 3 })
    expect(await listed(there)).toEqual(found)
  })
})
