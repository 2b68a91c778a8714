import { inspect } from 'node:util'
import fc from 'fast-check'
import { assertWithinBounds, parseCredential } from '../../layers/core/access/credential'
import { endpointProblem } from '../../layers/core/access/endpoint'
import { isArnOfSecret, isNamedBy, resourceName, roleArn, useName } from '../../layers/core/access/names'
import { iamTime, samePolicy, type Policy, type Statement } from '../../layers/core/access/policy'
import { CLOSING_MS, SETTINGS, trustPolicy, verifyPolicy, writePolicy, type Rights } from '../../layers/core/access/role-policy'
import { suspendPolicy } from '../../layers/core/access/suspend-policy'
import { CredentialNotForThisMigration, CredentialsRefused } from '../../layers/core/domain/errors'
import type { Migration } from '../../layers/core/domain/migration'

const expiresAt = new Date('2026-12-01T12:00:00.789Z')
const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-4000-8000-000000000000'
const CURRENT = { tags: false, retention: false, versions: 'current' } as const
const EVERYTHING = { tags: true, retention: true, versions: 'all' } as const
const rights = (prefix: string, kmsKey: string | null = null, change: Partial<Rights> = {}): Rights => ({
  partition: 'aws',
  region: 'eu-central-1',
  account: '123456789012',
  bucket: 'destination-bucket',
  prefix,
  kmsKey,
  carry: CURRENT,
  deleteMarkers: false,
  expiresAt,
  ...change,
})

/** All that a run's two roles can be given. */
const EVERY_ACTION = [
  ...[
    's3:PutObject',
    's3:PutObjectTagging',
    's3:PutObjectRetention',
    's3:PutObjectLegalHold',
    's3:DeleteObject',
    's3:AbortMultipartUpload',
  ],
  ...['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectTagging', 's3:GetObjectVersionTagging', 's3:ListBucket', 's3:ListBucketVersions'],
  ...['s3:ListBucketMultipartUploads', 's3:ListMultipartUploadParts', ...SETTINGS, 'kms:Decrypt', 'kms:GenerateDataKey'],
]

const RUN_ID = fc.stringMatching(/^[A-Za-z0-9_-]{1,80}$/)

describe('names', () => {
  it('are the first 20 hex digits of the SHA-256 of the run id', () => {
    // printf %s run-1 | sha256sum
    expect(resourceName('run-1')).toBe('drayage-4e65d3fbe8ad6535681b')
    expect(resourceName('x'.repeat(80))).toMatch(/^drayage-[0-9a-f]{20}$/)
    expect(roleArn({ partition: 'aws-cn', account: '123456789012', stage: 'dev' }, 'run-1', 'verify')).toBe(
      `arn:aws-cn:iam::123456789012:role/drayage/dev/${resourceName('run-1')}-verify`,
    )
  })

  it("tell a run's own from another's", () => {
    fc.assert(
      fc.property(RUN_ID, RUN_ID, (one, other) => {
        for (const name of [resourceName(one), useName(one, 'write'), useName(one, 'verify')]) {
          expect(isNamedBy(one, name)).toBe(true)
          expect(isNamedBy(other, name)).toBe(one === other)
          expect(name.length).toBeLessThanOrEqual(64)
        }
      }),
    )
    expect(isNamedBy('run-1', `${resourceName('run-1')}0`)).toBe(false)
  })

  it.each([
    ['arn:aws:secretsmanager:eu-west-1:123456789012:secret:drayage/dev/old-AbC123', true],
    ['arn:aws:secretsmanager:eu-west-1:123456789012:secret:drayage/dev/old-er-AbC123', false],
    ['arn:aws:secretsmanager:eu-west-1:123456789012:secret:drayage/prod/old-AbC123', false],
    ['arn:aws:secretsmanager:eu-west-1:999999999999:secret:drayage/dev/old-AbC123', false],
    ['arn:aws:secretsmanager:us-east-1:123456789012:secret:drayage/dev/old-AbC123', false],
    ['drayage/dev/old', false],
  ])('the ARN %s is ours: %s', (arn, ours) => {
    expect(isArnOfSecret(arn, { partition: 'aws', region: 'eu-west-1', account: '123456789012' }, 'drayage/dev/old')).toBe(ours)
  })
})

