import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import {
  AccessDenied,
  BodyMismatch,
  CredentialsRefused,
  EndpointUnreachable,
  NoSuchBucket,
  NoSuchObject,
  NoSuchUpload,
  ObjectChanged,
  PreconditionFailed,
  SourceListingBroken,
  StoreRefused,
  StoreThrottled,
  StoreUnavailable,
} from '../../layers/core/domain/errors'
import { hashKeys } from '../../layers/core/domain/keys'
import { s3Store } from '../../layers/core/stores/index'
import { transportError } from '../../layers/core/stores/s3/error-map'
import { refusal, reply, startLyingSource, type Answer, type LyingSource } from '../support/lying-source'

const SECRET = 'fake-secret-that-must-not-be-seen'
const TOKEN = 'fake-token-that-must-not-be-seen'
const KEY = Buffer.from('some/key')
const MIB = 1024 * 1024
const TIMEOUT_MS = 800

let source: LyingSource
let store: ReturnType<typeof s3Store>
const credentials = async () => ({ accessKeyId: 'AKIDFAKE', secretAccessKey: SECRET, sessionToken: TOKEN })
const open = (endpoint: string) =>
  s3Store({ bucket: 'bucket', provider: 'other', reach: { endpoint, region: 'r-1', credentials }, requestTimeoutMs: TIMEOUT_MS })

beforeAll(async () => {
  source = await startLyingSource()
  store = open(source.endpoint)
})
afterAll(async () => {
  await store.close()
  await source.close()
})

const thrownBy = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

const OBJECT = { etag: '"e"', 'last-modified': 'Tue, 02 Jan 2024 03:04:05 GMT' }
const content = async (options = {}): Promise<string> => Buffer.concat(await (await store.read(KEY, options)).body.toArray()).toString()
const listed = async (): Promise<void> => {
  for await (const _ of store.list({ prefix: Buffer.alloc(0) })) void _
}
const zeros = (size: number, seen: (bytes: number) => void = () => undefined) =>
  (async function* () {
    for (let at = 0; at < size; at += 65_536) {
      seen(at)
      yield Buffer.alloc(Math.min(65_536, size - at))
    }
  })()

