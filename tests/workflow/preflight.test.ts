import { AccessDenied, StoreRefused, type BucketSettings, type Check, type Migration, type ObjectStore } from '@drayage/core'
import { parseRequest } from '../../layers/core/domain/request'
import { DATA_CLASSIFICATIONS, type VerificationMode } from '../../layers/core/domain/migration'
import type { PreflightFile } from '../../layers/core/domain/preflight-file'
import type { Report } from '../../layers/core/domain/report'
import { readJson } from '../../layers/core/domain/state-files'
import { stateKeys } from '../../layers/core/domain/state-keys'
import { ACCOUNT, cleanSettings, KEY, migrationFor, REGION, requestFor } from '../support/clean-bucket'
import { memoryStore } from '../support/memory-store'
import { fill, listAll, REQUEST, World } from './harness'

/** A store that counts the calls that create something. */
const counting = (inner: ObjectStore): { store: ObjectStore; writes: string[] } => {
  const writes: string[] = []
  const store: ObjectStore = {
    ...inner,
    put: (...given) => (writes.push('put'), inner.put(...given)),
    createUpload: (...given) => (writes.push('createUpload'), inner.createUpload(...given)),
    putPart: (...given) => (writes.push('putPart'), inner.putPart(...given)),
  }
  return { store, writes }
}

/** A run against a bucket of Amazon S3 whose settings are these, asked once by Preflight and once at the end. */
const runWith = async (request: unknown, ...asked: (BucketSettings | Error)[]) => {
  const destination = counting(memoryStore())
  const world = new World()
  await fill(world.source, 12)
  const answers = [...asked]
  world.services.destination = async (migration) => world.access.limited(migration, destination.store)
  world.services.settings = async () => {
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!
    if (answer instanceof Error) throw answer
    return answer
  }
  const ended = await world.run(request, 'run')
  const preflight = (await readJson<PreflightFile>(world.state, stateKeys('run').preflight)).value
  return { world, ended, preflight, report: await world.report('run'), writes: destination.writes, destination: destination.store }
}

const lines = (checks: readonly Check[], result: Check['result']): string[] =>
  checks.filter((check) => check.result === result).map(({ id }) => id)

const driftOf = ({ postflight }: Report) => (postflight.repeated ? postflight.drift : undefined)

describe.each(DATA_CLASSIFICATIONS)('%s data', (classification) => {
  test('into a clean bucket: verified, with preflight.json and the same checks again at the end', async () => {
    const { ended, preflight, report } = await runWith(requestFor(classification), cleanSettings(classification))
    expect(ended).toMatchObject({ status: 'SUCCEEDED' })
    expect(lines(preflight.checks, 'fail')).toEqual([])
    expect(lines(preflight.checks, 'unknown')).toEqual([])
    expect(preflight).toMatchObject({ problems: [], probes: { wrote: true, sourceRefusesWrongEtag: true } })
    expect(report).toMatchObject({ succeeded: true, postflight: { repeated: true, drift: [] }, preflight: { problems: [], warnings: [] } })
  })

  test('into a bucket of another account: refused, nothing created, said why', async () => {
    const denied = { unknown: 'it was answered 403 AccessDenied', code: 'AccessDenied' }
    const all = Object.fromEntries(Object.keys(cleanSettings(classification)).map((name) => [name, denied]))
    const { ended, preflight, report, writes, destination } = await runWith(requestFor(classification), all as unknown as BucketSettings)
    expect(ended).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    expect(writes).toEqual([])
    expect(await listAll(destination)).toEqual([])
    expect(preflight.problems[0]).toMatch(new RegExp(`^destination\\.account: .*${ACCOUNT}.*403 AccessDenied`))
    expect(report.reason).toContain('PreflightFailed: destination.account: ')
    expect(report.postflight).toMatchObject({ repeated: false, reason: 'Preflight refused the run' })
  })
})

