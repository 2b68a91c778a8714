import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { observationsOf, type Certificate } from '@drayage/core'
import { startEmbeddedS3, type EmbeddedS3, type IssuedKey } from '../../cli/local/s3-server/index'
import { awkwardObjects } from '../../cli/demo/awkward-keys'
import { contents, drayage, put, rootStore, scratch } from './cli-support'

const temporary = scratch()
let servers: { source: EmbeddedS3; destination: EmbeddedS3 }
let keys: { source: IssuedKey; destination: IssuedKey }

const IN_AN_HOUR = new Date(Date.now() + 3_600_000)

/** Two stores of other processes, as far as the command can tell: it knows an endpoint and a key of each. */
beforeAll(async () => {
  servers = {
    source: await startEmbeddedS3({ directory: temporary.path('source') }),
    destination: await startEmbeddedS3({ directory: temporary.path('destination') }),
  }
  await servers.source.createBucket('theirs')
  await servers.destination.createBucket('ours')
  keys = {
    source: servers.source.issueKey({ bucket: 'theirs', prefix: '', allow: 'read', expiresAt: IN_AN_HOUR }),
    destination: servers.destination.issueKey({ bucket: 'ours', prefix: 'in/', allow: 'write', expiresAt: IN_AN_HOUR }),
  }
  const theirs = rootStore(servers.source, 'theirs')
  await put(
    theirs,
    awkwardObjects().filter(({ key }) => key.length <= 1000),
  )
  await theirs.put(Buffer.from('large'), Buffer.alloc(6 * 1024 * 1024, 'x'))
  await theirs.close()
})

afterAll(async () => {
  await servers.source.close()
  await servers.destination.close()
  temporary.remove()
})

const environment = () => ({
  DRAYAGE_SOURCE_ACCESS_KEY_ID: keys.source.accessKeyId,
  DRAYAGE_SOURCE_SECRET_ACCESS_KEY: keys.source.secretAccessKey,
  DRAYAGE_DESTINATION_ACCESS_KEY_ID: keys.destination.accessKeyId,
  DRAYAGE_DESTINATION_SECRET_ACCESS_KEY: keys.destination.secretAccessKey,
})

const run = async (state: string, { prefix = 'in/', env = {}, more = [] as string[] } = {}) => {
  const request = temporary.path('request.json')
  writeFileSync(
    request,
    JSON.stringify({
      source: { bucket: 'theirs', endpoint: servers.source.endpoint, provider: 'minio' },
      destination: { bucket: 'ours', prefix, endpoint: servers.destination.endpoint },
      limits: { largeObjectBytes: 5 * 1024 * 1024 },
    }),
  )
  return drayage(['run', request, '--state', state, ...more], { cwd: temporary.folder, env: { ...environment(), ...env } })
}

/** Every file under a folder, as bytes. */
const files = (folder: string): Buffer[] =>
  (readdirSync(folder, { recursive: true }) as string[])
    .map((name) => join(folder, name))
    .filter((name) => statSync(name).isFile())
    .map((name) => readFileSync(name))

/** A secret as it stands, in base64, in hex and as part of a URL. */
const forms = (secret: string): Buffer[] =>
  [secret, Buffer.from(secret).toString('base64').replace(/=+$/, ''), Buffer.from(secret).toString('hex'), encodeURIComponent(secret)].map(
    (form) => Buffer.from(form),
  )

const holds = (bytes: readonly Buffer[], secret: string): boolean => bytes.some((body) => forms(secret).some((form) => body.includes(form)))

test('from one foreign store to another, with the rights a run needs and no more: verified, nothing created there, no secret anywhere', async () => {
  const state = temporary.path('state')
  const first = await run(state, { more: ['--json'] })
  expect(first.stderr).toBe('')
  expect(first.code).toBe(0)
  const document = JSON.parse(first.stdout) as {
    verified: boolean
    report: { certificate: string }
    ledger: { listed: number; copied: number }
  }
  expect(document.verified).toBe(true)
  const [theirs, ours] = [rootStore(servers.source, 'theirs'), rootStore(servers.destination, 'ours')]
  const prefixed = [...(await contents(theirs)).keys()].map((key) =>
    Buffer.concat([Buffer.from('in/'), Buffer.from(key, 'hex')]).toString('hex'),
  )
  expect([...(await contents(ours)).keys()]).toEqual(prefixed)
  expect(document.ledger).toMatchObject({ listed: prefixed.length, copied: prefixed.length })
  await theirs.close()
  await ours.close()

  const observations = observationsOf(JSON.parse(readFileSync(document.report.certificate, 'utf8')) as Certificate)
  expect(observations.filter(({ kind }) => kind === 'credential').map(({ answer }) => answer)).toEqual([
    expect.stringContaining('nothing was created there'),
    expect.stringContaining('nothing was created there'),
  ])
  expect(observations.map(({ kind }) => kind)).not.toContain('key')

  const second = await run(state)
  expect(second.stdout).toContain('nothing to copy, all')
  const everything = [...files(state), Buffer.from(first.stdout), Buffer.from(second.stdout), Buffer.from(second.stderr)]
  for (const { secretAccessKey } of [keys.source, keys.destination]) expect(holds(everything, secretAccessKey)).toBe(false)
  expect(
    holds([...everything, Buffer.from(`x${Buffer.from(keys.source.secretAccessKey).toString('hex')}y`)], keys.source.secretAccessKey),
  ).toBe(true)
})

test('a destination that may be listed and not written is found by Preflight, before anything is copied', async () => {
  const listing = servers.destination.issueKey({ bucket: 'ours', prefix: 'late/', allow: 'list', expiresAt: IN_AN_HOUR })
  const env = { DRAYAGE_DESTINATION_ACCESS_KEY_ID: listing.accessKeyId, DRAYAGE_DESTINATION_SECRET_ACCESS_KEY: listing.secretAccessKey }
  const { code, stdout } = await run(temporary.path('late'), { prefix: 'late/', env })
  expect(code).toBe(1)
  expect(stdout).toContain('PreflightFailed')
  expect(stdout).toContain('destination.bucket: it cannot be written to')
  const ours = rootStore(servers.destination, 'ours')
  expect([...(await contents(ours)).keys()].filter((key) => Buffer.from(key, 'hex').toString().startsWith('late/'))).toEqual([])
  await ours.close()
})