describe('what a refusal becomes', () => {
  const table: [number, string, abstract new (...args: never[]) => Error][] = [
    [403, 'InvalidAccessKeyId', CredentialsRefused],
    [403, 'SignatureDoesNotMatch', CredentialsRefused],
    [400, 'ExpiredToken', CredentialsRefused],
    [403, 'InvalidToken', CredentialsRefused],
    [400, 'TokenRefreshRequired', CredentialsRefused],
    [403, 'AccessDenied', AccessDenied],
    [403, 'SomethingElse', AccessDenied],
    [404, 'NoSuchBucket', NoSuchBucket],
    [404, 'NoSuchUpload', NoSuchUpload],
    [409, 'ConditionalRequestConflict', PreconditionFailed],
    [412, 'PreconditionFailed', PreconditionFailed],
    [400, 'BadDigest', BodyMismatch],
    [400, 'XAmzContentChecksumMismatch', BodyMismatch],
    [400, 'IncompleteBody', BodyMismatch],
    [503, 'SlowDown', StoreThrottled],
    [429, 'Anything', StoreThrottled],
    [503, 'ServiceUnavailable', StoreUnavailable],
    [500, 'InternalError', StoreUnavailable],
    [502, 'Whatever', StoreUnavailable],
    [400, 'RequestTimeout', StoreUnavailable],
    [501, 'NotImplemented', StoreRefused],
    [400, 'EntityTooLarge', StoreRefused],
    [400, 'toString', StoreRefused],
    [409, 'BucketNotEmpty', StoreRefused],
  ]
  test.each(table)('%i %s, by hand and by client-s3', async (status, code, kind) => {
    source.answers(refusal(status, code))
    const calls = [
      () => store.put(KEY, Buffer.from('x')),
      () => store.putPart(KEY, 'u', 1, Buffer.from('x')),
      () => store.createUpload(KEY),
      () => store.listParts(KEY, 'u'),
      () => store.completeUpload(KEY, 'u', [{ number: 1, etag: '"e"', size: 1 }]),
      () => store.listUploads(Buffer.from('p')),
    ]
    for (const call of calls) {
      const error = (await thrownBy(call())) as StoreRefused
      expect([error.constructor.name, error.message]).toEqual([kind.name, expect.stringContaining(`bucket`) as string])
      expect(error.message).toContain(`${status} ${code}`)
      expect(error.message).not.toContain('words')
      if (error instanceof StoreRefused) expect([error.code, error.status]).toEqual([code, status])
    }
    expect(source.heard).toHaveLength(calls.length)
  })

  test('a read and a listing', async () => {
    source.answers(refusal(404, 'NoSuchKey'))
    expect(await thrownBy(store.read(KEY))).toBeInstanceOf(NoSuchObject)
    source.answers(refusal(412, 'PreconditionFailed'))
    expect(await thrownBy(store.read(KEY, { ifMatch: '"e"' }))).toBeInstanceOf(ObjectChanged)
    source.answers(refusal(404, 'NoSuchBucket'))
    expect(await thrownBy(store.read(KEY))).toBeInstanceOf(NoSuchBucket)
    expect(await thrownBy(listed())).toBeInstanceOf(NoSuchBucket)
    source.answers(reply(404, {}))
    expect(await thrownBy(listed())).toBeInstanceOf(NoSuchBucket)
  })

  test('a HEAD has only its status', async () => {
    source.answers(reply(404, {}))
    expect(await store.stat(KEY)).toBeUndefined()
    source.answers(reply(403, {}))
    expect(await thrownBy(store.stat(KEY))).toBeInstanceOf(AccessDenied)
    source.answers(reply(500, {}))
    expect(await thrownBy(store.stat(KEY))).toBeInstanceOf(StoreUnavailable)
  })

  test('If-Match on an object that is gone', async () => {
    source.answers(refusal(404, 'NoSuchKey'))
    expect(await thrownBy(store.put(KEY, Buffer.from('x'), { ifMatch: '"e"' }))).toBeInstanceOf(PreconditionFailed)
  })

  test('Retry-After in seconds and as a date', async () => {
    for (const [text, least, most] of [
      ['3', 3000, 3000],
      [new Date(Date.now() + 20_000).toUTCString(), 15_000, 21_000],
      [new Date(0).toUTCString(), 0, 0],
    ] as const) {
      source.answers(refusal(503, 'SlowDown', { 'retry-after': text }))
      for (const error of [
        await thrownBy(store.put(KEY, Buffer.from('x'))),
        await thrownBy(store.listParts(KEY, 'u')),
      ] as StoreThrottled[]) {
        expect(error.retryAfterMs).toBeGreaterThanOrEqual(least)
        expect(error.retryAfterMs).toBeLessThanOrEqual(most)
      }
    }
    source.answers(refusal(503, 'SlowDown'))
    expect(((await thrownBy(store.put(KEY, Buffer.from('x')))) as StoreThrottled).retryAfterMs).toBeUndefined()
  })

  test.each([
    [301, 'PermanentRedirect'],
    [307, 'TemporaryRedirect'],
    [400, 'AuthorizationHeaderMalformed'],
  ])('%i %s names the region and is not followed', async (status, code) => {
    source.answers(refusal(status, code, { 'x-amz-bucket-region': 'eu-north-1', location: `${source.endpoint}/elsewhere` }))
    for (const call of [() => store.put(KEY, Buffer.from('x')), () => listed(), () => store.listParts(KEY, 'u')]) {
      source.heard.length = 0
      const error = await thrownBy(call())
      expect(error).toBeInstanceOf(StoreRefused)
      expect((error as Error).message).toContain('eu-north-1')
      expect(source.heard).toHaveLength(1)
    }
  })

  test('a key is printed on one line', async () => {
    source.answers(refusal(500, 'InternalError'))
    const error = (await thrownBy(store.put(Buffer.from('a\n\u001b[31mb'), Buffer.from('x')))) as Error
    expect(error.message).toContain('put bucket key "a\\n\\u001b[31mb": 500 InternalError (request REQ1)')
  })

  test('an HTML page of 10 MB is not read to its end', async () => {
    source.answers(reply(500, {}, `<html>${' '.repeat(10 * MIB)}`))
    const error = (await thrownBy(store.put(KEY, Buffer.from('x')))) as Error
    expect(error).toBeInstanceOf(StoreUnavailable)
    expect(error.message).toMatch(/: 500$/)
  })
})

