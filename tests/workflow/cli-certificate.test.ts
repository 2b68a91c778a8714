import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { SigningFailed, signedCertificate } from '@drayage/core'
import { localSigner } from '../../cli/local/signing-key'
import { memorySigner } from '../support/signer'
import { drayage, scratch } from './cli-support'

// One start of the command takes about a second on a busy machine.
const place = scratch()
afterAll(place.remove)

const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-4000-8000-000000000000'
const certificate = {
  version: 1,
  runId: 'run-1',
  closedAt: '2026-12-01T12:00:00.000Z',
  steps: [
    {
      step: 7,
      name: 'prove',
      observations: [
        { kind: 'role', name: 'drayage-1', call: 'iam:GetRole', answer: 'NoSuchEntity', closed: true, at: '2026-12-01T11:59:59.000Z' },
      ],
    },
  ],
}

const write = async (name: string, signer: Parameters<typeof signedCertificate>[1]) => {
  const { document, signature } = await signedCertificate(certificate, signer)
  writeFileSync(place.path(`${name}.json`), document)
  writeFileSync(place.path(`${name}.sig`), signature)
}
const verify = (...args: string[]) => drayage(['certificate', 'verify', ...args], { cwd: place.folder })

describe('drayage certificate verify', () => {
  const kms = memorySigner(KEY)
  beforeAll(async () => {
    await write('certificate', kms)
    await write('other', memorySigner(KEY))
    writeFileSync(place.path('key.pem'), kms.publicKey)
  })

  it('certificate.json: says run, time, key and answers, and what it does not prove', async () => {
    const { code, stdout, stderr } = await verify('certificate.json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^Valid: nothing was changed/)
    for (const words of ['run-1', certificate.closedAt, KEY, 'iam:GetRole answered NoSuchEntity', `aws kms get-public-key --key-id ${KEY}`])
      expect(stdout).toContain(words)
  })

  it('certificate.json --public-key key.pem --json', async () => {
    const { code, stdout } = await verify('certificate.json', '--public-key', 'key.pem', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ valid: true, pinned: true, runId: 'run-1', key: KEY, problems: [] })
    expect(stdout).not.toContain('get-public-key')
  })

  it.each([
    [['other.json', '--public-key', 'key.pem'], /signed with another key than the one that was given/],
    [['certificate.json', '--signature', 'certificate.json'], /the signature file is not complete/],
    [['certificate.json', '--public-key', 'certificate.json'], /the key that was given is no P-256 key/],
  ])('%j', async (args, words) => {
    const { code, stdout } = await verify(...args)
    expect(code).toBe(1)
    expect(stdout).toMatch(/^Refused\./)
    expect(stdout).toMatch(words)
  })

  it('a certificate changed by one character', async () => {
    writeFileSync(place.path('changed.json'), readFileSync(place.path('certificate.json'), 'utf8').replace('NoSuchEntity', 'NoSuchEntitx'))
    const { code, stdout } = await verify('changed.json', '--signature', 'certificate.sig')
    expect(code).toBe(1)
    expect(stdout).toMatch(/^Refused\. .*\n {2}the certificate is not the one that was signed/)
    expect(stdout).not.toContain('NoSuchEntitx')
    const { code: again, stdout: document } = await verify('changed.json', '--signature', 'certificate.sig', '--json')
    expect(again).toBe(1)
    expect(JSON.parse(document)).toMatchObject({ valid: false, observations: [], problems: [expect.stringContaining('SHA-256')] })
  })

  it('files that are not there: each is named, exit code 2', async () => {
    const { code, stdout, stderr } = await verify('nowhere.json', '--public-key', 'nokey.pem')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(
      /^FILE: nowhere\.json cannot be read \(ENOENT\); .*\n--signature: nowhere\.sig cannot be read .*\n--public-key: nokey\.pem cannot be read/,
    )
  })
})

describe('the key of a state folder', () => {
  it('is made at its first use, for its owner alone, and kept', async () => {
    const file = place.path('signing-key.pem')
    const signer = localSigner(file)
    expect(existsSync(file)).toBe(false)
    const first = await signer.sign(Buffer.from('a statement'))
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect((await localSigner(file).sign(Buffer.from('another'))).publicKey).toBe(first.publicKey)
    expect(first.key).toBe('local')
    expect(readdirSync(place.folder).filter((name) => name.startsWith('signing-key'))).toEqual(['signing-key.pem'])
    await write('local', signer)
    const { code, stdout } = await verify('local.json')
    expect(code).toBe(0)
    expect(stdout).toMatch(/a local key, of a state folder/)
    expect(stdout).toMatch(/whoever holds the folder can sign with it/)
  })

  it.each([
    ['text', 'not a key'],
    ['nothing', ''],
  ])('that holds %s is refused, and not overwritten', async (_, text) => {
    const file = place.path('bad-key.pem')
    writeFileSync(file, text)
    chmodSync(file, 0o600)
    await expect(localSigner(file).sign(Buffer.from('x'))).rejects.toThrow(SigningFailed)
    expect(readFileSync(file, 'utf8')).toBe(text)
  })
})
