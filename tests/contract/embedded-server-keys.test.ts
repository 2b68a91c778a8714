import { s3Store } from '@drayage/core'
import * as S3 from '@aws-sdk/client-s3'
import { createHmac } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { ChunkedDecoder } from '../../cli/local/s3-server/aws-chunked'
import { startEmbeddedS3, type EmbeddedS3, type IssuedKey, type KeyGrant } from '../../cli/local/s3-server/index'
import { clientOf, codeOf, presign, send, sendSigned, sign, temporaryDirectory } from '../support/embedded-client'

let temporary: ReturnType<typeof temporaryDirectory>
let server: EmbeddedS3
const HOUR = 3_600_000

beforeAll(async () => {
  temporary = temporaryDirectory()
  server = await startEmbeddedS3({ directory: temporary.directory })
  for (const name of ['granted', 'foreign']) {
    await server.createBucket(name)
    for (const key of ['in/a', 'out/a'])
      await sendSigned(server.endpoint, server.root, { method: 'PUT', path: `/${name}/${key}`, body: Buffer.from('x') })
  }
})

afterAll(async () => {
  await server.close()
  temporary.remove()
})

const grant = (allow: KeyGrant['allow'], more: Partial<KeyGrant> = {}): KeyGrant => ({
  bucket: 'granted',
  prefix: 'in/',
  allow,
  expiresAt: new Date(Date.now() + HOUR),
  ...more,
})

type Attempt = [name: string, method: string, path: string, query?: string, headers?: Record<string, string>]

/** Everything a key might try; each one succeeds for root. */
const ATTEMPTS: Attempt[] = [
  ['list', 'GET', '/granted', 'list-type=2&prefix=in%2F'],
  ['list all', 'GET', '/granted', 'list-type=2'],
  ['list v1 of a shorter prefix', 'GET', '/granted', 'prefix=in'],
  ['list another bucket', 'GET', '/foreign', 'list-type=2&prefix=in%2F'],
  ['head bucket', 'HEAD', '/granted'],
  ['get', 'GET', '/granted/in/a'],
  ['head', 'HEAD', '/granted/in/a'],
  ['get outside', 'GET', '/granted/out/a'],
  ['get of another bucket', 'GET', '/foreign/in/a'],
  ['put', 'PUT', '/granted/in/b'],
  ['put outside', 'PUT', '/granted/out/b'],
  ['put into another bucket', 'PUT', '/foreign/in/b'],
  ['create upload', 'POST', '/granted/in/u', 'uploads='],
  ['create upload outside', 'POST', '/granted/out/u', 'uploads='],
  ['list uploads', 'GET', '/granted', 'prefix=in%2F&uploads='],
  ['list all uploads', 'GET', '/granted', 'uploads='],
  ['copy in', 'PUT', '/granted/in/c', '', { 'x-amz-copy-source': '/foreign/out/a' }],
  ['delete', 'DELETE', '/granted/in/gone'],
  ['list buckets', 'GET', '/'],
]

const succeeded = async (key: IssuedKey): Promise<string[]> => {
  const names: string[] = []
  for (const [name, method, path, query = '', headers = {}] of ATTEMPTS) {
    const reply = await sendSigned(server.endpoint, key, {
      method,
      path,
      query,
      headers,
      ...(method === 'PUT' ? { body: Buffer.from('') } : {}),
    })
    if (reply.status < 300) names.push(name)
    else expect([reply.status, method === 'HEAD' ? 'AccessDenied' : codeOf(reply)]).toEqual([403, 'AccessDenied'])
  }
  return names
}

