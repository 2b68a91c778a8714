import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyCertificate } from '@drayage/core'
import { gateOf, type Gate } from '../gate'
import type { Demo } from './run'

type Signed = Pick<Demo, 'certificate' | 'signature'>

const text = (signed: Signed, change: (text: string) => string): Signed => ({
  ...signed,
  certificate: Buffer.from(change(signed.certificate.toString('utf8'))),
})

const field = (signed: Signed, change: (certificate: any) => void): Signed =>
  text(signed, (json) => {
    const certificate = JSON.parse(json)
    change(certificate)
    return JSON.stringify(certificate)
  })

const signature = (signed: Signed, change: (file: any) => void): Signed => {
  const file = JSON.parse(signed.signature)
  change(file)
  return { ...signed, signature: JSON.stringify(file) }
}

/** A key of somebody else's, with which everything is signed anew: nothing but the pinned key tells. */
const resigned = (signed: Signed): Signed => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return signature(signed, (file) => {
    file.publicKey = publicKey.export({ type: 'spki', format: 'pem' })
    file.signature = sign('sha256', Buffer.from(file.statement), privateKey).toString('base64')
  })
}

/** Ways to lie about a closure, each with what it makes of a genuine certificate. */
const LIES: Record<string, (signed: Signed) => Signed> = {
  'an observation taken out': (signed) => field(signed, ({ steps }) => steps[0].observations.splice(0, 1)),
  'an observation said to be closed': (signed) => text(signed, (json) => json.replace(/"closed":true/, '"closed":false')),
  'another run': (signed) => field(signed, (certificate) => (certificate.runId = 'run-2')),
  'another time': (signed) => field(signed, (certificate) => (certificate.closedAt = '2030-01-01T00:00:00.000Z')),
  'a field added': (signed) => field(signed, (certificate) => (certificate.note = 'all is well')),
  'one byte at the end': (signed) => text(signed, (json) => `${json} `),
  'one byte less': (signed) => text(signed, (json) => json.slice(0, -1)),
  'the same content, written otherwise': (signed) => text(signed, (json) => JSON.stringify(JSON.parse(json), null, 1)),
  nothing: (signed) => text(signed, () => ''),
  'another statement': (signed) =>
    signature(
      signed,
      (file) => (file.statement = file.statement.replace(/(?<="sha256":")./, (digit: string) => (digit === 'f' ? '0' : 'f'))),
    ),
  'another key named': (signed) => signature(signed, (file) => (file.key = 'arn:aws:kms:eu-central-1:123456789012:key/another')),
  'another algorithm': (signed) => signature(signed, (file) => (file.algorithm = 'none')),
  'no signature': (signed) => signature(signed, (file) => (file.signature = '')),
  'a signature with one bit turned': (signed) =>
    signature(signed, (file) => {
      const bytes = Buffer.from(file.signature, 'base64')
      bytes[bytes.length - 1]! ^= 1
      file.signature = bytes.toString('base64')
    }),
  'signed anew by somebody else': resigned,
}

const CLI = join(import.meta.dirname, '../../../cli/drayage.js')

/** `drayage certificate verify` on files, without any network where that can be arranged; its exit code. */
const verifyByCommand = (place: string, { certificate, signature }: Signed): number | null => {
  writeFileSync(join(place, 'certificate.json'), certificate)
  writeFileSync(join(place, 'certificate.sig'), signature)
  const isolated = spawnSync('unshare', ['-rn', 'true']).status === 0
  const verify = [CLI, 'certificate', 'verify', join(place, 'certificate.json')]
  const [program, args] = isolated ? ['unshare', ['-rn', process.execPath, ...verify]] : [process.execPath, verify]
  return spawnSync(program, args, { stdio: 'ignore' }).status
}

/** openssl's word on the signature, which shares no code with ours; undefined where there is no openssl. */
const verifyByOpenssl = (place: string, file: string): boolean | undefined => {
  if (spawnSync('openssl', ['version'], { stdio: 'ignore' }).status !== 0) return undefined
  const { statement, publicKey, signature } = JSON.parse(file) as Record<string, string>
  writeFileSync(join(place, 'statement'), statement!)
  writeFileSync(join(place, 'key.pem'), publicKey!)
  writeFileSync(join(place, 'signature'), Buffer.from(signature!, 'base64'))
  try {
    const args = ['dgst', '-sha256', '-verify', join(place, 'key.pem'), '-signature', join(place, 'signature'), join(place, 'statement')]
    return /^Verified OK/.test(execFileSync('openssl', args, { encoding: 'utf8' }))
  } catch {
    return false
  }
}

/** A genuine certificate is verified offline, and every lie about it is refused. */
export const certificateGate = (genuine: Signed): Gate => {
  const place = mkdtempSync(join(tmpdir(), 'drayage-certificate-'))
  try {
    const { publicKey } = JSON.parse(genuine.signature) as { publicKey: string }
    const problems = verifyCertificate(genuine.certificate, genuine.signature, publicKey).problems
    const byOpenssl = verifyByOpenssl(place, genuine.signature)
    const lies = Object.entries(LIES).map(([title, lie]) => {
      const told = lie(genuine)
      if (told.certificate.equals(genuine.certificate) && told.signature === genuine.signature)
        return { title, problems: ['it changes nothing of the genuine one'] }
      const refused = verifyCertificate(told.certificate, told.signature, publicKey).problems.length > 0
      return { title, problems: refused ? [] : ['was taken for genuine'] }
    })
    const gate = gateOf('certificate', [
      { title: 'genuine', problems },
      {
        title: 'genuine, by the command',
        problems: verifyByCommand(place, genuine) === 0 ? [] : ['drayage certificate verify refused it'],
      },
      { title: 'genuine, by openssl', problems: byOpenssl === false ? ['openssl does not verify the signature'] : [] },
      {
        title: 'tampered, by the command',
        problems: verifyByCommand(place, LIES['another run']!(genuine)) === 1 ? [] : ['drayage certificate verify did not refuse it'],
      },
      ...lies,
    ])
    const told = lies.filter(({ problems }) => problems.length === 0).length
    return { ...gate, notes: [`${problems.length === 0 ? 'verified' : 'NOT verified'}, tampered ${told} of ${lies.length} refused`] }
  } finally {
    rmSync(place, { recursive: true })
  }
}
