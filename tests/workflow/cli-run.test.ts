import { readdirSync, readFileSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer, request as forward, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { observationsOf, type Certificate, type Closure, type Report } from '@drayage/core'
import { startEmbeddedS3, type EmbeddedS3 } from '../../cli/local/s3-server/index'
import type { RunDocument } from '../../cli/run-document'
import { awkwardObjects } from '../../cli/demo/awkward-keys'
import { certificateFault } from '../support/certificate-fault'
import { contents, drayage, inState, put, rootStore, scratch, start } from './cli-support'

// Each test starts the command two or three times, at about a second each on a busy machine.
const place = scratch()
afterAll(place.remove)

const MIB = 1024 * 1024
const LARGE = { key: Buffer.from('large'), body: Buffer.alloc(6 * MIB, 'drayage') }

const REQUEST = {
  source: { bucket: 'from-here', endpoint: 'embedded' },
  destination: { bucket: 'to-there', prefix: 'copies/', endpoint: 'embedded' },
  limits: { batchObjects: 20, largeObjectBytes: 5 * MIB },
}

const ordinary = (objects: number) =>
  Array.from({ length: objects }, (_, index) => ({ key: Buffer.from(`object-${index}`), body: Buffer.from(`body of ${index}\n`) }))

/** `copies/` and a key of 1,024 bytes are too long together: that object is left out here, and is in the demo. */
const AWKWARD = awkwardObjects().filter(({ key }) => key.length < 1000)

const fill = (state: string, objects: readonly { key: Buffer; body: Buffer }[]): Promise<void> =>
  inState(state, async (open) => {
    await open('to-there')
    await put(await open('from-here'), objects)
  })

const run = (state: string, ...more: string[]) =>
  drayage(['run', '-', '--state', state, ...more], { cwd: place.folder, input: JSON.stringify(REQUEST) })

const json = <T>(name: string): T => JSON.parse(readFileSync(name, 'utf8')) as T

const sum = ({ copied, skipped, excluded, changed, failed }: NonNullable<RunDocument['ledger']>): number =>
  copied + skipped + excluded + changed + failed

describe('drayage run', () => {
  it('copies, verifies and closes; --json prints one document; the same request again copies nothing and says so', async () => {
    const state = place.path('whole')
    const objects = [...ordinary(100), ...AWKWARD, LARGE]
    await fill(state, objects)

    const first = await run(state, '--json', '--name', 'first')
    expect(first.stderr).toBe('')
    expect(first.code).toBe(0)
    const document = JSON.parse(first.stdout) as RunDocument
    expect(document).toMatchObject({ runId: 'first', verified: true, dryRun: false, status: 'verified', closed: true, afterwards: [] })
    expect(document.ledger).toMatchObject({ listed: objects.length, copied: objects.length, balanced: true })
    expect(document.ledger!.listed).toBe(sum(document.ledger!))
    expect(document.bytes.copied).toBe(objects.reduce((bytes, { body }) => bytes + body.length, 0))
    expect(document.maxRssBytes).toBeGreaterThan(50e6)
    const observations = observationsOf({ steps: document.closure })
    expect(observations.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['key', 'write', 'uploads', 'inventory', 'lock', 'certificate']),
    )
    const tried = observations.filter(({ kind, call }) => kind === 'key' && call.startsWith('s3:'))
    expect(tried.map(({ answer }) => answer)).toEqual(Array(3).fill('403 InvalidAccessKeyId'))
    expect(document.unexplained).toEqual([])
    expect(certificateFault(readFileSync(document.report.certificate!), readFileSync(document.report.signature!))).toBeUndefined()
    expect(json<Report>(document.report.json!).outcome).toBe('verified')
    expect(readFileSync(document.report.html!, 'utf8')).toContain('<html')
    expect(
      readFileSync(document.report.log, 'utf8')
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { message: string }).message),
    ).toEqual(['the run begins', 'the run has ended: SUCCEEDED'])

    await inState(state, async (open) => {
      const prefix = Buffer.from('copies/').toString('hex')
      const there = await contents(await open('to-there'))
      const wanted = [...(await contents(await open('from-here')))]
        .filter(([key]) => key !== LARGE.key.toString('hex'))
        .map(([key, etag]) => [prefix + key, etag])
      expect(there.size).toBe(objects.length)
      expect(wanted.filter(([key, etag]) => there.get(key!) !== etag)).toEqual([])
    })

    const again = await run(state)
    expect(again.code).toBe(0)
    expect(again.stdout).toContain(`nothing to copy, all ${objects.length} objects were already there`)
    expect(again.stdout).toMatch(/^ {2}copied +0$/m)
    expect(again.stderr).toMatch(
      /^\d:\d\d CopyObjects: copying, \d+ objects listed$|^\d:\d\d CopyObjects: copying, 0 of \d+ objects done$/m,
    )

    const taken = await run(state, '--name', 'first')
    expect(taken.stderr).toMatch(/^--name: there has been a run first in this state folder; choose another name$/m)
    expect(taken.code).toBe(2)
  })

  it('--dry-run lists and estimates, copies nothing, and says estimated', async () => {
    const state = place.path('dry')
    await fill(state, ordinary(30))
    const { code, stdout } = await run(state, '--json', '--dry-run')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      verified: false,
      dryRun: true,
      status: 'estimated',
      ledger: null,
      listed: 30,
      estimate: { putRequests: 30 },
    })
    await inState(state, async (open) => expect((await contents(await open('to-there'))).size).toBe(0))
  })

  it('an object that cannot be read is one failed outcome: exit code 1, everything else copied', async () => {
    const state = place.path('damaged')
    const objects = ordinary(50)
    objects[25]!.body = Buffer.alloc(5000, 'larger than what the server keeps in its index ')
    await fill(state, objects)
    const lost = bodyFile(join(state, 's3', 'v2', 'bodies'), objects[25]!.body)
    unlinkSync(lost)

    const { code, stdout } = await run(state)
    expect(code).toBe(1)
    expect(stdout).toMatch(/^NOT VERIFIED {2}1 failed; 50 listed, 49 copied, 0 already there$/m)
    expect(stdout).toMatch(/^ {2}failed: object-25: StoreUnavailable: /m)
    expect(stdout).toMatch(/^ {2}balanced: /m)
    expect(stdout).toContain('access is closed')
    await inState(state, async (open) => expect((await contents(await open('to-there'))).size).toBe(49))
  })

  it('goes on to its end when nobody reads it any more: copied, verified and closed, with exit code 0', async () => {
    const state = place.path('unheard')
    await fill(state, ordinary(60))
    const command = start(['run', '-', '--state', state, '--name', 'unheard'], { cwd: place.folder, input: JSON.stringify(REQUEST) })
    await command.said('OpenAccess')
    command.deaf()
    expect((await command.ended).code).toBe(0)
    const report = json<Report>(join(state, 'reports', 'unheard', 'report.json'))
    expect(report).toMatchObject({ outcome: 'verified', ledger: { copied: 60 } })
    expect(json<Closure>(join(state, 'reports', 'unheard', 'closure.json')).complete).toBe(true)
  })

  it('says how it ended, and where the report stands, also where its files cannot be copied out', async () => {
    const state = place.path('no room')
    await fill(state, ordinary(5))
    const folder = join(state, 'reports', 'unplaced')
    const command = start(['run', '-', '--state', state, '--name', 'unplaced'], { cwd: place.folder, input: JSON.stringify(REQUEST) })
    await command.said('OpenAccess')
    rmdirSync(folder)
    writeFileSync(folder, 'no folder')
    const { code, stdout, stderr } = await command.ended
    expect(stderr).not.toMatch(/^Error/m)
    expect(stdout).toMatch(/^NOT VERIFIED {2}files of the report could not be copied to /)
    expect(stdout).toContain('access is closed')
    expect(stdout).toMatch(
      /^ {2}files of the report could not be copied to .*unplaced \(ENOTDIR: .*drayage-state below runs\/unplaced\/, /m,
    )
    expect(code).toBe(1)
  })

  it('a state folder with no place for log or report is refused before anything is opened', async () => {
    for (const name of ['logs', 'reports']) {
      const state = place.path(`without-${name}`)
      await fill(state, ordinary(1))
      writeFileSync(join(state, name), 'no folder')
      const { code, stderr } = await run(state)
      expect(stderr).toMatch(/^--state: the state folder .* cannot be used \(.*\); name another with --state DIR$/m)
      expect(stderr).not.toContain('OpenAccess')
      expect(code).toBe(2)
    }
  })

  it('a second process does not get a state folder that is in use', async () => {
    const state = place.path('busy')
    const holder = await startEmbeddedS3({ directory: join(state, 's3') })
    try {
      const { code, stderr } = await run(state)
      expect(stderr).toMatch(
        /^--state: the state folder .* cannot be used \(.*Another process of drayage holds .*\); name another with --state DIR$/m,
      )
      expect(code).toBe(2)
    } finally {
      await holder.close()
    }
  })
})