describe('grants', () => {
  it('let root do everything', async () => {
    expect(await succeeded(server.root)).toEqual(ATTEMPTS.map(([name]) => name))
  })

  it.each([
    ['list', ['list', 'head bucket']],
    ['read', ['list', 'head bucket', 'get', 'head']],
    ['abort', ['list uploads']],
    ['write', ['list', 'head bucket', 'put', 'create upload', 'list uploads']],
  ] as const)('of %s allow exactly their part', async (allow, allowed) => {
    expect(await succeeded(server.issueKey(grant(allow)))).toEqual(allowed)
  })

  it('add up, and a copy needs both sides', async () => {
    const both = server.issueKey([grant('write'), grant('read', { bucket: 'foreign', prefix: '' })])
    expect(await succeeded(both)).toEqual([
      'list',
      'list another bucket',
      'head bucket',
      'get of another bucket',
      'put',
      'create upload',
      'list uploads',
      'copy in',
    ])
  })

  it('of a whole bucket allow its listing', async () => {
    expect(await succeeded(server.issueKey(grant('list', { prefix: '' })))).toEqual([
      'list',
      'list all',
      'list v1 of a shorter prefix',
      'head bucket',
    ])
  })

  it('compare prefixes in bytes', async () => {
    const key = server.issueKey(grant('write', { prefix: 'é/' }))
    const attempt = async (path: string) => (await sendSigned(server.endpoint, key, { method: 'PUT', path, body: Buffer.from('x') })).status
    expect(await attempt('/granted/%C3%A9/a')).toBe(200)
    expect(await attempt('/granted/e%CC%81/a')).toBe(403)
  })

  it('carry a whole multipart upload by the SDK', async () => {
    const client = clientOf(server.endpoint, server.issueKey(grant('write')))
    const at = { Bucket: 'granted', Key: 'in/multi' }
    const { UploadId } = await client.send(new S3.CreateMultipartUploadCommand(at))
    const { ETag } = await client.send(new S3.UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: 'part' }))
    expect((await client.send(new S3.ListPartsCommand({ ...at, UploadId }))).Parts).toHaveLength(1)
    await client.send(new S3.CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } }))
    await expect(client.send(new S3.GetObjectCommand(at))).rejects.toThrow('Access Denied')
    await expect(client.send(new S3.DeleteObjectCommand(at))).rejects.toThrow('Access Denied')
    client.destroy()
  })
})

describe('the end of a key', () => {
  const listed = async (endpoint: string, key: IssuedKey, date?: Date) => {
    const reply = await sendSigned(endpoint, key, {
      method: 'GET',
      path: '/granted',
      query: 'list-type=2&prefix=in%2F',
      ...(date ? { date } : {}),
    })
    return `${reply.status} ${codeOf(reply)}`
  }

  it('is refused once revoked, and not before', async () => {
    const key = server.issueKey(grant('list'))
    expect([server.keyState(key.accessKeyId), await listed(server.endpoint, key)]).toEqual(['active', '200 '])
    await server.revokeKey(key.accessKeyId)
    expect([server.keyState(key.accessKeyId), await listed(server.endpoint, key)]).toEqual(['revoked', '403 InvalidAccessKeyId'])
    expect(server.keyState('EMBEDDED000000000000')).toBe('unknown')
  })

  it.each([
    ['write', ['list uploads']],
    ['read', []],
    ['list', []],
  ] as const)('of a suspended key with %s leaves it listing and aborting uploads, if it could that before', async (allow, left) => {
    const key = server.issueKey(grant(allow))
    await server.suspendKey(key.accessKeyId)
    expect(await succeeded(key)).toEqual(left)
    expect(server.keyState(key.accessKeyId)).toBe('active')
  })

  it('takes it from the list of keys that still work; suspending does not, and root is none of them', async () => {
    const key = server.issueKey(grant('write'))
    await server.suspendKey(key.accessKeyId)
    expect(server.activeKeys()).toContain(key.accessKeyId)
    expect(server.activeKeys()).not.toContain(server.root.accessKeyId)
    await server.revokeKey(key.accessKeyId)
    expect(server.activeKeys()).not.toContain(key.accessKeyId)
  })

  it('is refused when its time is over', async () => {
    let now = new Date()
    const other = temporaryDirectory()
    const clocked = await startEmbeddedS3({ directory: other.directory, now: () => now })
    await clocked.createBucket('granted')
    const key = clocked.issueKey(grant('list', { expiresAt: new Date(now.getTime() + HOUR) }))
    expect([clocked.keyState(key.accessKeyId), await listed(clocked.endpoint, key, now)]).toEqual(['active', '200 '])
    now = new Date(now.getTime() + HOUR)
    expect([clocked.keyState(key.accessKeyId), await listed(clocked.endpoint, key, now)]).toEqual(['expired', '403 ExpiredToken'])
    const elsewhere = await sendSigned(clocked.endpoint, key, { method: 'GET', path: '/foreign', date: now })
    expect(codeOf(elsewhere)).toBe('ExpiredToken')
    expect(await listed(clocked.endpoint, clocked.root, now)).toBe('200 ')
    await clocked.close()
    other.remove()
  })

  it.each(['revokeKey', 'suspendKey', undefined] as const)('stops a write that is under way (%s)', async (end) => {
    const key = server.issueKey(grant('write'))
    const path = `/granted/in/under-way-${end}`
    const { headers } = sign(server.endpoint, key, { method: 'PUT', path })
    const { hostname, port } = new URL(server.endpoint)
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(
        { hostname, port, method: 'PUT', path, agent: false, headers: { ...headers, 'content-length': '4' } },
        (response) => resolve(response.resume().statusCode),
      )
      request.on('error', reject)
      request.write('ab', () =>
        setTimeout(() => {
          if (end) void server[end](key.accessKeyId)
          request.end('cd')
        }, 50),
      )
    })
    const found = await sendSigned(server.endpoint, server.root, { method: 'GET', path })
    expect([status, found.status]).toEqual(end ? [403, 404] : [200, 200])
  })

  it('does not outlive the process: another start knows none of the old keys', async () => {
    const other = temporaryDirectory()
    const first = await startEmbeddedS3({ directory: other.directory })
    await first.createBucket('granted')
    const key = first.issueKey(grant('list'))
    const { root } = first
    await first.close()
    const second = await startEmbeddedS3({ directory: other.directory })
    expect(await listed(second.endpoint, key)).toBe('403 InvalidAccessKeyId')
    expect(await listed(second.endpoint, root)).toBe('403 InvalidAccessKeyId')
    expect(await listed(second.endpoint, second.root)).toBe('200 ')
    await second.close()
    other.remove()
  })
})

