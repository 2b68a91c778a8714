import { createHash } from 'node:crypto'
import { s3Store, type ObjectStore } from '@drayage/core'
import { Faults, type Fault, type FaultRule } from '../../cli/local/s3-server/faults'
import { startEmbeddedS3, type EmbeddedS3 } from '../../cli/local/s3-server/index'
import { readBytes } from '../../layers/core/domain/state-files'
import { sendSigned, temporaryDirectory } from '../support/embedded-client'
import { drayage, scratch } from './cli-support'
import { REQUEST, World } from './harness'

const MIB = 1024 * 1024
/** After so long without a byte a request is given up; 60 s outside of tests. */
const TIMEOUT_MS = 700
const RUN = 'run-1'

const faults = new Faults()
const place = temporaryDirectory()
let server: EmbeddedS3
const stages: Stage[] = []

beforeAll(async () => {
  server = await startEmbeddedS3({ directory: place.directory, faults })
})
afterAll(async () => {
  for (const { from, to } of stages) await Promise.all([from.close(), to.close()])
  await server.close()
  place.remove()
})

/** Bytes of which no two kibibytes are alike, so that none can stand in another's place. */
const bytesOf = (name: string, size: number): Buffer => {
  const body = Buffer.alloc(size)
  for (let at = 0; at < size; at += 1024) createHash('sha512').update(`${name} ${at}`).digest().copy(body, at)
  return body
}

const SMALL = 24
const [MIDDLE, LARGE] = ['streamed', 'zlarge'].map((name) => Buffer.from(name)) as [Buffer, Buffer]
const small = (index: number): string => `object/${String(index).padStart(2, '0')}`

/** Small objects, one of them empty; one that is streamed; one of two parts. */
const OBJECTS = new Map<string, Buffer>([
  ...Array.from({ length: SMALL }, (_, index): [string, Buffer] => [small(index), bytesOf(small(index), index * 300)]),
  [MIDDLE.toString(), bytesOf('streamed', 2 * MIB)],
  [LARGE.toString(), bytesOf('large', 17 * MIB)],
])

type OpenStore = ObjectStore & { close(): Promise<void> }

/** A migration between two buckets of the server, by the real machine, functions and S3 store. The state bucket is honest. */
class Stage extends World {
  private constructor(
    readonly from: OpenStore,
    readonly to: OpenStore,
    private readonly number: number,
    private readonly objects: ReadonlyMap<string, Buffer>,
    remainingMs: number | undefined,
  ) {
    super({ source: from, ...(remainingMs === undefined ? {} : { remainingMs }) })
    this.services.destination = async (migration) => this.access.limited(migration, to)
  }

  static async set({ remainingMs, without = [] as string[] }: { remainingMs?: number; without?: string[] } = {}): Promise<Stage> {
    faults.set()
    const open = async (bucket: string): Promise<OpenStore> => {
      await server.createBucket(bucket)
      const reach = { endpoint: server.endpoint, region: 'us-east-1', credentials: async () => server.root }
      return s3Store({ bucket, reach, provider: 'embedded', requestTimeoutMs: TIMEOUT_MS })
    }
    const number = stages.length
    const objects = new Map([...OBJECTS].filter(([key]) => !without.includes(key)))
    const stage = new Stage(await open(`source-${number}`), await open(`destination-${number}`), number, objects, remainingMs)
    for (const [key, body] of objects) await stage.from.put(Buffer.from(key), body)
    stages.push(stage)
    return stage
  }

  /** Runs the migration through these faults, and reads afterwards what the destination really has. */
  async migrate(...rules: FaultRule[]) {
    faults.set(...rules)
    await this.run(REQUEST, RUN)
    const done = faults.done.map(({ kind }) => kind)
    faults.set()
    const report = await this.report(RUN)
    const rows = (await this.text(`runs/${RUN}/failures.csv`))
      .split('\r\n')
      .slice(1, -1)
      .map((line) => line.split(',').slice(0, 3))
      .sort()
    return { report, verified: report.outcome === 'verified', ledger: report.ledger, wrong: await this.wrong(), rows, done }
  }

  /** The same, judged: no wrong object in a run that is verified, none unnamed in one that came to its end, and no open upload. */
  async through(...rules: FaultRule[]) {
    const ended = await this.migrate(...rules)
    const { report, verified, wrong, rows } = ended
    const named = rows.map(([key]) => key!)
    if (verified) expect({ wrong, named }).toEqual({ wrong: [], named: [] })
    if (report.stoppedBy === null) expect(wrong.filter((key) => !named.includes(key))).toEqual([])
    expect(await this.to.listUploads(Buffer.alloc(0))).toEqual([])
    return ended
  }