describe('no connection', () => {
  test('a port that refuses', async () => {
    const gone = await startLyingSource()
    await gone.close()
    const nowhere = open(gone.endpoint)
    expect(await thrownBy(nowhere.put(KEY, Buffer.from('x')))).toBeInstanceOf(EndpointUnreachable)
    // jest gives its sandbox an Error class of its own, so that client-s3 takes node's error for a foreign object and wraps its code away
    const error = await thrownBy(nowhere.listParts(KEY, 'u'))
    expect(error instanceof EndpointUnreachable || error instanceof StoreUnavailable).toBe(true)
    // a stream that nobody came to read is ended all the same: it holds a connection
    const stream = Readable.from([Buffer.from('x')], { objectMode: false })
    expect(await thrownBy(nowhere.put(KEY, { stream, size: 1 }))).toBeInstanceOf(EndpointUnreachable)
    expect(stream.destroyed).toBe(true)
    await nowhere.close()
  })

  test.each([
    ['ENOTFOUND', EndpointUnreachable],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', EndpointUnreachable],
    ['CERT_HAS_EXPIRED', EndpointUnreachable],
    ['ERR_TLS_CERT_ALTNAME_INVALID', EndpointUnreachable],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', EndpointUnreachable],
    ['ECONNRESET', StoreUnavailable],
    ['EPIPE', StoreUnavailable],
    ['EAI_AGAIN', StoreUnavailable],
    ['UND_ERR_HEADERS_TIMEOUT', StoreUnavailable],
    ['UND_ERR_CONNECT_TIMEOUT', StoreUnavailable],
    ['HPE_INVALID_CONSTANT', StoreUnavailable],
  ])('%s', (code, kind) => {
    expect(transportError('put', Object.assign(new Error('x'), { code }))).toBeInstanceOf(kind)
    expect(transportError('put', new Error('wrapped', { cause: Object.assign(new Error('x'), { code }) }))).toBeInstanceOf(kind)
  })

  test('a fault of ours is not dressed up as the network', () => {
    expect(transportError('put', new TypeError('x'))).toBeUndefined()
    expect(transportError('put', Object.assign(new TypeError('x'), { code: 'ERR_INVALID_ARG_TYPE' }))).toBeUndefined()
  })

  test('a reset and a silence are StoreUnavailable', async () => {
    source.answers((request) => request.socket.destroy())
    for (const call of [() => store.read(KEY), () => store.put(KEY, Buffer.from('x')), () => listed(), () => store.listParts(KEY, 'u')]) {
      expect(await thrownBy(call())).toBeInstanceOf(StoreUnavailable)
    }
    source.answers(() => undefined)
    const began = Date.now()
    for (const error of await Promise.all(
      [store.read(KEY), store.put(KEY, Buffer.from('x')), store.put(KEY, { stream: zeros(10), size: 10 }), store.listParts(KEY, 'u')].map(
        thrownBy,
      ),
    )) {
      expect(error).toBeInstanceOf(StoreUnavailable)
    }
    expect(Date.now() - began).toBeLessThan(5000)
  })

  test('what is not HTTP', async () => {
    source.answers((request) => request.socket.end('SSH-2.0-something\r\n'))
    expect(await thrownBy(store.read(KEY))).toBeInstanceOf(StoreUnavailable)
    expect(await thrownBy(store.listParts(KEY, 'u'))).toBeInstanceOf(StoreUnavailable)
  })
})

