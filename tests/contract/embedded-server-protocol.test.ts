import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { startEmbeddedS3, type EmbeddedS3 } from '../../cli/local/s3-server/index'
import { codeOf, presign, send, sendSigned, temporaryDirectory, type RawReply, type RawRequest } from '../support/embedded-client'

let temporary: ReturnType<typeof temporaryDirectory>
let server: EmbeddedS3

beforeAll(async () => {
  temporary = temporaryDirectory()
  server = await startEmbeddedS3({ directory: temporary.directory })
  await server.createBucket('raw')
  await server.createBucket('versions')
  await ask('PUT', '/versions', {
    query: 'versioning=',
    body: '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>',
  })
  await ask('PUT', '/raw/object', { body: 'body' })
  await ask('PUT', '/raw/cold', { body: 'body', headers: { 'x-amz-storage-class': 'GLACIER' } })
  await ask('PUT', '/raw/coldest', { body: 'body', headers: { 'x-amz-storage-class': 'DEEP_ARCHIVE' } })
})

afterAll(async () => {
  await server.close()
  temporary.remove()
})

type Asked = Omit<Partial<RawRequest>, 'body'> & { body?: string | Buffer }

const ask = (method: string, path: string, { body, ...more }: Asked = {}): Promise<RawReply> =>
  sendSigned(server.endpoint, server.root, { method, path, ...more, ...(body === undefined ? {} : { body: Buffer.from(body) }) })

const md5 = (text: string): string => createHash('md5').update(text).digest('base64')
const textIn = ({ body }: RawReply, name: string): string | undefined => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1]
const deletion = (inner: string): Asked => ({
  query: 'delete=',
  body: `<Delete>${inner}</Delete>`,
  headers: { 'content-md5': md5(`<Delete>${inner}</Delete>`) },
})
const copyOf = (source: string, more: Record<string, string> = {}): Asked => ({ headers: { 'x-amz-copy-source': source, ...more } })
const restoreOf = (inner: string): Asked => ({ query: 'restore=', body: `<RestoreRequest>${inner}</RestoreRequest>` })
const NO_VERSION = '0'.repeat(32)

