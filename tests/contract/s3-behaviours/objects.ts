import { DeleteBucketCommand, GetBucketLocationCommand, HeadBucketCommand, ListBucketsCommand } from '@aws-sdk/client-s3'
import { Readable } from 'node:stream'
import { absent, bytesOf, group, md5Etag, PART, refused, same, sameBytes, TAIL } from './behaviour'

const METADATA = 'Working with object metadata'
const DATA = bytesOf('object', 100_000)

const SYSTEM = {
  ContentType: 'text/x-q',
  ContentEncoding: 'gzip',
  ContentLanguage: 'de',
  ContentDisposition: 'attachment; filename="q"',
  CacheControl: 'max-age=5',
}

export const objects = group('buckets and objects', [
  [
    'a bucket that was created is found and listed, and its location is us-east-1, which is written as nothing',
    async (at) => {
      await at.client.send(new HeadBucketCommand({ Bucket: at.bucket }))
      const { Buckets = [] } = await at.client.send(new ListBucketsCommand({}))
      same(
        'ListBuckets has it',
        Buckets.some(({ Name }) => Name === at.bucket),
        true,
      )
      const { LocationConstraint } = await at.client.send(new GetBucketLocationCommand({ Bucket: at.bucket }))
      same('location', LocationConstraint || undefined, undefined)
    },
    'GetBucketLocation',
  ],
  [
    'an empty bucket can be deleted, and one with an object cannot',
    async (at) => {
      const Bucket = at.bucket
      await at.put('kept')
      await refused('DELETE with an object', at.client.send(new DeleteBucketCommand({ Bucket })), '409 BucketNotEmpty')
      await at.remove('kept')
      await at.client.send(new DeleteBucketCommand({ Bucket }))
      await refused('HEAD afterwards', at.client.send(new HeadBucketCommand({ Bucket })), 404)
    },
    'DeleteBucket',
  ],
  [
    'a body sent from memory comes back',
    async (at) => {
      await at.put('memory', DATA)
      const reply = await at.get('memory')
      sameBytes('body', reply.bytes, DATA)
      same('length', reply.ContentLength, DATA.length)
    },
  ],
  [
    'a body sent as a stream comes back (aws-chunked, CRC32 in the trailer)',
    async (at) => {
      await at.put('stream', Readable.from([DATA.subarray(0, 40_000), DATA.subarray(40_000)]), { ContentLength: DATA.length })
      sameBytes('body', (await at.get('stream')).bytes, DATA)
    },
    'Signature calculations for the Authorization header: transferring a payload in multiple chunks',
  ],
  [
    'a body of 12 MiB sent in one PUT comes back',
    async (at) => {
      const large = Buffer.concat([PART, PART, PART.subarray(0, 2 ** 21)])
      await at.put('large', large)
      sameBytes('body', (await at.get('large')).bytes, large)
    },
  ],
  [
    'an object without a byte is an object',
    async (at) => {
      await at.put('empty', Buffer.alloc(0))
      const reply = await at.get('empty')
      same('length', [reply.ContentLength, reply.bytes.length], [0, 0])
      same('ETag', reply.ETag, md5Etag(''))
    },
  ],
  [
    'the ETag of an object from one PUT is its MD5, in PUT, GET, HEAD and the listing',
    async (at) => {
      const put = await at.put('etag', DATA)
      const listed = (await at.list()).Contents?.[0]
      same('PUT', put.ETag, md5Etag(DATA))
      same('HEAD', (await at.head('etag')).ETag, md5Etag(DATA))
      same('GET', (await at.get('etag')).ETag, md5Etag(DATA))
      same('listing', [listed?.ETag, listed?.Size], [md5Etag(DATA), DATA.length])
    },
    'Object (API reference: ETag)',
  ],
  [
    'a second PUT replaces body, headers, metadata and tags: nothing of the first stays',
    async (at) => {
      await at.put('replaced', 'first', { ...SYSTEM, Metadata: { a: '1' }, Tagging: 'a=1' })
      await at.put('replaced', 'other', { Metadata: { b: '2' } })
      const reply = await at.get('replaced')
      same('body', reply.bytes.toString(), 'other')
      same('metadata', reply.Metadata, { b: '2' })
      same('Content-Encoding', reply.ContentEncoding, undefined)
      same('tags', await at.tags('replaced'), {})
    },
    'PutObject',
  ],
  [
    'of eight PUTs at once one is there afterwards, whole and with its own ETag',
    async (at) => {
      const bodies = Array.from({ length: 8 }, (_, index) => bytesOf(`race ${index}`, 300_000))
      await Promise.all(bodies.map((body) => at.put('race', body)))
      const { bytes, ETag } = await at.get('race')
      same(
        'the body is one of the eight',
        bodies.some((body) => body.equals(bytes)),
        true,
      )
      same('ETag', ETag, md5Etag(bytes))
    },
    'Amazon S3 data consistency model',
  ],
  [
    'system headers and Expires come back from GET and HEAD',
    async (at) => {
      await at.put('headers', 'x', { ...SYSTEM, Expires: new Date('2030-01-01T00:00:00Z') })
      for (const [verb, reply] of [
        ['HEAD', await at.head('headers')],
        ['GET', await at.get('headers')],
      ] as const) {
        for (const [name, value] of Object.entries(SYSTEM)) same(`${verb} ${name}`, reply[name as keyof typeof SYSTEM], value)
        same(`${verb} Expires`, reply.ExpiresString, 'Tue, 01 Jan 2030 00:00:00 GMT')
      }
    },
    METADATA,
  ],
  [
    'Content-Encoding is kept without the aws-chunked of its transfer',
    async (at) => {
      await at.put('encoded', Readable.from([DATA]), { ContentLength: DATA.length, ContentEncoding: 'br' })
      same('Content-Encoding', (await at.head('encoded')).ContentEncoding, 'br')
      await at.put('not-encoded', Readable.from([DATA]), { ContentLength: DATA.length })
      same('Content-Encoding of none', (await at.head('not-encoded')).ContentEncoding, undefined)
    },
    'Signature calculations for the Authorization header: transferring a payload in multiple chunks',
  ],
  [
    'user metadata comes back, its names in small letters',
    async (at) => {
      await at.put('metadata', 'x', { Metadata: { Foo: 'Bar', n2: 'v  v', empty: '' } })
      same('HEAD', (await at.head('metadata')).Metadata, { foo: 'Bar', n2: 'v  v', empty: '' })
      same('GET', (await at.get('metadata')).Metadata, { foo: 'Bar', n2: 'v  v', empty: '' })
    },
    METADATA,
  ],
  [
    'user metadata of 2 KB is kept, and more is refused',
    async (at) => {
      await at.put('full', 'x', { Metadata: { big: 'x'.repeat(2045) } })
      same('length', (await at.head('full')).Metadata?.['big']?.length, 2045)
      await refused('one byte more', at.put('over', 'x', { Metadata: { big: 'x'.repeat(2046) } }), '400 MetadataTooLarge')
      await absent(at, 'over')
    },
    METADATA,
  ],
  [
    'a storage class is kept and listed; STANDARD is listed and not in HEAD',
    async (at) => {
      await at.put('infrequent', 'x', { StorageClass: 'STANDARD_IA' })
      await at.put('standard', 'x')
      same('HEAD of STANDARD_IA', (await at.head('infrequent')).StorageClass, 'STANDARD_IA')
      same('HEAD of STANDARD', (await at.head('standard')).StorageClass, undefined)
      same(
        'listing',
        (await at.list()).Contents?.map(({ StorageClass }) => StorageClass),
        ['STANDARD_IA', 'STANDARD'],
      )
      await refused('a class that is none', at.put('none', 'x', { StorageClass: 'COLDISH' as 'STANDARD' }), '400 InvalidStorageClass')
    },
    'HeadObject',
  ],
  [
    'Last-Modified is the same in HEAD, GET and the listing',
    async (at) => {
      await at.put('dated')
      const head = (await at.head('dated')).LastModified?.getTime() ?? 0
      same('GET', (await at.get('dated')).LastModified?.getTime() === head, true)
      same('listing', Math.floor(((await at.list()).Contents?.[0]?.LastModified?.getTime() ?? 0) / 1000) * 1000 === head, true)
    },
  ],
  [
    'ranges: from-to, from, the last n, and one that is cut at the end',
    async (at) => {
      await at.put('range', DATA)
      for (const [Range, from, to] of [
        ['bytes=10-19', 10, 20],
        ['bytes=99990-', 99_990, 100_000],
        ['bytes=-5', 99_995, 100_000],
        ['bytes=-200000', 0, 100_000],
        ['bytes=1-900000', 1, 100_000],
      ] as const) {
        const reply = await at.get('range', { Range })
        sameBytes(Range, reply.bytes, DATA.subarray(from, to))
        same(`${Range} Content-Range`, reply.ContentRange, `bytes ${from}-${to - 1}/100000`)
        same(`${Range} status`, reply.$metadata.httpStatusCode, 206)
      }
    },
    'GetObject; RFC 9110, Range Requests',
  ],
  [
    'a range that begins behind the end is refused, also of an empty object',
    async (at) => {
      await at.put('range', TAIL)
      await at.put('empty', Buffer.alloc(0))
      await refused('behind the end', at.get('range', { Range: 'bytes=1000-' }), '416 InvalidRange')
      await refused('the last 0 bytes', at.get('range', { Range: 'bytes=-0' }), '416 InvalidRange')
      await refused('of an empty object', at.get('empty', { Range: 'bytes=0-0' }), '416 InvalidRange')
    },
    'Error responses',
  ],
  [
    'HEAD of a range says how long that range is',
    async (at) => {
      await at.put('range', TAIL)
      const reply = await at.head('range', { Range: 'bytes=10-19' })
      same('length', [reply.ContentLength, reply.$metadata.httpStatusCode], [10, 206])
    },
    'HeadObject',
  ],
  [
    'a GET can be given other response headers',
    async (at) => {
      await at.put('overridden', 'x', SYSTEM)
      const reply = await at.get('overridden', { ResponseContentType: 'text/y', ResponseCacheControl: 'no-cache' })
      same('Content-Type', reply.ContentType, 'text/y')
      same('Cache-Control', reply.CacheControl, 'no-cache')
    },
    'GetObject: overriding response header values',
  ],
  [
    'a deleted object is gone from GET, HEAD and the listing at once',
    async (at) => {
      await at.put('gone')
      same('status', (await at.remove('gone')).$metadata.httpStatusCode, 204)
      await absent(at, 'gone')
      await refused('GET', at.get('gone'), '404 NoSuchKey')
      same('listing', (await at.list()).KeyCount, 0)
    },
    'Amazon S3 data consistency model',
  ],
  [
    'to delete what is not there is no error',
    async (at) => same('status', (await at.remove('never-there')).$metadata.httpStatusCode, 204),
    'DeleteObject',
  ],
  [
    'DeleteObjects deletes each key that it names, and names also those that were not there',
    async (at) => {
      for (const key of ['a', 'b', 'stays']) await at.put(key)
      const { Deleted = [], Errors } = await at.removeAll([{ Key: 'a' }, { Key: 'b' }, { Key: 'never-there' }])
      same('deleted', Deleted.map(({ Key }) => Key).sort(), ['a', 'b', 'never-there'])
      same('errors', Errors ?? [], [])
      same(
        'left',
        (await at.list()).Contents?.map(({ Key }) => Key),
        ['stays'],
      )
    },
    'DeleteObjects',
  ],
  [
    'DeleteObjects in quiet mode names nothing that went well',
    async (at) => {
      await at.put('a')
      const { Deleted = [], Errors = [] } = await at.removeAll([{ Key: 'a' }], true)
      same('named', [Deleted, Errors], [[], []])
      await absent(at, 'a')
    },
    'DeleteObjects',
  ],
  [
    'DeleteObjects takes 1,000 keys and refuses 1,001, deleting none',
    async (at) => {
      await at.put('k0')
      const keys = Array.from({ length: 1001 }, (_, index) => ({ Key: `k${index}` }))
      await refused('1,001', at.removeAll(keys), 400)
      await at.head('k0')
      same('1,000', (await at.removeAll(keys.slice(0, 1000))).Deleted?.length, 1000)
    },
    'DeleteObjects',
  ],
  [
    'every object is encrypted, and PUT and HEAD say so',
    async (at) => {
      same('PUT', (await at.put('encrypted')).ServerSideEncryption, 'AES256')
      same('HEAD', (await at.head('encrypted')).ServerSideEncryption, 'AES256')
    },
    'Setting default server-side encryption behavior for Amazon S3 buckets',
  ],
  [
    'an ACL that opens an object is refused, since a new bucket has no ACLs',
    async (at) => {
      await refused('public-read', at.put('acl', 'x', { ACL: 'public-read' }), '400 AccessControlListNotSupported')
      await absent(at, 'acl')
    },
    'Controlling ownership of objects and disabling ACLs for your bucket',
  ],
])
