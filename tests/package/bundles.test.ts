import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { unzipSync } from 'fflate'
import { NO_TOTALS } from '../../layers/core/domain/listing'
import { bundleFunction, bundleSha256 } from '../../scripts/plugins/bundle.js'
import { tasks } from './machine-file'
import { packaged } from './packaged'
import { SIZES } from './rights'

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
const names = Object.keys(SIZES).map(kebab)

// As on Lambda: the layer below /opt, a function's zip below /var/task, NODE_PATH pointing into the layer, and no package.json.
let place: string
const unpack = (zip: string, into: string): string[] =>
  Object.entries(unzipSync(readFileSync(zip))).map(([name, bytes]) => {
    mkdirSync(dirname(join(into, name)), { recursive: true })
    writeFileSync(join(into, name), bytes)
    return name
  })

/** Runs CommonJS in a plain Node of its own and returns what it gives to `answer`. */
const inNode = (script: string): unknown => {
  const env = { PATH: process.env.PATH, NODE_PATH: join(place, 'opt/nodejs/node_modules'), AWS_REGION: 'eu-central-1', ...ENVIRONMENT }
  return JSON.parse(
    execFileSync(process.execPath, ['-e', `const answer = (value) => process.stdout.write(JSON.stringify(value)); ${script}`], {
      cwd: place,
      env,
      encoding: 'utf8',
      stdio: 'pipe', // what a control makes Node say is in the error
    }),
  )
}

/** What serverless.yml sets for every function, with names that lead nowhere. */
const ENVIRONMENT = {
  DRAYAGE_STATE_BUCKET: 'state-bucket',
  DRAYAGE_STAGE: 'dev',
  DRAYAGE_ACCOUNT: '123456789012',
  DRAYAGE_PARTITION: 'aws',
  AWS_ACCESS_KEY_ID: 'fake-access-key',
  AWS_SECRET_ACCESS_KEY: 'fake-secret-key',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
}

const contents: Record<string, string[]> = {}
let zips: { name: string; bytes: Buffer }[]
let certified: Record<string, string | undefined>

beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'drayage-bundles-'))
  const { folder, template, remove } = await packaged()
  zips = ['core', ...names].map((name) => ({ name: `${name}.zip`, bytes: readFileSync(join(folder, `${name}.zip`)) }))
  certified = Object.fromEntries(
    names.map((name) => {
      const id = `${name.replace(/(^|-)(.)/g, (_, __, letter: string) => letter.toUpperCase())}LambdaFunction`
      return [name, template.Resources[id]!.Properties.Environment.Variables.DRAYAGE_BUNDLE_SHA256 as string | undefined]
    }),
  )
  contents.core = unpack(join(folder, 'core.zip'), join(place, 'opt'))
  for (const name of names) contents[name] = unpack(join(folder, `${name}.zip`), join(place, 'task', name))
  await remove()
})

afterAll(() => rmSync(place, { recursive: true }))

test('cleanup, and no other function, is told the hash of everything that runs', () => {
  const { cleanup, ...others } = certified
  expect(cleanup).toMatch(/^[0-9a-f]{64}$/)
  expect(cleanup).toBe(bundleSha256(zips))
  expect(Object.values(others).filter((hash) => hash !== undefined)).toEqual([])
})

test('the hash is that of the zips’ own hashes, in whatever order they come, and of every byte of them', () => {
  const lines = [...zips].sort((one, other) => (one.name < other.name ? -1 : 1)).map(({ name, bytes }) => `${sha256(bytes)}  ${name}\n`)
  expect(bundleSha256([...zips].reverse())).toBe(sha256(Buffer.from(lines.join(''))))
  const changed = zips.map(({ name, bytes }, index) => ({ name, bytes: index === 3 ? Buffer.concat([bytes, Buffer.from([0])]) : bytes }))
  expect(bundleSha256(changed)).not.toBe(bundleSha256(zips))
  expect(bundleSha256(zips.slice(1))).not.toBe(bundleSha256(zips))
})

test('each zip holds its one file, the layer its package besides', () => {
  expect(contents.core).toEqual(['nodejs/node_modules/@drayage/core/index.js', 'nodejs/node_modules/@drayage/core/package.json'])
  for (const name of names) expect(contents[name]).toEqual([`functions/${name}.js`])
})

test('every function loads with the layer on NODE_PATH and has a handler', () => {
  const kinds = inNode(
    `answer(Object.fromEntries(${JSON.stringify(names)}.map((name) => [name, typeof require('./task/' + name + '/functions/' + name).handler])))`,
  )
  expect(kinds).toEqual(Object.fromEntries(names.map((name) => [name, 'function'])))
})

test('control: a function does not load without the layer', () => {
  expect(() =>
    inNode(`process.env.NODE_PATH = ''; require('module').Module._initPaths(); require('./task/copy-batch/functions/copy-batch')`),
  ).toThrow(/@drayage\/core/)
})

const ERRORS = `const isError = (value) => typeof value === 'function' && value.prototype instanceof Error
const errorsOf = (exported) => Object.fromEntries(Object.entries(exported).filter(([, value]) => isError(value)).map(([name, value]) => [name, new value([]).name]))`

