import * as S3 from '@aws-sdk/client-s3'
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { startEmbeddedS3, type EmbeddedS3 } from '../../cli/local/s3-server/index'
import { clientOf, codeOf, send, sendSigned, sign, temporaryDirectory } from '../support/embedded-client'

const Bucket = 'first-bucket'
const MiB = 2 ** 20
let temporary: ReturnType<typeof temporaryDirectory>
let server: EmbeddedS3
let client: S3.S3Client

beforeAll(async () => {
  temporary = temporaryDirectory()
  server = await startEmbeddedS3({ directory: temporary.directory })
  await server.createBucket(Bucket)
  client = clientOf(server.endpoint, server.root)
})

afterAll(async () => {
  client.destroy()
  await server.close()
  temporary.remove()
})

const put = (Key: string, Body: string | Buffer, more: Partial<S3.PutObjectCommandInput> = {}) =>
  client.send(new S3.PutObjectCommand({ Bucket, Key, Body, ...more }))
const head = (Key: string, more: Partial<S3.HeadObjectCommandInput> = {}) => client.send(new S3.HeadObjectCommand({ Bucket, Key, ...more }))
const get = async (Key: string, more: Partial<S3.GetObjectCommandInput> = {}) => {
  const reply = await client.send(new S3.GetObjectCommand({ Bucket, Key, ...more }))
  return { ...reply, bytes: Buffer.from((await reply.Body?.transformToByteArray()) ?? []) }
}
const md5 = (data: Buffer) => createHash('md5').update(data).digest()
/** The status and code of a refusal; a request that succeeds fails the test. */
const refusal = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => undefined,
    (reason: S3.S3ServiceException) => reason,
  )
  if (!error) throw new Error('the request was not refused')
  return `${error.$metadata?.httpStatusCode} ${error.name}`
}

const AWKWARD_KEYS = [
  'a//b',
  'x//y///z',
  '/lead',
  '//',
  '../x',
  '../up/../x',
  '.',
  './a/./b',
  '..',
  'dir/',
  'dir',
  'a+b c&d=e%41?x#y',
  '%2F',
  '%',
  'sp ace',
  ' ',
  '+',
  'ctl\u0001\u000bx',
  'line\nbreak',
  'cr\rlf\r\n',
  'tab\t',
  '\u007f',
  '\ufffe',
  'caf\u00e9',
  'cafe\u0301',
  '😀',
  '\ue000',
  'ключ/日本語',
  '__proto__',
  'constructor',
  '<&>"\'',
  "~!*'()",
  'CaSe',
  'case',
  'k'.repeat(1024),
  'ab/'.repeat(340) + 'abcd',
  'é'.repeat(512),
]