describe('the policy of the write role', () => {
  it('is exactly this', () => {
    expect(writePolicy(rights('photos/'))).toEqual({
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'WriteObjects',
          Effect: 'Allow',
          Action: ['s3:PutObject'],
          Resource: 'arn:aws:s3:::destination-bucket/photos/*',
          Condition: {
            StringEquals: { 'aws:ResourceAccount': '123456789012' },
            DateLessThan: { 'aws:CurrentTime': '2026-12-01T12:00:00Z' },
          },
        },
        {
          Sid: 'AbortUploads',
          Effect: 'Allow',
          Action: ['s3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
          Resource: 'arn:aws:s3:::destination-bucket/photos/*',
          Condition: { StringEquals: { 'aws:ResourceAccount': '123456789012' } },
        },
        {
          Sid: 'ListObjects',
          Effect: 'Allow',
          Action: ['s3:ListBucket'],
          Resource: 'arn:aws:s3:::destination-bucket',
          Condition: {
            StringEquals: { 'aws:ResourceAccount': '123456789012' },
            DateLessThan: { 'aws:CurrentTime': '2026-12-01T12:00:00Z' },
            StringLike: { 's3:prefix': 'photos/*' },
          },
        },
        {
          Sid: 'ListUploads',
          Effect: 'Allow',
          Action: 's3:ListBucketMultipartUploads',
          Resource: 'arn:aws:s3:::destination-bucket',
          Condition: { StringEquals: { 'aws:ResourceAccount': '123456789012' } },
        },
      ],
    })
  })

  const before = '2026-12-01T11:59:59Z'
  const after = '2026-12-01T12:00:00Z'
  const object = (key: string) => `arn:aws:s3:::destination-bucket/${key}`
  const bucket = 'arn:aws:s3:::destination-bucket'
  const ask = (Action: string, Resource: string, context: Record<string, string> = {}): Request => ({
    Action,
    Resource,
    context: { 'aws:ResourceAccount': '123456789012', 'aws:CurrentTime': before, ...context },
  })

  it.each<[string, string, Request, boolean]>([
    ['photos/', 'writes below its prefix', ask('s3:PutObject', object('photos/a')), true],
    ['photos/', 'writes beside it', ask('s3:PutObject', object('other/a')), false],
    ['photos/', 'writes into another bucket', ask('s3:PutObject', 'arn:aws:s3:::other-bucket/photos/a'), false],
    ['photos/', 'writes into another account', ask('s3:PutObject', object('photos/a'), { 'aws:ResourceAccount': '999999999999' }), false],
    ['photos/', 'writes at the expiry', ask('s3:PutObject', object('photos/a'), { 'aws:CurrentTime': after }), false],
    [
      'photos/',
      'aborts an upload after the expiry',
      ask('s3:AbortMultipartUpload', object('photos/a'), { 'aws:CurrentTime': after }),
      true,
    ],
    ['photos/', 'lists uploads after the expiry', ask('s3:ListBucketMultipartUploads', bucket, { 'aws:CurrentTime': after }), true],
    ['photos/', 'lists its prefix', ask('s3:ListBucket', bucket, { 's3:prefix': 'photos/' }), true],
    ['photos/', 'lists below its prefix', ask('s3:ListBucket', bucket, { 's3:prefix': 'photos/2026' }), true],
    ['photos/', 'lists another prefix', ask('s3:ListBucket', bucket, { 's3:prefix': 'other/' }), false],
    ['photos/', 'lists everything', ask('s3:ListBucket', bucket), false],
    ['photos/', 'lists with an empty prefix', ask('s3:ListBucket', bucket, { 's3:prefix': '' }), false],
    ['photos/', 'lists after the expiry', ask('s3:ListBucket', bucket, { 's3:prefix': 'photos/', 'aws:CurrentTime': after }), false],
    ['photos/', 'reads', ask('s3:GetObject', object('photos/a')), false],
    ['photos/', 'deletes', ask('s3:DeleteObject', object('photos/a')), false],
    ['', 'writes anywhere in the bucket', ask('s3:PutObject', object('a')), true],
    ['', 'writes into a bucket whose name begins with its own', ask('s3:PutObject', 'arn:aws:s3:::destination-bucket-2/a'), false],
    ['', 'lists without a prefix', ask('s3:ListBucket', bucket), true],
    ['', 'lists with an empty prefix', ask('s3:ListBucket', bucket, { 's3:prefix': '' }), true],
    ['', 'lists with some prefix', ask('s3:ListBucket', bucket, { 's3:prefix': 'a/' }), true],
    ['', 'lists in another account', ask('s3:ListBucket', bucket, { 'aws:ResourceAccount': '999999999999' }), false],
    ['a*b/', 'writes where only a wildcard would match', ask('s3:PutObject', object('a-other-b/x')), false],
    ['a*b/', 'writes below the literal star', ask('s3:PutObject', object('a*b/x')), true],
    ['a?b/', 'writes where only a wildcard would match', ask('s3:PutObject', object('aXb/x')), false],
    ['a?b/', 'lists where only a wildcard would match', ask('s3:ListBucket', bucket, { 's3:prefix': 'aXb/' }), false],
    ['a?b/', 'lists below the literal question mark', ask('s3:ListBucket', bucket, { 's3:prefix': 'a?b/' }), true],
    ['${aws:username}/', 'writes below the literal variable', ask('s3:PutObject', object('${aws:username}/x')), true],
  ])('with prefix %j: %s', (prefix, _, request, allowed) => {
    expect(isAllowed([writePolicy(rights(prefix))], request)).toBe(allowed)
  })

  it('would let a wildcard through if the prefix were not taken literally (control of the evaluator)', () => {
    const careless = writePolicy(rights('a*b/'))
    careless.Statement[0]!.Resource = 'arn:aws:s3:::destination-bucket/a*b/*'
    expect(isAllowed([careless], ask('s3:PutObject', object('a-other-b/x')))).toBe(true)
  })

  it.each(['', 'photos/', 'a*b/'])(
    'with prefix %j no write policy allows a wildcard action, or reading or deleting an object',
    (prefix) => {
      for (const policy of [
        writePolicy(rights(prefix)),
        writePolicy(rights(prefix, KEY)),
        writePolicy(rights(prefix, KEY, { carry: EVERYTHING })),
        writePolicy(rights(prefix, KEY, { deleteMarkers: true })),
        trustPolicy(['arn:aws:iam::123456789012:role/f'], 'run-1', expiresAt),
      ]) {
        expect(forbidden(policy)).toEqual([])
      }
      const planted = writePolicy(rights(prefix))
      planted.Statement.push({ Sid: 'Planted', Effect: 'Allow', Action: ['s3:Get*', 's3:DeleteObject', 's3:GetObject'], Resource: '*' })
      expect(forbidden(planted)).toEqual(['s3:Get*', 's3:DeleteObject', 's3:GetObject'])
    },
  )

  it('puts delete markers only in a run over all versions, of a stage that lets it, and deletes no version ever', () => {
    const marks = writePolicy(rights('photos/', KEY, { carry: EVERYTHING, deleteMarkers: true }))
    expect(forbidden(marks)).toEqual(['s3:DeleteObject'])
    expect(isAllowed([marks], ask('s3:DeleteObject', object('photos/a')))).toBe(true)
    expect(isAllowed([marks], ask('s3:DeleteObject', object('other/a')))).toBe(false)
    expect(isAllowed([marks], ask('s3:DeleteObject', object('photos/a'), { 'aws:CurrentTime': after }))).toBe(false)
    expect(isAllowed([marks], ask('s3:DeleteObject', object('photos/a'), { 'aws:ResourceAccount': '999999999999' }))).toBe(false)
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom('current', 'all'),
        fc.boolean(),
        (tags, retention, versions, deleteMarkers) => {
          const change = { carry: { tags, retention, versions }, deleteMarkers }
          const [write, verify] = [writePolicy(rights('photos/', KEY, change)), verifyPolicy(rights('photos/', KEY, change))]
          expect(actionsOf(write).includes('s3:DeleteObject')).toBe(versions === 'all' && deleteMarkers)
          expect([...actionsOf(write), ...actionsOf(verify)].filter((action) => /DeleteObject.|Bypass/.test(action))).toEqual([])
          expect(actionsOf(verify).filter((action) => /Put|Delete|Abort|GenerateDataKey/.test(action))).toEqual([])
          expect(actionsOf(write).filter((action) => /s3:Get/.test(action))).toEqual([])
        },
      ),
    )
  })

  it.each<[string, object, string[]]>([
    ['nothing besides', {}, []],
    ['tags', { tags: true }, ['s3:PutObjectTagging']],
    ['retention', { retention: true }, ['s3:PutObjectRetention', 's3:PutObjectLegalHold']],
    ['all versions', { versions: 'all' }, ['s3:ListBucketVersions']],
    ['all of it', EVERYTHING, ['s3:PutObjectTagging', 's3:PutObjectRetention', 's3:PutObjectLegalHold', 's3:ListBucketVersions']],
  ])('for copies that carry %s has what that takes', (_, change, more) => {
    const policy = writePolicy(rights('photos/', null, { carry: { ...CURRENT, ...change } }))
    expect(actionsOf(policy).filter((action) => !actionsOf(writePolicy(rights('photos/'))).includes(action))).toEqual(more)
    for (const action of more.filter((name) => name.startsWith('s3:Put'))) {
      expect(isAllowed([policy], ask(action, object('photos/a')))).toBe(true)
      expect(isAllowed([policy], ask(action, object('other/a')))).toBe(false)
      expect(isAllowed([policy], ask(action, object('photos/a'), { 'aws:CurrentTime': after }))).toBe(false)
    }
    for (const action of more.filter((name) => name === 's3:ListBucketVersions')) {
      expect(isAllowed([policy], ask(action, bucket, { 's3:prefix': 'photos/' }))).toBe(true)
      expect(isAllowed([policy], ask(action, bucket, { 's3:prefix': 'other/' }))).toBe(false)
    }
  })

  it.each<[string, string, Record<string, string>, boolean]>([
    ['through S3 of the region', 'kms:GenerateDataKey', {}, true],
    ['through S3 of the region, for parts', 'kms:Decrypt', {}, true],
    ['directly', 'kms:Decrypt', { 'kms:ViaService': '' }, false],
    ['through S3 of another region', 'kms:GenerateDataKey', { 'kms:ViaService': 's3.us-east-1.amazonaws.com' }, false],
    ['through another service', 'kms:GenerateDataKey', { 'kms:ViaService': 'ebs.eu-central-1.amazonaws.com' }, false],
    ['after the expiry', 'kms:GenerateDataKey', { 'aws:CurrentTime': after }, false],
    ['to encrypt with it', 'kms:Encrypt', {}, false],
  ])('uses the destination’s key %s (%s)', (_, action, context, allowed) => {
    const request = ask(action, KEY, { 'kms:ViaService': 's3.eu-central-1.amazonaws.com', ...context })
    expect(isAllowed([writePolicy(rights('photos/', KEY))], request)).toBe(allowed)
    expect(isAllowed([writePolicy(rights('photos/', KEY))], { ...request, Resource: `${KEY}0` })).toBe(false)
    expect(isAllowed([verifyPolicy(rights('photos/', KEY))], request)).toBe(allowed && action === 'kms:Decrypt')
    for (const without of [writePolicy(rights('photos/')), verifyPolicy(rights('photos/'))])
      expect(isAllowed([without], request)).toBe(false)
  })

  it('whatever the request holds, no right but to take away outlives the expiry, and none reaches another account', () => {
    const action = fc.constantFrom(...EVERY_ACTION)
    const resource = fc.constantFrom(bucket, object('photos/a'), object('a'), KEY)
    fc.assert(
      fc.property(action, resource, fc.boolean(), fc.boolean(), (Action, Resource, late, elsewhere) => {
        const context = {
          's3:prefix': 'photos/',
          'kms:ViaService': 's3.eu-central-1.amazonaws.com',
          ...(late && { 'aws:CurrentTime': after }),
          ...(elsewhere && { 'aws:ResourceAccount': '999999999999' }),
        }
        const most = rights('photos/', KEY, { carry: EVERYTHING, deleteMarkers: true })
        for (const policy of [writePolicy(most), verifyPolicy(most)]) {
          const allowed = isAllowed([policy], ask(Action, Resource, context))
          if (elsewhere && Action.startsWith('s3:')) expect(allowed).toBe(false)
          if (late && !/Upload/.test(Action)) expect(allowed).toBe(false)
        }
      }),
    )
  })

  it('under suspension allows only listing and aborting uploads', () => {
    const most = rights('photos/', KEY, { carry: EVERYTHING, deleteMarkers: true })
    const suspended = [writePolicy(most), suspendPolicy()]
    const stays = ['s3:AbortMultipartUpload', 's3:ListMultipartUploadParts', 's3:ListBucketMultipartUploads']
    const context = { 's3:prefix': 'photos/', 'kms:ViaService': 's3.eu-central-1.amazonaws.com' }
    for (const policy of [writePolicy(most), verifyPolicy(most)]) {
      for (const action of actionsOf(policy)) {
        const anywhere = (policies: Policy[]): boolean =>
          [object('photos/a'), bucket, KEY].some((resource) => isAllowed(policies, ask(action, resource, context)))
        expect([action, anywhere([policy])]).toEqual([action, true])
        expect([action, anywhere([policy, suspendPolicy()])]).toEqual([action, stays.includes(action)])
      }
    }
    expect(isAllowed(suspended, ask('s3:AbortMultipartUpload', object('photos/a')))).toBe(true)
    expect(isAllowed(suspended, ask('s3:ListMultipartUploadParts', object('photos/a')))).toBe(true)
    expect(isAllowed(suspended, ask('s3:ListBucketMultipartUploads', bucket))).toBe(true)
    expect(suspendPolicy().Statement.every(({ Condition }) => Condition === undefined)).toBe(true)
  })
})