describe('bodies that are not what was announced', () => {
  const chunkedBody =
    (status: number, headers: Record<string, string>, body: string): Answer =>
    (_, response) => {
      response.writeHead(status, { ...OBJECT, ...headers })
      response.end(body)
    }
  const range = { from: 0, to: 9 }

  test('the honest reply passes', async () => {
    source.answers(reply(200, OBJECT, '0123456789'))
    expect(await content()).toBe('0123456789')
    source.answers(chunkedBody(206, { 'content-range': 'bytes 0-9/20' }, '0123456789'))
    expect(await content({ range })).toBe('0123456789')
  })

  test.each([
    ['ends short', chunkedBody(206, { 'content-range': 'bytes 0-9/20' }, '01234')],
    ['goes on', chunkedBody(206, { 'content-range': 'bytes 0-9/20' }, '0123456789x')],
    ['is another range', chunkedBody(206, { 'content-range': 'bytes 1-10/20' }, '1234567890')],
    ['is less than the range', chunkedBody(206, { 'content-range': 'bytes 0-4/20' }, '01234')],
    ['ignores the range', reply(200, OBJECT, '0123456789')],
    ['does not say which range', chunkedBody(206, {}, '0123456789')],
  ])('a range that %s is BodyMismatch', async (_, answer) => {
    source.answers(answer)
    expect(await thrownBy(content({ range }))).toBeInstanceOf(BodyMismatch)
  })

  test('an object without a length is BodyMismatch', async () => {
    source.answers(chunkedBody(200, {}, '0123456789'))
    expect(await thrownBy(content())).toBeInstanceOf(BodyMismatch)
  })

  test('a connection that breaks or stands still in the middle is StoreUnavailable', async () => {
    const half: Answer = (_, response) => {
      response.writeHead(200, { ...OBJECT, 'content-length': '10' })
      response.write('01234')
    }
    source.answers((request, response) => {
      half(request, response)
      setTimeout(() => response.destroy(), 50)
    })
    expect(await thrownBy(content())).toBeInstanceOf(StoreUnavailable)
    source.answers(half)
    const began = Date.now()
    expect(await thrownBy(content())).toBeInstanceOf(StoreUnavailable)
    expect(Date.now() - began).toBeLessThan(4000)
  })

  test('a failure before the body is read is not lost and ends no process', async () => {
    source.answers((_, response) => {
      response.writeHead(200, { ...OBJECT, 'content-length': '10' })
      response.write('01234')
      setTimeout(() => response.destroy(), 10)
    })
    const { body } = await store.read(KEY)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await thrownBy(body.toArray())).toBeInstanceOf(StoreUnavailable)
  })

  test('a store that ignores If-Match is caught by the ETag of its reply', async () => {
    source.answers(reply(200, OBJECT, 'x'))
    expect(await content({ ifMatch: '"e"' })).toBe('x')
    expect(await content({ ifMatch: 'e' })).toBe('x')
    expect(await thrownBy(content({ ifMatch: '"other"' }))).toBeInstanceOf(ObjectChanged)
  })

  test.each([
    ['etag', StoreUnavailable],
    ['last-modified', StoreUnavailable],
  ])('a reply without %s', async (name, kind) => {
    const headers: Record<string, string> = { ...OBJECT }
    delete headers[name]
    source.answers(reply(200, headers, 'x'))
    expect(await thrownBy(store.read(KEY))).toBeInstanceOf(kind)
    expect(await thrownBy(store.stat(KEY))).toBeInstanceOf(kind)
  })

  test('a write that is answered before it was read, or without an ETag, did not happen', async () => {
    source.answers((_, response) => void response.writeHead(200, { etag: '"e"', 'content-length': '0' }).end())
    expect(await thrownBy(store.put(KEY, { stream: zeros(64 * MIB), size: 64 * MIB }))).toBeInstanceOf(StoreUnavailable)
    source.answers(reply(200, {}))
    expect(await thrownBy(store.put(KEY, Buffer.from('x')))).toBeInstanceOf(StoreUnavailable)
  })

  test('control replies that say nothing are errors', async () => {
    for (const body of ['', '<html>log in</html>', '<X></X>']) {
      source.answers(reply(200, {}, body))
      expect(await thrownBy(store.createUpload(KEY))).toBeInstanceOf(StoreUnavailable)
      expect(await thrownBy(store.completeUpload(KEY, 'u', [{ number: 1, etag: '"e"', size: 1 }]))).toBeInstanceOf(StoreUnavailable)
      for (const error of [await thrownBy(store.listParts(KEY, 'u')), await thrownBy(store.listUploads(KEY))]) {
        expect(error instanceof SourceListingBroken || error instanceof StoreUnavailable).toBe(true)
      }
    }
  })

  test('an error inside a reply of 200 to a completion', async () => {
    source.answers(reply(200, {}, '<?xml version="1.0"?><Error><Code>InternalError</Code><Message>words</Message></Error>'))
    expect(await thrownBy(store.completeUpload(KEY, 'u', [{ number: 1, etag: '"e"', size: 1 }]))).toBeInstanceOf(StoreUnavailable)
  })

  const more = '<IsTruncated>true</IsTruncated>'
  test('lists of parts and uploads go on, and do not go round', async () => {
    const parts = (flags: string, number: number) =>
      reply(
        200,
        {},
        `<ListPartsResult>${flags}<Part><PartNumber>${number}</PartNumber><ETag>"e"</ETag><Size>5</Size></Part></ListPartsResult>`,
      )
    const marked = `${more}<NextPartNumberMarker>1</NextPartNumberMarker>`
    source.answers(parts(marked, 1), parts('<IsTruncated>false</IsTruncated>', 2))
    expect((await store.listParts(KEY, 'u')).map(({ number }) => number)).toEqual([1, 2])
    source.answers(parts(marked, 1))
    expect(await thrownBy(store.listParts(KEY, 'u'))).toBeInstanceOf(SourceListingBroken)
    source.answers(parts(more, 1))
    expect(await thrownBy(store.listParts(KEY, 'u'))).toBeInstanceOf(SourceListingBroken)

    const uploads = (flags: string, key: string) =>
      reply(
        200,
        {},
        `<ListMultipartUploadsResult>${flags}<Upload><Key>${key}</Key><UploadId>u</UploadId><Initiated>2024-01-02T03:04:05.000Z</Initiated></Upload></ListMultipartUploadsResult>`,
      )
    const next = `${more}<NextKeyMarker>a1</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>`
    source.answers(uploads(next, 'a1'), uploads('<IsTruncated>false</IsTruncated>', 'a2'))
    expect((await store.listUploads(Buffer.from('a'))).map(({ key }) => key.toString())).toEqual(['a1', 'a2'])
    expect(source.heard[1]?.url).toContain('key-marker=a1')
    source.answers(uploads(next, 'a1'))
    expect(await thrownBy(store.listUploads(Buffer.from('a')))).toBeInstanceOf(SourceListingBroken)
    source.answers(uploads('<IsTruncated>false</IsTruncated>', 'b'))
    expect(await thrownBy(store.listUploads(Buffer.from('a')))).toBeInstanceOf(SourceListingBroken)
  })

  /** Replies without end, and of a store that is asked more than 1,200 times a refusal, so that a test comes to its end. */
  const endless = (body: (asked: number) => string) => {
    let asked = 0
    source.answers((request, response) => (++asked > 1200 ? reply(403, {}) : reply(200, {}, body(asked)))(request, response))
    return () => asked
  }
  const uploadsPage = (marker: string, entries = '') =>
    `<ListMultipartUploadsResult>${more}<NextKeyMarker>${marker}</NextKeyMarker>${entries}</ListMultipartUploadsResult>`
  const partsPage = (marker: number, entries = '') =>
    `<ListPartsResult>${more}<NextPartNumberMarker>${marker}</NextPartNumberMarker>${entries}</ListPartsResult>`
  const upload = '<Upload><Key>a</Key><UploadId>u</UploadId><Initiated>2024-01-02T03:04:05.000Z</Initiated></Upload>'
  const part = '<Part><PartNumber>1</PartNumber><ETag>"e"</ETag><Size>5</Size></Part>'

  test.each<[string, RegExp, number, (asked: number) => string, (asked: number) => string]>([
    ['empty, under a new marker each', /1000 truncated pages without anything new/, 1000, (at) => uploadsPage(`a${at}`), partsPage],
    [
      'the same again, under a new marker each',
      /1000 truncated pages without anything new/,
      1001,
      (at) => uploadsPage(`a${at}`, upload),
      (at) => partsPage(at, part),
    ],
    ['under two markers in turn', /does not say where it goes on/, 3, (at) => uploadsPage(`a${at % 2}`), (at) => partsPage(at % 2)],
  ])('lists of uploads and of parts that never end: pages %s', async (_how, words, most, ofUploads, ofParts) => {
    for (const [body, list] of [
      [ofUploads, () => store.listUploads(Buffer.from('a'))],
      [ofParts, () => store.listParts(KEY, 'u')],
    ] as const) {
      const asked = endless(body)
      const error = await thrownBy(list())
      expect(error).toBeInstanceOf(SourceListingBroken)
      expect((error as Error).message).toMatch(words)
      expect(asked()).toBe(most)
    }
  })
})