describe('a request that Amazon S3 refuses', () => {
  const refusals: [refusal: string, method: string, path: string, asked?: Asked][] = [
    ['404 NoSuchBucket', 'GET', '/not-there/key'],
    ['404 NoSuchKey', 'GET', '/raw/none'],
    ['404 NoSuchKey', 'DELETE', '/raw/none', { headers: { 'if-match': '*' } }],
    ['412 PreconditionFailed', 'DELETE', '/raw/object', { headers: { 'if-match': '"other"' } }],
    ['501 NotImplemented', 'DELETE', '/raw/object', { query: 'versionId=null', headers: { 'if-match': '*' } }],
    ['400 InvalidArgument', 'GET', '/raw/object', { query: 'versionId=' }],
    ['400 InvalidArgument', 'GET', '/raw/object', { query: 'versionId=%0A' }],
    ['400 InvalidArgument', 'DELETE', '/versions/object', { query: 'versionId=..' }],
    ['404 NoSuchVersion', 'GET', '/raw/object', { query: `versionId=${NO_VERSION}` }],
    ['404 NoSuchVersion', 'PUT', '/raw/copy', copyOf(`raw/object?versionId=${NO_VERSION}`)],
    ['403 InvalidObjectState', 'GET', '/raw/cold'],
    ['403 InvalidObjectState', 'PUT', '/raw/copy', copyOf('raw/cold')],
    ['400 InvalidRequest', 'GET', '/raw/object', { query: 'partNumber=1', headers: { range: 'bytes=0-1' } }],
    ['416 InvalidPartNumber', 'GET', '/raw/object', { query: 'partNumber=2' }],
    ['400 InvalidArgument', 'GET', '/raw/object', { query: 'response-content-type=a%0D%0Ab' }],
    ['400 InvalidArgument', 'GET', '/raw', { query: 'list-type=3' }],
    ['400 InvalidArgument', 'GET', '/raw', { query: 'list-type=2&max-keys=-1' }],
    ['400 InvalidArgument', 'GET', '/raw', { query: 'version-id-marker=null&versions=' }],
    ['400 InvalidArgument', 'GET', '/raw', { query: 'key-marker=a&version-id-marker=b&versions=' }],
    ['400 InvalidArgument', 'GET', '/', { query: 'max-buckets=0' }],
    ['501 NotImplemented', 'GET', '/raw', { query: 'acl=' }],
    ['501 NotImplemented', 'DELETE', '/raw', { query: 'lifecycle=' }],
    ['501 NotImplemented', 'PUT', '/raw/object', { query: 'retention=' }],
    ['403 InvalidObjectState', 'POST', '/raw/object', restoreOf('<Days>1</Days>')],
    ['404 NoSuchKey', 'POST', '/raw/none', restoreOf('<Days>1</Days>')],
    ['400 MalformedXML', 'POST', '/raw/cold', restoreOf('')],
    ['400 MalformedXML', 'POST', '/raw/cold', restoreOf('<Days>0</Days>')],
    ['400 MalformedXML', 'POST', '/raw/cold', restoreOf('<Days>1</Days><GlacierJobParameters><Tier>Slow</Tier></GlacierJobParameters>')],
    [
      '400 InvalidArgument',
      'POST',
      '/raw/coldest',
      restoreOf('<Days>1</Days><GlacierJobParameters><Tier>Expedited</Tier></GlacierJobParameters>'),
    ],
    ['404 ObjectLockConfigurationNotFoundError', 'GET', '/raw', { query: 'object-lock=' }],
    ['501 NotImplemented', 'PATCH', '/raw/object'],
    ['400 InvalidRequest', 'PUT', '/raw/object', { body: '', headers: { 'x-amz-object-lock-legal-hold': 'ON' } }],
    ['501 NotImplemented', 'PUT', '/raw/object', { body: '', headers: { 'x-amz-server-side-encryption': 'AES256' } }],
    ['501 NotImplemented', 'PUT', '/raw/object', { body: '', headers: { 'x-amz-server-side-encryption': 'aws:kms' } }],
    ['501 NotImplemented', 'PUT', '/raw/object', { body: '', headers: { 'x-amz-server-side-encryption-aws-kms-key-id': 'k' } }],
    ['400 AccessControlListNotSupported', 'PUT', '/raw/object', { body: '', headers: { 'x-amz-acl': 'public-read' } }],
    ['403 AccessDenied', 'PUT', '/raw/copy', copyOf('raw/object', { 'x-amz-source-expected-bucket-owner': '111111111111' })],
    ['400 InvalidArgument', 'PUT', '/raw/copy', copyOf('raw')],
    ['400 InvalidArgument', 'PUT', '/raw/copy', copyOf('raw/object', { 'x-amz-metadata-directive': 'replace' })],
    ['400 InvalidArgument', 'PUT', '/raw/copy', copyOf('raw/object', { 'x-amz-tagging-directive': 'MERGE' })],
    ['400 InvalidRequest', 'PUT', '/raw/object', copyOf('raw/object')],
    ['400 InvalidStorageClass', 'PUT', '/raw/object', { body: '', headers: { 'x-amz-storage-class': 'EXPRESS_ONEZONE' } }],
    ['400 InvalidArgument', 'PUT', '/raw/object', { body: '', headers: { 'x-amz-tagging': 'a=1&a=2' } }],
    [
      '400 InvalidTag',
      'PUT',
      '/raw/object',
      { query: 'tagging=', body: '<Tagging><TagSet><Tag><Key></Key><Value>1</Value></Tag></TagSet></Tagging>' },
    ],
    ['400 MalformedXML', 'PUT', '/located', { body: '<CreateBucketConfiguration>' }],
    [
      '400 MalformedXML',
      'PUT',
      '/raw',
      { query: 'versioning=', body: '<VersioningConfiguration><Status>On</Status></VersioningConfiguration>' },
    ],
    ['400 InvalidRequest', 'POST', '/raw', { query: 'delete=', body: '<Delete><Object><Key>a</Key></Object></Delete>' }],
    ['400 BadDigest', 'POST', '/raw', { ...deletion('<Object><Key>a</Key></Object>'), headers: { 'content-md5': md5('other') } }],
    ['400 MalformedXML', 'POST', '/raw', deletion('<Object><Key></Key></Object>')],
    ['400 MalformedXML', 'POST', '/raw', deletion('<!DOCTYPE x><Object><Key>a</Key></Object>')],
  ]

  it.each(refusals.map(([refusal, method, path, asked = {}]) => [refusal, method, path, asked] as const))(
    'is refused with %s: %s %s %j',
    async (refusal, method, path, asked) => {
      const reply = await ask(method, path, asked)
      expect(`${reply.status} ${codeOf(reply)}`).toBe(refusal)
      expect(reply.headers['content-type']).toBe('application/xml')
      expect(reply.body).toMatch(
        /^<\?xml version="1.0" encoding="UTF-8"\?>\n<Error><Code>\w+<\/Code><Message>[^<]+<\/Message><Resource>\/[^<]*<\/Resource><RequestId>\w+<\/RequestId><\/Error>$/,
      )
      const head = method === 'GET' ? await ask('HEAD', path, asked) : undefined
      if (head && refusal !== '403 InvalidObjectState' && path !== '/') expect(head.body).toBe('')
    },
  )

  it('changes nothing', async () => {
    expect((await ask('GET', '/raw/object')).body).toBe('body')
    expect((await ask('GET', '/raw')).body).not.toMatch(/<Key>(copy|a)</)
    expect((await ask('HEAD', '/raw/cold')).status).toBe(200)
  })
})