describe('the policy of the verify role', () => {
  const asks = (Action: string, Resource: string, context: Record<string, string> = {}, change: Partial<Rights> = {}): boolean =>
    isAllowed([verifyPolicy(rights('photos/', null, change))], {
      Action,
      Resource,
      context: { 'aws:ResourceAccount': '123456789012', 'aws:CurrentTime': '2026-12-01T11:59:59Z', ...context },
    })
  const bucket = 'arn:aws:s3:::destination-bucket'

  it('lists below the prefix and reads the settings of the one bucket, until the expiry', () => {
    expect(asks('s3:ListBucket', bucket, { 's3:prefix': 'photos/x' })).toBe(true)
    expect(asks('s3:ListBucket', bucket, { 's3:prefix': 'other/' })).toBe(false)
    for (const action of SETTINGS) {
      expect(action).toMatch(/^s3:Get/)
      expect(asks(action, bucket)).toBe(true)
      expect(asks(action, 'arn:aws:s3:::other-bucket')).toBe(false)
      expect(asks(action, bucket, { 'aws:CurrentTime': '2026-12-01T12:00:00Z' })).toBe(false)
      expect(asks(action, bucket, { 'aws:ResourceAccount': '999999999999' })).toBe(false)
    }
  })

  it('reads objects below the prefix of the one bucket, until the expiry', () => {
    expect(asks('s3:GetObject', `${bucket}/photos/a`)).toBe(true)
    expect(asks('s3:GetObject', `${bucket}/other/a`)).toBe(false)
    expect(asks('s3:GetObject', 'arn:aws:s3:::other-bucket/photos/a')).toBe(false)
    expect(asks('s3:GetObject', `${bucket}/photos/a`, { 'aws:CurrentTime': '2026-12-01T12:00:00Z' })).toBe(false)
    expect(asks('s3:GetObject', `${bucket}/photos/a`, { 'aws:ResourceAccount': '999999999999' })).toBe(false)
  })

  it.each<[string, object, string[]]>([
    ['nothing besides', {}, []],
    ['retention', { retention: true }, []],
    ['tags', { tags: true }, ['s3:GetObjectTagging']],
    ['all versions', { versions: 'all' }, ['s3:ListBucketVersions', 's3:GetObjectVersion']],
    [
      'tags of all versions',
      EVERYTHING,
      ['s3:ListBucketVersions', 's3:GetObjectVersion', 's3:GetObjectTagging', 's3:GetObjectVersionTagging'],
    ],
  ])('for copies that carry %s has what that takes', (_, change, more) => {
    const carry = { ...CURRENT, ...change }
    const policy = verifyPolicy(rights('photos/', null, { carry }))
    expect(actionsOf(policy).filter((action) => !actionsOf(verifyPolicy(rights('photos/'))).includes(action))).toEqual(more)
    for (const action of more.filter((name) => name.startsWith('s3:Get'))) {
      expect(asks(action, `${bucket}/photos/a`, {}, { carry })).toBe(true)
      expect(asks(action, `${bucket}/other/a`, {}, { carry })).toBe(false)
    }
    if (more.includes('s3:ListBucketVersions')) {
      expect(asks('s3:ListBucketVersions', bucket, { 's3:prefix': 'photos/' }, { carry })).toBe(true)
      expect(asks('s3:ListBucketVersions', bucket, { 's3:prefix': 'other/' }, { carry })).toBe(false)
    }
  })

  it.each([
    's3:PutObject',
    's3:PutObjectTagging',
    's3:PutObjectRetention',
    's3:PutObjectLegalHold',
    's3:DeleteObject',
    's3:DeleteObjectVersion',
    's3:BypassGovernanceRetention',
    's3:RestoreObject',
    's3:AbortMultipartUpload',
    's3:ListBucketMultipartUploads',
    's3:PutBucketPolicy',
  ])('has no %s, whatever a run carries', (action) => {
    const most = { carry: EVERYTHING, deleteMarkers: true }
    for (const resource of [bucket, `${bucket}/photos/a`]) expect(asks(action, resource, { 's3:prefix': 'photos/' }, most)).toBe(false)
  })
})