describe('back-pressure', () => {
  test('a reader that stands still stops the sender', async () => {
    const size = 64 * MIB
    let socket: IncomingMessage['socket'] | undefined
    source.answers((request, response: ServerResponse) => {
      socket = request.socket
      response.writeHead(200, { ...OBJECT, 'content-length': String(size) })
      Readable.from(zeros(size))
        .pipe(response)
        .on('error', () => undefined)
    })
    const { body } = await store.read(KEY)
    await new Promise((resolve) => body.once('readable', resolve))
    body.read(1000)
    await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS * 2))
    // kernel buffers of both ends, and no more
    expect(socket?.bytesWritten).toBeLessThan(16 * MIB)
    let length = 1000
    for await (const chunk of body) length += (chunk as Buffer).length
    expect(length).toBe(size)
  })

  test('a server that stands still stops the writer, and is given up', async () => {
    let taken = 0
    source.answers((request) => void request.pause())
    const error = await thrownBy(store.put(KEY, { stream: zeros(256 * MIB, (at) => (taken = at)), size: 256 * MIB }))
    expect(error).toBeInstanceOf(StoreUnavailable)
    expect((error as Error).message).toMatch(/nothing moved/)
    expect(taken).toBeLessThan(16 * MIB)
  })

  test('a slow source is not taken for a slow server', async () => {
    source.answers(reply(200, { etag: '"e"' }))
    const slow = async function* () {
      yield Buffer.from('a')
      await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS * 2))
      yield Buffer.from('b')
    }
    expect(await store.put(KEY, { stream: slow(), size: 2 })).toMatchObject({ etag: '"e"' })
  })
})