test.each<[string, unknown, BucketSettings, RegExp[]]>([
  [
    'of another region',
    requestFor('internal'),
    { ...cleanSettings('internal'), region: { value: 'us-east-1' } },
    [/^destination\.region: /],
  ],
  [
    'that does not satisfy the class, in several ways',
    requestFor('restricted', { kmsKey: null }),
    cleanSettings('internal'),
    [/^destination\.bucket: Default encryption: AES256; a customer managed key of the account 123456789012/],
  ],
  [
    'with a customer key that the request does not name',
    requestFor('internal'),
    { ...cleanSettings('internal'), encryption: { value: { algorithm: 'aws:kms', key: KEY } } },
    [/^destination\.kmsKey: .*name it in destination\.kmsKey/],
  ],
  [
    'without versioning and an access log, for confidential data',
    requestFor('confidential'),
    { ...cleanSettings('confidential'), versioning: { value: 'Suspended' }, accessLog: { value: null } },
    [/^destination\.bucket: Versioning: Suspended; aws s3api put-bucket-versioning/, /^destination\.bucket: Server access logging: off; /],
  ],
  [
    'that does not say whether it is public',
    requestFor('public'),
    {
      ...cleanSettings('public'),
      publicPolicy: { unknown: 'GetBucketPolicyStatus was answered 501 NotImplemented', code: 'NotImplemented' },
    },
    [/^destination\.bucket: The bucket policy is not public: GetBucketPolicyStatus was answered 501/],
  ],
])('a bucket %s is refused before anything is created there', async (_name, request, settings, problems) => {
  const { ended, preflight, writes, report } = await runWith(request, settings)
  expect(ended).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
  expect(writes).toEqual([])
  expect(preflight.problems).toEqual(problems.map((words) => expect.stringMatching(words)))
  for (const problem of preflight.problems) expect(report.reason).toContain(problem)
  expect(report.preflight?.problems).toEqual(preflight.problems)
})

test('a warning is told and refuses nothing', async () => {
  const { ended, report } = await runWith(requestFor('internal'), { ...cleanSettings('internal'), ownership: { value: 'ObjectWriter' } })
  expect(ended.status).toBe('SUCCEEDED')
  expect(report.preflight?.warnings).toEqual([expect.stringMatching(/^destination\.bucket: ACLs are off: ObjectWriter; /)])
})

