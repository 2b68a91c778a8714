import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { DeadlinePassed, s3Store, type ObjectStore } from '@drayage/core'
import { reply, startLyingSource, type LyingSource } from '../support/lying-source'

const KEY = Buffer.from('k')
const OBJECT = { etag: '"e"', 'last-modified': new Date(0).toUTCString() }
const TIMEOUT_MS = 400

let source: LyingSource
let store: ObjectStore & { close(): Promise<void> }

const open = (endpoint: string) =>
  s3Store({
    bucket: 'bucket',
    provider: 'minio',
    requestTimeoutMs: TIMEOUT_MS,
    reach: { endpoint, region: 'us-east-1', credentials: async () => ({ accessKeyId: 'a', secretAccessKey: 'not-a-real-secret' }) },
  })

beforeAll(async () => {
  source = await startLyingSource()
  store = open(source.endpoint)
})

afterAll(async () => {
  await store.close()
  await source.close()
})

const bytesOf = async (of: ObjectStore): Promise<Buffer> => Buffer.concat((await (await of.read(KEY)).body.toArray()) as Buffer[])

test('a body that trickles, each piece within the time-out, ends with the call’s deadline', async () => {
  let ended = false
  source.answers((_request, response) => {
    response.writeHead(200, { ...OBJECT, 'content-length': '1000000' })
    const drip = setInterval(() => response.write('x'), TIMEOUT_MS / 10)
    response.on('close', () => {
      clearInterval(drip)
      ended = true
    })
  })
  const deadline = new AbortController()
  const { body } = await store.read(KEY, { signal: deadline.signal })
  let pieces = 0
  const reading = (async () => {
    // Many time-outs' worth of pieces, so that it is seen that none of them ends it.
    for await (const _piece of body) if (++pieces === 30) deadline.abort(new DeadlinePassed('the function had no time left'))
  })()
  await expect(reading).rejects.toBeInstanceOf(DeadlinePassed)
  expect(pieces).toBeGreaterThanOrEqual(30)
  await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS))
  expect(ended).toBe(true)
})

test('nothing is unpacked on the way: a body that says gzip and is none arrives as it is', async () => {
  source.answers(reply(200, { ...OBJECT, 'content-encoding': 'gzip' }, 'bogus'))
  expect((await bytesOf(store)).toString()).toBe('bogus')
  expect(source.heard[0]?.headers['accept-encoding']).toBe('identity')
  expect((await store.read(KEY)).info.headers.contentEncoding).toBe('gzip')
})

describe('a store that unpacks gzip unless it is accepted', () => {
  const packed = Buffer.from('the bytes as they are stored')
  const head = { ...OBJECT, 'content-encoding': 'gzip', 'content-length': String(packed.length) }
  beforeEach(() =>
    source.answers(({ method, headers }, response) => {
      if (!String(headers['accept-encoding']).includes('gzip'))
        return void response.writeHead(200, { ...OBJECT, 'transfer-encoding': 'chunked' }).end(method === 'HEAD' ? undefined : 'unpacked')
      const range = /^bytes=(\d+)-(\d+)$/.exec(headers['range'] ?? '')
      if (range === null) return void response.writeHead(200, head).end(method === 'HEAD' ? undefined : packed)
      const [from, to] = [Number(range[1]), Number(range[2])]
      const answer = { 'content-range': `bytes ${from}-${to}/${packed.length}`, 'content-length': String(to - from + 1) }
      response.writeHead(206, { ...head, ...answer }).end(packed.subarray(from, to + 1))
    }),
  )

  test('gives the bytes that it stores, to a read, of a range too, and to a HEAD', async () => {
    expect(await bytesOf(store)).toEqual(packed)
    const { body, info } = await store.read(KEY, { range: { from: 4, to: 8 } })
    expect(Buffer.concat((await body.toArray()) as Buffer[])).toEqual(packed.subarray(4, 9))
    expect(info).toMatchObject({ size: packed.length, headers: { contentEncoding: 'gzip' } })
    expect(await store.stat(KEY)).toMatchObject({ size: packed.length, headers: { contentEncoding: 'gzip' } })
  })
})

test('a body longer than its length is cut there, and the rest is nobody’s reply', async () => {
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    socket.on('error', () => undefined)
    socket.on('data', () =>
      socket.write(
        `HTTP/1.1 200 OK\r\netag: "e"\r\nlast-modified: ${OBJECT['last-modified']}\r\ncontent-length: 5\r\n\r\n` +
          `01234HTTP/1.1 200 OK\r\netag: "smuggled"\r\nlast-modified: ${OBJECT['last-modified']}\r\ncontent-length: 8\r\n\r\nsmuggled`,
      ),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const smuggling = open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  for (let nth = 0; nth < 3; nth++) {
    // It is read whole or fails; what came behind it is never taken for an answer.
    const read = await bytesOf(smuggling).then(
      (body) => body.toString(),
      () => 'failed',
    )
    expect(['01234', 'failed']).toContain(read)
  }
  expect(connections).toBeGreaterThanOrEqual(2)
  await smuggling.close()
  await new Promise((resolve) => server.close(resolve))
})

test('of an object’s headers only those that describe it are carried: none that acts', async () => {
  const acting = {
    'x-amz-acl': 'public-read',
    'x-amz-website-redirect-location': 'https://evil.example',
    'x-amz-tagging': 'a=b',
    'x-amz-tagging-count': '1',
    'x-amz-server-side-encryption-customer-algorithm': 'AES256',
    'x-amz-object-lock-mode': 'GOVERNANCE',
    'x-amz-object-lock-retain-until-date': '2040-01-01T00:00:00Z',
    'x-amz-grant-read': 'uri="http://acs.amazonaws.com/groups/global/AllUsers"',
    'set-cookie': 'a=b',
  }
  source.answers(reply(200, { ...OBJECT, ...acting, 'content-type': 'text/plain', 'x-amz-meta-a': 'b' }, 'x'))
  const { info } = await store.read(KEY)
  expect(info.headers).toEqual({ contentType: 'text/plain', metadata: { a: 'b' } })

  source.answers(reply(200, OBJECT))
  await store.put(KEY, Buffer.from('x'), { headers: info.headers })
  expect(Object.keys(source.heard[0]?.headers ?? {}).filter((name) => Object.hasOwn(acting, name))).toEqual([])
  expect(source.heard[0]?.headers).toMatchObject({ 'content-type': 'text/plain', 'x-amz-meta-a': 'b' })
})

test.each([
  ['ends the header', 'a\r\nx-amz-acl: public-read'],
  ['ends all headers', 'a\r\n\r\nbody'],
  ['is a null', 'a\u0000b'],
])('a Content-Type that %s is an error of that object, and nothing is sent', async (_name, contentType) => {
  source.answers(reply(200, OBJECT))
  await expect(store.put(KEY, Buffer.from('x'), { headers: { contentType, metadata: {} } })).rejects.toMatchObject({ name: 'StoreRefused' })
  expect(source.heard).toEqual([])
})