describe('keys', () => {
  beforeAll(() => server.createBucket('keys-bucket'))

  it.each(AWKWARD_KEYS.map((key) => [JSON.stringify(key).slice(0, 40), key]))('keeps %s as it is', async (_, Key) => {
    await client.send(new S3.PutObjectCommand({ Bucket: 'keys-bucket', Key, Body: `body of ${Key}` }))
    const reply = await client.send(new S3.GetObjectCommand({ Bucket: 'keys-bucket', Key }))
    expect(await reply.Body?.transformToString()).toBe(`body of ${Key}`)
  })

  it('lists exactly these keys in UTF-8 byte order, also page by page', async () => {
    const sorted = [...AWKWARD_KEYS].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect(sorted.indexOf('\ue000')).toBeLessThan(sorted.indexOf('😀')) // and UTF-16 says the opposite
    expect('\ue000' < '😀').toBe(false)
    const found: string[] = []
    let ContinuationToken: string | undefined
    do {
      const page: S3.ListObjectsV2CommandOutput = await client.send(
        new S3.ListObjectsV2Command({ Bucket: 'keys-bucket', EncodingType: 'url', MaxKeys: 5, ContinuationToken }),
      )
      expect(page.KeyCount).toBeLessThanOrEqual(5)
      for (const { Key = '' } of page.Contents ?? []) found.push(decodeURIComponent(Key.replaceAll('+', ' ')))
      ContinuationToken = page.NextContinuationToken
    } while (ContinuationToken)
    expect(found).toEqual(sorted)
  })

  it('goes on after any key, by start-after and by marker', async () => {
    const sorted = AWKWARD_KEYS.map((key) => Buffer.from(key)).sort(Buffer.compare)
    for (const [at, key] of sorted.entries()) {
      const next = sorted[at + 1]
      const v2 = await client.send(
        new S3.ListObjectsV2Command({ Bucket: 'keys-bucket', EncodingType: 'url', MaxKeys: 1, StartAfter: key.toString() }),
      )
      const v1 = await client.send(
        new S3.ListObjectsCommand({ Bucket: 'keys-bucket', EncodingType: 'url', MaxKeys: 1, Marker: key.toString() }),
      )
      for (const page of [v1, v2])
        expect(page.Contents?.map(({ Key = '' }) => decodeURIComponent(Key.replaceAll('+', ' '))) ?? []).toEqual(
          next ? [next.toString()] : [],
        )
    }
  })

  it('writes control characters as numeric references without encoding-type', async () => {
    const reply = await sendSigned(server.endpoint, server.root, { method: 'GET', path: '/keys-bucket', query: 'prefix=ctl' })
    expect(reply.body).toContain('<Key>ctl&#x1;&#xb;x</Key>')
  })

  it('deletes awkward keys by XML, and only those', async () => {
    await server.createBucket('deleted-bucket')
    const keys = AWKWARD_KEYS.filter((key) => !/[\u0000-\u0008\u000b\ufffe]/.test(key)) // what the SDK cannot write in XML 1.0
    for (const Key of [...keys, 'stays']) await client.send(new S3.PutObjectCommand({ Bucket: 'deleted-bucket', Key, Body: 'x' }))
    const reply = await client.send(
      new S3.DeleteObjectsCommand({ Bucket: 'deleted-bucket', Delete: { Objects: keys.map((Key) => ({ Key })) } }),
    )
    expect(reply.Deleted).toHaveLength(keys.length)
    const left = await client.send(new S3.ListObjectsV2Command({ Bucket: 'deleted-bucket' }))
    expect(left.Contents?.map(({ Key }) => Key)).toEqual(['stays'])
  })

  it('refuses a key of 1,025 bytes and one that is not UTF-8', async () => {
    expect(await refusal(put('k'.repeat(1025), 'x'))).toBe('400 KeyTooLongError')
    const reply = await sendSigned(server.endpoint, server.root, { method: 'PUT', path: `/${Bucket}/%FF`, body: Buffer.from('x') })
    expect([reply.status, codeOf(reply)]).toEqual([400, 'InvalidURI'])
  })
})

