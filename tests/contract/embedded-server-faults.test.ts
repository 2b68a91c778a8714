import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { build } from 'esbuild'
import { readdirSync, readFileSync } from 'node:fs'
import { request as httpRequest, type ClientRequest, type IncomingHttpHeaders } from 'node:http'
import { createHash } from 'node:crypto'
import { Faults, type Fault, type FaultRule, type FaultyRequest } from '../../cli/local/s3-server/faults'
import { startEmbeddedS3, type EmbeddedS3 } from '../../cli/local/s3-server/index'
import { clientOf, codeOf, sendSigned, sign, temporaryDirectory, type RawRequest } from '../support/embedded-client'

const MIB = 1024 * 1024
const faults = new Faults()
const place = temporaryDirectory()
let server: EmbeddedS3
let client: S3Client

/** held in the index, in a small file, and streamed from a file */
const BODIES = [
  ['a row', Buffer.alloc(3000, 'row')],
  ['a small file', Buffer.alloc(50_000, 'small')],
  ['a stream', Buffer.alloc(2 * MIB, 'stream')],
] as const

beforeAll(async () => {
  server = await startEmbeddedS3({ directory: place.directory, faults })
  await server.createBucket('bucket')
  client = clientOf(server.endpoint, server.root)
})
beforeEach(() => faults.set())
afterAll(async () => {
  client.destroy()
  await server.close()
  place.remove()
})

const is =
  (operation: string, key?: string): FaultRule['when'] =>
  (request) =>
    request.operation === operation && (key === undefined || request.key.equals(Buffer.from(key)))
const meet = (operation: string, fault: Fault, rule: Partial<FaultRule> = {}): void =>
  faults.set({ when: is(operation), times: 1, fault, ...rule })
const done = (): string[] => faults.done.map(({ kind, operation, key }) => `${kind}: ${operation} ${key.toString()}`)

const put = (key: string, body: Buffer | string, headers: Record<string, string> = {}) =>
  sendSigned(server.endpoint, server.root, { method: 'PUT', path: `/bucket/${key}`, body: Buffer.from(body), headers })

interface Received {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
  /** how the body ended, '' for well */
  failure: string
}

/** A GET whose body may end anyhow; `patience`: bytes after which the client goes away. */
const get = (path: string, { query = '', headers = {}, patience = Infinity }: Partial<RawRequest> & { patience?: number } = {}) =>
  new Promise<Received>((resolve, reject) => {
    const signed = sign(server.endpoint, server.root, { method: 'GET', path, query, headers }).headers
    const { hostname, port } = new URL(server.endpoint)
    const asked: ClientRequest = httpRequest(
      { hostname, port, path: query ? `${path}?${query}` : path, headers: signed, agent: false },
      (response) => {
        const chunks: Buffer[] = []
        const end = (failure: string): void =>
          resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks), failure })
        if (patience === 0) setTimeout(() => asked.destroy(), 50)
        response
          .on('data', (chunk: Buffer) => {
            chunks.push(chunk)
            if (Buffer.concat(chunks).length >= patience) setTimeout(() => asked.destroy(), 50)
          })
          .on('end', () => end(''))
          .on('error', (error: NodeJS.ErrnoException) => end(error.code!))
      },
    )
    asked.on('error', reject).end()
  })

/** Where two bodies have different bytes. */
const differing = (a: Buffer, b: Buffer): number[] => {
  const places: number[] = []
  for (let at = 0; at < Math.max(a.length, b.length); at++) if (a[at] !== b[at]) places.push(at)
  return places
}

const failureOf = (promise: Promise<unknown>): Promise<string | undefined> =>
  promise.then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code ?? error.name,
  )