describe('what changes under a run', () => {
  const clean = cleanSettings('internal')

  test.each<[string, Partial<BucketSettings>, RegExp]>([
    [
      'Block Public Access was switched off',
      {
        publicAccessBlock: {
          value: { BlockPublicAcls: false, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true },
        },
      },
      /Block Public Access, all four switches: 4 of 4 are on, and now off: BlockPublicAcls/,
    ],
    ['the policy is gone', { policy: { value: null } }, /refuses requests without TLS: .*, and now the bucket has no policy/],
    [
      'the policy is another one, though as strict',
      { policy: { value: `${'value' in clean.policy ? clean.policy.value : ''} ` } },
      /The bucket policy: .*TlsOnly.*, and now /,
    ],
    [
      'it is encrypted otherwise, though well enough',
      { encryption: { value: { algorithm: 'aws:kms', key: null } } },
      /Default encryption: .*AES256.*, and now .*aws:kms/,
    ],
    [
      'a blocking question is no longer answered',
      { publicPolicy: { unknown: 'GetBucketPolicyStatus was answered 403 AccessDenied', code: 'AccessDenied' } },
      /is not public: IsPublic is false, and now GetBucketPolicyStatus was answered 403/,
    ],
  ])('not verified: %s', async (_name, change, words) => {
    const { ended, report } = await runWith(requestFor('internal'), clean, { ...clean, ...change })
    expect(ended).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    expect(report).toMatchObject({ succeeded: false, outcome: 'not-verified', ledger: { copied: 12 } })
    expect(report.reason).toMatch(words)
    expect(driftOf(report)?.filter(({ blocks }) => blocks)).toHaveLength(1)
  })

  test('told, and verified all the same: versioning was suspended, which internal data does not need', async () => {
    const { ended, report } = await runWith(requestFor('internal'), clean, { ...clean, versioning: { value: 'Suspended' } })
    expect(ended.status).toBe('SUCCEEDED')
    expect(driftOf(report)).toEqual([{ id: 'versioning', title: 'Versioning', before: 'Enabled', after: 'Suspended', blocks: false }])
  })

  test('a destination that cannot be asked again leaves the run not verified, and the report is written', async () => {
    const gone = Object.assign(new Error('the key is no longer known'), { name: 'CredentialsRefused' })
    const { ended, report } = await runWith(requestFor('internal'), clean, gone)
    expect(ended).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    expect(report.postflight).toMatchObject({ repeated: false, reason: expect.stringContaining('CredentialsRefused') })
    expect(report.reason).toMatch(/whether the destination is still as Preflight found it is not known/)
  })

  test('a run that failed before Preflight had asked says so, and not more', async () => {
    const world = new World({ faults: { preflight: { error: 'SomeError' } } })
    await world.run(requestFor('internal'), 'run')
    const report = await world.report('run')
    expect(report).toMatchObject({ preflight: null, postflight: { repeated: false, reason: 'the run ended before Preflight had asked' } })
    expect(report.reason).not.toContain('is not known')
  })

  test('a dry run asks once', async () => {
    const { ended, report } = await runWith({ ...requestFor('internal'), dryRun: true }, clean, new Error('asked twice'))
    expect(ended.status).toBe('SUCCEEDED')
    expect(report.postflight).toMatchObject({ repeated: false, reason: 'a dry run writes nothing' })
  })
})

describe('what a request may not even ask for', () => {
  const problems = (request: unknown): readonly string[] => {
    try {
      parseRequest(request, { runtime: 'local', runId: 'r', executionId: 'x:r', now: new Date(0) })
      return []
    } catch (error) {
      return (error as { problems: readonly string[] }).problems
    }
  }
  const from = (endpoint: string, more: object = {}) => ({ ...requestFor('internal'), source: { bucket: 'abc', endpoint }, ...more })

  test('plaintext over a network, unless the data is public', () => {
    expect(problems(from('http://s3.example.com'))).toEqual([
      expect.stringMatching(/^source\.endpoint: internal data may not cross a network without TLS; /),
    ])
    expect(problems(from('http://10.0.0.1:9000', { dataClassification: 'restricted' }))).toHaveLength(1)
    expect(problems(from('http://s3.example.com', { dataClassification: 'public' }))).toEqual([])
    for (const here of ['http://127.0.0.1:9000', 'http://localhost:9000', 'http://[::1]:9000', 'https://s3.example.com', 'embedded'])
      expect(problems(from(here))).toEqual([])
    for (const elsewhere of ['http://127.0.0.1.example.com', 'http://0.0.0.0:1', 'http://128.0.0.1'])
      expect(problems(from(elsewhere))).toHaveLength(1)
  })

  test('also at the destination', () => {
    expect(problems(requestFor('internal', { endpoint: 'http://minio.example.com' }))).toEqual([
      expect.stringMatching(/^destination\.endpoint: /),
    ])
  })
})

test('the report holds the checklist, and closes with what a person has to look at', async () => {
  const { world, report } = await runWith(requestFor('internal'), cleanSettings('internal'))
  const statuses = Object.fromEntries(report.checklist!.map(({ id, status }) => [id, status]))
  expect(statuses).toMatchObject({
    'data-classified': 'pass',
    'encrypted-in-transit': 'pass',
    'resources-deleted': 'pass',
    residency: 'pass',
    'roles-removed': 'pass',
    'destination-secured': 'pass',
    'penetration-test': 'manual',
  })
  const html = await world.text(stateKeys('run').reportHtml)
  expect(html).toContain('Penetration test scheduled')
  expect(html).toContain('nothing has changed')
})