describe('trust policy', () => {
  const arns = ['arn:aws:iam::123456789012:role/copy-batch', 'arn:aws:iam::123456789012:role/cleanup']

  it('names the functions only, asks for the run’s id, and ends', () => {
    expect(trustPolicy(arns, 'run-1', expiresAt).Statement).toEqual([
      {
        Sid: 'TrustedFunctions',
        Effect: 'Allow',
        Principal: { AWS: arns },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'sts:ExternalId': 'run-1' }, DateLessThan: { 'aws:CurrentTime': '2026-12-01T12:00:00Z' } },
      },
    ])
    expect(CLOSING_MS).toBe(24 * 3600 * 1000)
  })

  it('lets nobody in under another run’s id, without one, or after its end', () => {
    const enters = (context: Record<string, string>): boolean => {
      const { Condition } = trustPolicy(arns, 'run-1', expiresAt).Statement[0]!
      return Object.entries(Condition!).every(([operator, keys]) =>
        Object.entries(keys).every(([key, value]) => holds(operator, String(value), context[key])),
      )
    }
    const now = { 'aws:CurrentTime': '2026-12-01T11:00:00Z' }
    expect(enters({ ...now, 'sts:ExternalId': 'run-1' })).toBe(true)
    expect(enters({ ...now, 'sts:ExternalId': 'run-2' })).toBe(false)
    expect(enters(now)).toBe(false)
    expect(enters({ 'aws:CurrentTime': '2026-12-01T12:00:00Z', 'sts:ExternalId': 'run-1' })).toBe(false)
  })
})