test('error classes keep their names, and the layer has every one that a Retry waits for', () => {
  const errors = inNode(`${ERRORS}; answer(errorsOf(require('@drayage/core')))`) as Record<string, string>
  for (const [exported, name] of Object.entries(errors)) expect(name).toBe(exported)
  const ours = [...new Set(tasks().flatMap(({ retried }) => retried))].filter((name) => !/^(States|Lambda|Sandbox|Runtime)\./.test(name))
  expect(ours.length).toBeGreaterThan(0)
  expect(Object.keys(errors)).toEqual(expect.arrayContaining(ours))
})

test('control: bundled without keepNames they would be called otherwise', async () => {
  const { outputFiles } = await build({
    entryPoints: ['layers/core/domain/errors.ts'],
    bundle: true,
    format: 'cjs',
    platform: 'node',
    minify: true,
    write: false,
  })
  writeFileSync(join(place, 'renamed.js'), outputFiles[0]!.contents)
  const errors = inNode(`${ERRORS}; answer(errorsOf(require('./renamed.js')))`) as Record<string, string>
  expect(errors.PairLocked).toBeDefined()
  expect(errors.PairLocked).not.toBe('PairLocked')
})

test('a function that bundles a second copy of shared code is refused', async () => {
  mkdirSync(join(place, 'repository/functions'), { recursive: true })
  mkdirSync(join(place, 'repository/layers'))
  writeFileSync(join(place, 'repository/layers/errors.ts'), 'export class PairLocked extends Error {}')
  writeFileSync(
    join(place, 'repository/functions/bad.ts'),
    `import { PairLocked } from '../layers/errors'\nexport const handler = () => { throw new PairLocked() }`,
  )
  writeFileSync(
    join(place, 'repository/functions/good.ts'),
    `import { PairLocked } from '@drayage/core'\nexport const handler = () => { throw new PairLocked() }`,
  )
  await expect(bundleFunction(join(place, 'repository'), 'functions/bad.ts')).rejects.toThrow('functions/bad.ts bundles layers/errors.ts')
  await expect(bundleFunction(join(place, 'repository'), 'functions/good.ts')).resolves.toBeInstanceOf(Uint8Array)
})

/** The source's credential, as Secrets Manager would give it: the one thing that a packaged function asks for here. */
const SECRET = {
  ARN: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:drayage/dev/acme-AbCdEf',
  SecretString: JSON.stringify({
    endpoint: 'https://s3.example.com',
    region: 'eu-central-1',
    accessKeyId: 'fake-access-key',
    secretAccessKey: 'fake-secret-key',
    source: { bucket: 'acme', prefix: '' },
    destination: { bucket: 'acme-archive', prefix: '' },
    expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
  }),
}

/** Calls a packaged handler as Lambda does and gives its answer, or the name and words of its error. */
const call = (name: string, event: unknown): unknown =>
  inNode(`
    const { createServer } = require('node:http')
    const server = createServer((request, response) => {
      const asked = request.headers['x-amz-target'] === 'secretsmanager.GetSecretValue'
      response.writeHead(asked ? 200 : 500, { 'content-type': 'application/x-amz-json-1.1' }).end(asked ? ${JSON.stringify(JSON.stringify(SECRET))} : '{}')
    })
    server.listen(0, '127.0.0.1', () => {
      process.env.AWS_ENDPOINT_URL = 'http://127.0.0.1:' + server.address().port
    const { handler } = require('./task/${name}/functions/${name}')
    const context = { functionName: '${name}', awsRequestId: 'r', getRemainingTimeInMillis: () => 60000 }
    console.info = console.error = console.log = () => undefined
    const write = process.stdout.write.bind(process.stdout)
    process.stdout.write = () => true
    const done = (value) => { process.stdout.write = write; answer(value); server.close(); server.closeAllConnections() }
    handler(${JSON.stringify(event)}, context).then(done, ({ name, message }) => done({ name, message }))
    })
  `)

const request = { source: { bucket: 'acme', credential: 'acme' }, destination: { bucket: 'acme-archive' } }
const execution = { id: 'arn:aws:states:eu-central-1:123456789012:execution:migrate:run-1', name: 'run-1' }

test('a packaged function works: validate-request parses a request, estimate prices a listing', () => {
  const migration = call('validate-request', { request, execution })
  expect(migration).toMatchObject({
    runId: 'run-1',
    executionId: execution.id,
    limits: { batches: 50 },
    shards: { batches: 'runs/run-1/shards/batches/' },
  })
  const listing = { ...NO_TOTALS, listed: 1000, bytes: 1e6, batches: 1 }
  expect(call('estimate', { migration, listing })).toMatchObject({ putRequests: 1000 })
})

test('and refuses under the name that the state machine matches', () => {
  const local = { ...request, source: { ...request.source, endpoint: 'https://elsewhere.example' } }
  expect(call('validate-request', { request: local, execution })).toMatchObject({
    name: 'InvalidRequest',
    message: expect.stringMatching(/^source\.endpoint: only the one-machine/),
  })
  const other = { ...request, destination: { bucket: 'mine-instead' } }
  expect(call('validate-request', { request: other, execution })).toMatchObject({
    name: 'CredentialNotForThisMigration',
    message: expect.stringContaining('destination.bucket is another one'),
  })
  expect(
    call('copy-batch', { migration: call('validate-request', { request, execution }), shard: 'runs/run-1/shards/batches/' }),
  ).toMatchObject({ name: 'StateBroken' })
})
