import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { canonicalJson, signedCertificate, verifyCertificate } from '../../layers/core/access/certificate'
import { SigningFailed } from '../../layers/core/domain/errors'
import type { Signature } from '../../layers/core/domain/signature'
import { memorySigner } from '../support/signer'

const certificate = {
  version: 1,
  runId: 'run-1',
  complete: true,
  closedAt: '2026-12-01T12:00:00.000Z',
  observations: [
    { kind: 'role', name: 'drayage-é', call: 'iam:GetRole', answer: 'NoSuchEntity', closed: true, at: '2026-12-01T11:59:59.000Z' },
  ],
  todo: [],
}

interface SignatureFile extends Signature {
  statement: string
}

const signed = async (signer = memorySigner()) => {
  const { document, signature } = await signedCertificate(certificate, signer)
  return { document: Buffer.from(document), signature, file: JSON.parse(signature) as SignatureFile, signer }
}

/** The signature file with some of it replaced. */
const changed = (file: SignatureFile, change: Partial<SignatureFile>): string => JSON.stringify({ ...file, ...change })

describe('canonical JSON', () => {
  // RFC 8785, section 3.2.2 and 3.2.3.
  it('is that of RFC 8785', () => {
    const text =
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}'
    expect(canonicalJson(JSON.parse(text) as object)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    )
  })

  it('does not depend on the order of fields, and says the same', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ stringUnit: 'grapheme' })), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse())
        expect(canonicalJson(turned)).toBe(canonicalJson(value))
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
})