describe('a server that is told to misbehave', () => {
  test('does so for the requests that a rule picks: the first three PUTs of a key', async () => {
    meet('PUT object', { kind: 'status', status: 503, code: 'SlowDown', retryAfterS: 7 }, { when: is('PUT object', 'x'), times: 3 })
    for (let time = 0; time < 3; time++) {
      const refused = await put('x', 'body')
      expect([refused.status, codeOf(refused), refused.headers['retry-after']]).toEqual([503, 'SlowDown', '7'])
      expect((await put('y', 'body')).status).toBe(200)
    }
    expect((await get('/bucket/x')).status).toBe(404)
    expect((await put('x', 'body')).status).toBe(200)
    expect(done()).toEqual(Array(3).fill('status: PUT object x'))
  })

  test('every third GET after the first two, and a storm over everything', async () => {
    await put('some', 'body')
    meet('GET object', { kind: 'status', status: 500, code: 'InternalError' }, { skip: 2, every: 3, times: 2 })
    const statuses: number[] = []
    for (let time = 0; time < 12; time++) statuses.push((await get('/bucket/some')).status)
    expect(statuses).toEqual([200, 200, 200, 200, 500, 200, 200, 500, 200, 200, 200, 200])

    faults.set({ when: () => true, times: 20, fault: { kind: 'status', status: 429, code: 'TooManyRequests' } })
    const heard: number[] = []
    for (let time = 0; time < 22; time++) heard.push(time % 2 ? (await get('/bucket/some')).status : (await put('some', 'body')).status)
    expect(heard).toEqual([...Array<number>(20).fill(429), 200, 200])
    expect(faults.done).toHaveLength(20)
  })

  test('by bucket, query and header; the first rule that strikes acts; a path that cannot be read meets nothing', async () => {
    const seen: FaultyRequest[] = []
    const note = (request: FaultyRequest): boolean => seen.push(request) > 9
    const first: FaultRule = { when: (request) => request.query('prefix') === 'p', fault: { kind: 'status', status: 500, code: 'First' } }
    const second: FaultRule = { when: is('GET bucket list-type'), fault: { kind: 'status', status: 500, code: 'Second' } }
    faults.set({ when: note, fault: { kind: 'lostAnswer' } }, first, second)
    expect((await get('/bucket', { query: 'list-type=2&prefix=p' })).body.toString()).toContain('First')
    expect((await get('/bucket', { query: 'list-type=2&prefix=q' })).body.toString()).toContain('Second')
    await get('/bucket/some', { headers: { range: 'bytes=0-1' } })
    expect(seen.map(({ bucket, operation, headers }) => [bucket, operation, headers['range']])).toEqual([
      ['bucket', 'GET bucket list-type', undefined],
      ['bucket', 'GET bucket list-type', undefined],
      ['bucket', 'GET object', 'bytes=0-1'],
    ])
    faults.set({ when: () => true, fault: { kind: 'lostAnswer' } })
    expect((await get('/bucket/%zz')).status).toBe(400)
    expect(done()).toEqual([])
  })

  test('an error after the act', async () => {
    meet('PUT object', { kind: 'status', status: 500, code: 'InternalError', acted: true })
    expect((await put('acted', 'body')).status).toBe(500)
    expect((await get('/bucket/acted')).body.toString()).toBe('body')
  })

  test('an error inside an answer of 200', async () => {
    await put('some', 'body')
    const fault: Fault = { kind: 'status', status: 200, code: 'InternalError' }
    meet('PUT object copy', fault)
    const copy = new CopyObjectCommand({ Bucket: 'bucket', Key: 'copied', CopySource: 'bucket/some' })
    await expect(client.send(copy)).rejects.toMatchObject({ name: 'InternalError' })
    expect((await get('/bucket/copied')).status).toBe(404)
    await client.send(copy)

    const target = { Bucket: 'bucket', Key: 'joined' }
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(target))
    const { ETag } = await client.send(new UploadPartCommand({ ...target, UploadId, PartNumber: 1, Body: 'part' }))
    const complete = new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } })
    meet('POST object uploadId', { ...fault, acted: true })
    await expect(client.send(complete)).rejects.toMatchObject({ name: 'InternalError' })
    expect((await get('/bucket/joined')).body.toString()).toBe('part')
    expect(done()).toEqual(['status: POST object uploadId joined'])
  })

  test.each([
    ['before the body', {}],
    ['after the body', { received: true }],
  ] as const)('a reset %s: nothing was done', async (_, more) => {
    meet('PUT object', { kind: 'reset', ...more })
    expect(await failureOf(put('reset', Buffer.alloc(MIB)))).toMatch(/^(ECONNRESET|EPIPE)$/)
    expect((await get('/bucket/reset')).status).toBe(404)
    expect(done()).toEqual(['reset: PUT object reset'])
  })

  test('a lost answer: everything was done', async () => {
    meet('PUT object', { kind: 'lostAnswer' })
    expect(await failureOf(put('lost', 'body'))).toBe('ECONNRESET')
    expect((await get('/bucket/lost')).body.toString()).toBe('body')
    expect(done()).toEqual(['lostAnswer: PUT object lost'])
  })

  test.each(BODIES)('%s that is cut, also behind its first and before its last byte', async (name, body) => {
    await put('cut', body)
    for (const after of [0, 1, 1000, body.length - 1]) {
      meet('GET object', { kind: 'cut', after })
      const received = await get('/bucket/cut')
      expect([name, received.headers['content-length'], received.failure]).toEqual([name, String(body.length), 'ECONNRESET'])
      expect(received.body.equals(body.subarray(0, after))).toBe(true)
      expect(done()).toEqual(['cut: GET object cut'])
    }
    meet('GET object', { kind: 'cut', after: body.length })
    expect((await get('/bucket/cut')).body.equals(body)).toBe(true)
    expect(done()).toEqual([])
  })

  test.each(BODIES)('%s that stands still until the client goes', async (_, body) => {
    await put('stalled', body)
    for (const after of [0, 1000, body.length - 1]) {
      meet('GET object', { kind: 'stall', after })
      const received = await get('/bucket/stalled', { patience: after })
      expect([received.status, received.headers['content-length'], received.failure]).toEqual([200, String(body.length), 'ECONNRESET'])
      expect(received.body.equals(body.subarray(0, after))).toBe(true)
      expect(done()).toEqual(['stall: GET object stalled'])
    }
  })

  test('a body that stands still does not keep the server from closing', async () => {
    const other = temporaryDirectory()
    const stalling = new Faults()
    const short = await startEmbeddedS3({ directory: other.directory, faults: stalling })
    await short.createBucket('bucket')
    stalling.set({ when: is('GET bucket list-type'), fault: { kind: 'stall', after: 10 } })
    const list = { method: 'GET', path: '/bucket', query: 'list-type=2' }
    const asked = failureOf(sendSigned(short.endpoint, short.root, list))
    while (stalling.done.length === 0) await new Promise((later) => setTimeout(later, 5))
    await short.close()
    expect(await asked).toBe('ECONNRESET')
    other.remove()
  })

  test('a slow body is whole, and late', async () => {
    const body = Buffer.alloc(20_000, 'slow')
    await put('slow', body)
    meet('GET object', { kind: 'slow', bytesPerS: 100_000 })
    const began = performance.now()
    expect((await get('/bucket/slow')).body.equals(body)).toBe(true)
    expect(performance.now() - began).toBeGreaterThan(150)
    expect(done()).toEqual(['slow: GET object slow'])
  })

  test.each(BODIES)('%s with one byte that is another, and headers as of the true object', async (_, body) => {
    await put('corrupt', body)
    const honest = await get('/bucket/corrupt')
    for (const at of [0, 1234, body.length - 1]) {
      meet('GET object', { kind: 'corrupt', at })
      const received = await get('/bucket/corrupt')
      expect(received.headers['etag']).toBe(honest.headers['etag'])
      expect(received.headers['content-length']).toBe(String(body.length))
      const wrong = differing(received.body, body)
      expect([received.body.length, wrong, received.failure]).toEqual([body.length, [at], ''])
      expect(done()).toEqual(['corrupt: GET object corrupt'])
    }
    expect((await get('/bucket/corrupt')).body.equals(body)).toBe(true)
    meet('GET object', { kind: 'corrupt', at: body.length })
    await get('/bucket/corrupt')
    expect(done()).toEqual([])
  })

  test('a request that is damaged on the way: refused where it has a checksum, stored as it came where it has none', async () => {
    const body = Buffer.alloc(200_000, 'honest')
    const md5 = createHash('md5').update(body).digest('base64')
    meet('PUT object', { kind: 'corruptRequest', at: 150_000 }, { times: 2 })
    expect(codeOf(await put('damaged', body, { 'content-md5': md5 }))).toBe('BadDigest')
    expect((await get('/bucket/damaged')).status).toBe(404)
    expect((await put('damaged', body)).status).toBe(200)
    const stored = (await get('/bucket/damaged')).body
    expect(differing(stored, body)).toEqual([150_000])
    expect(done()).toEqual(Array(2).fill('corruptRequest: PUT object damaged'))
    expect((await put('damaged', body, { 'content-md5': md5 })).status).toBe(200)
  })

  test('a wrong ETag of a write, a read, a part', async () => {
    faults.set({ when: () => true, fault: { kind: 'wrongEtag', etag: '"wrong"' } })
    expect((await put('etag', 'body')).headers['etag']).toBe('"wrong"')
    expect((await get('/bucket/etag')).headers['etag']).toBe('"wrong"')
    const head = await sendSigned(server.endpoint, server.root, { method: 'HEAD', path: '/bucket/etag' })
    expect(head.headers['etag']).toBe('"wrong"')
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket: 'bucket', Key: 'parts' }))
    const part = new UploadPartCommand({ Bucket: 'bucket', Key: 'parts', UploadId, PartNumber: 1, Body: 'part' })
    expect((await client.send(part)).ETag).toBe('"wrong"')
    expect(done()).toEqual(
      ['PUT object etag', 'GET object etag', 'HEAD object etag', 'PUT object uploadId parts'].map((what) => `wrongEtag: ${what}`),
    )
    await get('/bucket/no-such-object')
    expect(faults.done).toHaveLength(4)
  })

  test('an object that changes between two reads, and one that changes behind its writer', async () => {
    await put('changing', 'AAAABBBB')
    meet('GET object', { kind: 'change', act: () => put('changing', 'CCCCDDDD') }, { skip: 1 })
    const range = (range: string) => get('/bucket/changing', { headers: { range } })
    expect([(await range('bytes=0-3')).body.toString(), (await range('bytes=4-7')).body.toString()]).toEqual(['AAAA', 'DDDD'])
    expect(done()).toEqual(['change: GET object changing'])

    meet('PUT object', { kind: 'change', late: true, act: () => put('changing', 'other') })
    const { headers } = await put('changing', 'mine')
    expect(headers['etag']).toBe(`"${createHash('md5').update('mine').digest('hex')}"`)
    expect((await get('/bucket/changing')).body.toString()).toBe('other')
  })

  test.each([-20, 20])('a clock that is %i minutes off', async (minutes) => {
    await put('timed', 'body')
    meet('GET object', { kind: 'skew', ms: minutes * 60_000 })
    const { status, headers, body } = await get('/bucket/timed')
    expect([status, /<Code>(\w+)/.exec(body.toString())?.[1]]).toEqual([403, 'RequestTimeTooSkewed'])
    expect(Math.round((Date.parse(headers['date']!) - Date.now()) / 60_000)).toBe(minutes)
    expect((await get('/bucket/timed')).status).toBe(200)
    meet('GET object', { kind: 'skew', ms: minutes * 30_000 })
    expect((await get('/bucket/timed')).status).toBe(200)
    expect(done()).toEqual(['skew: GET object timed'])
  })

  test('a listing that ends early, and one whose token repeats', async () => {
    for (const key of ['l/1', 'l/2', 'l/3']) await put(key, 'body')
    const list = 'list-type=2&prefix=l%2F'
    meet('GET bucket list-type', { kind: 'rewrite', text: (xml) => xml.slice(0, xml.indexOf('l/2')) })
    const { body, failure } = await get('/bucket', { query: list })
    expect([body.toString().endsWith('<Key>'), failure]).toEqual([true, ''])
    const token = (page: Received): string => /<NextContinuationToken>(.*)<\/Next/.exec(page.body.toString())![1]!
    const first = token(await get('/bucket', { query: `list-type=2&max-keys=1&prefix=l%2F` }))
    const repeated = (xml: string): string => xml.replace(/(<NextContinuationToken>).*(<\/Next)/, `$1${first}$2`)
    meet('GET bucket list-type', { kind: 'rewrite', text: repeated })
    const second = await get('/bucket', { query: `continuation-token=${first}&list-type=2&max-keys=1&prefix=l%2F` })
    expect(second.body.toString()).toContain('l/2')
    expect(token(second)).toBe(first)
    expect(done()).toEqual(['rewrite: GET bucket list-type '])
    meet('GET bucket list-type', { kind: 'rewrite', text: (xml) => xml })
    const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket: 'bucket', Prefix: 'l/' }))
    expect([KeyCount, done()]).toEqual([3, []])
  })

  test('without a rule it behaves', async () => {
    await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'honest', Body: 'body' }))
    expect((await get('/bucket/honest')).body.toString()).toBe('body')
    expect(done()).toEqual([])
  })
})

