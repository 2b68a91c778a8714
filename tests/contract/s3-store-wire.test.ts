import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { crc32 } from 'node:zlib'
import { CredentialsRefused, KeyNotRepresentable, StoreRefused, StoreThrottled, StoreUnavailable } from '../../layers/core/domain/errors'
import { PROVIDERS } from '../../layers/core/domain/providers'
import { s3Store } from '../../layers/core/stores/index'
import { addressOf } from '../../layers/core/stores/s3/addressing'
import { framedLength } from '../../layers/core/stores/s3/aws-chunked'
import { keptCredentials } from '../../layers/core/stores/s3/credentials'
import { reply, startLyingSource, type LyingSource } from '../support/lying-source'

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
