import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { crc32 } from 'node:zlib'
import {
  AccessDenied,
  BodyMismatch,
  CredentialsRefused,
  KeyNotRepresentable,
  NoSuchObject,
  ObjectArchived,
  StoreRefused,
  StoreThrottled,
  StoreUnavailable,
} from '../../layers/core/domain/errors'
import type { ObjectLock, PutOptions } from '../../layers/core/domain/object-store'
import { PROVIDERS } from '../../layers/core/domain/providers'
import { s3Store } from '../../layers/core/stores/index'
import { addressOf } from '../../layers/core/stores/s3/addressing'
import { framedLength } from '../../layers/core/stores/s3/aws-chunked'
import { keptCredentials } from '../../layers/core/stores/s3/credentials'
import { refusal, reply, startLyingSource, type LyingSource } from '../support/lying-source'

const credentials = async () => ({ accessKeyId: 'AKIDFAKE', secretAccessKey: 'fake' })

let source: LyingSource
let store: ReturnType<typeof s3Store>
beforeAll(async () => {
  source = await startLyingSource()
  store = s3Store({ bucket: 'bucket', provider: 'other', reach: { endpoint: source.endpoint, region: 'r-1', credentials } })
})
afterAll(async () => {
  await store.close()
  await source.close()
})

const WRITTEN = { etag: '"e"' }
const OBJECT = { etag: '"e"', 'last-modified': 'Tue, 02 Jan 2024 03:04:05 GMT' }

describe('the request line', () => {
  const lines: [string, Buffer, string][] = [
    ['dots', Buffer.from('../x/./..'), '/bucket/../x/./..'],
    ['a dot', Buffer.from('.'), '/bucket/.'],
    ['slashes', Buffer.from('//a//'), '/bucket///a//'],
    ['reserved', Buffer.from("a?b#c&d=e;f+g %2F!'()*~"), '/bucket/a%3Fb%23c%26d%3De%3Bf%2Bg%20%252F%21%27%28%29%2A~'],
    ['bytes that are not UTF-8', Buffer.from([0x00, 0x0a, 0x7f, 0x80, 0xff]), '/bucket/%00%0A%7F%80%FF'],
    ['é in both forms', Buffer.from('é e\u0301'), '/bucket/%C3%A9%20e%CC%81'],
  ]
  test.each(lines)('%s', async (_, key, line) => {
    source.answers(reply(200, { ...OBJECT, ...WRITTEN }))
    await (await store.read(key)).body.resume().toArray()
    await store.stat(key)
    await store.put(key, Buffer.from('x'))
    await store.putPart(key, 'u+/=', 3, Buffer.from('x'))
    expect(source.heard.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `GET ${line}`,
      `HEAD ${line}`,
      `PUT ${line}`,
      `PUT ${line}?partNumber=3&uploadId=u%2B%2F%3D`,
    ])
  })

  test('control calls of a key that is no text are refused before anything is sent', async () => {
    source.answers(reply(200, {}))
    await expect(store.listParts(Buffer.from([0xff]), 'u')).rejects.toBeInstanceOf(KeyNotRepresentable)
    expect(source.heard).toEqual([])
  })
})