describe('nobody misbehaves by accident', () => {
  const FAULTS = 'cli/local/s3-server/faults.ts'
  const sources = ['cli', 'functions', 'layers', 'scripts'].flatMap((room) =>
    readdirSync(room, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.[jt]s$/.test(name) && !name.includes('node_modules'))
      .map((name) => `${room}/${name}`),
  )

  /** The lines that could reach the faults: an import of the file, whatever its kind, or a server that is started with some. */
  const reaching = (name: string, text: string): string[] =>
    [...text.matchAll(/.*['"`][^'"`\n]*\/faults(?:\.[jt]s)?['"`].*|startEmbeddedS3\([^)]*\bfaults\b[^)]*\)/g)].map(
      ([line]) => `${name}: ${line.trim()}`,
    )

  test('the server knows their type, and no other source so much as names them', () => {
    const found = sources.flatMap((name) => reaching(name, readFileSync(name, 'utf8')))
    expect(found).toEqual([
      `cli/local/s3-server/index.ts: import type { Faults } from './faults'`,
      `cli/local/s3-server/server.ts: import type { Faults } from './faults'`,
    ])
    expect(reaching('a', "const { Faults } = await import('./local/s3-server/faults')")).toHaveLength(1)
    expect(reaching('b', 'startEmbeddedS3({ directory,\n  faults })')).toHaveLength(1)
  })

  test('the command and the functions do not hold their code, so that no argument, file or variable can begin them', async () => {
    const inputsOf = async (entry: string): Promise<string[]> => {
      const { metafile } = await build({
        entryPoints: [entry],
        bundle: true,
        write: false,
        metafile: true,
        platform: 'node',
        format: 'esm',
        packages: 'external',
        alias: { '@drayage/core': './layers/core/index.ts' },
        logLevel: 'silent',
      })
      return Object.keys(metafile.inputs)
    }
    const command = await inputsOf('cli/main.ts')
    expect(command).toContain('cli/local/s3-server/server.ts')
    expect(command).not.toContain(FAULTS)
    expect(await inputsOf('functions/index.ts')).not.toContain(FAULTS)
    expect(await inputsOf('tests/contract/embedded-server-faults.test.ts')).toContain(FAULTS)
  })
})
