import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { s3Store, type Reach } from '@drayage/core'
import { localAccess } from '../../cli/local/access'
import { ACCOUNT, startEmbeddedS3, type EmbeddedS3 } from '../../cli/local/s3-server/index'
import { localStores } from '../../cli/local/stores'
import type { Report } from '../../layers/core/domain/report'
import { readJson } from '../../layers/core/domain/state-files'
import { stateKeys } from '../../layers/core/domain/state-keys'
import { scratch } from './cli-support'
import { fill, listAll, REQUEST, World } from './harness'

interface Recorded {
  what: string
  owner: string | undefined
}

const temporary = scratch()
let server: EmbeddedS3
let recorder: Server
let recorded: Recorded[] = []
let at: string

/** Every request to the server, on its way there: bytes, Host and signature as they came. */
beforeAll(async () => {
  server = await startEmbeddedS3({ directory: temporary.path('s3') })
  const { hostname, port } = new URL(server.endpoint)
  recorder = createServer((given, answer) => {
    const url = new URL(given.url!, 'http://h')
    const parameters = [...url.searchParams.keys()].filter((name) => ['uploads', 'uploadId', 'list-type', 'partNumber'].includes(name))
    recorded.push({
      what: [
        given.method,
        url.pathname.split('/').length > 2 && url.pathname.split('/')[2] !== '' ? 'object' : 'bucket',
        ...parameters,
      ].join(' '),
      owner: given.headers['x-amz-expected-bucket-owner'] as string | undefined,
    })
    const onward = request({ hostname, port, path: given.url!, method: given.method!, headers: given.headers, agent: false }, (reply) => {
      answer.writeHead(reply.statusCode!, reply.headers)
      reply.pipe(answer)
    })
    onward.on('error', () => answer.destroy())
    given.on('error', () => onward.destroy())
    given.pipe(onward)
  }).listen(0, '127.0.0.1')
  await once(recorder, 'listening')
  at = `http://127.0.0.1:${(recorder.address() as AddressInfo).port}`
})

afterAll(async () => {
  recorder.closeAllConnections()
  recorder.close()
  await server.close()
  temporary.remove()
})

beforeEach(() => {
  recorded = []
})

const buckets = { state: 'drayage-state', source: REQUEST.source.bucket, destination: REQUEST.destination.bucket }

/** A run in which all three buckets are behind the recorder, wired as on one machine. `stateOwner`: what the state bucket is asked with. */
const run = async (name: string, request: object, stateOwner: string | undefined) => {
  for (const bucket of Object.values(buckets)) await server.createBucket(bucket)
  const reach: Reach = { endpoint: at, region: 'us-east-1', credentials: async () => server.root }
  const rootOf = (bucket: string, endpoint: string, expectedOwner?: string) =>
    s3Store({ bucket, reach: { ...reach, endpoint }, provider: 'embedded', expectedOwner })
  const state = rootOf(buckets.state, at, stateOwner)
  const source = rootOf(buckets.source, server.endpoint)
  const destination = rootOf(buckets.destination, server.endpoint)
  const access = localAccess({ server: { ...server, endpoint: at }, now: () => new Date() })
  const stores = localStores(access)
  const world = new World({ state })
  Object.assign(world.services, { access, source: stores.source, destination: stores.destination })
  try {
    await fill(source, 12, 1)
    const ended = await world.run(request, name)
    const report = (await readJson<Report>(state, stateKeys(name).report)).value
    return { ended, report, arrived: await listAll(destination), uploads: await destination.listUploads(Buffer.alloc(0)) }
  } finally {
    await Promise.all([stores.close(), ...[state, source, destination].map((store) => store.close())])
  }
}

test('every S3 call of a whole run names the owner that it expects', async () => {
  const { ended } = await run('owned', REQUEST, ACCOUNT)
  expect(ended.status).toBe('SUCCEEDED')
  expect(recorded.filter(({ owner }) => owner !== ACCOUNT)).toEqual([])
  expect(recorded.length).toBeGreaterThan(60)
  // Calls of our own connections and of the SDK's client, of each kind.
  const kinds = new Set(recorded.map(({ what }) => what))
  for (const kind of [
    ...['GET bucket list-type', 'GET object', 'PUT object', 'POST object uploads', 'PUT object partNumber uploadId'],
    ...['GET object uploadId', 'POST object uploadId', 'DELETE object uploadId', 'GET bucket uploads'],
  ])
    expect(kinds).toContain(kind)
})

test('the recorder sees a store that was given no owner', async () => {
  await run('unowned', REQUEST, undefined)
  const without = recorded.filter(({ owner }) => owner === undefined)
  expect(without.length).toBeGreaterThan(20)
  expect(without.length).toBeLessThan(recorded.length)
})

test('a destination of another account is refused before anything is written', async () => {
  const before = (await run('before', REQUEST, ACCOUNT)).arrived
  recorded = []
  const request = { ...REQUEST, destination: { ...REQUEST.destination, prefix: 'new/', account: '999999999999' } }
  const { ended, report, arrived, uploads } = await run('stolen', request, ACCOUNT)
  expect(ended).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
  expect(report.reason).toMatch(/PreflightFailed: destination\.account: .*for the owner 999999999999/)
  expect(arrived).toEqual(before)
  expect(uploads).toEqual([])
  expect(recorded.some(({ owner }) => owner === '999999999999')).toBe(true)
})
