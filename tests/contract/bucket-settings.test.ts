import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CredentialsRefused, NoSuchBucket, s3Store, StoreThrottled, StoreUnavailable, type BucketSettings } from '@drayage/core'

interface Reply {
  status: number
  body?: string
  headers?: Record<string, string>
}

const error = (status: number, code: string): Reply => ({ status, body: `<Error><Code>${code}</Code><Message>words</Message></Error>` })
const xml = (body: string): Reply => ({ status: 200, body: `<?xml version="1.0" encoding="UTF-8"?>${body}` })

/** What Amazon S3 answers for a new bucket, by subresource (API reference). */
const NEW_BUCKET: Record<string, Reply> = {
  location: xml('<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-central-1</LocationConstraint>'),
  publicAccessBlock: error(404, 'NoSuchPublicAccessBlockConfiguration'),
  policyStatus: error(404, 'NoSuchBucketPolicy'),
  policy: error(404, 'NoSuchBucketPolicy'),
  encryption: error(404, 'ServerSideEncryptionConfigurationNotFoundError'),
  versioning: xml('<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'),
  logging: xml('<BucketLoggingStatus xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'),
  ownershipControls: error(404, 'OwnershipControlsNotFoundError'),
  replication: error(404, 'ReplicationConfigurationNotFoundError'),
  notification: xml('<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'),
  'object-lock': error(404, 'ObjectLockConfigurationNotFoundError'),
}

/** And for one in which everything is set. */
const SET_BUCKET: Record<string, Reply> = {
  ...NEW_BUCKET,
  publicAccessBlock: xml(
    '<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>',
  ),
  policyStatus: xml('<PolicyStatus><IsPublic>true</IsPublic></PolicyStatus>'),
  policy: { status: 200, body: '{"Version":"2012-10-17"}', headers: { 'content-type': 'application/json' } },
  encryption: xml(
    '<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>arn:key</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>',
  ),
  versioning: xml('<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>'),
  logging: xml(
    '<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>x</TargetPrefix></LoggingEnabled></BucketLoggingStatus>',
  ),
  ownershipControls: xml('<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>'),
  replication: xml(
    '<ReplicationConfiguration><Role>r</Role><Rule><Status>Enabled</Status><Destination><Bucket>arn:aws:s3:::there</Bucket></Destination></Rule><Rule><Status>Disabled</Status><Destination><Bucket>arn:aws:s3:::nowhere</Bucket></Destination></Rule></ReplicationConfiguration>',
  ),
  notification: xml(
    '<NotificationConfiguration><QueueConfiguration><Id>1</Id><Queue>arn:queue</Queue><Event>s3:ObjectCreated:*</Event></QueueConfiguration><EventBridgeConfiguration/></NotificationConfiguration>',
  ),
  'object-lock': xml(
    '<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>',
  ),
}

let server: Server
let replies: Record<string, Reply>
let owners: (string | undefined)[]