describe('credentials stay out of errors', () => {
  const echo: Answer = (request, response) => {
    const words = `${JSON.stringify(request.headers)} ${request.url}`
    response.writeHead(403, { 'x-amz-request-id': words.slice(0, 300), 'x-amz-bucket-region': words.slice(0, 300) })
    response.end(
      `<Error><Code>${request.headers['authorization'] ?? ''}</Code><Message>${words}</Message><RequestId>${TOKEN} ${words}</RequestId></Error>`,
    )
  }
  /** The same, bare: every word has the form of a code, an id or a region. */
  const bareEcho: Answer = (_, response) => {
    response.writeHead(403, { 'x-amz-request-id': TOKEN, 'x-amz-bucket-region': TOKEN })
    response.end(`<Error><Code>AKIDFAKE</Code><Message>words</Message><RequestId>${TOKEN.slice(3, 20)}</RequestId></Error>`)
  }
  const signatureIn = (text: string): boolean =>
    /Signature=|AWS4-HMAC|x-amz-security-token/i.test(text) ||
    text.includes(SECRET) ||
    text.includes(TOKEN.slice(3, 20)) ||
    text.includes('AKIDFAKE')
  const shown = (error: unknown): string =>
    `${inspect(error, { depth: 12, showHidden: true })} ${(error as Error).stack ?? ''} ${JSON.stringify(error)}`

  test('whatever a store repeats, and wherever it breaks', async () => {
    const faults: Answer[] = [
      echo,
      bareEcho,
      (request) => request.socket.destroy(),
      () => undefined,
      reply(200, {}, 'x'),
      refusal(403, 'AccessDenied'),
    ]
    for (const fault of faults) {
      source.answers(fault)
      const errors = await Promise.all(
        [
          store.read(KEY),
          store.put(KEY, Buffer.from('x')),
          listed(),
          store.createUpload(KEY),
          store.listParts(KEY, 'u'),
          store.listUploads(KEY),
        ].map(thrownBy),
      )
      for (const error of errors) {
        expect(error).toBeInstanceOf(Error)
        expect(signatureIn(shown(error))).toBe(false)
        expect(hashKeys((error as Error).message)).not.toContain(KEY.toString())
        expect((error as Error).cause).toBeUndefined()
      }
    }
  })

  test('the search finds what it is to find', () => {
    expect(
      signatureIn(shown(Object.assign(new Error('x'), { request: { headers: { authorization: 'AWS4-HMAC-SHA256 Signature=0' } } }))),
    ).toBe(true)
    expect(signatureIn(shown(new Error(`token ${TOKEN}`)))).toBe(true)
    expect(signatureIn(shown(new Error('list bucket: 403 AKIDFAKE')))).toBe(true)
  })
})

test('many requests with one signal leave no listener warning', async () => {
  const warnings: Error[] = []
  const note = (warning: Error) => void warnings.push(warning)
  process.on('warning', note)
  source.answers(reply(200, { ...OBJECT, etag: '"e"' }, ''))
  const { signal } = new AbortController()
  await Promise.all(Array.from({ length: 60 }, () => store.put(KEY, { stream: zeros(10), size: 10 }, { signal })))
  await Promise.all(Array.from({ length: 60 }, () => store.stat(KEY, { signal })))
  await new Promise((resolve) => setTimeout(resolve, 20))
  process.off('warning', note)
  expect(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning')).toEqual([])
})