  bucket = (side: 'source' | 'destination'): string => `${side}-${this.number}`

  /** Deletes an object as somebody else would: nothing of ours can. */
  async remove(side: 'source' | 'destination', key: string): Promise<void> {
    const path = `/${this.bucket(side)}/${key}`
    expect(await sendSigned(server.endpoint, server.root, { method: 'DELETE', path })).toMatchObject({ status: 204 })
  }

  /** Keys under which the destination does not have the bytes that the source had when it was listed. */
  async wrong(): Promise<string[]> {
    const wrong: string[] = []
    for (const [key, body] of this.objects) {
      const there = await readBytes(this.to, key).catch(() => undefined)
      if (!there?.body.equals(body)) wrong.push(key)
    }
    return wrong
  }
}

/** Requests for an operation on the source's or destination's bucket, of one key or of any. */
const on =
  (side: 'source' | 'destination', operation: string, key?: string): FaultRule['when'] =>
  (request) =>
    request.bucket.startsWith(side) && request.operation === operation && (key === undefined || request.key.toString() === key)

const rule = (when: FaultRule['when'], fault: Fault, more: Partial<FaultRule> = {}): FaultRule => ({ when, fault, ...more })

const LIST = 'GET bucket list-type'
const GET = 'GET object'
const PUT = 'PUT object'
const CREATE = 'POST object uploads'
const PART = 'PUT object uploadId'
const COMPLETE = 'POST object uploadId'
const ABORT = 'DELETE object uploadId'
/** the key of Preflight's write probe */
const PROBE = '.drayage-probe'

/** Without the large object, where nothing is asked of it: it takes most of a run's time. */
const SMALL_ONES = { without: [LARGE.toString()] }