describe('samePolicy', () => {
  const asked = trustPolicy(['arn:aws:iam::123456789012:role/b', 'arn:aws:iam::123456789012:role/a'], 'run-1', expiresAt)
  const found = (change: (policy: Policy) => void): string => {
    const copy = structuredClone(asked)
    change(copy)
    return JSON.stringify(copy)
  }

  it('forgives the order of a list, and a string for a list of one', () => {
    expect(
      samePolicy(
        asked,
        found(({ Statement: [statement] }) => statement!.Principal!.AWS.reverse()),
      ),
    ).toBe(true)
    const one = trustPolicy(['arn:aws:iam::123456789012:role/a'], 'run-1', expiresAt)
    expect(samePolicy(one, JSON.stringify(one).replace('["arn:aws:iam::123456789012:role/a"]', '"arn:aws:iam::123456789012:role/a"'))).toBe(
      true,
    )
  })

  it.each<[string, (policy: Policy) => void]>([
    ['another principal', ({ Statement: [statement] }) => statement!.Principal!.AWS.push('arn:aws:iam::999999999999:root')],
    ['a principal less', ({ Statement: [statement] }) => statement!.Principal!.AWS.pop()],
    ['another external id', ({ Statement: [statement] }) => (statement!.Condition!.StringEquals!['sts:ExternalId'] = 'run-2')],
    ['no condition', ({ Statement: [statement] }) => delete statement!.Condition],
    ['another effect', ({ Statement: [statement] }) => (statement!.Effect = 'Deny')],
    ['a later end', ({ Statement: [statement] }) => (statement!.Condition!.DateLessThan!['aws:CurrentTime'] = '2036-01-01T00:00:00Z')],
    ['one more statement', ({ Statement }) => Statement.push({ Sid: 'More', Effect: 'Allow', Action: '*', Resource: '*' })],
  ])('sees %s', (_, change) => {
    expect(samePolicy(asked, found(change))).toBe(false)
  })

  it('takes what is no JSON for another policy', () => {
    expect(samePolicy(asked, 'nothing')).toBe(false)
  })
})