const bodyFile = (folder: string, body: Buffer): string => {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((name) => readFileSync(name).equals(body))
  expect(names).toHaveLength(1)
  return names[0]!
}

describe('a run that is ended early', () => {
  let foreign: EmbeddedS3
  let proxy: Server
  let stalling = true
  let heard = (): void => undefined
  /** resolves when a part of the large object is asked for, which is never answered: its upload is open by then */
  const stalled = () => new Promise<void>((resolve) => (heard = resolve))

  beforeAll(async () => {
    foreign = await startEmbeddedS3({ directory: place.path('foreign') })
    await foreign.createBucket('from-here')
    const store = rootStore(foreign, 'from-here')
    await put(store, [...ordinary(30), LARGE])
    await store.close()
    const { port } = new URL(foreign.endpoint)
    proxy = createServer((request, reply) => {
      if (stalling && request.headers.range !== undefined) return heard()
      const { method, url, headers } = request
      const onward = forward({ port, method, path: url, headers }, (answer) => {
        reply.writeHead(answer.statusCode!, answer.rawHeaders)
        answer.pipe(reply)
      })
      request.pipe(onward)
    })
    await new Promise<void>((listening) => proxy.listen(0, '127.0.0.1', listening))
  })
  afterAll(async () => {
    proxy.closeAllConnections()
    await new Promise((closed) => proxy.close(closed))
    await foreign.close()
  })

  it('Ctrl-C ends in Cleanup: exit code 130, the upload aborted, the key refused, the report and certificate written', async () => {
    const state = place.path('interrupted')
    await inState(state, (open) => open('to-there'))
    const endpoint = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    const request = { ...REQUEST, source: { bucket: 'from-here', endpoint, provider: 'minio' } }
    const env = { DRAYAGE_SOURCE_ACCESS_KEY_ID: foreign.root.accessKeyId, DRAYAGE_SOURCE_SECRET_ACCESS_KEY: foreign.root.secretAccessKey }
    writeFileSync(place.path('request.json'), JSON.stringify(request))

    const atPart = stalled()
    const command = start(['run', 'request.json', '--state', state, '--name', 'stopped'], { cwd: place.folder, env })
    await Promise.race([atPart, command.ended])
    command.signal('SIGINT')
    await command.said('Interrupted.')
    command.signal('SIGINT')
    const { code, stdout, stderr } = await command.ended

    expect(stderr).toContain('Cleanup is under way')
    expect(code).toBe(130)
    expect(stdout).toMatch(/^INTERRUPTED {2}Interrupted: the run was interrupted by the operator; [^.]*listed, /m)
    expect(stdout).toContain('access is closed')
    expect(stdout).toContain('to go on: run the same request again; what is equal is skipped\n')
    expect(stdout).not.toContain('drayage retry')
    expect(stdout).toMatch(
      /^ {4}closed credential source: the source's credentials came from the environment \(DRAYAGE_SOURCE_ACCESS_KEY_ID\)/m,
    )
    expect(stdout + stderr + readFileSync(join(state, 'logs', 'stopped.jsonl'), 'utf8')).not.toContain(foreign.root.secretAccessKey)

    const certificate = json<Certificate>(join(state, 'reports', 'stopped', 'certificate.json'))
    const observations = observationsOf(certificate)
    expect(observations).toContainEqual(expect.objectContaining({ kind: 'uploads', answer: 'no upload of this run is open; 1 aborted' }))
    expect(observations).toContainEqual(
      expect.objectContaining({ kind: 'key', call: 's3:PutObject', answer: '403 InvalidAccessKeyId', closed: true }),
    )
    expect(json<Report>(join(state, 'reports', 'stopped', 'report.json'))).toMatchObject({
      outcome: 'not-verified',
      stoppedBy: expect.stringMatching(/^Interrupted: /),
    })
    await inState(state, async (open) => expect(await (await open('to-there')).listUploads(Buffer.alloc(0))).toEqual([]))

    // The same pair is free again, and the next run finishes what this one began.
    const rest = await drayage(['run', '-', '--state', state, '--json'], {
      cwd: place.folder,
      env,
      input: JSON.stringify({ ...request, source: { ...request.source, endpoint: foreign.endpoint } }),
    })
    expect(rest.code).toBe(0)
    expect(JSON.parse(rest.stdout)).toMatchObject({ verified: true, ledger: { listed: 31, failed: 0 } })
  })

  it('so does a failure that nobody caught, with exit code 1', async () => {
    const state = place.path('crashed')
    await inState(state, (open) => open('to-there'))
    const endpoint = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    const request = { ...REQUEST, source: { bucket: 'from-here', endpoint, provider: 'minio' } }
    writeFileSync(place.path('planted.mjs'), "process.on('SIGUSR2', () => { throw new Error('planted failure') })")
    const env = {
      DRAYAGE_SOURCE_ACCESS_KEY_ID: foreign.root.accessKeyId,
      DRAYAGE_SOURCE_SECRET_ACCESS_KEY: foreign.root.secretAccessKey,
      NODE_OPTIONS: `--import ${pathToFileURL(place.path('planted.mjs')).href}`,
    }
    const atPart = stalled()
    const command = start(['run', '-', '--state', state, '--name', 'crashed'], { cwd: place.folder, env, input: JSON.stringify(request) })
    await Promise.race([atPart, command.ended])
    command.signal('SIGUSR2')
    const { code, stdout, stderr } = await command.ended
    expect(stderr).toContain('planted failure')
    expect(stdout).toMatch(/^INTERRUPTED {2}Error: planted failure/m)
    expect(code).toBe(1)
    expect(json<Closure>(join(state, 'reports', 'crashed', 'closure.json')).complete).toBe(true)
    await inState(state, async (open) => expect(await (await open('to-there')).listUploads(Buffer.alloc(0))).toEqual([]))
  })

  it('killed outright, it leaves the pair and the upload to the next run', async () => {
    const state = place.path('killed')
    await inState(state, (open) => open('to-there'))
    const endpoint = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    const input = JSON.stringify({ ...REQUEST, source: { bucket: 'from-here', endpoint, provider: 'minio' } })
    const env = { DRAYAGE_SOURCE_ACCESS_KEY_ID: foreign.root.accessKeyId, DRAYAGE_SOURCE_SECRET_ACCESS_KEY: foreign.root.secretAccessKey }
    const atPart = stalled()
    const command = start(['run', '-', '--state', state, '--name', 'killed'], { cwd: place.folder, env, input })
    await Promise.race([atPart, command.ended])
    command.signal('SIGKILL')
    await command.ended
    await inState(state, async (open) => expect(await (await open('to-there')).listUploads(Buffer.alloc(0))).toHaveLength(1))

    stalling = false
    const next = await drayage(['run', '-', '--state', state, '--json'], { cwd: place.folder, env, input })
    stalling = true
    expect(next.code).toBe(0)
    expect(JSON.parse(next.stdout)).toMatchObject({ verified: true, ledger: { listed: 31, failed: 0 } })
    await inState(state, async (open) => expect(await (await open('to-there')).listUploads(Buffer.alloc(0))).toEqual([]))
  })
})