describe('a migration through faults that pass is verified with every byte right', () => {
  const error = (status: number, code: string): Fault => ({ kind: 'status', status, code })
  const both = [MIDDLE.toString(), LARGE.toString()]

  /** `large`: whether a fault meets the large object */
  const PASSING: [name: string, large: boolean, ...rules: FaultRule[]][] = [
    ['a storm of 503 while the source is listed', false, rule(on('source', LIST), error(503, 'SlowDown'), { skip: 2, times: 4 })],
    [
      '429 and 500 while the destination is listed, and while the probe is taken back',
      false,
      rule(on('destination', LIST), error(429, 'TooManyRequests'), { skip: 1, times: 2 }),
      rule(on('destination', LIST), error(500, 'InternalError'), { skip: 1, times: 2 }),
      rule(on('destination', ABORT, PROBE), error(500, 'InternalError'), { times: 2 }),
    ],
    [
      'a storm of 503 over the probes of Preflight',
      false,
      rule(on('source', GET, small(0)), error(503, 'SlowDown'), { times: 2 }),
      rule(on('destination', CREATE, PROBE), error(503, 'SlowDown'), { times: 2 }),
      rule(on('destination', PART, PROBE), error(503, 'SlowDown'), { times: 2 }),
    ],
    [
      'a storm of 503 with Retry-After while copying',
      true,
      rule((request) => both.includes(request.key.toString()), { ...error(503, 'SlowDown'), kind: 'status', retryAfterS: 1 } as Fault, {
        times: 2,
      }),
      rule(on('destination', PUT), error(503, 'SlowDown'), { times: 20 }),
    ],
    [
      'errors after the act',
      false,
      rule(on('destination', PUT), { ...error(500, 'InternalError'), acted: true } as Fault, { every: 4, times: 6 }),
    ],
    [
      'connections reset before a read, before and after the body of a write',
      false,
      rule(on('source', GET), { kind: 'reset' }, { every: 5, times: 4 }),
      rule(on('destination', PUT), { kind: 'reset' }, { every: 5, times: 4 }),
      rule(on('destination', PUT), { kind: 'reset', received: true }, { every: 5, times: 4 }),
    ],
    [
      'lost answers to writes, to parts and to the beginning of an upload',
      true,
      rule(on('destination', PUT), { kind: 'lostAnswer' }, { every: 4, times: 6 }),
      rule(on('destination', PART, LARGE.toString()), { kind: 'lostAnswer' }, { times: 2 }),
      rule(on('destination', CREATE, LARGE.toString()), { kind: 'lostAnswer' }, { times: 1 }),
    ],
    ['the lost answer to the completion of an upload', true, rule(on('destination', COMPLETE), { kind: 'lostAnswer' }, { times: 1 })],
    [
      'an error inside an answer of 200, once instead of the completion and once after it',
      true,
      rule(on('destination', COMPLETE), error(200, 'InternalError'), { times: 1 }),
      rule(on('destination', COMPLETE), { ...error(200, 'InternalError'), acted: true } as Fault, { times: 1 }),
    ],
    [
      'cut bodies: small, streamed, of a part, of a listing',
      true,
      rule(on('source', GET, small(20)), { kind: 'cut', after: 100 }, { times: 2 }),
      rule(on('source', GET, MIDDLE.toString()), { kind: 'cut', after: MIB }, { times: 2 }),
      rule(on('source', GET, LARGE.toString()), { kind: 'cut', after: MIB / 2 }, { times: 2 }),
      rule(on('source', LIST), { kind: 'cut', after: 300 }, { skip: 2, times: 2 }),
    ],
    [
      'bodies that stand still: small, streamed, of a part, of a listing',
      true,
      rule(on('source', GET, small(20)), { kind: 'stall', after: 0 }, { times: 1 }),
      rule(on('source', GET, MIDDLE.toString()), { kind: 'stall', after: MIB }, { times: 1 }),
      rule(on('source', GET, LARGE.toString()), { kind: 'stall', after: MIB / 2 }, { times: 1 }),
      rule(on('source', LIST), { kind: 'stall', after: 300 }, { skip: 2, times: 1 }),
    ],
    [
      'a slow body, and a wrong ETag in the answer to a part',
      true,
      rule(on('source', GET, MIDDLE.toString()), { kind: 'slow', bytesPerS: 8 * MIB }, { times: 1 }),
      rule(on('destination', PART, LARGE.toString()), { kind: 'wrongEtag', etag: '"0123456789abcdef0123456789abcdef"' }, { times: 1 }),
    ],
    [
      'damaged bodies',
      false,
      rule(on('source', GET, small(20)), { kind: 'corrupt', at: 1000 }, { times: 2 }),
      rule(on('source', GET, MIDDLE.toString()), { kind: 'corrupt', at: 2 * MIB - 1 }, { times: 1 }),
    ],
    [
      'writes that are damaged on the way',
      true,
      rule(on('destination', PUT, small(20)), { kind: 'corruptRequest', at: 1000 }, { times: 2 }),
      rule(on('destination', PUT, MIDDLE.toString()), { kind: 'corruptRequest', at: MIB }, { times: 1 }),
      rule(on('destination', PART, LARGE.toString()), { kind: 'corruptRequest', at: MIB / 2 }, { times: 2 }),
    ],
  ]

  test.each(PASSING)('%s', async (_name, large, ...rules) => {
    const stage = await Stage.set(large ? {} : SMALL_ONES)
    const { verified, ledger, rows, done } = await stage.through(...rules)
    expect(done.sort()).toEqual(rules.flatMap(({ fault, times }) => Array<string>(times!).fill(fault.kind)).sort())
    expect([rows, verified]).toEqual([[], true])
    const objects = SMALL + (large ? 2 : 1)
    expect(ledger).toMatchObject({ listed: objects, copied: objects, failed: 0, changed: 0 })
  })
})

