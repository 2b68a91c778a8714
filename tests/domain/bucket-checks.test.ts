import {
  blocking,
  checkLine,
  destinationChecks,
  destinationUnasked,
  transportChecks,
  warnings,
  type Check,
  type CheckId,
  type Level,
} from '../../layers/core/domain/bucket-checks'
import type { BucketSettings } from '../../layers/core/domain/bucket-settings'
import { DATA_CLASSIFICATIONS, type DataClassification } from '../../layers/core/domain/migration'
import { ACCOUNT, BUCKET, cleanPolicy, cleanSettings, KEY, migrationFor, REGION } from '../support/clean-bucket'

type Settings = Partial<BucketSettings>
type Levels = [Level, Level, Level, Level]

const B: Levels = ['block', 'block', 'block', 'block']
const W: Levels = ['warn', 'warn', 'warn', 'warn']

const notFine = (checks: readonly Check[]): string[] => checks.flatMap(({ id, result }) => (result === 'pass' ? [] : [`${id} ${result}`]))

const check = (classification: DataClassification, change: Settings, destination: object = {}): Check[] =>
  destinationChecks(migrationFor(classification, destination), { ...cleanSettings(classification), ...change })

const switchesBut = (off: string) => ({
  publicAccessBlock: {
    value: { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true, [off]: false },
  },
})

const policy = (...statements: object[]) => ({ policy: { value: JSON.stringify({ Version: '2012-10-17', Statement: statements }) } })
const [tlsOnly, tls12] = cleanPolicy().Statement as [object, object]

/** One setting wrong at a time, the one check that must see it, and what it means for each class. */
const MUTANTS: [string, CheckId, Levels, Settings][] = [
  ['another region', 'region', B, { region: { value: 'us-east-1' } }],
  ['BlockPublicAcls off', 'public-access-block', B, switchesBut('BlockPublicAcls')],
  ['IgnorePublicAcls off', 'public-access-block', B, switchesBut('IgnorePublicAcls')],
  ['BlockPublicPolicy off', 'public-access-block', B, switchesBut('BlockPublicPolicy')],
  ['RestrictPublicBuckets off', 'public-access-block', B, switchesBut('RestrictPublicBuckets')],
  ['a public policy', 'public-policy', B, { publicPolicy: { value: true } }],
  ['TLS only for reads', 'tls-only', ['warn', 'block', 'block', 'block'], policy({ ...tlsOnly, Action: 's3:GetObject' }, tls12)],
  [
    'TLS only for objects',
    'tls-only',
    ['warn', 'block', 'block', 'block'],
    policy({ ...tlsOnly, Resource: `arn:aws:s3:::${BUCKET}/*` }, tls12),
  ],
  ['old TLS taken', 'tls-version', ['info', 'info', 'warn', 'warn'], policy(tlsOnly)],
  ['versioning suspended', 'versioning', ['warn', 'warn', 'block', 'block'], { versioning: { value: 'Suspended' } }],
  ['versioning never enabled', 'versioning', ['warn', 'warn', 'block', 'block'], { versioning: { value: 'never enabled' } }],
  ['no access log', 'access-log', ['warn', 'warn', 'block', 'block'], { accessLog: { value: null } }],
  ['no MFA Delete', 'mfa-delete', ['info', 'info', 'info', 'block'], { mfaDelete: { value: false } }],
  [
    'Object Lock that locks nothing',
    'mfa-delete',
    ['info', 'info', 'info', 'block'],
    { mfaDelete: { value: false }, objectLock: { value: 'no default retention' } },
  ],
  ['ACLs on', 'ownership', W, { ownership: { value: 'ObjectWriter' } }],
  ['replication', 'replication', W, { replication: { value: ['arn:aws:s3:::elsewhere'] } }],
  ['notifications', 'notifications', W, { notifications: { value: ['EventBridge'] } }],
]