it('cuts times to the second', () => {
  expect(iamTime(expiresAt)).toBe('2026-12-01T12:00:00Z')
})

describe('endpoint', () => {
  it.each([
    'https://127.0.0.1/',
    'https://127.1:9001/',
    'https://localhost/',
    'https://localhost./',
    'https://bucket.LOCALHOST/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://169.254.169.254/latest/meta-data/',
    'https://169.254.79.129/',
    'https://metadata.google.internal/',
    'https://10.0.0.8/',
    'https://172.31.255.255/',
    'https://192.168.1.1/',
    'https://100.64.0.1/',
    'https://0.0.0.0/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://[fd00:ec2::254]/',
    'https://[fe80::1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://minio:9000/',
  ])('%s is refused as an address that is not public', (endpoint) => {
    expect(endpointProblem(endpoint)).toBe('must not be a private, loopback, link-local or metadata address')
  })

  it.each([
    ['http://s3.example.com', 'must begin with https://'],
    ['s3.example.com', 'is not a URL'],
    ['https://s3.example.com\n', 'is not a URL'],
    ['https://user:word@s3.example.com', 'must not hold a user name or password'],
    ['https://@s3.example.com', 'must not hold a user name or password'],
    ['https://s3.example.com/?a=b', 'must not hold a query or fragment'],
    ['https://s3.example.com/?', 'must not hold a query or fragment'],
    ['https://s3.example.com/#a', 'must not hold a query or fragment'],
  ])('%j %s', (endpoint, problem) => {
    expect(endpointProblem(endpoint)).toBe(problem)
  })

  it.each([
    'https://s3.eu-central-003.example.com',
    'https://account.r2.example.com:8443/',
    'https://example.com/storage/v1/s3',
    'https://8.8.8.8/',
    'https://172.32.0.1/',
    'https://[2600:1f18::1]/',
    'https://localhost.example.com/',
  ])('%s is accepted', (endpoint) => {
    expect(endpointProblem(endpoint)).toBeUndefined()
  })
})

