import { CopyObjectCommand } from '@aws-sdk/client-s3'
import { absent, bytesOf, group, md5Etag, PART, partsEtag, refused, same, sameBytes, TAIL } from './behaviour'

const COPY = 'CopyObject'
const GIVEN = { ContentType: 'text/x-q', CacheControl: 'max-age=5', Metadata: { a: '1' } }

export const copies = group('copies', [
  [
    'a copy has body, headers and metadata of its source, and its own date',
    async (at) => {
      const data = bytesOf('copied', 200_000)
      await at.put('from', data, GIVEN)
      const { CopyObjectResult } = await at.copy('to', 'from')
      const reply = await at.get('to')
      sameBytes('body', reply.bytes, data)
      same('headers', [reply.ContentType, reply.CacheControl, reply.Metadata], ['text/x-q', 'max-age=5', { a: '1' }])
      same('ETag', [CopyObjectResult?.ETag, reply.ETag], [md5Etag(data), md5Etag(data)])
      same('date', CopyObjectResult?.LastModified instanceof Date, true)
    },
    COPY,
  ],
  [
    'with REPLACE a copy has the headers and metadata that it is given and no others',
    async (at) => {
      await at.put('from', 'x', GIVEN)
      await at.copy('to', 'from', { MetadataDirective: 'REPLACE', Metadata: { q: '1' }, ContentType: 'text/y' })
      const found = await at.head('to')
      same('headers', [found.ContentType, found.CacheControl, found.Metadata], ['text/y', undefined, { q: '1' }])
    },
    COPY,
  ],
  [
    'with COPY, metadata that is given is not taken',
    async (at) => {
      await at.put('from', 'x', GIVEN)
      await at.copy('to', 'from', { MetadataDirective: 'COPY', Metadata: { q: '1' } })
      same('metadata', (await at.head('to')).Metadata, { a: '1' })
    },
    COPY,
  ],
  [
    'an object can be copied onto itself with other metadata or storage class, and not without any change',
    async (at) => {
      await at.put('a', 'x', GIVEN)
      await refused('no change', at.copy('a', 'a'), '400 InvalidRequest')
      await at.copy('a', 'a', { MetadataDirective: 'REPLACE', Metadata: { q: '1' } })
      same('metadata', (await at.head('a')).Metadata, { q: '1' })
      await at.copy('a', 'a', { StorageClass: 'STANDARD_IA' })
      same('storage class', (await at.head('a')).StorageClass, 'STANDARD_IA')
    },
    COPY,
  ],
  [
    'the storage class is not copied',
    async (at) => {
      await at.put('from', 'x', { StorageClass: 'STANDARD_IA' })
      await at.copy('to', 'from')
      await at.copy('set', 'from', { StorageClass: 'GLACIER_IR' })
      same('not given', (await at.head('to')).StorageClass, undefined)
      same('given', (await at.head('set')).StorageClass, 'GLACIER_IR')
    },
    COPY,
  ],
  [
    'a copy comes from another bucket, and its source may begin with a slash',
    async (at) => {
      const other = await at.another()
      await at.put('from', 'body')
      await at.client.send(new CopyObjectCommand({ Bucket: other, Key: 'to', CopySource: `/${at.bucket}/from` }))
      await at.client.send(new CopyObjectCommand({ Bucket: at.bucket, Key: 'back', CopySource: `${other}/to` }))
      same('body', (await at.get('back')).bytes.toString(), 'body')
    },
    COPY,
  ],
  [
    'an object of several parts becomes one of one part, with the MD5 as its ETag',
    async (at) => {
      const id = await at.open('from')
      await at.complete('from', id, [await at.part('from', id, 1, PART), await at.part('from', id, 2, TAIL)])
      same('ETag of the source', (await at.head('from')).ETag, partsEtag([PART, TAIL]))
      const { CopyObjectResult } = await at.copy('to', 'from')
      same('ETag of the copy', CopyObjectResult?.ETag, md5Etag(Buffer.concat([PART, TAIL])))
    },
    'Object (API reference: ETag)',
  ],
  [
    'copy conditions: If-Match, If-None-Match and the dates',
    async (at) => {
      const { ETag = '' } = await at.put('from', 'x')
      const other = md5Etag('other')
      const longAgo = new Date('2020-01-01T00:00:00Z')
      const code = '412 PreconditionFailed'
      await at.copy('to', 'from', { CopySourceIfMatch: ETag, CopySourceIfUnmodifiedSince: longAgo })
      await refused('If-Match', at.copy('no', 'from', { CopySourceIfMatch: other }), code)
      await refused('If-None-Match', at.copy('no', 'from', { CopySourceIfNoneMatch: ETag }), code)
      await refused('If-Unmodified-Since', at.copy('no', 'from', { CopySourceIfUnmodifiedSince: longAgo }), code)
      await refused('If-Modified-Since', at.copy('no', 'from', { CopySourceIfModifiedSince: (await at.head('from')).LastModified }), code)
      await absent(at, 'no')
    },
    COPY,
  ],
  [
    'a source that is not there is 404: the key, or the bucket',
    async (at) => {
      await refused('key', at.copy('to', 'never-there'), '404 NoSuchKey')
      const foreign = new CopyObjectCommand({ Bucket: at.bucket, Key: 'to', CopySource: 'no-such-bucket-anywhere/a' })
      await refused('bucket', at.client.send(foreign), '404 NoSuchBucket')
      await absent(at, 'to')
    },
    'Error responses',
  ],
  [
    'a copy keeps the checksum of its source, or gets the one that it is asked for',
    async (at) => {
      await at.put('from', 'hello', { ChecksumAlgorithm: 'CRC32' })
      await at.copy('kept', 'from')
      await at.copy('other', 'from', { ChecksumAlgorithm: 'SHA256' })
      same('kept', (await at.head('kept', { ChecksumMode: 'ENABLED' })).ChecksumCRC32, 'NhCmhg==')
      same('other', (await at.head('other', { ChecksumMode: 'ENABLED' })).ChecksumSHA256, 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=')
    },
    'Checking object integrity for data at rest in Amazon S3',
  ],
])