describe('an upload', () => {
  const begin = async (key: string, headers: Record<string, string> = {}): Promise<string> =>
    textIn(await ask('POST', `/raw/${key}`, { query: 'uploads=', headers }), 'UploadId') ?? ''
  const part = (key: string, id: string, number: number, body: Buffer | string, headers: Record<string, string> = {}) =>
    ask('PUT', `/raw/${key}`, { query: `partNumber=${number}&uploadId=${id}`, body, headers })
  const complete = (key: string, id: string, parts: string[], headers: Record<string, string> = {}) =>
    ask('POST', `/raw/${key}`, {
      query: `uploadId=${id}`,
      body: `<CompleteMultipartUpload>${parts.map((inner) => `<Part>${inner}</Part>`).join('')}</CompleteMultipartUpload>`,
      headers,
    })
  const named = (number: number, { headers }: RawReply, more = ''): string =>
    `<PartNumber>${number}</PartNumber><ETag>${headers.etag}</ETag>${more}`
  const sum = (text: string): string => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(crc32(text))
    return bytes.toString('base64')
  }

  it('of parts without a byte is an object of as many parts', async () => {
    const id = await begin('empty')
    const big = Buffer.alloc(5 * 2 ** 20, 'x')
    const parts = [await part('empty', id, 1, big), await part('empty', id, 2, '')]
    expect(
      (
        await complete(
          'empty',
          id,
          parts.map((reply, at) => named(at + 1, reply)),
        )
      ).status,
    ).toBe(200)
    const head = async (query: string) => {
      const { status, headers } = await ask('HEAD', '/raw/empty', { query })
      return [status, headers['content-length'], headers['x-amz-mp-parts-count']]
    }
    expect(await head('partNumber=1')).toEqual([206, String(big.length), '2'])
    expect(await head('partNumber=2')).toEqual([206, '0', '2'])
    expect((await head('partNumber=3'))[0]).toBe(416)
    const alone = await begin('nothing')
    expect((await complete('nothing', alone, [named(1, await part('nothing', alone, 1, ''))])).status).toBe(200)
    expect((await ask('HEAD', '/raw/nothing', { query: 'partNumber=1' })).headers['x-amz-mp-parts-count']).toBe('1')
    for (const key of ['empty', 'nothing']) expect((await ask('DELETE', `/raw/${key}`)).status).toBe(204)
  })

  it('with a composite checksum needs the checksum of each part, sent and named', async () => {
    const id = await begin('composite', { 'x-amz-checksum-algorithm': 'CRC32' })
    expect(codeOf(await part('composite', id, 1, 'part'))).toBe('InvalidRequest')
    expect(
      codeOf(await part('composite', id, 1, 'part', { 'x-amz-checksum-sha1': createHash('sha1').update('part').digest('base64') })),
    ).toBe('InvalidRequest')
    const sent = await part('composite', id, 1, 'part', { 'x-amz-checksum-crc32': sum('part') })
    expect(codeOf(await complete('composite', id, [named(1, sent)]))).toBe('InvalidRequest')
    expect(codeOf(await complete('composite', id, [named(1, sent, `<ChecksumCRC32>${sum('other')}</ChecksumCRC32>`)]))).toBe('InvalidPart')
    const right = [named(1, sent, `<ChecksumCRC32>${sum('part')}</ChecksumCRC32>`)]
    expect(codeOf(await complete('composite', id, right, { 'x-amz-checksum-type': 'FULL_OBJECT' }))).toBe('InvalidRequest')
    expect(textIn(await complete('composite', id, right), 'ChecksumCRC32')).toMatch(/-1$/)
  })

  it('with a checksum of the whole object has it also of parts that came without', async () => {
    const id = await begin('full', { 'x-amz-checksum-algorithm': 'CRC32', 'x-amz-checksum-type': 'FULL_OBJECT' })
    const sent = await part('full', id, 1, 'part')
    expect(sent.headers['x-amz-checksum-crc32']).toBe(sum('part'))
    expect(codeOf(await complete('full', id, [named(1, sent)], { 'x-amz-checksum-crc32': sum('other') }))).toBe('BadDigest')
    expect(textIn(await complete('full', id, [named(1, sent)], { 'x-amz-checksum-crc32': sum('part') }), 'ChecksumCRC32')).toBe(sum('part'))
  })

  it('copies a range that lies within its source, and no other', async () => {
    const id = await begin('ranges')
    const copied = async (range: string): Promise<string> => {
      const query = `partNumber=1&uploadId=${id}`
      const reply = await ask('PUT', '/raw/ranges', {
        query,
        headers: { 'x-amz-copy-source': 'raw/object', 'x-amz-copy-source-range': range },
      })
      return codeOf(reply) || (textIn(reply, 'ETag') ?? '')
    }
    for (const range of ['bytes=0-4', 'bytes=4-4', 'bytes=2-1', 'bytes=0-', 'bytes=-2', '0-1', 'bytes=0-1,2-3'])
      expect([range, await copied(range)]).toEqual([range, 'InvalidArgument'])
    expect(await copied('bytes=1-3')).toContain(createHash('md5').update('ody').digest('hex'))
  })
})

