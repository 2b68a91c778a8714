import { randomBytes, randomInt } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Faults } from '../../../cli/local/s3-server/faults'
import { startEmbeddedS3 } from '../../../cli/local/s3-server/index'
import { inState, put, rootStore } from '../../workflow/cli-support'
import { observe, type CommandOptions, type Observed } from './command'
import { startEchoingSource, type EchoPlan } from './echoing-source'
import { formsOf } from './forms'
import { expectNowhere, expectPlanted, note, type Canary, type Places, type Verdicts } from './search'

const STATE_BUCKET = 'drayage-state'
const OBJECTS = 60

/** Where only files are that a log's reader, or nobody, gets to see: an endpoint has no business there. */
const WITHOUT_HOST = ['log', 'dead letters', 'certificate.json', 'command line']

const IN_AN_HOUR = new Date(Date.now() + 3_600_000)

/** An address of this machine that no test and no page names. */
const unusedLoopback = (): string => `127.${randomInt(2, 250)}.${randomInt(2, 250)}.${randomInt(100, 250)}`

/** The server at 127.0.0.1:`port` under another address. */
const relay = async (host: string, port: number): Promise<{ port: number; close(): Promise<void> }> => {
  const server = createServer((from) => {
    const to = connect(port, '127.0.0.1')
    from.on('error', () => to.destroy()).on('close', () => to.destroy())
    to.on('error', () => from.destroy()).on('close', () => from.destroy())
    from.pipe(to).pipe(from)
  })
  await new Promise<void>((listening, failed) => server.on('error', failed).listen(0, host, listening))
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((closed) => server.close(() => closed())),
  }
}

const filesBelow = (folder: string): [name: string, content: Buffer][] =>
  existsSync(folder)
    ? (readdirSync(folder, { recursive: true }) as string[])
        .filter((name) => statSync(join(folder, name)).isFile())
        .map((name) => [name, readFileSync(join(folder, name))])
    : []

const placeOf = (file: string): string => {
  if (file.startsWith('logs/')) return 'log'
  if (file === 'dead-letters.jsonl') return 'dead letters'
  return file.startsWith('reports/') ? file.slice(file.lastIndexOf('/') + 1) : 'files of the embedded server'
}

/** Everything that is left of all runs, and that was printed by them. */
const gather = async (state: string, temporary: string, outputs: readonly Observed[]): Promise<Places> => {
  const places: Places = new Map()
  const add = (place: string, ...pieces: Buffer[]) => void places.set(place, [...(places.get(place) ?? []), ...pieces])
  for (const [name, content] of filesBelow(state)) add(placeOf(name), Buffer.from(name), content)
  // Again through the server: what its database holds in compressed blocks is no bytes to search.
  await inState(state, async (openBucket) => {
    const bucket = await openBucket(STATE_BUCKET)
    for await (const page of bucket.list({ prefix: Buffer.alloc(0) }))
      for (const { key } of page) add('state bucket', key, Buffer.concat((await (await bucket.read(key)).body.toArray()) as Buffer[]))
  })
  for (const [name, content] of filesBelow(temporary)) add('temporary files', Buffer.from(name), content)
  add('standard output', ...outputs.map(({ stdout }) => stdout))
  add('standard error', ...outputs.map(({ stderr }) => stderr))
  if (existsSync('/proc/self/cmdline')) add('command line', ...outputs.flatMap(({ commandLines }) => commandLines))
  return places
}

/** Plants a canary in every form wherever `gather` looks, as a careless program would have left it there. */
const plant = async (state: string, temporary: string, planted: string): Promise<Observed> => {
  const line = Buffer.concat(formsOf(planted).flatMap(({ bytes }) => [bytes, Buffer.from('\n')]))
  const some = (folder: string) => join(state, folder, (readdirSync(join(state, folder)) as string[])[0]!)
  appendFileSync(some('logs'), line)
  appendFileSync(join(state, 'dead-letters.jsonl'), line)
  for (const [name] of filesBelow(join(state, 'reports'))) appendFileSync(join(state, 'reports', name), line)
  writeFileSync(join(state, 's3', 'planted'), line)
  writeFileSync(join(temporary, 'planted'), line)
  await inState(state, async (openBucket) => void (await (await openBucket(STATE_BUCKET)).put(Buffer.from('runs/planted'), line)))
  // Printed and passed as an argument by another program, seen in the same way. Arguments hold no zero bytes, so no UTF-16.
  const args = formsOf(planted).flatMap(({ bytes }) => (bytes.includes(0) ? [] : [bytes.toString('utf8')]))
  const printing = `const text = Buffer.from(process.env.LINE, 'base64'); process.stdout.write(text); process.stderr.write(text); setTimeout(() => {}, 500)`
  return observe(args, { cwd: state, env: { LINE: line.toString('base64') }, program: ['-e', printing, '--'] })
}