describe('bodies', () => {
  it.each([0, 1, 4096, 65_536, 65_537, 3 * MiB])('returns the %d bytes it was given, with their MD5 as ETag', async (size) => {
    const data = randomBytes(size)
    expect((await put('body', data)).ETag).toBe(`"${md5(data).toString('hex')}"`)
    const reply = await get('body')
    expect(reply.bytes.equals(data)).toBe(true)
    expect(reply.ContentLength).toBe(size)
  })

  it('takes a stream in aws-chunked with a checksum in the trailer', async () => {
    const data = randomBytes(700_000)
    const Body = Readable.from([data.subarray(0, 40_000), data.subarray(40_000)])
    await client.send(
      new S3.PutObjectCommand({
        Bucket,
        Key: 'stream',
        Body,
        ContentLength: data.length,
        ContentEncoding: 'br',
        ChecksumAlgorithm: 'CRC32C',
      }),
    )
    const reply = await get('stream', { ChecksumMode: 'ENABLED' })
    expect(reply.bytes.equals(data)).toBe(true)
    expect(reply.ContentEncoding).toBe('br')
    expect(reply.ChecksumCRC32C).toHaveLength(8)
  })

  // crc32, crc32c, crc64nvme of "123456789" from the catalogue of parametrised CRC algorithms; the SHAs from sha1sum and sha256sum
  it.each([
    ['ChecksumCRC32', Buffer.from('cbf43926', 'hex')],
    ['ChecksumCRC32C', Buffer.from('e3069283', 'hex')],
    ['ChecksumCRC64NVME', Buffer.from('ae8b14860a799888', 'hex')],
    ['ChecksumSHA1', Buffer.from('f7c3bc1d808e04732adf679965ccc34ca7ae3441', 'hex')],
    ['ChecksumSHA256', Buffer.from('15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225', 'hex')],
  ] as const)('verifies, keeps and returns %s', async (name, digest) => {
    await put('sum', '123456789', { [name]: digest.toString('base64') })
    expect((await head('sum', { ChecksumMode: 'ENABLED' }))[name]).toBe(digest.toString('base64'))
    expect((await get('sum', { ChecksumMode: 'ENABLED', Range: 'bytes=0-3' }))[name]).toBeUndefined()
    const wrong = Buffer.from(digest)
    wrong[0] = 255 - (wrong[0] ?? 0)
    expect(await refusal(put('sum-refused', '123456789', { [name]: wrong.toString('base64') }))).toBe('400 BadDigest')
    expect(await refusal(head('sum-refused'))).toBe('404 NotFound')
  })

  it('refuses a wrong Content-MD5, a wrong payload hash and a wrong trailer, and keeps nothing of them', async () => {
    expect(await refusal(put('refused', 'hello', { ContentMD5: md5(Buffer.from('x')).toString('base64') }))).toBe('400 BadDigest')
    const path = `/${Bucket}/refused`
    const hashed = await sendSigned(server.endpoint, server.root, {
      method: 'PUT',
      path,
      body: Buffer.from('hello'),
      hash: createHash('sha256').update('x').digest('hex'),
    })
    expect([hashed.status, codeOf(hashed)]).toEqual([400, 'XAmzContentSHA256Mismatch'])
    const trailer = (sum: string) =>
      sendSigned(server.endpoint, server.root, {
        method: 'PUT',
        path,
        headers: { 'x-amz-trailer': 'x-amz-checksum-crc32', 'x-amz-decoded-content-length': '5' },
        hash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        body: Buffer.from(`5\r\nhello\r\n0\r\n${sum}\r\n`),
      })
    expect(codeOf(await trailer('x-amz-checksum-crc32:AAAAAA==\r\n'))).toBe('BadDigest')
    expect(codeOf(await trailer(''))).toBe('MalformedTrailerError')
    expect(await refusal(head('refused'))).toBe('404 NotFound')
    expect((await trailer('x-amz-checksum-crc32:NhCmhg==\r\n')).status).toBe(200) // the control: all else was right
  })

  it('refuses a body without a length, one that is short of it, and one cut off', async () => {
    const path = `/${Bucket}/short`
    const short = (decoded: string, body: string) =>
      sendSigned(server.endpoint, server.root, {
        method: 'PUT',
        path,
        headers: { 'x-amz-trailer': 'x-amz-checksum-crc32', 'x-amz-decoded-content-length': decoded },
        hash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        body: Buffer.from(body),
      })
    expect(codeOf(await short('6', '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n'))).toBe('IncompleteBody')
    expect(codeOf(await short('4', '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n'))).toBe('IncompleteBody')
    expect(codeOf(await short('5', '5\r\nhello\r\n'))).toBe('IncompleteBody')
    const chunked = await sendSigned(server.endpoint, server.root, {
      method: 'PUT',
      path,
      body: Buffer.from('x'),
      unsigned: { 'transfer-encoding': 'chunked' },
    }).catch(() => undefined)
    if (chunked) expect(chunked.status).toBeGreaterThanOrEqual(400)
    expect(await refusal(head('short'))).toBe('404 NotFound')
  })

  it('verifies the signatures of signed chunks and of their trailer', async () => {
    const path = `/${Bucket}/signed-chunks`
    const attempt = async (spoil: 'nothing' | 'data' | 'signature' | 'trailer') => {
      const request = {
        method: 'PUT',
        path,
        headers: { 'x-amz-trailer': 'x-amz-checksum-crc32', 'x-amz-decoded-content-length': '5' },
        hash: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
      }
      const { headers, chain } = sign(server.endpoint, server.root, request)
      const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
      const link = (kind: string, previous: string, hashes: string) =>
        createHmac('sha256', chain.signingKey).update(`${kind}\n${chain.amzDate}\n${chain.scope}\n${previous}\n${hashes}`).digest('hex')
      const first = link('AWS4-HMAC-SHA256-PAYLOAD', chain.seed, `${sha256('')}\n${sha256('hello')}`)
      const last = link('AWS4-HMAC-SHA256-PAYLOAD', first, `${sha256('')}\n${sha256('')}`)
      const trailer = link('AWS4-HMAC-SHA256-TRAILER', last, sha256('x-amz-checksum-crc32:NhCmhg==\n'))
      const text = [
        `5;chunk-signature=${spoil === 'signature' ? '0'.repeat(64) : first}`,
        spoil === 'data' ? 'hellx' : 'hello',
        `0;chunk-signature=${last}`,
        'x-amz-checksum-crc32:NhCmhg==',
        `x-amz-trailer-signature:${spoil === 'trailer' ? '0'.repeat(64) : trailer}`,
        '',
        '',
      ].join('\r\n')
      return send(server.endpoint, { ...request, body: Buffer.from(text) }, { ...headers, 'content-length': String(text.length) })
    }
    for (const spoil of ['data', 'signature', 'trailer'] as const) expect(codeOf(await attempt(spoil))).toBe('SignatureDoesNotMatch')
    expect(await refusal(head('signed-chunks'))).toBe('404 NotFound')
    expect((await attempt('nothing')).status).toBe(200)
    expect((await get('signed-chunks')).bytes.toString()).toBe('hello')
  })
})