describe('DeleteObjects', () => {
  it('tells of each object by itself what became of it', async () => {
    for (const key of ['one', 'two', 'three']) await ask('PUT', `/raw/${key}`, { body: key })
    const objects = [
      `<Object><Key>one</Key><ETag>${createHash('md5').update('one').digest('hex')}</ETag></Object>`,
      '<Object><Key>two</Key><ETag>"other"</ETag></Object>',
      '<Object><Key>three</Key><VersionId>none</VersionId></Object>',
      `<Object><Key>${'k'.repeat(1025)}</Key></Object>`,
    ]
    const reply = await ask('POST', '/raw', deletion(objects.join('')))
    expect([reply.status, [...reply.body.matchAll(/<Deleted><Key>(.*?)</g)].map(([, key]) => key)]).toEqual([200, ['one']])
    expect([...reply.body.matchAll(/<Code>(.*?)</g)].map(([, code]) => code)).toEqual([
      'PreconditionFailed',
      'InvalidArgument',
      'KeyTooLongError',
    ])
    const quiet = await ask('POST', '/raw', deletion(`<Quiet>true</Quiet>${objects[1]}<Object><Key>three</Key></Object>`))
    expect([textIn(quiet, 'Key'), quiet.body.includes('<Deleted>')]).toEqual(['two', false])
  })
})

describe('a delete marker', () => {
  it('is told by GET, HEAD, attributes and tags alike: 404, or 405 where it is named', async () => {
    await ask('PUT', '/versions/key', { body: 'x' })
    const id = String((await ask('DELETE', '/versions/key')).headers['x-amz-version-id'])
    for (const [method, more, headers] of [
      ['GET', '', {}],
      ['HEAD', '', {}],
      ['GET', 'attributes=', { 'x-amz-object-attributes': 'ETag' }],
      ['GET', 'tagging=', {}],
    ] as const)
      for (const [query, status] of [
        ['', 404],
        [`versionId=${id}`, 405],
      ] as const) {
        const reply = await ask(method, '/versions/key', { query: [more, query].filter(Boolean).join('&'), headers: { ...headers } })
        expect([method, more, reply.status, reply.headers['x-amz-delete-marker'], reply.headers['x-amz-version-id']]).toEqual([
          method,
          more,
          status,
          'true',
          id,
        ])
      }
  })

  it('an older version is put back by a copy onto the key itself', async () => {
    const id = String((await ask('PUT', '/versions/back', { body: 'first' })).headers['x-amz-version-id'])
    await ask('PUT', '/versions/back', { body: 'second' })
    const copy = await ask('PUT', '/versions/back', copyOf(`/versions/back?versionId=${id}`))
    expect([copy.status, copy.headers['x-amz-copy-source-version-id']]).toEqual([200, id])
    expect((await ask('GET', '/versions/back')).body).toBe('first')
  })
})