describe('what does not pass ends not verified, under the name of its object', () => {
  test('wrong ETags, a destination that keeps other bytes, and objects that change or go between listing and reading', async () => {
    const stage = await Stage.set(SMALL_ONES)
    const other = bytesOf('other', 10 * 300)
    const replace = (store: ObjectStore, key: string) => () => store.put(Buffer.from(key), other)
    const { report, rows, done } = await stage.through(
      rule(on('destination', PUT, small(5)), { kind: 'wrongEtag', etag: '"0123456789abcdef0123456789abcdef"' }),
      rule(on('source', GET, small(6)), { kind: 'wrongEtag', etag: '"0123456789abcdef0123456789abcdef"' }),
      rule(on('destination', PUT, small(10)), { kind: 'change', act: replace(stage.to, small(10)), late: true }, { times: 1 }),
      rule(on('destination', PUT, small(11)), { kind: 'change', act: replace(stage.to, small(11)), late: true }, { times: 1 }),
      rule(on('source', GET, MIDDLE.toString()), { kind: 'change', act: replace(stage.from, MIDDLE.toString()) }),
      rule(on('source', GET, small(12)), { kind: 'change', act: () => stage.remove('source', small(12)) }),
    )
    expect(rows).toEqual([
      [small(5), 'different', 'Verification'],
      [small(6), 'changed', 'ObjectChanged'],
      [small(10), 'different', 'Verification'],
      [small(11), 'different', 'Verification'],
      [small(12), 'changed', 'NoSuchObject'],
      [MIDDLE.toString(), 'changed', 'ObjectChanged'],
    ])
    expect(report).toMatchObject({ outcome: 'not-verified', ledger: { balanced: true, changed: 3 } })
    expect(done.sort()).toEqual(['change', 'change', 'change', 'change', 'wrongEtag', 'wrongEtag'])
  })

  test('what fails at every try: errors, cut, damaged and silent bodies; nothing hangs, nothing wrong is there', async () => {
    const stage = await Stage.set(SMALL_ONES)
    const { report, rows, done } = await stage.through(
      rule(on('source', GET, small(5)), { kind: 'status', status: 500, code: 'InternalError' }),
      rule(on('source', GET, small(6)), { kind: 'cut', after: 100 }),
      rule(on('source', GET, small(7)), { kind: 'stall', after: 100 }),
      rule(on('source', GET, small(8)), { kind: 'corrupt', at: 100 }),
      rule(on('source', GET, MIDDLE.toString()), { kind: 'corrupt', at: 100 }),
      rule(on('destination', PUT, small(9)), { kind: 'corruptRequest', at: 100 }),
    )
    expect(rows).toEqual([
      [small(5), 'failed', 'StoreUnavailable'],
      [small(6), 'failed', 'StoreUnavailable'],
      [small(7), 'failed', 'StoreUnavailable'],
      [small(8), 'failed', 'BodyMismatch'],
      [small(9), 'failed', 'BodyMismatch'],
      [MIDDLE.toString(), 'failed', 'BodyMismatch'],
    ])
    expect(report.ledger).toMatchObject({ copied: SMALL - 5, failed: 6, balanced: true })
    for (const kind of ['status', 'cut', 'stall', 'corruptRequest']) expect(done.filter((one) => one === kind)).toHaveLength(5)
    expect(done.filter((one) => one === 'corrupt')).toHaveLength(10)
  })

  test('a large object that changes between two parts is changed, never a mixture, and its upload is gone', async () => {
    const stage = await Stage.set()
    // small, so that the part is not asked for again before the other object is there
    const other = Buffer.from('another object')
    const { report, rows, done } = await stage.through(
      rule(on('source', GET, LARGE.toString()), { kind: 'change', act: () => stage.from.put(LARGE, other) }, { skip: 1, times: 1 }),
    )
    expect([report.stoppedBy, rows, done]).toEqual([null, [[LARGE.toString(), 'changed', 'ObjectChanged']], ['change']])
  })

  test('a completion that is answered with another ETag than the destination lists', async () => {
    const stage = await Stage.set()
    const text = (xml: string): string => xml.replace(/(?<=<ETag>&quot;)\w/, (digit) => (digit === '0' ? '1' : '0'))
    const { rows, done } = await stage.through(rule(on('destination', COMPLETE), { kind: 'rewrite', text }))
    expect([rows, done]).toEqual([[[LARGE.toString(), 'different', 'Verification']], ['rewrite']])
  })

  test('a body slower than a whole call is long', async () => {
    const stage = await Stage.set({ ...SMALL_ONES, remainingMs: 12_000 })
    const { rows, report } = await stage.through(rule(on('source', GET, MIDDLE.toString()), { kind: 'slow', bytesPerS: 100_000 }))
    expect(rows).toEqual([[MIDDLE.toString(), 'failed', 'DeadlinePassed']])
    expect(report.ledger).toMatchObject({ copied: SMALL, failed: 1, balanced: true })
  })

  const again = Buffer.from(small(5)).toString('base64url')
  test.each([
    ['ends in the middle of a key', (xml: string) => xml.slice(0, xml.indexOf('object/10') + 8)],
    [
      'goes back and says that there is more',
      (xml: string) => xml.replace('<IsTruncated>false<', `<NextContinuationToken>${again}</NextContinuationToken><IsTruncated>true<`),
    ],
  ])('a listing that %s ends the run before anything is copied', async (_, text) => {
    const stage = await Stage.set(SMALL_ONES)
    const { report, wrong, done } = await stage.through(rule(on('source', LIST), { kind: 'rewrite', text }, { skip: 2 }))
    expect(report).toMatchObject({ outcome: 'not-verified', listing: { complete: false }, ledger: { copied: 0 } })
    expect(report.stoppedBy).toMatch(/^SourceListingBroken: /)
    expect([wrong.length, new Set(done)]).toEqual([SMALL + 1, new Set(['rewrite'])])
  })

  test('a clock that is off is said at once; one that goes wrong on the way leaves no object unnamed', async () => {
    const skew: Fault = { kind: 'skew', ms: 20 * 60_000 }
    const stage = await Stage.set(SMALL_ONES)
    const { report } = await stage.through(rule((request) => request.bucket.startsWith('source'), skew))
    expect(report.stoppedBy).toMatch(/RequestTimeTooSkewed .*set the clock/)
    expect(report).toMatchObject({ outcome: 'not-verified', ledger: { listed: 0, copied: 0 } })

    const late = await Stage.set(SMALL_ONES)
    const { report: ended, rows, wrong } = await late.through(rule(on('source', GET), skew, { skip: 5 }))
    expect(ended).toMatchObject({ outcome: 'not-verified', ledger: { listed: SMALL + 1, balanced: false, failed: 0 } })
    expect(rows).toEqual(wrong.sort().map((key) => [key, 'unaccounted', 'NoOutcome']))
    expect(wrong.length).toBeGreaterThan(10)
  })

  test('and the judge of these tests sees what is wrong', async () => {
    const stage = await Stage.set()
    // A limit of the product, and so what the judge must not pass over: a part has no checksum of the source's to be held to.
    const limit = stage.through(rule(on('source', GET, LARGE.toString()), { kind: 'corrupt', at: 100 }, { times: 1 }))
    await expect(limit).rejects.toThrow(/wrong.*\n.*zlarge/)
    await stage.to.put(Buffer.from(small(7)), bytesOf('other', 7 * 300))
    await stage.remove('destination', small(8))
    expect(await stage.wrong()).toEqual([small(7), small(8), LARGE.toString()])
  })
})