/** Runs on one machine that end in every way there is, between stores of other processes; the demo's keys are no canaries. */
export const localCanaries = async (verdicts: Verdicts): Promise<void> => {
  const place = mkdtempSync(join(tmpdir(), 'drayage-canaries-'))
  const path = (name: string) => join(place, name)
  for (const folder of ['home/.aws', 'temporary', 'cwd']) mkdirSync(path(folder), { recursive: true })
  const faults = new Faults()
  const theirs = await startEmbeddedS3({ directory: path('theirs'), faults })
  const host = unusedLoopback()
  const door = await relay(host, Number(new URL(theirs.endpoint).port))
  const state = path('state')
  const outputs: Observed[] = []
  const canaries: Canary[] = [{ name: 'host of the endpoint', text: host }]
  const sources: { close(): Promise<void> }[] = []

  const canary = (name: string, text: string): string => {
    canaries.push({ name, text })
    return text
  }
  /** a key of the source's, which is a canary in both halves */
  const issued = (run: string) => {
    const key = theirs.issueKey({ bucket: 'theirs', prefix: '', allow: 'read', expiresAt: IN_AN_HOUR })
    canary(`access key id of ${run}`, key.accessKeyId)
    canary(`secret key of ${run}`, key.secretAccessKey)
    return key
  }
  const environment = (key: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }) => ({
    DRAYAGE_SOURCE_ACCESS_KEY_ID: key.accessKeyId,
    DRAYAGE_SOURCE_SECRET_ACCESS_KEY: key.secretAccessKey,
    ...(key.sessionToken !== undefined && { DRAYAGE_SOURCE_SESSION_TOKEN: key.sessionToken }),
  })
  const run = async (
    name: string,
    ends: { code: number; says?: RegExp },
    { env = {}, port = door.port, source = {}, ...options }: Partial<CommandOptions> & { port?: number; source?: object } = {},
  ): Promise<Observed> => {
    const input = JSON.stringify({
      source: { bucket: 'theirs', endpoint: `http://${host}:${port}`, provider: 'minio', ...source },
      destination: { bucket: 'ours', prefix: `${name}/`, endpoint: 'embedded' },
      limits: { batchObjects: 10 },
    })
    const home = { HOME: path('home'), TMPDIR: path('temporary'), AWS_EC2_METADATA_DISABLED: 'true' }
    const observed = await observe(['run', '-', '--state', state, '--name', name], {
      cwd: path('cwd'),
      input,
      ...options,
      env: { ...home, ...env },
    })
    outputs.push(observed)
    const words = `${observed.stdout.toString()}${observed.stderr.toString()}`
    note(
      verdicts,
      observed.code === ends.code && (ends.says ?? /./).test(words),
      `one machine: the run ${name} did not end as it should: code ${observed.code}, ${words.slice(-500)}`,
    )
    return observed
  }
  const echoing = async (plan: EchoPlan): Promise<number> => {
    const source = await startEchoingSource(host, plan)
    sources.push(source)
    return source.port
  }
  const strangeKey = (name: string) => ({
    accessKeyId: canary(`access key id of ${name}`, `CANARY${randomBytes(7).toString('hex').toUpperCase()}`),
    secretAccessKey: canary(`secret key of ${name}`, randomBytes(30).toString('base64')),
    sessionToken: canary(`session token of ${name}`, randomBytes(60).toString('base64')),
  })

  try {
    await theirs.createBucket('theirs')
    const root = rootStore(theirs, 'theirs')
    await put(
      root,
      Array.from({ length: OBJECTS }, (_, nth) => ({ key: Buffer.from(`object/${nth}`), body: Buffer.from(`body ${nth}`) })),
    )
    await root.close()
    await inState(state, async (openBucket) => void (await openBucket('ours')))

    await run('by-environment', { code: 0, says: /^VERIFIED/m }, { env: environment(issued('a good run')) })

    const inProfile = issued('an AWS profile')
    writeFileSync(
      path('home/.aws/credentials'),
      `[canary]\naws_access_key_id = ${inProfile.accessKeyId}\naws_secret_access_key = ${inProfile.secretAccessKey}\n`,
    )
    await run('by-profile', { code: 0, says: /^VERIFIED/m }, { source: { profile: 'canary' } })

    faults.set({
      when: ({ operation, key }) => operation === 'GET object' && key.toString() === 'object/7',
      fault: { kind: 'status', status: 403, code: 'AccessDenied' },
    })
    await run('one-refused', { code: 1, says: /1 failed/ }, { env: environment(issued('a run with a refused object')) })

    const revoked = issued('a run whose key is revoked')
    faults.set({
      when: ({ operation }) => operation === 'GET object',
      skip: 5,
      times: 1,
      fault: { kind: 'change', act: () => theirs.revokeKey(revoked.accessKeyId) },
    })
    await run('revoked', { code: 1, says: /CredentialsRefused|InvalidAccessKeyId/ }, { env: environment(revoked) })

    faults.set({ when: ({ operation }) => operation === 'GET object', fault: { kind: 'slow', bytesPerS: 1 } })
    await run('interrupted', { code: 130 }, { env: environment(issued('an interrupted run')), interruptAt: 'CopyObjects' })
    faults.set()

    const wrong = { ...issued('a refused key'), secretAccessKey: canary('wrong secret key', randomBytes(30).toString('base64')) }
    await run('refused', { code: 2, says: /refuses the credentials/ }, { env: environment(wrong) })

    const once = strangeKey('a source that repeats everything at once')
    await run('echoed-at-once', { code: 2 }, { env: environment(once), port: await echoing(() => 'echo') })

    const listing = strangeKey('a source that repeats everything while it is listed')
    await run(
      'echoed-in-a-list',
      { code: 1 },
      { env: environment(listing), port: await echoing(({ list, nth }) => (list && nth === 1 ? { keys: ['a', 'b'] } : 'echo')) },
    )

    const reading = strangeKey('a source that repeats everything when it is read')
    await run(
      'echoed-in-a-read',
      { code: 1, says: /NOT VERIFIED/ },
      { env: environment(reading), port: await echoing(({ list }) => (list ? { keys: ['a', 'b'] } : 'echo')) },
    )

    const places = await gather(state, path('temporary'), outputs)
    const where = 'one machine'
    expectNowhere(
      verdicts,
      where,
      places,
      canaries.filter(({ text }) => text !== host),
    )
    const withoutHost: Places = new Map([...places].filter(([name]) => WITHOUT_HOST.includes(name)))
    expectNowhere(verdicts, where, withoutHost, canaries.slice(0, 1))

    await hashedKeys(verdicts, { run, echoing, state, canary: `patients/${randomBytes(12).toString('hex')}/scan "1".pdf` })

    const planted = randomBytes(33).toString('base64').replace(/./, '/').replace(/.$/, '+')
    const printed = await plant(state, path('temporary'), planted)
    const again = await gather(state, path('temporary'), [printed])
    const lines = again.get('command line')
    again.delete('command line')
    expectPlanted(verdicts, where, again, planted)
    const inArguments = formsOf(planted)
      .filter(({ bytes }) => !bytes.includes(0))
      .map(({ name }) => name)
    if (lines !== undefined) expectPlanted(verdicts, where, new Map([['command line', lines]]), planted, inArguments)
  } finally {
    await Promise.all(sources.map((source) => source.close()))
    await door.close()
    await theirs.close()
    rmSync(place, { recursive: true, force: true })
  }
}

