import * as S3 from '@aws-sdk/client-s3'
import { clientOf } from '../../support/embedded-client'
import { absent, group, refused, refusedRaw, same, type Place } from './behaviour'

const ERRORS = 'Error responses'
const SIGNATURE = 'Signature calculations for the Authorization header'
const MINUTE = 60_000

const asAnother = async (at: Place, key: Partial<Place['key']>, wanted: `${number} ${string}`): Promise<void> => {
  const client = clientOf(at.endpoint, { ...at.key, ...key })
  try {
    await refused('GET', client.send(new S3.GetObjectCommand({ Bucket: at.bucket, Key: 'a' })), wanted)
    await refused('PUT', client.send(new S3.PutObjectCommand({ Bucket: at.bucket, Key: 'b', Body: 'x' })), wanted)
  } finally {
    client.destroy()
  }
}

export const errors = group('errors and signatures', [
  [
    'a key that is not there is 404 NoSuchKey, and has no body in HEAD',
    async (at) => {
      await refused('GET', at.get('never-there'), '404 NoSuchKey')
      await refused('HEAD', at.head('never-there'), '404 NotFound')
    },
    ERRORS,
  ],
  [
    'a bucket that is not there is 404 NoSuchBucket',
    async (at) => {
      const Bucket = 'no-such-bucket-anywhere'
      await refused('list', at.client.send(new S3.ListObjectsV2Command({ Bucket })), '404 NoSuchBucket')
      await refused('GET', at.client.send(new S3.GetObjectCommand({ Bucket, Key: 'a' })), '404 NoSuchBucket')
      await refused('PUT', at.client.send(new S3.PutObjectCommand({ Bucket, Key: 'a', Body: 'x' })), '404 NoSuchBucket')
      await refused('HEAD', at.client.send(new S3.HeadBucketCommand({ Bucket })), 404)
    },
    ERRORS,
  ],
  [
    'a bucket created again keeps its objects, and is answered with 200 or 409 BucketAlreadyOwnedByYou',
    async (at) => {
      await at.put('a', 'body')
      const again = await at.client.send(new S3.CreateBucketCommand({ Bucket: at.bucket })).catch((error: unknown) => error)
      if (again instanceof Error) await refused('CreateBucket', Promise.reject(again), '409 BucketAlreadyOwnedByYou')
      same('body', (await at.get('a')).bytes.toString(), 'body')
    },
    'CreateBucket',
  ],
  [
    'a bucket name that is none is refused',
    async (at) => {
      for (const name of ['A_B', 'ab', 'a'.repeat(64), '192.168.5.4', '-ab'])
        refusedRaw(name.slice(0, 12), await at.raw({ method: 'PUT', path: `/${name}` }), '400 InvalidBucketName')
    },
    'General purpose bucket naming rules',
  ],
  [
    'every answer has a request id, errors too',
    async (at) => {
      same('PUT', typeof (await at.put('a')).$metadata.requestId, 'string')
      const error = await at.get('never-there').catch((reason: S3.S3ServiceException) => reason)
      same('404', typeof error.$metadata.requestId, 'string')
    },
    'Common response headers',
  ],
  ['a wrong secret is refused', (at) => asAnother(at, { secretAccessKey: 'not-the-secret' }, '403 SignatureDoesNotMatch'), ERRORS],
  ['an unknown access key is refused', (at) => asAnother(at, { accessKeyId: 'AKIAFAKEFAKEFAKEFAKE' }, '403 InvalidAccessKeyId'), ERRORS],
  [
    'a clock within 15 minutes is accepted, and one that is further off is refused',
    async (at) => {
      const attempt = (minutes: number) => at.raw({ method: 'GET', path: `/${at.bucket}`, date: new Date(Date.now() + minutes * MINUTE) })
      for (const minutes of [-14, 14]) same(`${minutes} minutes`, (await attempt(minutes)).status, 200)
      for (const minutes of [-16, 16]) refusedRaw(`${minutes} minutes`, await attempt(minutes), '403 RequestTimeTooSkewed')
    },
    ERRORS,
  ],
  [
    'a signature for another region is refused',
    async (at) => {
      refusedRaw(
        'eu-central-1',
        await at.raw({ method: 'GET', path: `/${at.bucket}`, region: 'eu-central-1' }),
        '400 AuthorizationHeaderMalformed',
      )
    },
    ERRORS,
  ],
  [
    'an x-amz- header that is not signed is refused',
    async (at) => {
      const path = `/${at.bucket}/unsigned`
      const attempt = { method: 'PUT', path, body: Buffer.from('x'), unsigned: { 'x-amz-meta-planted': '1' } }
      refusedRaw('x-amz-meta-planted', await at.raw(attempt), '403 AccessDenied')
      await absent(at, 'unsigned')
    },
    SIGNATURE,
  ],
  [
    'an Authorization header of another kind is refused',
    async (at) => {
      const attempt = { method: 'GET', path: `/${at.bucket}`, unsigned: { authorization: 'Nothing known' } }
      const { status } = await at.raw(attempt)
      same('status', status >= 400 && status < 500, true)
    },
    SIGNATURE,
  ],
  [
    "another account's bucket is refused by ExpectedBucketOwner",
    async (at) => {
      await at.put('a')
      await refused('GET', at.get('a', { ExpectedBucketOwner: '999999999999' }), '403 AccessDenied')
      await refused('PUT', at.put('b', 'x', { ExpectedBucketOwner: '999999999999' }), '403 AccessDenied')
      await absent(at, 'b')
    },
    'Verifying bucket ownership with bucket owner condition',
  ],
  [
    'XML that is none is refused',
    async (at) => {
      const attempt = (query: string, path = `/${at.bucket}`) => at.raw({ method: 'POST', path, query, body: Buffer.from('<not closed') })
      const id = await at.open('a')
      refusedRaw('CompleteMultipartUpload', await attempt(`uploadId=${encodeURIComponent(id)}`, `/${at.bucket}/a`), '400 MalformedXML')
      await absent(at, 'a')
      same('upload still open', (await at.uploads()).Uploads?.length, 1)
    },
    ERRORS,
  ],
])