describe.each(DATA_CLASSIFICATIONS.map((name, index) => [name, index] as const))('%s data', (classification, index) => {
  test('a clean bucket passes every check', () => {
    const checks = check(classification, {})
    expect(notFine(checks)).toEqual([])
    expect(checks.every(({ evidence, remedy }) => evidence !== '' && remedy === null)).toBe(true)
  })

  test.each(MUTANTS)('%s: %s fails, with its level, and nothing else does', (_name, id, levels, change) => {
    const checks = check(classification, change)
    expect(notFine(checks)).toEqual([`${id} fail`])
    const found = checks.find((one) => one.id === id)!
    expect(found.level).toBe(levels[index])
    expect(found.evidence).not.toBe('')
    expect(found.remedy).not.toBeNull()
    expect(blocking(checks).map((one) => one.id)).toEqual(levels[index] === 'block' ? [id] : [])
    expect(warnings(checks).map((one) => one.id)).toEqual(levels[index] === 'warn' ? [id] : [])
    expect(checkLine(found)).toMatch(/^[a-zA-Z.]+: .+: .+; .+/)
  })

  test('a question that is refused is unknown, and blocks where its failure would', () => {
    for (const name of Object.keys(cleanSettings(classification)) as (keyof BucketSettings)[]) {
      const checks = check(classification, { [name]: { unknown: `${name} was answered 403 AccessDenied`, code: 'AccessDenied' } })
      const open = checks.filter(({ result }) => result === 'unknown')
      // Object Lock is only asked about where MFA Delete is off.
      if (name === 'objectLock') expect(open).toEqual([])
      else expect(open.length).toBeGreaterThan(0)
      expect(checks.every(({ result }) => result === 'pass' || result === 'unknown')).toBe(true)
      expect(blocking(checks)).toEqual(open.filter(({ level }) => level === 'block'))
      for (const { evidence, remedy } of open) {
        expect(evidence).toContain('403 AccessDenied')
        expect(remedy).toMatch(/s3:Get/)
      }
    }
  })
})

describe('encryption, by class', () => {
  const sse = { algorithm: 'AES256', key: null }
  const managed = { algorithm: 'aws:kms', key: null }
  const alias = { algorithm: 'aws:kms', key: `arn:aws:kms:${REGION}:${ACCOUNT}:alias/aws/s3` }
  const foreign = `arn:aws:kms:${REGION}:210987654321:key/1-2`
  const result = (
    classification: DataClassification,
    value: { algorithm: string; key: string | null } | null,
    kmsKey: string | null = null,
  ) => notFine(check(classification, { encryption: { value } }, { kmsKey }))

  test('none at all is never enough', () => {
    for (const classification of DATA_CLASSIFICATIONS) expect(result(classification, null)).toEqual(['encryption fail'])
  })

  test.each<[DataClassification, object | null, string | null, string[]]>([
    ['public', sse, null, []],
    ['internal', managed, null, []],
    ['confidential', sse, null, ['encryption fail']],
    ['confidential', alias, null, []],
    ['confidential', { algorithm: 'aws:kms:dsse', key: KEY }, KEY, []],
    ['restricted', sse, null, ['encryption fail']],
    ['restricted', managed, null, ['encryption fail']],
    ['restricted', alias, null, ['encryption fail']],
    ['restricted', { algorithm: 'aws:kms', key: foreign }, foreign, ['encryption fail']],
    ['restricted', { algorithm: 'aws:kms', key: KEY.slice(KEY.indexOf('/') + 1) }, KEY, []],
  ])('%s with %j and destination.kmsKey %s', (classification, encryption, kmsKey, expected) => {
    expect(result(classification, encryption as never, kmsKey)).toEqual(expected)
  })

  test('a bucket with a customer key that the request does not name is a blocking problem that says where to name it', () => {
    for (const classification of ['public', 'internal', 'confidential'] as const) {
      const checks = check(classification, { encryption: { value: { algorithm: 'aws:kms', key: KEY } } })
      expect(blocking(checks).map(checkLine)).toEqual([expect.stringMatching(/^destination\.kmsKey: .*; name it in destination\.kmsKey/)])
    }
  })

  test.each([
    ['another key', { algorithm: 'aws:kms', key: `${KEY.slice(0, -1)}6` }],
    ['the managed key', managed],
    ['no key', sse],
  ])('a key that is named and is not the bucket’s: %s', (_name, encryption) => {
    expect(check('internal', { encryption: { value: encryption } }, { kmsKey: KEY }).filter(({ result }) => result !== 'pass')).toEqual([
      expect.objectContaining({ id: 'encryption-key', result: 'fail', level: 'info' }),
    ])
  })
})