beforeAll(async () => {
  server = createServer((request, response) => {
    owners.push(request.headers['x-amz-expected-bucket-owner'] as string | undefined)
    const asked = [...new URL(request.url!, 'http://h').searchParams.keys()].find((name) => name in replies) ?? ''
    const { status, body = '', headers = {} } = replies[asked] ?? error(501, 'NotImplemented')
    response.writeHead(status, { 'content-type': 'application/xml', ...headers }).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const settingsOf = async (changes: Record<string, Reply>, base = NEW_BUCKET): Promise<BucketSettings> => {
  replies = { ...base, ...changes }
  owners = []
  const store = s3Store({
    bucket: 'acme-archive',
    provider: 'minio',
    expectedOwner: '123456789012',
    reach: {
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      region: 'eu-central-1',
      credentials: async () => ({ accessKeyId: 'a', secretAccessKey: 'b' }),
    },
  })
  try {
    return await store.settings()
  } finally {
    await store.close()
  }
}

test('a new bucket: "not configured" is a value', async () => {
  expect(await settingsOf({})).toEqual({
    region: { value: 'eu-central-1' },
    publicAccessBlock: {
      value: { BlockPublicAcls: false, IgnorePublicAcls: false, BlockPublicPolicy: false, RestrictPublicBuckets: false },
    },
    publicPolicy: { value: false },
    policy: { value: null },
    encryption: { value: null },
    versioning: { value: 'never enabled' },
    mfaDelete: { value: false },
    accessLog: { value: null },
    ownership: { value: 'ObjectWriter' },
    replication: { value: [] },
    notifications: { value: [] },
    objectLock: { value: 'none' },
  })
})

test('a bucket in which everything is set; every question names the owner', async () => {
  expect(await settingsOf({}, SET_BUCKET)).toEqual({
    region: { value: 'eu-central-1' },
    publicAccessBlock: { value: { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: false, RestrictPublicBuckets: true } },
    publicPolicy: { value: true },
    policy: { value: '{"Version":"2012-10-17"}' },
    encryption: { value: { algorithm: 'aws:kms', key: 'arn:key' } },
    versioning: { value: 'Enabled' },
    mfaDelete: { value: true },
    accessLog: { value: 'logs' },
    ownership: { value: 'BucketOwnerEnforced' },
    replication: { value: ['arn:aws:s3:::there'] },
    notifications: { value: ['arn:queue', 'EventBridge'] },
    objectLock: { value: 'retention' },
  })
  expect(owners).toEqual(Array(11).fill('123456789012'))
})

/** What is asked for by each setting. */
const ASKED: [keyof BucketSettings, string][] = [
  ['region', 'location'],
  ['publicAccessBlock', 'publicAccessBlock'],
  ['publicPolicy', 'policyStatus'],
  ['policy', 'policy'],
  ['encryption', 'encryption'],
  ['versioning', 'versioning'],
  ['mfaDelete', 'versioning'],
  ['accessLog', 'logging'],
  ['ownership', 'ownershipControls'],
  ['replication', 'replication'],
  ['notifications', 'notification'],
  ['objectLock', 'object-lock'],
]

describe.each(ASKED)('%s', (setting, asked) => {
  test.each([
    [403, 'AccessDenied'],
    [501, 'NotImplemented'],
    [405, 'MethodNotAllowed'],
    [400, 'InvalidRequest'],
    [404, 'NoSuchSomethingElse'],
  ])('%i %s is unknown, with the store’s words, and the rest is answered', async (status, code) => {
    const found = await settingsOf({ [asked]: error(status, code) })
    expect(found[setting]).toEqual({ unknown: expect.stringMatching(new RegExp(`^Get\\w+ was answered ${status} ${code}$`)), code })
    const known = Object.entries(found).filter(
      ([name, answer]) => 'value' in answer || (asked === 'versioning' && /versioning|mfa/.test(name)),
    )
    expect(known.length).toBe(asked === 'versioning' ? 12 : 11)
  })

  test('a page of HTML is no answer', async () => {
    const found = await settingsOf({ [asked]: { status: 200, body: '<html>login</html>', headers: { 'content-type': 'text/html' } } })
    if (['publicAccessBlock', 'publicPolicy', 'encryption', 'ownership', 'replication', 'objectLock'].includes(setting))
      expect(found[setting]).toHaveProperty('unknown')
  })

  test.each([
    [503, 'SlowDown', StoreThrottled],
    [500, 'InternalError', StoreUnavailable],
    [403, 'InvalidAccessKeyId', CredentialsRefused],
    [404, 'NoSuchBucket', NoSuchBucket],
  ])('%i %s is thrown: it is not this answer’s affair', async (status, code, kind) => {
    await expect(settingsOf({ [asked]: error(status, code) })).rejects.toBeInstanceOf(kind)
  })
})

test('a redirect names the region', async () => {
  const elsewhere = { ...error(301, 'PermanentRedirect'), headers: { 'x-amz-bucket-region': 'us-west-2' } }
  expect(await settingsOf({ location: elsewhere, versioning: elsewhere })).toMatchObject({
    region: { value: 'us-west-2' },
    versioning: { unknown: 'GetBucketVersioning was answered 301 PermanentRedirect' },
  })
})

test.each([
  ['', 'us-east-1'],
  ['EU', 'eu-west-1'],
])('the location %j is %s', async (location, region) => {
  expect(
    (
      await settingsOf({
        location: xml(`<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${location}</LocationConstraint>`),
      })
    ).region,
  ).toEqual({ value: region })
})