describe('headers', () => {
  test('a read says identity, its range and its ETag', async () => {
    source.answers(reply(206, { ...OBJECT, 'content-range': 'bytes 2-4/10' }, 'cde'))
    const { info, length, body } = await store.read(Buffer.from('a'), { range: { from: 2, to: 4 }, ifMatch: '"e"' })
    expect([Buffer.concat(await body.toArray()).toString(), length, info.size]).toEqual(['cde', 3, 10])
    expect(source.heard[0]?.headers).toMatchObject({
      'accept-encoding': 'identity',
      range: 'bytes=2-4',
      'if-match': '"e"',
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    })
  })

  test('a session token is sent and signed', async () => {
    const reach = {
      endpoint: source.endpoint,
      region: 'r-1',
      credentials: async () => ({ ...(await credentials()), sessionToken: 'fake-token' }),
    }
    const other = s3Store({ bucket: 'bucket', provider: 'other', reach })
    source.answers(reply(200, OBJECT))
    await other.stat(Buffer.from('a'))
    await other.close()
    expect(source.heard[0]?.headers['x-amz-security-token']).toBe('fake-token')
    expect(source.heard[0]?.headers['authorization']).toContain('x-amz-security-token')
  })

  test('metadata goes out as it came in, byte for byte', async () => {
    const value = Buffer.from('é – \u{1F600}').toString('latin1')
    source.answers(
      reply(200, {
        ...OBJECT,
        'x-amz-meta-name': value,
        'x-amz-meta-__proto__': 'kept',
        'content-disposition': `inline; filename="${value}"`,
      }),
    )
    const info = await store.stat(Buffer.from('a'))
    expect(info?.headers.metadata['name']).toBe(value)
    expect(Object.entries(info?.headers.metadata ?? {})).toContainEqual(['__proto__', 'kept'])
    await store.put(Buffer.from('a'), Buffer.from('x'), { headers: info?.headers })
    expect(source.heard[1]?.headers).toMatchObject({
      'x-amz-meta-name': value,
      'x-amz-meta-__proto__': 'kept',
      'content-disposition': `inline; filename="${value}"`,
    })
  })

  test.each([
    ['a line break', { a: 'x\r\nx-amz-acl: public-read' }],
    ['a character that is no byte', { a: 'x\u0100' }],
    ['a name that is no token', { 'a b': 'x' }],
  ])('metadata with %s is refused, and nothing is sent', async (_, metadata) => {
    source.answers(reply(200, WRITTEN))
    const error = await store.put(Buffer.from('k'), Buffer.from('x'), { headers: { metadata } }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(StoreRefused)
    expect((error as Error).message).toMatch(/put bucket key "k": .* cannot be sent as a header/)
    await expect(store.createUpload(Buffer.from('k'), { headers: { metadata } })).rejects.toBeInstanceOf(StoreRefused)
    expect(source.heard).toEqual([])
  })

  test('an upload announces its checksum and carries its headers', async () => {
    source.answers(reply(200, {}, '<InitiateMultipartUploadResult><UploadId>u&amp;1</UploadId></InitiateMultipartUploadResult>'))
    expect(
      await store.createUpload(Buffer.from('k'), { headers: { expires: '0', metadata: { a: 'b' } }, storageClass: 'GLACIER_IR' }),
    ).toBe('u&1')
    expect(source.heard[0]).toMatchObject({
      method: 'POST',
      url: '/bucket/k?uploads=',
      headers: { 'x-amz-checksum-algorithm': 'CRC32', expires: '0', 'x-amz-meta-a': 'b', 'x-amz-storage-class': 'GLACIER_IR' },
    })
  })
})

describe('what is asked of one version, part or checksum', () => {
  const key = Buffer.from('a b')
  const TAGGING = '<Tagging><TagSet><Tag><Key>k&amp;1</Key><Value>\u00e9 1</Value></Tag><Tag><Key>e</Key><Value/></Tag></TagSet></Tagging>'

  test('stands in the query and in headers', async () => {
    source.answers(reply(200, OBJECT))
    await (await store.read(key, { versionId: 'v+1' })).body.resume().toArray()
    await store.stat(key, { versionId: 'v+1', part: 3, checksum: true })
    await store.stat(key)
    expect(source.heard.map(({ method, url, headers }) => [method, url, headers['x-amz-checksum-mode']])).toEqual([
      ['GET', '/bucket/a%20b?versionId=v%2B1', undefined],
      ['HEAD', '/bucket/a%20b?partNumber=3&versionId=v%2B1', 'ENABLED'],
      ['HEAD', '/bucket/a%20b', undefined],
    ])
    source.answers(reply(200, {}, TAGGING))
    expect(await store.tags(key, { versionId: 'v+1' })).toEqual([
      { name: 'k&1', value: '\u00e9 1' },
      { name: 'e', value: '' },
    ])
    expect(source.heard[0]?.url).toBe('/bucket/a%20b?tagging=&versionId=v%2B1')
  })

  test.each([
    ['<Tagging><TagSet></TagSet></Tagging>', []],
    ['<Tagging><TagSet/></Tagging>', []],
    ['<Tagging><TagSet>\n  <Tag><Key>a</Key><Value> b </Value></Tag>\n</TagSet></Tagging>', [{ name: 'a', value: ' b ' }]],
  ])('tags are read from %s', async (xml, tags) => {
    source.answers(reply(200, {}, xml))
    expect(await store.tags(key)).toEqual(tags)
  })

  test.each([
    '',
    '<html></html>',
    '<Tagging></Tagging>',
    '<Tagging><TagSet>x</TagSet></Tagging>',
    '<Tagging><TagSet><Tag/></TagSet></Tagging>',
    '<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>',
    '<Tagging><TagSet><Tag><Key></Key><Value>b</Value></Tag></TagSet></Tagging>',
    '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet>',
  ])('tags that cannot be read are an error and not none: %s', async (xml) => {
    source.answers(reply(200, {}, xml))
    await expect(store.tags(key)).rejects.toBeInstanceOf(StoreUnavailable)
  })

  test.each(['NoSuchTagSet', 'NoSuchTagSetError'])('no tags is also what some stores answer as %s', async (code) => {
    source.answers(refusal(404, code))
    expect(await store.tags(key)).toEqual([])
    source.answers(refusal(404, 'NoSuchKey'))
    await expect(store.tags(key)).rejects.toBeInstanceOf(NoSuchObject)
  })

  test('405 is a delete marker only where a version was named', async () => {
    source.answers(refusal(405, 'MethodNotAllowed'))
    expect(await store.stat(key, { versionId: 'm' })).toBeUndefined()
    await expect(store.read(key, { versionId: 'm' })).rejects.toBeInstanceOf(NoSuchObject)
    await expect(store.read(key)).rejects.toBeInstanceOf(StoreRefused)
    await expect(store.stat(key)).rejects.toBeInstanceOf(StoreRefused)
  })

  test('the size is the part\u2019s, and one that contradicts itself is refused', async () => {
    const part = { ...OBJECT, 'content-length': '5', 'x-amz-mp-parts-count': '3', 'x-amz-checksum-crc32': 'AAAAAA==' }
    source.answers(reply(206, { ...part, 'content-range': 'bytes 10-14/20' }))
    expect(await store.stat(key, { part: 3, checksum: true })).toMatchObject({ size: 5, parts: 3, crc32: 'AAAAAA==' })
    source.answers(reply(206, { ...part, 'content-range': 'bytes 10-15/20' }))
    await expect(store.stat(key, { part: 3 })).rejects.toBeInstanceOf(BodyMismatch)
  })
})

describe('what else is known of an object', () => {
  const stat = async (headers: Record<string, string>) => {
    source.answers(reply(200, { ...OBJECT, ...headers }))
    return store.stat(Buffer.from('a'))
  }

  test('version, key of encryption, archive, entries that no header can hold, a redirect', async () => {
    const info = await stat({
      'x-amz-version-id': 'v',
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'arn:key',
      'x-amz-storage-class': 'INTELLIGENT_TIERING',
      'x-amz-archive-status': 'DEEP_ARCHIVE_ACCESS',
      'x-amz-missing-meta': '2',
      'x-amz-website-redirect-location': '/elsewhere',
    })
    expect(info).toMatchObject({ versionId: 'v', encryption: 'aws:kms', kmsKey: 'arn:key', archiveStatus: 'DEEP_ARCHIVE_ACCESS' })
    expect(info).toMatchObject({ unsendable: 2, redirects: true })
    expect(JSON.stringify(info)).not.toContain('elsewhere')
    expect(Object.keys((await stat({})) ?? {}).sort()).toEqual(['etag', 'headers', 'lastModified', 'size'])
  })

  test.each([
    ['ongoing-request="true"', { ongoing: true }],
    ['ongoing-request="false", expiry-date="Fri, 23 Dec 2033 00:00:00 GMT"', { ongoing: false, expiresAt: '2033-12-23T00:00:00.000Z' }],
    ['something else', undefined],
  ])('restore %s', async (header, restore) => {
    expect((await stat({ 'x-amz-restore': header }))?.restore).toEqual(restore)
  })

  const UNTIL = '2033-01-01T00:00:00Z'
  const locks: [Record<string, string>, ObjectLock | undefined][] = [
    [
      { mode: 'COMPLIANCE', 'retain-until-date': UNTIL },
      { retention: { mode: 'COMPLIANCE', until: '2033-01-01T00:00:00.000Z' }, hold: false },
    ],
    [{ 'legal-hold': 'ON' }, { hold: true }],
    [{ 'legal-hold': 'OFF' }, undefined],
    [{ mode: '' }, undefined],
  ]
  const lockHeaders = (lock: Record<string, string>) =>
    Object.fromEntries(Object.entries(lock).map(([name, value]) => [`x-amz-object-lock-${name}`, value]))

  test.each(locks)('lock %j', async (headers, lock) => {
    expect((await stat(lockHeaders(headers)))?.lock).toEqual(lock)
  })

  test.each([{ mode: 'GOVERNANCE' }, { mode: 'GOVERNANCE', 'retain-until-date': 'soon' }, { mode: 'OTHER', 'retain-until-date': UNTIL }])(
    'a lock that is not understood is an error and not none: %j',
    async (headers) => {
      await expect(stat(lockHeaders(headers))).rejects.toMatchObject({ code: 'InvalidObjectLock' })
    },
  )
})

describe('what a write says besides', () => {
  const options: PutOptions = {
    tags: [
      { name: 'a b', value: '\u00e9=&+' },
      { name: 'e', value: '' },
    ],
    lock: { retention: { mode: 'GOVERNANCE', until: '2033-01-01T00:00:00.000Z' }, hold: true },
    kmsKey: 'arn:aws:kms:eu-central-1:123456789012:key/k',
  }
  const HEADERS = {
    'x-amz-tagging': 'a%20b=%C3%A9%3D%26%2B&e=',
    'x-amz-object-lock-mode': 'GOVERNANCE',
    'x-amz-object-lock-retain-until-date': '2033-01-01T00:00:00.000Z',
    'x-amz-object-lock-legal-hold': 'ON',
    'x-amz-server-side-encryption': 'aws:kms',
    'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:eu-central-1:123456789012:key/k',
  }

  test('tags, lock and key, signed, of a put and of an upload; and which version came of it', async () => {
    source.answers(reply(200, { ...WRITTEN, 'x-amz-version-id': 'v' }))
    expect((await store.put(Buffer.from('k'), Buffer.from('x'), options)).versionId).toBe('v')
    expect(source.heard[0]?.headers).toMatchObject(HEADERS)
    for (const name of Object.keys(HEADERS)) expect(source.heard[0]?.headers['authorization']).toContain(name)
    source.answers(reply(200, {}, '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>'))
    await store.createUpload(Buffer.from('k'), options)
    expect(source.heard[0]?.headers).toMatchObject(HEADERS)
  })

  test('nothing of them where nothing was asked for', async () => {
    source.answers(reply(200, WRITTEN))
    expect(await store.put(Buffer.from('k'), Buffer.from('x'), { tags: [], lock: { hold: false } })).not.toHaveProperty('versionId')
    expect(Object.keys(source.heard[0]?.headers ?? {}).filter((name) => Object.hasOwn(HEADERS, name))).toEqual([])
  })
})

describe('a restore', () => {
  const key = Buffer.from('cold')
  const bodies: string[] = []
  const answering =
    (answer: ReturnType<typeof reply>): typeof answer =>
    (request, response) => {
      let text = ''
      request.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => bodies.push(text))
      answer(request, response)
    }

  test('says its tier, and its days only if there are any', async () => {
    source.answers(answering(reply(202, {})))
    expect(await store.restore(key, { tier: 'Bulk', days: 7 })).toBe('begun')
    expect(await store.restore(key, { tier: 'Standard', days: undefined })).toBe('begun')
    expect(source.heard[0]).toMatchObject({ method: 'POST', url: '/bucket/cold?restore=', headers: { 'content-type': 'application/xml' } })
    expect(bodies.map((body) => body.replace(/ xmlns="[^"]*"/, ''))).toEqual([
      '<RestoreRequest><Days>7</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>',
      '<RestoreRequest><GlacierJobParameters><Tier>Standard</Tier></GlacierJobParameters></RestoreRequest>',
    ])
    const crc = Buffer.alloc(4)
    crc.writeUInt32BE(crc32(bodies[1] ?? ''))
    expect(source.heard[1]?.headers['x-amz-checksum-crc32']).toBe(crc.toString('base64'))
  })

  test.each([
    [reply(200, {}), 'restored'],
    [reply(202, {}), 'begun'],
    [refusal(409, 'RestoreAlreadyInProgress'), 'ongoing'],
    [refusal(403, 'InvalidObjectState'), 'restored'],
  ])('%# is answered', async (answer, said) => {
    source.answers(answer)
    expect(await store.restore(key, { tier: 'Bulk', days: 1 })).toBe(said)
  })

  test.each([
    [refusal(403, 'AccessDenied'), AccessDenied],
    [refusal(404, 'NoSuchKey'), NoSuchObject],
    [refusal(400, 'InvalidArgument'), StoreRefused],
    [refusal(503, 'GlacierExpeditedRetrievalNotAvailable'), StoreUnavailable],
  ])('%# is an error', async (answer, error) => {
    source.answers(answer)
    await expect(store.restore(key, { tier: 'Bulk', days: 1 })).rejects.toBeInstanceOf(error)
  })

  test('an object that must be restored first is ObjectArchived to whoever reads it', async () => {
    source.answers(refusal(403, 'InvalidObjectState'))
    await expect(store.read(key)).rejects.toBeInstanceOf(ObjectArchived)
  })
})