describe('headers and conditions', () => {
  it('keeps system headers, metadata, storage class and tags', async () => {
    const given = {
      ContentType: 'text/x-q',
      ContentEncoding: 'gzip',
      ContentLanguage: 'de',
      ContentDisposition: 'attachment; filename="q"',
      CacheControl: 'max-age=5',
      StorageClass: 'STANDARD_IA' as const,
    }
    await put('meta', 'x', {
      ...given,
      Expires: new Date('2030-01-01T00:00:00Z'),
      Metadata: { foo: 'bar', n2: 'v  v' },
      Tagging: 'a=1&b=2%203',
    })
    const found = await head('meta')
    expect(found).toMatchObject({ ...given, ExpiresString: 'Tue, 01 Jan 2030 00:00:00 GMT', Metadata: { foo: 'bar', n2: 'v  v' } })
    expect((await client.send(new S3.GetObjectTaggingCommand({ Bucket, Key: 'meta' }))).TagSet).toEqual([
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: '2 3' },
    ])
    expect(await refusal(put('meta', 'x', { Metadata: { big: 'x'.repeat(2046) } }))).toBe('400 MetadataTooLarge')
  })

  it('answers ranges', async () => {
    const data = randomBytes(200_000)
    await put('range', data)
    for (const [Range, from, to] of [
      ['bytes=10-19', 10, 20],
      ['bytes=199990-', 199_990, 200_000],
      ['bytes=-5', 199_995, 200_000],
      ['bytes=1-900000', 1, 200_000],
    ] as const) {
      const reply = await get('range', { Range })
      expect(reply.$metadata.httpStatusCode).toBe(206)
      expect(reply.ContentRange).toBe(`bytes ${from}-${to - 1}/200000`)
      expect(reply.bytes.equals(data.subarray(from, to))).toBe(true)
    }
    expect(await refusal(get('range', { Range: 'bytes=200000-' }))).toBe('416 InvalidRange')
  })

  it('answers If-Match and If-None-Match of reads', async () => {
    const { ETag = '' } = await put('condition', 'x')
    expect((await get('condition', { IfMatch: ETag })).bytes.toString()).toBe('x')
    expect(await refusal(get('condition', { IfMatch: '"deadbeef"' }))).toBe('412 PreconditionFailed')
    expect(await refusal(get('condition', { IfNoneMatch: ETag }))).toMatch(/^304/)
    expect((await get('condition', { IfNoneMatch: '"deadbeef"' })).bytes.toString()).toBe('x')
  })

  it('answers If-Match and If-None-Match of writes, and lets one of two simultaneous creations win', async () => {
    await put('created', 'x', { IfNoneMatch: '*' })
    expect(await refusal(put('created', 'y', { IfNoneMatch: '*' }))).toBe('412 PreconditionFailed')
    expect(await refusal(put('created', 'y', { IfMatch: '"deadbeef"' }))).toBe('412 PreconditionFailed')
    expect(await refusal(put('absent', 'y', { IfMatch: '"deadbeef"' }))).toBe('404 NoSuchKey')
    const { ETag } = await head('created')
    await put('created', 'z', { IfMatch: ETag })
    expect((await get('created')).bytes.toString()).toBe('z')
    const race = await Promise.allSettled(
      Array.from({ length: 8 }, (_, at) => put('race', randomBytes(300_000 + at), { IfNoneMatch: '*' })),
    )
    expect(race.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('copies, and reports attributes', async () => {
    await put('copied-from', 'hello', { Metadata: { a: '1' }, ChecksumAlgorithm: 'CRC32' })
    await client.send(new S3.CopyObjectCommand({ Bucket, Key: 'copied-to', CopySource: `${Bucket}/copied-from` }))
    expect((await head('copied-to')).Metadata).toEqual({ a: '1' })
    const attributes = await client.send(
      new S3.GetObjectAttributesCommand({ Bucket, Key: 'copied-to', ObjectAttributes: ['ETag', 'ObjectSize', 'Checksum'] }),
    )
    expect(attributes).toMatchObject({ ObjectSize: 5, Checksum: { ChecksumCRC32: 'NhCmhg==' } })
  })
})

describe('multipart uploads', () => {
  const first = randomBytes(5 * MiB)
  const second = randomBytes(1000)
  const create = async (Key: string, more: Partial<S3.CreateMultipartUploadCommandInput> = {}) =>
    (await client.send(new S3.CreateMultipartUploadCommand({ Bucket, Key, ...more }))).UploadId ?? ''
  const part = async (Key: string, UploadId: string, PartNumber: number, Body: Buffer, more: Partial<S3.UploadPartCommandInput> = {}) => ({
    PartNumber,
    ETag: (await client.send(new S3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...more }))).ETag,
  })
  const complete = (Key: string, UploadId: string, Parts: S3.CompletedPart[], more: Partial<S3.CompleteMultipartUploadCommandInput> = {}) =>
    client.send(new S3.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more }))

  it('joins parts, sent in any order and one of them twice', async () => {
    const id = await create('multi', { Metadata: { w: '1' }, ContentType: 'text/w' })
    const two = await part('multi', id, 2, second)
    await part('multi', id, 1, randomBytes(5 * MiB))
    const one = await part('multi', id, 1, first)
    const listed = await client.send(new S3.ListPartsCommand({ Bucket, Key: 'multi', UploadId: id }))
    expect(listed.Parts?.map(({ PartNumber, Size, ETag }) => ({ PartNumber, Size, ETag }))).toEqual([
      { ...one, Size: first.length },
      { ...two, Size: second.length },
    ])
    const etag = `"${md5(Buffer.concat([md5(first), md5(second)])).toString('hex')}-2"`
    expect((await complete('multi', id, [one, two])).ETag).toBe(etag)
    const reply = await get('multi')
    expect(reply).toMatchObject({ ETag: etag, Metadata: { w: '1' }, ContentType: 'text/w' })
    expect(reply.bytes.equals(Buffer.concat([first, second]))).toBe(true)
    expect(
      (await get('multi', { Range: `bytes=${5 * MiB - 3}-${5 * MiB + 2}` })).bytes.equals(
        Buffer.concat([first.subarray(-3), second.subarray(0, 3)]),
      ),
    ).toBe(true)
    const onlyTwo = await get('multi', { PartNumber: 2 })
    expect(onlyTwo.bytes.equals(second)).toBe(true)
    expect(onlyTwo.PartsCount).toBe(2)
    expect(await refusal(complete('multi', id, [one, two]))).toBe('404 NoSuchUpload')
  })

  it('keeps to the rules of parts, and leaves the upload open when it refuses', async () => {
    const id = await create('rules')
    const one = await part('rules', id, 1, first)
    const two = await part('rules', id, 2, second)
    const three = await part('rules', id, 3, second)
    expect(await refusal(complete('rules', id, [two, one]))).toBe('400 InvalidPartOrder')
    expect(await refusal(complete('rules', id, [{ ...one, ETag: '"deadbeef"' }]))).toBe('400 InvalidPart')
    expect(await refusal(complete('rules', id, [one, { ...two, PartNumber: 4 }]))).toBe('400 InvalidPart')
    expect(await refusal(complete('rules', id, [one, two, three]))).toBe('400 EntityTooSmall')
    expect(await refusal(complete('rules', id, []))).toBe('400 MalformedXML')
    expect(await refusal(complete('rules', id, [one], { IfMatch: '"deadbeef"' }))).toBe('404 NoSuchKey')
    await put('rules', 'there already')
    expect(await refusal(complete('rules', id, [one, two], { IfNoneMatch: '*' }))).toBe('412 PreconditionFailed')
    expect(await refusal(complete('rules', id, [one, two], { MpuObjectSize: 5 }))).toBe('400 InvalidRequest')
    expect(await refusal(part('rules', id, 10_001, second))).toBe('400 InvalidArgument')
    await complete('rules', id, [one, two], { MpuObjectSize: first.length + second.length })
  })

  // the whole object's CRC must be what one PUT of the same bytes gives
  it.each(['CRC32', 'CRC32C', 'CRC64NVME'] as const)("combines the %s of parts into the whole object's", async (ChecksumAlgorithm) => {
    const id = await create('whole', { ChecksumAlgorithm, ChecksumType: 'FULL_OBJECT' })
    const parts = [await part('whole', id, 1, first, { ChecksumAlgorithm }), await part('whole', id, 2, second, { ChecksumAlgorithm })]
    const completed = await complete('whole', id, parts)
    const single = await put('single', Buffer.concat([first, second]), { ChecksumAlgorithm })
    expect(completed[`Checksum${ChecksumAlgorithm}`]).toBe(single[`Checksum${ChecksumAlgorithm}`])
    expect(completed[`Checksum${ChecksumAlgorithm}`]).toBeDefined()
  })

  it('lists open uploads by prefix and aborts them', async () => {
    const ids = [await create('open/a'), await create('open/a'), await create('open/b'), await create('elsewhere')]
    const page = await client.send(new S3.ListMultipartUploadsCommand({ Bucket, Prefix: 'open/', MaxUploads: 1 }))
    const rest = await client.send(
      new S3.ListMultipartUploadsCommand({
        Bucket,
        Prefix: 'open/',
        KeyMarker: page.NextKeyMarker,
        UploadIdMarker: page.NextUploadIdMarker,
      }),
    )
    expect(page.IsTruncated).toBe(true)
    expect([...(page.Uploads ?? []), ...(rest.Uploads ?? [])].map(({ UploadId }) => UploadId).sort()).toEqual(ids.slice(0, 3).sort())
    await client.send(new S3.AbortMultipartUploadCommand({ Bucket, Key: 'open/a', UploadId: ids[0] }))
    expect(await refusal(part('open/a', ids[0] ?? '', 1, second))).toBe('404 NoSuchUpload')
    expect((await client.send(new S3.ListMultipartUploadsCommand({ Bucket, Prefix: 'open/' }))).Uploads).toHaveLength(2)
  })

  it('copies a range of an object into a part', async () => {
    await put('part-source', first)
    const id = await create('part-copy')
    const copy = await client.send(
      new S3.UploadPartCopyCommand({
        Bucket,
        Key: 'part-copy',
        UploadId: id,
        PartNumber: 1,
        CopySource: `${Bucket}/part-source`,
        CopySourceRange: 'bytes=5-104',
      }),
    )
    await complete('part-copy', id, [{ PartNumber: 1, ETag: copy.CopyPartResult?.ETag }])
    expect((await get('part-copy')).bytes.equals(first.subarray(5, 105))).toBe(true)
  })
})

