import { s3Store, type Key, type ObjectStore } from '@drayage/core'
import { Faults, type FaultRule } from '../../cli/local/s3-server/faults'
import { startEmbeddedS3, type EmbeddedS3 } from '../../cli/local/s3-server/index'
import { VERIFICATION_MODES, type VerificationMode } from '../../layers/core/domain/migration'
import { readBytes } from '../../layers/core/domain/state-files'
import { sendSigned, temporaryDirectory } from '../support/embedded-client'
import { REQUEST, World } from './harness'

const key = (text: string): Key => Buffer.from(text)
const RUN = 'run-1'
const VICTIM = 'object/05'
const LARGE = 'zlarge'

const faults = new Faults()
const place = temporaryDirectory()
let server: EmbeddedS3
const open: { close(): Promise<void> }[] = []

beforeAll(async () => {
  server = await startEmbeddedS3({ directory: place.directory, faults })
})
afterAll(async () => {
  await Promise.all(open.map((store) => store.close()))
  await server.close()
  place.remove()
})

/** The real state machine between two buckets of the server; something happens when the copying is over. */
class Meddled extends World {
  meddle: (() => Promise<unknown>) | undefined

  override async call(name: string, event: unknown): Promise<unknown> {
    const { meddle } = this
    if (name === 'verifyBatch' && meddle !== undefined) {
      this.meddle = undefined
      await meddle()
    }
    return super.call(name, event)
  }
}

let number = 0

const bucketOf = async (name: string): Promise<ObjectStore> => {
  await server.createBucket(name)
  const reach = { endpoint: server.endpoint, region: 'us-east-1', credentials: async () => server.root }
  const store = s3Store({ bucket: name, reach, provider: 'embedded' })
  open.push(store)
  return store
}

const run = async (mode: VerificationMode, large: boolean, meddle: (bucket: string, store: ObjectStore) => Promise<unknown>) => {
  const [source, destination] = [`source-${++number}`, `destination-${number}`]
  const world = new Meddled({ source: await bucketOf(source) })
  const store = await bucketOf(destination)
  world.services.destination = async (migration) => world.access.limited(migration, store)
  const headers = { contentType: 'text/plain', metadata: { colour: 'red' } }
  for (let index = 0; index < 12; index++)
    await world.source.put(key(`object/${String(index).padStart(2, '0')}`), key(`body ${index}`), { headers })
  if (large) await world.source.put(key(LARGE), Buffer.alloc(17 * 1024 * 1024, 7), { headers })
  world.meddle = () => meddle(destination, store)
  await world.run({ ...REQUEST, verification: { mode } }, RUN)
  const { outcome, ledger, verification, failures } = await world.report(RUN)
  expect(ledger).toMatchObject({ listed: large ? 13 : 12, copied: large ? 13 : 12, failed: 0 })
  return { outcome, counts: verification.counts, wrong: failures.sample.map(({ key, what }) => `${what} ${String(key)}`) }
}

const rewrite = async (store: ObjectStore, name: string, change: { bytes?: Buffer; colour?: string }): Promise<unknown> => {
  const { headers } = (await store.stat(key(name)))!
  const bytes = change.bytes ?? (await readBytes(store, name)).body
  return store.put(key(name), bytes, { headers: { ...headers, metadata: { ...headers.metadata, colour: change.colour ?? 'red' } } })
}

type Meddle = (bucket: string, store: ObjectStore) => Promise<unknown>

const MEDDLING: [what: string, Meddle, Record<VerificationMode, string | undefined>][] = [
  ['nothing happened', async () => undefined, { listing: undefined, checksum: undefined, reread: undefined }],
  [
    'an object was dropped',
    (bucket) => sendSigned(server.endpoint, server.root, { method: 'DELETE', path: `/${bucket}/${VICTIM}` }),
    { listing: 'missing', checksum: 'missing', reread: 'missing' },
  ],
  [
    'a byte was flipped, and the object written again',
    (_bucket, store) => rewrite(store, VICTIM, { bytes: key('body 6') }),
    { listing: 'different', checksum: 'different', reread: 'different' },
  ],
  [
    'user metadata was changed',
    (_bucket, store) => rewrite(store, VICTIM, { colour: 'blue' }),
    { listing: undefined, checksum: 'different', reread: 'different' },
  ],
]

describe.each(VERIFICATION_MODES)('%s, by the real machine on the embedded server', (mode) => {
  test.each(MEDDLING)('%s', async (_what, meddle, says) => {
    const { outcome, counts, wrong } = await run(mode, false, meddle)
    const verdict = says[mode]
    expect(wrong).toEqual(verdict === undefined ? [] : [`${verdict} ${VICTIM}`])
    expect(outcome).toBe(verdict === undefined ? 'verified' : 'not-verified')
    expect(counts.verified).toBe(verdict === undefined ? 12 : 11)
  })

  test('an object was added: counted, and the run is verified', async () => {
    const { outcome, counts, wrong } = await run(mode, false, (_bucket, store) => store.put(key('object/05a'), key('x')))
    expect({ outcome, wrong }).toEqual({ outcome: 'verified', wrong: [] })
    expect(counts).toMatchObject({ verified: 12, extra: 1, vanished: 0 })
  })
})

/** The source's ETag of the large object is a plain MD5, which no part can be held to: what its reader damages is written and checked as it is. */
test.each<[VerificationMode, string | undefined]>([
  ['listing', undefined],
  ['checksum', undefined],
  ['reread', 'different'],
])('%s and a byte of a large object that was damaged between the source and the copier', async (mode, verdict) => {
  const when: FaultRule['when'] = ({ bucket, operation, key }) =>
    bucket.startsWith('source') && operation === 'GET object' && key.toString() === LARGE
  faults.set({ when, fault: { kind: 'corrupt', at: 100 }, times: 1 })
  const { outcome, wrong } = await run(mode, true, async () => undefined)
  expect(faults.done.map(({ kind }) => kind)).toEqual(['corrupt'])
  faults.set()
  expect({ outcome, wrong }).toEqual(
    verdict === undefined ? { outcome: 'verified', wrong: [] } : { outcome: 'not-verified', wrong: [`${verdict} ${LARGE}`] },
  )
})

test.each<[VerificationMode, object]>([
  ['listing', { verified: 13 }],
  ['checksum', { verified: 13 }],
  ['reread', { verified: 13 }],
])('%s and an object that was copied in parts', async (mode, counts) => {
  expect(await run(mode, true, async () => undefined)).toMatchObject({ outcome: 'verified', counts, wrong: [] })
})