test('the command, between two faulty stores: verified, with every byte right', async () => {
  const stage = await Stage.set()
  const rules = [
    rule(on('source', GET), { kind: 'cut', after: 200 }, { every: 9, times: 2 }),
    rule(on('source', GET), { kind: 'reset' }, { every: 8, times: 2 }),
    rule(on('source', GET, small(20)), { kind: 'corrupt', at: 1000 }, { times: 1 }),
    rule(on('destination', PUT), { kind: 'status', status: 503, code: 'SlowDown' }, { times: 5 }),
    rule(on('destination', PUT), { kind: 'lostAnswer' }, { every: 6, times: 2 }),
    rule(on('destination', PUT, MIDDLE.toString()), { kind: 'corruptRequest', at: MIB }, { times: 1 }),
    rule(on('destination', COMPLETE), { kind: 'lostAnswer' }, { times: 1 }),
  ]
  faults.set(...rules)
  const home = scratch()
  const { endpoint, root } = server
  const { code, stdout } = await drayage(['run', '-', '--state', home.path('state'), '--json'], {
    cwd: home.folder,
    env: Object.fromEntries(
      ['SOURCE', 'DESTINATION'].flatMap((side) => [
        [`DRAYAGE_${side}_ACCESS_KEY_ID`, root.accessKeyId],
        [`DRAYAGE_${side}_SECRET_ACCESS_KEY`, root.secretAccessKey],
      ]),
    ),
    input: JSON.stringify({
      source: { bucket: stage.bucket('source'), endpoint, provider: 'minio' },
      destination: { bucket: stage.bucket('destination'), endpoint },
      limits: REQUEST.limits,
    }),
  })
  home.remove()
  const done = faults.done.map(({ kind }) => kind)
  faults.set()
  expect(JSON.parse(stdout)).toMatchObject({ verified: true, ledger: { listed: OBJECTS.size, copied: OBJECTS.size } })
  expect([code, await stage.wrong()]).toEqual([0, []])
  expect(new Set(done)).toEqual(new Set(rules.map(({ fault }) => fault.kind)))
})