describe('listing', () => {
  beforeAll(async () => {
    await server.createBucket('list-bucket')
    const keys = ['a', 'b/1', 'b/2', 'b/c/3', 'd', 'e//f', 'e/', 'g/1', 'h é']
    for (const Key of keys) await client.send(new S3.PutObjectCommand({ Bucket: 'list-bucket', Key, Body: 'x' }))
  })

  const listV2 = (more: Partial<S3.ListObjectsV2CommandInput>) =>
    client.send(new S3.ListObjectsV2Command({ Bucket: 'list-bucket', ...more }))
  const names = (page: { Contents?: S3._Object[] | undefined; CommonPrefixes?: S3.CommonPrefix[] | undefined }) => [
    ...(page.Contents ?? []).map(({ Key }) => Key),
    ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
  ]

  it('rolls keys up at a delimiter, page by page too', async () => {
    expect(names(await listV2({ Delimiter: '/' }))).toEqual(['a', 'd', 'h é', 'b/', 'e/', 'g/'])
    expect(names(await listV2({ Delimiter: '/', Prefix: 'b/' }))).toEqual(['b/1', 'b/2', 'b/c/'])
    const found: unknown[] = []
    let Marker: string | undefined
    do {
      const page: S3.ListObjectsCommandOutput = await client.send(
        new S3.ListObjectsCommand({ Bucket: 'list-bucket', Delimiter: '/', MaxKeys: 1, Marker }),
      )
      found.push(...names(page))
      Marker = page.NextMarker
    } while (Marker)
    expect(found).toEqual(['a', 'b/', 'd', 'e/', 'g/', 'h é'])
  })

  it('limits a page and refuses what is no number, no token or no encoding', async () => {
    expect(await listV2({ MaxKeys: 0 })).toMatchObject({ KeyCount: 0, IsTruncated: false })
    expect((await listV2({ MaxKeys: 5000 })).MaxKeys).toBe(1000)
    expect(await refusal(listV2({ ContinuationToken: '!' }))).toBe('400 InvalidArgument')
    const reply = await sendSigned(server.endpoint, server.root, { method: 'GET', path: '/list-bucket', query: 'list-type=2&max-keys=-1' })
    expect(codeOf(reply)).toBe('InvalidArgument')
  })
})