describe('presigned requests', () => {
  it('are taken for as long as they say', async () => {
    const path = '/granted/in/a'
    const attempt = async (date: Date, expires: number, spoil = '') => {
      const query = presign(server.endpoint, server.root, { method: 'GET', path, date }, expires)
      const reply = await send(server.endpoint, { method: 'GET', path, query: `${query}${spoil}` }, {})
      return `${reply.status} ${codeOf(reply)}`
    }
    const anHourAgo = new Date(Date.now() - HOUR)
    expect(await attempt(new Date(), 60)).toBe('200 ')
    expect(await attempt(anHourAgo, 7200)).toBe('200 ')
    expect(await attempt(anHourAgo, 60)).toBe('403 AccessDenied')
    expect(await attempt(new Date(), 60, '&partNumber=1')).toBe('403 SignatureDoesNotMatch')
    expect((await send(server.endpoint, { method: 'GET', path }, {})).status).toBe(403)
  })
})

describe('aws-chunked', () => {
  // the example of "Signature calculations for the authorization header: transferring payload in multiple chunks", Amazon S3 API reference
  const hmac = (key: Buffer | string, data: string) => createHmac('sha256', key).update(data).digest()
  const signingKey = hmac(hmac(hmac(hmac('AWS4wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', '20130524'), 'us-east-1'), 's3'), 'aws4_request')
  const signing = {
    signingKey,
    amzDate: '20130524T000000Z',
    scope: '20130524/us-east-1/s3/aws4_request',
    seed: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
  }
  const example = (last = 'a') =>
    Buffer.from(
      [
        '10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
        'a'.repeat(65_536),
        '400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
        'a'.repeat(1023) + last,
        '0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
        '',
        '',
      ].join('\r\n'),
    )

  it.each([1, 7, 1000, 65_536, 100_000])("takes AWS's example apart, whatever way it is cut (%d bytes)", (size) => {
    const decoder = new ChunkedDecoder(signing, false)
    const bytes = example()
    const data: Buffer[] = []
    for (let at = 0; at < bytes.length; at += size) data.push(...decoder.push(bytes.subarray(at, at + size)))
    decoder.finish()
    expect(Buffer.concat(data).toString()).toBe('a'.repeat(66_560))
  })

  it('refuses it with one byte changed', () => {
    expect(() => new ChunkedDecoder(signing, false).push(example('b'))).toThrow('does not match')
  })
})

// the last byte of à in UTF-8 is a space to JavaScript's trim
test.each(['voil\xc3\xa0', '\xc2\xa0a', 'a\tb'])('metadata %j is signed, kept and answered as it is', async (value) => {
  const place = temporaryDirectory()
  const server = await startEmbeddedS3({ directory: place.directory })
  await server.createBucket('signed')
  const reach = { endpoint: server.endpoint, region: 'us-east-1', credentials: async () => server.root }
  const store = s3Store({ bucket: 'signed', reach, provider: 'embedded' })
  await store.put(Buffer.from('a'), Buffer.from('a'), { headers: { metadata: { name: value } } })
  expect((await store.stat(Buffer.from('a')))?.headers.metadata).toEqual({ name: value })
  await store.close()
  await server.close()
  place.remove()
})
