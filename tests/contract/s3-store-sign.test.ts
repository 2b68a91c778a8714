import { createHash, createHmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import type { Credentials } from '../../layers/core/domain/access'
import { encodePath, encodeQueryValue } from '../../layers/core/stores/s3/percent'
import { signerFor } from '../../layers/core/stores/s3/sign'

/** The hash that @smithy/signature-v4 asks for, over node:crypto. */
class Sha256 {
  private readonly hash
  constructor(secret?: string | Uint8Array | ArrayBuffer | ArrayBufferView) {
    this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Uint8Array)
  }
  update(data: string | Uint8Array | ArrayBuffer | ArrayBufferView): void {
    this.hash.update(data as Uint8Array)
  }
  async digest(): Promise<Uint8Array> {
    return this.hash.digest()
  }
  reset(): void {
    throw new Error('not used')
  }
}

const UNSIGNED = new Set([
  'range',
  'if-match',
  'if-none-match',
  'accept-encoding',
  'content-encoding',
  'content-length',
  'cache-control',
  'expires',
])

const ascii = (minLength: number, maxLength: number) =>
  fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), minLength, maxLength })
const word = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-'), minLength: 1, maxLength: 12 })
const awkward = fc.constantFrom(
  '../x',
  'a//b',
  '/',
  '.',
  '..',
  '+',
  '%2F',
  ' ',
  'é',
  'e\u0301',
  '\u{1F600}',
  '\u0001\r\n',
  '__proto__',
  "!'()*",
  'k'.repeat(1024),
)
const key = fc.oneof(
  awkward.map((text) => Buffer.from(text)),
  fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
)

const request = fc.record({
  method: fc.constantFrom('GET', 'HEAD', 'PUT', 'POST'),
  key,
  query: fc.dictionary(
    fc.constantFrom('list-type', 'prefix', 'start-after', 'uploadId', 'partNumber', 'uploads'),
    fc.oneof(ascii(0, 30), awkward, fc.constant('')),
  ),
  headers: fc.dictionary(
    fc.oneof(
      word.map((name) => `x-amz-meta-${name}`),
      fc.constantFrom('content-type', 'x-amz-storage-class', ...UNSIGNED),
    ),
    ascii(0, 40),
  ),
  payloadHash: fc.constantFrom('UNSIGNED-PAYLOAD', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', createHash('sha256').digest('hex')),
  host: fc.constantFrom<string>('127.0.0.1:9000', 'bucket.s3.eu-central-1.amazonaws.com'),
  at: fc.date({ min: new Date('2020-01-01'), max: new Date('2035-12-31'), noInvalidDate: true }),
  sessionToken: fc.option(
    ascii(1, 50).filter((text) => text.trim() === text),
    { nil: undefined },
  ),
  secretAccessKey: fc.constantFrom('fake-secret-one', 'fake/secret+two'),
})

const REGION = 'eu-central-1'
// one signer for all: its kept key must follow secret and day
const sign = signerFor(REGION)

const ours = (asked: typeof request extends fc.Arbitrary<infer Asked> ? Asked : never): string | undefined => {
  const query = Object.keys(asked.query)
    .sort()
    .map((name) => `${encodeQueryValue(name)}=${encodeQueryValue(asked.query[name] as string)}`)
    .join('&')
  const credentials: Credentials = { accessKeyId: 'AKIDFAKE', secretAccessKey: asked.secretAccessKey, sessionToken: asked.sessionToken }
  const { method, payloadHash, at } = asked
  return sign(
    { method, path: `/${encodePath(asked.key)}`, query, headers: { ...asked.headers, host: asked.host }, payloadHash },
    credentials,
    at,
  )['authorization']
}

const theirs = async (asked: Parameters<typeof ours>[0]): Promise<string | undefined> => {
  const { accessKeyId, secretAccessKey, sessionToken } = { accessKeyId: 'AKIDFAKE', ...asked }
  const signer = new SignatureV4({
    service: 's3',
    region: REGION,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: false,
  })
  const signed = await signer.sign(
    {
      method: asked.method,
      protocol: 'https:',
      hostname: asked.host,
      path: `/${encodePath(asked.key)}`,
      query: { ...asked.query },
      headers: { ...asked.headers, host: asked.host, 'x-amz-content-sha256': asked.payloadHash },
    },
    { signingDate: asked.at, unsignableHeaders: UNSIGNED },
  )
  return signed.headers['authorization']
}

describe('Signature Version 4', () => {
  test('signs 300 random requests as @smithy/signature-v4 does', async () => {
    await fc.assert(
      fc.asyncProperty(request, async (asked) => {
        expect(ours(asked)).toBe(await theirs(asked))
      }),
      { numRuns: 300 },
    )
  })

  test('any change of what is signed changes the signature', async () => {
    await fc.assert(
      fc.asyncProperty(request, async (asked) => {
        const changed = [
          { ...asked, key: Buffer.concat([asked.key, Buffer.from('x')]) },
          { ...asked, host: `x${asked.host}` },
          { ...asked, at: new Date(asked.at.getTime() + 1000) },
          { ...asked, query: { ...asked.query, extra: '1' } },
          { ...asked, headers: { ...asked.headers, 'x-amz-checksum-crc32': 'AAAAAA==' } },
        ]
        for (const other of changed) expect(ours(other)).not.toBe(ours(asked))
      }),
      { numRuns: 20 },
    )
  })

  test('the example of the Amazon S3 documentation', () => {
    // Amazon S3 API reference, "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk", GET Object
    const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    const signed = signerFor('us-east-1')(
      { method: 'GET', path: '/', query: 'lifecycle=', headers: { host: 'examplebucket.s3.amazonaws.com' }, payloadHash: empty },
      { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
      new Date('2013-05-24T00:00:00Z'),
    )
    expect(signed['authorization']).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, ' +
        'Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    )
  })
})