test('a destination in the embedded server is not asked', async () => {
  const migration: Migration = migrationFor('internal', { endpoint: 'embedded', account: null })
  expect(migration.destination.region).toBe(REGION)
  const { ended, report } = await runWith(
    requestFor('internal', { endpoint: 'embedded', account: null, kmsKey: null }),
    new Error('nobody asks the embedded server'),
  )
  expect(ended.status).toBe('SUCCEEDED')
  expect(report.postflight).toMatchObject({ repeated: true, drift: [] })
})

describe('a mode of verification', () => {
  /** A run in a mode, with a destination as it is written and as it is read. */
  const runIn = async (mode: VerificationMode, writing: Partial<ObjectStore>, reading: Partial<ObjectStore>) => {
    const destination = memoryStore()
    const { store, writes } = counting({ ...destination, ...writing })
    const world = new World()
    await fill(world.source, 12)
    world.services.destination = async (migration, use) =>
      use === 'read' ? { ...destination, ...reading } : world.access.limited(migration, store)
    const ended = await world.run({ ...REQUEST, verification: { mode } }, 'run')
    return { ended, writes, report: await world.report('run'), destination }
  }

  const part = { number: 1, etag: '"e"', size: 18 }
  const keepsNone = (): Partial<ObjectStore> => ({ listParts: async () => [{ ...part, lastModified: '2026-01-01T00:00:00.000Z' }] })
  const mayOnlyList = { stat: () => Promise.reject(new AccessDenied('403')) }
  const unread = /^PreflightFailed: verification\.mode: who verifies may not read objects of the destination; grant s3:GetObject/

  test('a destination that does not say when a part was written is refused: what a call of the run put could not be told from the rest', async () => {
    const { ended, report, destination } = await runIn('listing', { listParts: async () => [part] }, {})
    expect(ended).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    expect(report.stoppedBy).toMatch(
      /^PreflightFailed: destination\.bucket: its store does not say when a part was written; name a bucket of another one$/,
    )
    expect([await listAll(destination), await destination.listUploads(Buffer.alloc(0))]).toEqual([[], []])
  })

  test.each<[VerificationMode, string, Partial<ObjectStore>, Partial<ObjectStore>, RegExp]>([
    [
      'checksum',
      'that keeps no checksums',
      keepsNone(),
      {},
      /^PreflightFailed: verification\.mode: the destination keeps no checksums; ask for/,
    ],
    ['checksum', 'that may only be listed', {}, mayOnlyList, unread],
    ['reread', 'that may only be listed', {}, mayOnlyList, unread],
    [
      'reread',
      'that answers no HEAD',
      {},
      { stat: () => Promise.reject(new StoreRefused('405', 'MethodNotAllowed', 405)) },
      /^PreflightFailed: verification\.mode: the destination does not answer a HEAD \(405\); ask for the mode listing/,
    ],
  ])('%s is refused before anything is copied by a destination %s', async (mode, _name, writing, reading, words) => {
    const { ended, report, writes, destination } = await runIn(mode, writing, reading)
    expect(ended).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    expect(report.stoppedBy).toMatch(words)
    expect(report.preflight?.problems).toEqual([expect.stringMatching(/^verification\.mode: /)])
    expect(writes).toEqual(['createUpload', 'putPart'])
    expect([await listAll(destination), await destination.listUploads(Buffer.alloc(0))]).toEqual([[], []])
  })

  test.each<[VerificationMode, Partial<ObjectStore>, Partial<ObjectStore>]>([
    ['listing', keepsNone(), mayOnlyList],
    ['reread', keepsNone(), {}],
    ['checksum', {}, {}],
  ])('%s is taken where it can be answered, and the run is verified in it', async (mode, writing, reading) => {
    const { ended, report } = await runIn(mode, writing, reading)
    expect(ended.status).toBe('SUCCEEDED')
    expect(report.verification).toMatchObject({ mode, counts: { verified: 12 } })
  })
})