describe('the owner', () => {
  test('is proved by an answered call, not by the region that a refusal names', () => {
    const denied = { unknown: 'GetBucketVersioning was answered 403 AccessDenied', code: 'AccessDenied' }
    const refused = Object.fromEntries(Object.keys(cleanSettings('internal')).map((name) => [name, denied])) as unknown as BucketSettings
    const checks = destinationChecks(migrationFor('internal'), { ...refused, region: { value: REGION } })
    const owner = checks.find(({ id }) => id === 'owner')!
    expect(owner).toMatchObject({ result: 'fail', level: 'block', field: 'destination.account' })
    expect(owner.evidence).toContain(ACCOUNT)
  })

  test('must be named', () => {
    expect(blocking(check('internal', {}, { account: null })).map(checkLine)).toEqual([
      expect.stringMatching(/^destination\.account: .*name the account that owns the bucket/),
    ])
  })
})

test('a region of the request that its residency does not hold is seen even where the request was not', () => {
  const migration = { ...migrationFor('internal'), residency: { regions: ['eu-west-1'] } }
  expect(notFine(destinationChecks(migration, cleanSettings('internal')))).toEqual(['region fail'])
})

test('Object Lock with a default retention stands for MFA Delete', () => {
  expect(notFine(check('restricted', { mfaDelete: { value: false }, objectLock: { value: 'retention' } }))).toEqual([])
})

test('a policy that Amazon S3 shows to its own account alone is looked at by hand, and for restricted data refused', () => {
  const policy = { unknown: 'GetBucketPolicy was answered 405 MethodNotAllowed', code: 'MethodNotAllowed' }
  expect(notFine(check('confidential', { policy }))).toEqual(['tls-only manual', 'tls-version manual'])
  expect(blocking(check('confidential', { policy }))).toEqual([])
  expect(blocking(check('restricted', { policy })).map(({ id }) => id)).toEqual(['tls-only'])
  const elsewhere = { endpoint: 'https://minio.example.com', account: null }
  expect(blocking(check('confidential', { policy }, elsewhere)).map(({ id }) => id)).toEqual(['tls-only'])
})

describe('a destination that is not Amazon S3', () => {
  const minio = { endpoint: 'https://minio.example.com', account: null, kmsKey: null }
  const nothing = { unknown: 'GetPublicAccessBlock was answered 501 NotImplemented', code: 'NotImplemented' }

  test('is asked all the same: what it has is judged, what only Amazon S3 has is manual', () => {
    for (const classification of DATA_CLASSIFICATIONS.slice(0, 3))
      expect(notFine(check(classification, {}, minio))).toEqual(['owner manual', 'region manual', 'encryption-key manual'])
  })

  test.each([
    ['public', 0, 1],
    ['internal', 0, 1],
    ['confidential', 1, 0],
    ['restricted', 1, 0],
  ] as const)('%s data at a store that does not know a setting: refused %i, warned %i', (classification, refused, warned) => {
    const checks = check(classification, { publicAccessBlock: nothing, encryption: { value: { algorithm: 'aws:kms', key: KEY } } }, minio)
    const about = (found: Check[]) => found.filter(({ id }) => id === 'public-access-block').length
    expect([about(blocking(checks)), about(warnings(checks))]).toEqual([refused, warned])
  })

  test('the embedded server has no settings: every check is manual, with the reason, and none refuses', () => {
    const checks = destinationChecks(migrationFor('internal', { endpoint: 'embedded', account: null }), null)
    expect(new Set(checks.map(({ result }) => result))).toEqual(new Set(['manual']))
    expect(blocking(checks)).toEqual([])
    expect(checks.every(({ evidence, remedy }) => evidence !== '' && remedy !== null)).toBe(true)
  })
})