const CANARY = 'canary-0f3d-not-a-real-secret-key'

const secret = {
  endpoint: 'https://s3.example.com',
  region: 'eu-west-1',
  accessKeyId: 'FAKEACCESSKEY',
  secretAccessKey: CANARY,
  source: { bucket: 'source-bucket', prefix: 'team-a/' },
  destination: { bucket: 'destination-bucket', prefix: 'from-team-a/' },
  expiresAt: '2026-12-24T00:00:00Z',
}

const migration = (source: object = {}, destination: object = {}): Migration =>
  ({
    runId: 'run-1',
    source: { bucket: 'source-bucket', prefix: 'team-a/photos/', credential: 'old', ...source },
    destination: { bucket: 'destination-bucket', prefix: 'from-team-a/', ...destination },
  }) as Migration

const now = new Date('2026-12-01T00:00:00Z')

describe('stored credential', () => {
  it('is read with every field', () => {
    expect(parseCredential('drayage/dev/old', JSON.stringify(secret))).toEqual(secret)
    expect(parseCredential('drayage/dev/old', JSON.stringify({ ...secret, sessionToken: 'fake-token' }))).toHaveProperty(
      'sessionToken',
      'fake-token',
    )
  })

  it.each<[string, string, string]>([
    ['text that is no JSON', `{"secretAccessKey":"${CANARY}",`, 'its form'],
    ['bare text', CANARY, 'its form'],
    ['nothing', '', 'its form'],
    ['a list', JSON.stringify([CANARY]), 'its form'],
    ['a field too many', JSON.stringify({ ...secret, [CANARY]: CANARY }), 'its form'],
    ['a bound too many', JSON.stringify({ ...secret, source: { ...secret.source, [CANARY]: CANARY } }), 'source'],
    ['no bounds', JSON.stringify({ ...secret, destination: undefined }), 'destination'],
    ['an empty bucket', JSON.stringify({ ...secret, source: { bucket: '', prefix: CANARY } }), 'source.bucket'],
    ['a number for the key', JSON.stringify({ ...secret, accessKeyId: 7 }), 'accessKeyId'],
    ['no date', JSON.stringify({ ...secret, expiresAt: CANARY }), 'expiresAt'],
    ['a private endpoint', JSON.stringify({ ...secret, endpoint: `https://${CANARY}@127.0.0.1/` }), 'its endpoint must not'],
    ['a plain endpoint', JSON.stringify({ ...secret, endpoint: `http://${CANARY}.example.com` }), 'its endpoint must begin'],
  ])('with %s is refused, without a word of its content', (_, text, words) => {
    const error = thrown(() => parseCredential('drayage/dev/old', text))
    expect(error).toBeInstanceOf(CredentialsRefused)
    expect(error.message).toContain('drayage/dev/old')
    expect(error.message).toContain(words)
    expect(everyForm(error)).not.toContain(CANARY)
  })

  it('would be caught if an error held it (control of the canary)', () => {
    expect(everyForm(new Error('refused', { cause: { headers: [CANARY] } }))).toContain(CANARY)
    expect(everyForm(thrown(() => JSON.parse(CANARY)))).toContain('canary')
  })

  it.each<[string, Migration, string | undefined]>([
    ['within its bounds', migration(), undefined],
    ['exactly its bounds', migration({ prefix: 'team-a/' }), undefined],
    ['another source bucket', migration({ bucket: 'other' }), 'source.bucket'],
    ['a wider source prefix', migration({ prefix: 'team-' }), 'source.prefix'],
    ['the whole source', migration({ prefix: '' }), 'source.prefix'],
    ["a neighbour's source prefix", migration({ prefix: 'team-b/' }), 'source.prefix'],
    ['another destination bucket', migration({}, { bucket: 'mine' }), 'destination.bucket'],
    ['another destination prefix', migration({}, { prefix: 'elsewhere/' }), 'destination.prefix'],
    ['a destination prefix with room above', migration({}, { prefix: 'from-team-a' }), 'destination.prefix'],
  ])('for %s', (_, asked, refused) => {
    const check = () => assertWithinBounds('drayage/dev/old', parseCredential('drayage/dev/old', JSON.stringify(secret)), asked, now)
    if (refused === undefined) return expect(check).not.toThrow()
    const error = thrown(check)
    expect(error).toBeInstanceOf(CredentialNotForThisMigration)
    expect(error.name).toBe('CredentialNotForThisMigration')
    expect(error.message).toContain(refused)
    expect(everyForm(error)).not.toContain(CANARY)
  })

  it('is refused from its expiry on', () => {
    const credential = parseCredential('drayage/dev/old', JSON.stringify(secret))
    const at = (time: string) => () => assertWithinBounds('drayage/dev/old', credential, migration(), new Date(time))
    expect(at('2026-12-23T23:59:59Z')).not.toThrow()
    expect(at('2026-12-24T00:00:00Z')).toThrow(/expired at 2026-12-24T00:00:00Z/)
  })
})