describe('a delete marker', () => {
  const key = Buffer.from('gone')

  test('is asked for without a version', async () => {
    source.answers(reply(204, { 'x-amz-delete-marker': 'true', 'x-amz-version-id': 'm' }))
    expect(await store.mark(key)).toEqual({ versionId: 'm' })
    expect(source.heard.map(({ method, url }) => `${method} ${url}`)).toEqual(['DELETE /bucket/gone'])
  })

  test.each<Record<string, string>>([
    {},
    { 'x-amz-version-id': 'v' },
    { 'x-amz-delete-marker': 'false', 'x-amz-version-id': 'v' },
    { 'x-amz-delete-marker': 'true' },
    { 'x-amz-delete-marker': 'true', 'x-amz-version-id': 'null' },
  ])('that the store does not say it made is an error: %j', async (headers) => {
    source.answers(reply(204, headers))
    await expect(store.mark(key)).rejects.toMatchObject({ name: 'StoreRefused', code: 'NoDeleteMarker' })
  })
})

/** A server that keeps every byte of one request as it came. */
const rawServer = async (): Promise<{ endpoint: string; head: () => string; body: () => Buffer; close: () => void }> => {
  let all = Buffer.alloc(0)
  const sockets: Socket[] = []
  const server = createTcpServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      all = Buffer.concat([all, chunk])
      const end = all.indexOf('\r\n\r\n')
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(all.subarray(0, end).toString('latin1'))?.[1] ?? 'NaN')
      if (end >= 0 && all.length === end + 4 + length) socket.write('HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\n\r\n')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    head: () => all.subarray(0, all.indexOf('\r\n\r\n')).toString('latin1').toLowerCase(),
    body: () => all.subarray(all.indexOf('\r\n\r\n') + 4),
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