describe('a certificate', () => {
  it('is verified offline by what its signature file holds, and by the key itself', async () => {
    const { document, signature, file, signer } = await signed(memorySigner('arn:aws:kms:eu-central-1:123456789012:key/k'))
    const found = verifyCertificate(document, signature)
    expect(found.problems).toEqual([])
    expect(found.statement).toEqual({
      version: 1,
      runId: 'run-1',
      closedAt: certificate.closedAt,
      key: 'arn:aws:kms:eu-central-1:123456789012:key/k',
      sha256: createHash('sha256').update(document).digest('hex'),
    })
    const der = createPublicKey(signer.publicKey).export({ type: 'spki', format: 'der' })
    expect(found.fingerprint).toBe(createHash('sha256').update(der).digest('hex'))
    expect(verifyCertificate(document, signature, signer.publicKey).problems).toEqual([])
    expect(Object.keys(file)).toEqual(['statement', 'algorithm', 'key', 'publicKey', 'signature'])
    expect(Buffer.byteLength(file.statement)).toBeLessThan(4096)
  })

  const other = memorySigner()
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ type: 'spki', format: 'pem' }).toString()

  it.each<
    [string, (signed_: Awaited<ReturnType<typeof signed>>) => [Buffer, string, string?] | Promise<[Buffer, string, string?]>, RegExp]
  >([
    [
      'a document with one word changed',
      ({ document, signature }) => [Buffer.from(document.toString().replace('true', 'null')), signature],
      /SHA-256 is another/,
    ],
    [
      'a document laid out anew',
      ({ document, signature }) => [Buffer.from(JSON.stringify(JSON.parse(document.toString()), null, 2)), signature],
      /SHA-256 is another/,
    ],
    ['a document cut off', ({ document, signature }) => [document.subarray(0, -1), signature], /SHA-256 is another/],
    ['an empty document', ({ signature }) => [Buffer.alloc(0), signature], /SHA-256 is another/],
    ['a signature file cut off', ({ document, signature }) => [document, signature.slice(0, -20)], /not complete/],
    ['an empty signature file', ({ document }) => [document, ''], /not complete/],
    [
      'a signature file without its key',
      ({ document, file }) => [document, JSON.stringify({ ...file, publicKey: undefined })],
      /not complete/,
    ],
    ['a field too many', ({ document, file }) => [document, JSON.stringify({ ...file, more: 1 })], /not complete/],
    ['another algorithm', ({ document, file }) => [document, JSON.stringify({ ...file, algorithm: 'none' })], /not complete/],
    [
      'another statement',
      ({ document, file }) => [document, changed(file, { statement: file.statement.replace('run-1', 'run-2') })],
      /not of this statement/,
    ],
    ['a swapped public key', ({ document, file }) => [document, changed(file, { publicKey: other.publicKey })], /not of this statement/],
    ['an RSA key', ({ document, file }) => [document, changed(file, { publicKey: rsa })], /no P-256 key/],
    ['a P-384 key', ({ document, file }) => [document, changed(file, { publicKey: p384 })], /no P-256 key/],
    ['no key at all', ({ document, file }) => [document, changed(file, { publicKey: 'mine' })], /no P-256 key/],
    [
      'one bit of the signature',
      ({ document, file }) => {
        const bytes = Buffer.from(file.signature, 'base64')
        bytes[bytes.length - 1]! ^= 1
        return [document, changed(file, { signature: bytes.toString('base64') })]
      },
      /not of this statement/,
    ],
    ['an empty signature', ({ document, file }) => [document, changed(file, { signature: '' })], /not of this statement/],
    ['another name for the key', ({ document, file }) => [document, changed(file, { key: 'arn:aws:kms:x:1:key/y' })], /names another key/],
    ['another pinned key', ({ document, signature }) => [document, signature, other.publicKey], /another key than the one that was given/],
    ['a pinned key that is none', ({ document, signature }) => [document, signature, 'pem'], /given is no P-256 key/],
    [
      'a signature of the key over something else',
      async ({ document, file, signer }) => {
        const statement = '{"hello":1}'
        return [document, changed(file, { ...(await signer.sign(Buffer.from(statement))), statement })]
      },
      /no statement of a certificate/,
    ],
    [
      'a statement with a field twice',
      async ({ document, file, signer }) => {
        const statement = file.statement.replace('{', '{"runId":"run-0",')
        return [document, changed(file, { ...(await signer.sign(Buffer.from(statement))), statement })]
      },
      /no statement of a certificate/,
    ],
    [
      "another run's certificate under a statement of its hash",
      async ({ file, signer }) => {
        const document = Buffer.from(canonicalJson({ ...certificate, runId: 'run-2' }))
        const sha256 = createHash('sha256').update(document).digest('hex')
        const statement = canonicalJson({ ...(JSON.parse(file.statement) as object), sha256 })
        return [document, changed(file, { ...(await signer.sign(Buffer.from(statement))), statement })]
      },
      /of another run or time/,
    ],
    [
      'a signed document that is not canonical',
      async ({ file, signer }) => {
        const document = Buffer.from(JSON.stringify(certificate))
        const sha256 = createHash('sha256').update(document).digest('hex')
        const statement = canonicalJson({ ...(JSON.parse(file.statement) as object), sha256 })
        return [document, changed(file, { ...(await signer.sign(Buffer.from(statement))), statement })]
      },
      /not in canonical form/,
    ],
  ])('%s is refused, and said why', async (_, tamper, why) => {
    const given = await signed()
    expect(verifyCertificate(given.document, given.signature).problems).toEqual([])
    const { problems } = verifyCertificate(...(await tamper(given)))
    expect(problems.join('\n')).toMatch(why)
  })

  it('forged with a key of the forger holds by itself, and not against the real key: what --public-key is for', async () => {
    const real = await signed()
    const forged = await signedCertificate({ ...certificate, todo: ['forged'] } as typeof certificate, memorySigner())
    expect(verifyCertificate(Buffer.from(forged.document), forged.signature).problems).toEqual([])
    expect(verifyCertificate(Buffer.from(forged.document), forged.signature, real.signer.publicKey).problems).toHaveLength(1)
  })

  it('no byte of it can be changed', async () => {
    const { document, signature } = await signed()
    fc.assert(
      fc.property(fc.nat(document.length - 1), fc.integer({ min: 1, max: 255 }), (at, difference) => {
        const other_ = Buffer.from(document)
        other_[at]! ^= difference
        expect(verifyCertificate(other_, signature).problems).toHaveLength(1)
      }),
    )
  })

  it('is not written with a signature that does not hold', async () => {
    const spoilt = memorySigner('local', (signature) => signature.fill(0))
    await expect(signedCertificate(certificate, spoilt)).rejects.toThrow(SigningFailed)
    const stranger = memorySigner()
    await expect(
      signedCertificate(certificate, { ...memorySigner(), sign: async (s) => ({ ...(await stranger.sign(s)), key: 'other' }) }),
    ).rejects.toThrow(/names another key/)
    const long = { ...certificate, runId: 'x'.repeat(5000) }
    await expect(signedCertificate(long, memorySigner())).rejects.toThrow(/KMS signs 4096/)
  })

  const openssl = spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0
  if (!openssl) process.stderr.write('skipped: a certificate by openssl: openssl is not on this machine\n')
  ;(openssl ? it : it.skip)('holds for openssl too, and a changed statement does not', async () => {
    const { file } = await signed()
    const folder = mkdtempSync(join(tmpdir(), 'drayage-openssl-'))
    try {
      const name = (what: string) => join(folder, what)
      writeFileSync(name('key.pem'), file.publicKey)
      writeFileSync(name('signature.der'), Buffer.from(file.signature, 'base64'))
      const check = (statement: string): number | null => {
        writeFileSync(name('statement'), statement)
        const args = ['dgst', '-sha256', '-verify', name('key.pem'), '-signature', name('signature.der'), name('statement')]
        return spawnSync('openssl', args, { stdio: 'ignore' }).status
      }
      expect(check(file.statement)).toBe(0)
      expect(check(file.statement.replace('run-1', 'run-2'))).toBe(1)
      expect(execFileSync('openssl', ['pkey', '-pubin', '-in', name('key.pem'), '-noout', '-text'], { encoding: 'utf8' })).toContain(
        'P-256',
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

test('control: the tests sign with real keys', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  expect(sign('sha256', Buffer.from('a'), privateKey).length).toBeGreaterThan(60)
})