const thrown = (run: () => unknown): Error => {
  try {
    run()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

const everyForm = (error: Error): string =>
  [error.message, error.stack, JSON.stringify(error), String(error), inspect(error, { depth: 20, showHidden: true })].join('\n')

/** What no policy of a run may allow. */
const actionsOf = ({ Statement }: Policy): string[] => Statement.flatMap(({ Action = [] }) => Action)

const forbidden = (policy: Policy): string[] =>
  actionsOf(policy).filter((action) => action.includes('*') || /:(Get|Delete)Object/.test(action))

interface Request {
  Action: string
  Resource: string
  context: Record<string, string>
}

/** IAM's rule, for the elements and operators that our policies use: an explicit Deny wins, nothing is allowed by default. */
const isAllowed = (policies: Policy[], request: Request): boolean => {
  const matching = policies.flatMap(({ Statement }) => Statement).filter((statement) => applies(statement, request))
  return matching.some(({ Effect }) => Effect === 'Allow') && !matching.some(({ Effect }) => Effect === 'Deny')
}

const applies = ({ Action, NotAction, Resource = [], Condition = {} }: Statement, request: Request): boolean => {
  const actions = NotAction === undefined ? [Action ?? []].flat().includes(request.Action) : !NotAction.includes(request.Action)
  return (
    actions &&
    [Resource].flat().some((pattern) => matches(pattern, request.Resource)) &&
    Object.entries(Condition).every(([operator, keys]) =>
      Object.entries(keys).every(([key, value]) => [value].flat().some((asked) => holds(operator, asked, request.context[key]))),
    )
  )
}

const holds = (operator: string, asked: string, found: string | undefined): boolean => {
  if (found === undefined) return false
  if (operator === 'StringEquals') return found === asked
  if (operator === 'StringLike') return matches(asked, found)
  if (operator === 'DateLessThan') return Date.parse(found) < Date.parse(asked)
  throw new Error(`this evaluator does not know ${operator}`)
}

const matches = (pattern: string, text: string): boolean => {
  const parts = pattern.match(/\$\{[*?$]\}|[^]/g) ?? []
  const expression = parts.map((part) => {
    if (part === '*') return '[^]*'
    if (part === '?') return '[^]'
    return (part.length > 1 ? part.slice(2, -1) : part).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  })
  return new RegExp(`^${expression.join('')}$`).test(text)
}