describe('refusals', () => {
  it('does not know other buckets, keys and operations', async () => {
    expect(await refusal(get('nope'))).toBe('404 NoSuchKey')
    expect(await refusal(client.send(new S3.ListObjectsV2Command({ Bucket: 'no-such-bucket' })))).toBe('404 NoSuchBucket')
    expect(await refusal(client.send(new S3.CreateBucketCommand({ Bucket })))).toBe('409 BucketAlreadyOwnedByYou')
    expect(await refusal(client.send(new S3.GetBucketAclCommand({ Bucket })))).toBe('501 NotImplemented')
    expect(await refusal(put('encrypted', 'x', { ServerSideEncryption: 'aws:kms' }))).toBe('501 NotImplemented')
    await expect(server.createBucket('../escape')).rejects.toThrow('bucket')
  })

  it('accepts any region and a clock within 15 minutes, and nothing else', async () => {
    const attempt = async (more: object) => {
      const reply = await sendSigned(server.endpoint, server.root, { method: 'GET', path: `/${Bucket}`, ...more })
      return `${reply.status} ${codeOf(reply)}`
    }
    expect(await attempt({ region: 'eu-central-1' })).toBe('200 ')
    expect(await attempt({ date: new Date(Date.now() - 14 * 60_000) })).toBe('200 ')
    expect(await attempt({ date: new Date(Date.now() - 16 * 60_000) })).toBe('403 RequestTimeTooSkewed')
    expect(await attempt({ date: new Date(Date.now() + 16 * 60_000) })).toBe('403 RequestTimeTooSkewed')
    expect(await attempt({ unsigned: { 'x-amz-storage-class': 'GLACIER' } })).toBe('403 AccessDenied')
    expect(await attempt({ unsigned: { authorization: '' } })).toMatch(/^40[03]/)
    expect(await attempt({ unsigned: { authorization: 'Basic eDp5' } })).toBe('400 AuthorizationHeaderMalformed')
    const { secretAccessKey } = server.root
    const wrong = await sendSigned(
      server.endpoint,
      { ...server.root, secretAccessKey: `${secretAccessKey}x` },
      { method: 'GET', path: `/${Bucket}` },
    )
    expect([wrong.status, codeOf(wrong)]).toEqual([403, 'SignatureDoesNotMatch'])
    const unknown = await sendSigned(
      server.endpoint,
      { accessKeyId: 'EMBEDDED000000000000', secretAccessKey },
      { method: 'GET', path: `/${Bucket}` },
    )
    expect([unknown.status, codeOf(unknown)]).toEqual([403, 'InvalidAccessKeyId'])
  })
})