describe('a streamed body on the wire', () => {
  const MIB = 1024 * 1024

  test.each([1, 9, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 300_000])(
    '%i bytes: exact Content-Length, chunks of at most 1 MiB, checksum as trailer',
    async (size) => {
      const server = await rawServer()
      const other = s3Store({ bucket: 'bucket', provider: 'other', reach: { endpoint: server.endpoint, region: 'r-1', credentials } })
      const bytes = Buffer.alloc(size, 'drayage')
      const parts = async function* () {
        for (let at = 0; at < size; at += 70_001) yield bytes.subarray(at, at + 70_001)
      }
      const { crc32: sent } = await other.put(
        Buffer.from('k'),
        { stream: parts(), size },
        { headers: { contentEncoding: 'gzip', metadata: {} } },
      )
      await other.close()
      server.close()

      expect(server.head()).not.toContain('transfer-encoding')
      for (const line of [
        `content-length: ${framedLength(size)}`,
        `x-amz-decoded-content-length: ${size}`,
        'x-amz-content-sha256: streaming-unsigned-payload-trailer',
        'x-amz-trailer: x-amz-checksum-crc32',
        'content-encoding: aws-chunked,gzip',
      ]) {
        expect(server.head().split('\r\n')).toContain(line)
      }
      const body = server.body()
      const data: Buffer[] = []
      let at = 0
      for (;;) {
        const line = body.subarray(at, body.indexOf('\r\n', at)).toString('latin1')
        const length = Number.parseInt(line, 16)
        at += line.length + 2
        if (length === 0) break
        expect(length).toBeLessThanOrEqual(MIB)
        data.push(body.subarray(at, at + length))
        expect(body.subarray(at + length, at + length + 2).toString()).toBe('\r\n')
        at += length + 2
      }
      expect(Buffer.concat(data).equals(bytes)).toBe(true)
      const expected = Buffer.alloc(4)
      expected.writeUInt32BE(crc32(bytes))
      expect(body.subarray(at).toString('latin1')).toBe(`x-amz-checksum-crc32:${expected.toString('base64')}\r\n\r\n`)
      expect(sent).toBe(expected.toString('base64'))
    },
  )
})