test('nothing passes at a destination that could not be reached', () => {
  expect(destinationUnasked(migrationFor('internal')).map(({ result }) => result)).toEqual(Array(15).fill('unknown'))
})

describe('what the request asks to carry', () => {
  const asked = (carry: object, change: Settings, destination: object = {}) => {
    const migration = migrationFor('internal', destination)
    return blocking(
      destinationChecks({ ...migration, carry: { ...migration.carry, ...carry } }, { ...cleanSettings('internal'), ...change }),
    ).map(({ id, result }) => `${id} ${result}`)
  }
  const minio = { endpoint: 'https://minio.example.com', account: null, kmsKey: null }
  const silent = { unknown: 'answered 501 NotImplemented', code: 'NotImplemented' }

  test('all versions need a bucket that keeps them, whatever the objects are', () => {
    const suspended: Settings = { versioning: { value: 'Suspended' } }
    expect(asked({}, suspended)).toEqual([])
    expect(asked({ versions: 'all' }, {})).toEqual([])
    expect(asked({ versions: 'all' }, suspended)).toEqual(['versioning fail'])
    expect(asked({ versions: 'all' }, { versioning: silent })).toEqual(['versioning unknown'])
    expect(asked({ versions: 'all' }, suspended, minio)).toEqual(['versioning fail'])
    // the first write will tell
    expect(asked({ versions: 'all' }, { versioning: silent }, minio)).toEqual([])
  })
  test('retention needs Object Lock', () => {
    expect(asked({}, { objectLock: { value: 'none' } })).toEqual([])
    expect(asked({ retention: true }, { objectLock: { value: 'no default retention' } })).toEqual([])
    expect(asked({ retention: true }, { objectLock: { value: 'none' } })).toEqual(['object-lock fail'])
    expect(asked({ retention: true }, { objectLock: { value: 'none' } }, minio)).toEqual(['object-lock fail'])
    expect(asked({ retention: true }, { objectLock: silent })).toEqual(['object-lock unknown'])
    expect(asked({ retention: true }, { objectLock: silent }, minio)).toEqual([])
  })
})

describe('how the objects travel', () => {
  const travel = (classification: DataClassification, sourceEndpoint: string | null, vpc: boolean | undefined) =>
    transportChecks(migrationFor(classification), { sourceEndpoint, vpc })
  const results = (...asked: Parameters<typeof travel>) => Object.fromEntries(travel(...asked).map(({ id, result }) => [id, result]))

  test.each<[DataClassification, string | null, boolean | undefined, string]>([
    ['internal', 'https://s3.example.com', false, 'pass'],
    ['internal', null, false, 'pass'],
    ['internal', 'http://s3.example.com', false, 'fail'],
    ['restricted', 'http://s3.example.com', undefined, 'fail'],
    ['public', 'http://s3.example.com', false, 'pass'],
    ['internal', 'http://127.0.0.1:9000', undefined, 'pass'],
    ['internal', 'http://localhost:9000', undefined, 'pass'],
    ['internal', 'http://[::1]:9000', undefined, 'pass'],
    ['internal', 'embedded', undefined, 'pass'],
    // a function's own loopback is no store of anybody's
    ['internal', 'http://127.0.0.1:9000', false, 'fail'],
    ['internal', 'http://127.0.0.1.example.com', undefined, 'fail'],
    ['internal', 'http://localhost.example.com', undefined, 'fail'],
  ])('%s data from %s (VPC: %s): %s', (classification, endpoint, vpc, expected) => {
    expect(results(classification, endpoint, vpc)['source-transport']).toBe(expected)
  })

  test.each<[DataClassification, boolean | undefined, string, boolean]>([
    ['public', false, 'fail', false],
    ['internal', false, 'fail', false],
    ['confidential', false, 'fail', false],
    ['restricted', false, 'fail', true],
    ['restricted', true, 'pass', false],
    ['restricted', undefined, 'manual', false],
  ])('%s data with VPC %s: %s, refused %s', (classification, vpc, result, refused) => {
    expect(results(classification, null, vpc)['private-connectivity']).toBe(result)
    expect(blocking(travel(classification, null, vpc)).length > 0).toBe(refused)
  })
})