type Run = (
  name: string,
  ends: { code: number; says?: RegExp },
  options: { env: Record<string, string>; port: number },
) => Promise<Observed>

/**
 * A key in the words of an error, with DRAYAGE_LOG_KEYS=hash and without. The run's own files hold keys whatever the option says:
 * that is what shards and outcomes are for.
 */
const hashedKeys = async (
  verdicts: Verdicts,
  { run, echoing, state, canary: key }: { run: Run; echoing(plan: EchoPlan): Promise<number>; state: string; canary: string },
): Promise<void> => {
  const env = { DRAYAGE_SOURCE_ACCESS_KEY_ID: 'some-key', DRAYAGE_SOURCE_SECRET_ACCESS_KEY: 'not-a-real-secret-key' }
  const keyCanary = [{ name: 'object key', text: key }]
  const logOf = (name: string): Places => new Map([['log', [readFileSync(join(state, 'logs', `${name}.jsonl`))]]])
  // The first two lists, which only try the source, are in order; the one that counts is not.
  const port = () => echoing(({ list, nth }) => (list ? { keys: nth <= 2 ? ['a'] : ['z', key] } : { body: 'x' }))
  const hashed = await run(
    'keys-hashed',
    { code: 1, says: /SourceListingBroken/ },
    { env: { ...env, DRAYAGE_LOG_KEYS: 'hash' }, port: await port() },
  )
  const places = logOf('keys-hashed')
  places.set('standard output', [hashed.stdout]).set('standard error', [hashed.stderr])
  expectNowhere(verdicts, 'keys hashed', places, keyCanary)
  await run('keys-in-full', { code: 1, says: /SourceListingBroken/ }, { env, port: await port() })
  // Control: the same run without the option has the key in its log, escaped once as a key and once as JSON.
  const full = logOf('keys-in-full').get('log')!.toString()
  note(verdicts, full.includes(key.split('"')[0]!), 'keys hashed: control: with keys in full the log of the same run has none')
}