describe('a connection that ends behind its reply', () => {
  const SIZE = 2 ** 20

  /** Sends the reply, lacking `cut` bytes, and closes at once, as servers behind proxies do; the reader takes its time. */
  const readSlowly = async (cut: number): Promise<number> => {
    const server = createTcpServer((socket: Socket) => {
      socket.on('error', () => undefined)
      const head = `HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\nETag: "e"\r\nLast-Modified: ${OBJECT['last-modified']}\r\nConnection: close\r\n\r\n`
      socket.once('data', () => socket.end(Buffer.concat([Buffer.from(head), Buffer.alloc(SIZE - cut, 65)])))
    }).listen(0, '127.0.0.1')
    await new Promise((listening) => server.once('listening', listening))
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const closing = s3Store({
      bucket: 'bucket',
      provider: 'other',
      reach: { endpoint, region: 'r-1', credentials },
      requestTimeoutMs: 5000,
    })
    let got = 0
    try {
      const { body } = await closing.read(Buffer.from('a'))
      for await (const chunk of body) {
        got += (chunk as Buffer).length
        await new Promise((later) => setTimeout(later, 2))
      }
      return got
    } finally {
      await closing.close()
      server.close()
    }
  }

  /** Without the connector of http.ts an AssertionError of undici that nobody can catch ends the process here. */
  test('is a whole body where it was whole, to a slow reader too', async () => {
    for (let time = 0; time < 5; time++) expect(await readSlowly(0)).toBe(SIZE)
  })

  test('is an error where it was cut', async () => {
    for (const cut of [10, 70_000]) await expect(readSlowly(cut)).rejects.toBeInstanceOf(StoreUnavailable)
  })
})