describe('a copy source', () => {
  it('may be encoded as a whole, begin with a slash, and name a key with anything in it', async () => {
    await ask('PUT', '/raw/a%20b%2B%3Fc/%C3%A9', { body: 'odd' })
    for (const source of [
      'raw/a%20b+%3Fc/%C3%A9',
      '/raw/a%20b%2B%3Fc/%C3%A9',
      'raw%2Fa%20b%2B%3Fc%2F%C3%A9',
      '%2Fraw%2Fa%20b%2B%3Fc%2F%C3%A9',
    ])
      expect([source, (await ask('PUT', '/raw/copied', copyOf(source))).status]).toEqual([source, 200])
    expect((await ask('GET', '/raw/copied')).body).toBe('odd')
    await ask('DELETE', '/raw/copied')
  })
})

describe('a presigned request', () => {
  const sentAs = (method: string, path: string, query: string, body?: string): Promise<RawReply> =>
    send(
      server.endpoint,
      { method, path, query, body: body === undefined ? undefined : Buffer.from(body) },
      { host: new URL(server.endpoint).host, 'content-length': String(body?.length ?? 0) },
    )

  it('may hold headers in its query, which count as such', async () => {
    // what sorts behind the signature's parameters, as it is signed
    const signed = presign(
      server.endpoint,
      server.root,
      { method: 'PUT', path: '/raw/presigned' },
      60,
      '&x-amz-meta-a=b&x-amz-storage-class=STANDARD_IA',
    )
    expect((await sentAs('PUT', '/raw/presigned', signed, 'x')).status).toBe(200)
    const { headers } = await ask('HEAD', '/raw/presigned')
    expect([headers['x-amz-meta-a'], headers['x-amz-storage-class']]).toEqual(['b', 'STANDARD_IA'])
    const acl = presign(server.endpoint, server.root, { method: 'PUT', path: '/raw/presigned' }, 60, '&x-amz-grant-read=x')
    expect(codeOf(await sentAs('PUT', '/raw/presigned', acl, 'y'))).toBe('NotImplemented')
    const sum = presign(server.endpoint, server.root, { method: 'PUT', path: '/raw/presigned' }, 60, '&x-amz-checksum-crc32=AAAAAA%3D%3D')
    expect(codeOf(await sentAs('PUT', '/raw/presigned', sum, 'y'))).toBe('BadDigest')
    expect((await ask('GET', '/raw/presigned')).body).toBe('x')
  })
})

describe('a trailer', () => {
  it('that was not announced is refused', async () => {
    const body = 'c\r\nhello chunks\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n'
    const headers = { 'x-amz-decoded-content-length': '12' }
    const reply = await ask('PUT', '/raw/trailed', { body, headers, hash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' })
    expect(codeOf(reply)).toBe('MalformedTrailerError')
    expect((await ask('HEAD', '/raw/trailed')).status).toBe(404)
  })
})

describe('buckets', () => {
  it('are listed by prefix, region and page', async () => {
    const location = '<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>'
    expect((await ask('PUT', '/page-1', { body: location })).status).toBe(200)
    for (const name of ['page-2', 'page-3']) await ask('PUT', `/${name}`)
    const listed = async (query: string) => {
      const reply = await ask('GET', '/', { query })
      return { names: [...reply.body.matchAll(/<Name>(.*?)</g)].map(([, name]) => name), token: textIn(reply, 'ContinuationToken') }
    }
    const first = await listed('max-buckets=2&prefix=page-')
    expect(first.names).toEqual(['page-1', 'page-2'])
    expect(await listed(`continuation-token=${first.token}&max-buckets=2&prefix=page-`)).toEqual({ names: ['page-3'], token: undefined })
    expect((await listed('bucket-region=eu-west-1')).names).toEqual(['page-1'])
    expect((await ask('GET', '/page-1', { query: 'location=' })).body).toContain('>eu-west-1</LocationConstraint>')
    expect((await ask('HEAD', '/page-1')).headers['x-amz-bucket-region']).toBe('eu-west-1')
    expect((await ask('GET', '/page-2', { headers: { 'x-amz-expected-bucket-owner': '000000000000' } })).status).toBe(200)
  })
})
