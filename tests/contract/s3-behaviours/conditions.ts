import { absent, group, md5Etag, PART, refused, same } from './behaviour'

const READS = 'GetObject'
const WRITES = 'How to prevent object overwrites with conditional writes'
const OTHER = '"0123456789abcdef0123456789abcdef"'
const LONG_AGO = new Date('2020-01-01T00:00:00Z')
const BODY = 'condition'
const ETAG = md5Etag(BODY)

export const conditions = group('conditions', [
  [
    'GET with If-Match: the object, or 412',
    async (at) => {
      await at.put('a', BODY)
      same('body', (await at.get('a', { IfMatch: ETAG })).bytes.toString(), BODY)
      await refused('another ETag', at.get('a', { IfMatch: OTHER }), '412 PreconditionFailed')
    },
    READS,
  ],
  [
    'GET with If-None-Match: 304, or the object',
    async (at) => {
      await at.put('a', BODY)
      await refused('the same ETag', at.get('a', { IfNoneMatch: ETAG }), 304)
      same('body', (await at.get('a', { IfNoneMatch: OTHER })).bytes.toString(), BODY)
    },
    READS,
  ],
  [
    'GET with If-Modified-Since: the object, or 304',
    async (at) => {
      await at.put('a', BODY)
      const { LastModified } = await at.head('a')
      same('body', (await at.get('a', { IfModifiedSince: LONG_AGO })).bytes.toString(), BODY)
      await refused('since it was modified', at.get('a', { IfModifiedSince: LastModified }), 304)
    },
    READS,
  ],
  [
    'GET with If-Unmodified-Since: the object, or 412',
    async (at) => {
      await at.put('a', BODY)
      const { LastModified } = await at.head('a')
      same('body', (await at.get('a', { IfUnmodifiedSince: LastModified })).bytes.toString(), BODY)
      await refused('since long ago', at.get('a', { IfUnmodifiedSince: LONG_AGO }), '412 PreconditionFailed')
    },
    READS,
  ],
  [
    'If-Match that holds outweighs If-Unmodified-Since that does not',
    async (at) => {
      await at.put('a', BODY)
      same('body', (await at.get('a', { IfMatch: ETAG, IfUnmodifiedSince: LONG_AGO })).bytes.toString(), BODY)
    },
    READS,
  ],
  [
    'If-None-Match that does not hold outweighs If-Modified-Since that does',
    async (at) => {
      await at.put('a', BODY)
      await refused('GET', at.get('a', { IfNoneMatch: ETAG, IfModifiedSince: LONG_AGO }), 304)
    },
    READS,
  ],
  [
    'HEAD has the same conditions',
    async (at) => {
      await at.put('a', BODY)
      await at.head('a', { IfMatch: ETAG })
      await refused('If-Match', at.head('a', { IfMatch: OTHER }), 412)
      await refused('If-None-Match', at.head('a', { IfNoneMatch: ETAG }), 304)
    },
    'HeadObject',
  ],
  [
    'a range with If-Match is the range, or 412',
    async (at) => {
      await at.put('a', BODY)
      same('range', (await at.get('a', { IfMatch: ETAG, Range: 'bytes=0-3' })).bytes.toString(), 'cond')
      await refused('another ETag', at.get('a', { IfMatch: OTHER, Range: 'bytes=0-3' }), '412 PreconditionFailed')
    },
    READS,
  ],
  [
    'PUT with If-None-Match: * creates and never overwrites',
    async (at) => {
      await at.put('a', BODY, { IfNoneMatch: '*' })
      await refused('there already', at.put('a', 'other', { IfNoneMatch: '*' }), '412 PreconditionFailed')
      same('body', (await at.get('a')).bytes.toString(), BODY)
      await at.remove('a')
      await at.put('a', 'again', { IfNoneMatch: '*' })
    },
    WRITES,
  ],
  [
    'PUT with If-Match replaces exactly that object',
    async (at) => {
      await at.put('a', BODY)
      await refused('another ETag', at.put('a', 'other', { IfMatch: OTHER }), '412 PreconditionFailed')
      same('body', (await at.get('a')).bytes.toString(), BODY)
      await at.put('a', 'other', { IfMatch: ETAG })
      same('body', (await at.get('a')).bytes.toString(), 'other')
    },
    WRITES,
  ],
  [
    'PUT with If-Match where nothing is, is 404',
    async (at) => {
      await refused('PUT', at.put('a', 'other', { IfMatch: OTHER }), '404 NoSuchKey')
      await absent(at, 'a')
    },
    WRITES,
  ],
  [
    'of eight PUTs at once with If-None-Match: * one is accepted, and the others learn it',
    async (at) => {
      const replies = await Promise.allSettled(
        Array.from({ length: 8 }, (_, index) => at.put('race', Buffer.alloc(300_000, index), { IfNoneMatch: '*' })),
      )
      same('accepted', replies.filter(({ status }) => status === 'fulfilled').length, 1)
      for (const reply of replies)
        if (reply.status === 'rejected')
          same(
            'refused with 409 or 412',
            [409, 412].includes((reply.reason as { $metadata: { httpStatusCode: number } }).$metadata.httpStatusCode),
            true,
          )
    },
    WRITES,
  ],
  [
    'CompleteMultipartUpload with If-None-Match: * never overwrites, and the upload stays open',
    async (at) => {
      const id = await at.open('a')
      const part = await at.part('a', id, 1, BODY)
      await at.put('a', 'there already')
      await refused('there already', at.complete('a', id, [part], { IfNoneMatch: '*' }), '412 PreconditionFailed')
      same('body', (await at.get('a')).bytes.toString(), 'there already')
      await at.remove('a')
      await at.complete('a', id, [part], { IfNoneMatch: '*' })
      same('body', (await at.get('a')).bytes.toString(), BODY)
    },
    WRITES,
  ],
  [
    'CompleteMultipartUpload with If-Match replaces exactly that object',
    async (at) => {
      const id = await at.open('a')
      const part = await at.part('a', id, 1, PART)
      await at.put('a', BODY)
      await refused('another ETag', at.complete('a', id, [part], { IfMatch: OTHER }), '412 PreconditionFailed')
      await at.complete('a', id, [part], { IfMatch: ETAG })
      same('length', (await at.head('a')).ContentLength, PART.length)
    },
    WRITES,
  ],
  [
    'DELETE with If-Match deletes exactly that object',
    async (at) => {
      await at.put('a', BODY)
      await refused('another ETag', at.remove('a', { IfMatch: OTHER }), '412 PreconditionFailed')
      await at.head('a')
      await at.remove('a', { IfMatch: ETAG })
      await absent(at, 'a')
    },
    'How to perform conditional deletes',
  ],
])