describe('addressing', () => {
  test.each([
    ['bucket', undefined, 'aws', 'https://bucket.s3.eu-west-1.amazonaws.com', ''],
    ['my.bucket', undefined, 'aws', 'https://s3.eu-west-1.amazonaws.com', '/my.bucket'],
    ['bucket', 'https://s3.example.com', 'wasabi', 'https://bucket.s3.example.com', ''],
    ['bucket', 'https://s3.example.com:8443/', 'wasabi', 'https://bucket.s3.example.com:8443', ''],
    ['bucket', 'https://s3.example.com/base/', 'minio', 'https://s3.example.com', '/base/bucket'],
    ['bucket', 'https://s3.example.com', 'other', 'https://s3.example.com', '/bucket'],
    ['bucket', 'http://127.0.0.1:9000', 'aws', 'http://127.0.0.1:9000', '/bucket'],
    ['bucket', 'http://[::1]:9000', 'aws', 'http://[::1]:9000', '/bucket'],
    ['bucket', 'http://localhost:9000', 'aws', 'http://localhost:9000', '/bucket'],
  ] as const)('%s at %s of %s', (bucket, endpoint, provider, origin, root) => {
    const address = addressOf(bucket, 'eu-west-1', endpoint, PROVIDERS[provider])
    expect([address.origin, address.root, address.pathStyle]).toEqual([origin, root, root !== '' && root.endsWith(bucket)])
    expect(address.origin.endsWith(address.host)).toBe(true)
  })

  test('China has a domain of its own', () => {
    expect(addressOf('bucket', 'cn-north-1', undefined, PROVIDERS.aws).host).toBe('bucket.s3.cn-north-1.amazonaws.com.cn')
  })
})

describe('credentials', () => {
  const upTo = (ms: number) => ({ accessKeyId: 'AKIDFAKE', secretAccessKey: 'fake', expiration: new Date(ms) })

  test('are asked for once by many, and again a minute before they end', async () => {
    let now = 0
    let asked = 0
    const kept = keptCredentials(
      async () => upTo(now + 600_000 + (asked += 1)),
      () => now,
    )
    await Promise.all(Array.from({ length: 50 }, () => kept()))
    now = 539_000
    await kept()
    expect(asked).toBe(1)
    now = 540_002
    await kept()
    expect(asked).toBe(2)
  })

  test('a failure is CredentialsRefused, tells nothing and is not kept', async () => {
    let asked = 0
    const kept = keptCredentials(async () => {
      asked += 1
      if (asked === 1) throw new Error('secret fake-secret of the process provider')
      return upTo(Date.now() + 3_600_000)
    })
    const error = (await kept().catch((thrown: unknown) => thrown)) as Error
    expect(error).toBeInstanceOf(CredentialsRefused)
    expect(JSON.stringify([error.message, error.cause])).not.toContain('fake-secret')
    expect((await kept()).accessKeyId).toBe('AKIDFAKE')
  })

  test('typed errors of the provider pass', async () => {
    const fault = new StoreThrottled('later', 1)
    await expect(keptCredentials(() => Promise.reject(fault))()).rejects.toBe(fault)
  })
})
