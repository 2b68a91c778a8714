import { runSimulation } from '@cloud-copilot/iam-simulate'
import fc from 'fast-check'
import { assertWithinBounds, parseCredential, type StoredCredential } from '../../layers/core/access/credential'
import { noteText, readNote } from '../../layers/core/access/credential-note'
import { fingerprintOf, keyInWords, revocationOf, tagsOf } from '../../layers/core/access/credential-tags'
import { READING_FUNCTIONS, secretPolicy } from '../../layers/core/access/secret-policy'
import { readingPolicy } from '../../layers/core/access/source-role'
import type { Policy } from '../../layers/core/access/policy'
import { CredentialNotForThisMigration, CredentialsRefused } from '../../layers/core/domain/errors'
import type { Migration } from '../../layers/core/domain/migration'
import { parseRequest } from '../../layers/core/domain/request'

const ACCOUNT = '123456789012'
const CANARY = 'canary-91d7-not-a-real-secret-key'
const SECRET = `arn:aws:secretsmanager:eu-central-1:${ACCOUNT}:secret:drayage/dev/acme-AbCdEf`
const EXPIRES = '2026-12-24T00:00:00Z'
const BEFORE = '2026-12-23T23:59:59Z'
const PLACE = { partition: 'aws', account: ACCOUNT, stage: 'dev' }

const keys = (change: object = {}): StoredCredential => ({
  endpoint: 'https://s3.example.com',
  region: 'eu-west-1',
  accessKeyId: 'FAKEACCESSKEYOFACME',
  secretAccessKey: CANARY,
  source: { bucket: 'source-bucket', prefix: 'team-a/' },
  destination: { bucket: 'destination-bucket', prefix: 'from-team-a/' },
  expiresAt: EXPIRES,
  ...change,
})

const role = { arn: 'arn:aws:iam::210987654321:role/source', externalId: 'an-external-id' }
const byRole = (): StoredCredential => {
  const { region, source, destination, expiresAt } = keys()
  return { region, source, destination, expiresAt, role }
}

/** Asks a simulator of IAM that is not ours. The caller's own policy allows everything: only the secret's policy can say no. */
const asks = async (principal: string, action: string, time: string, policy: Policy = secretPolicy(PLACE, new Date(EXPIRES))) => {
  const role_ = principal.replace(/:sts:(.*):assumed-role\/([^/]+)\/.*$/, ':iam:$1:role/$2')
  const { overallResult } = (await runSimulation(
    {
      request: {
        principal,
        action: `secretsmanager:${action}`,
        resource: { resource: SECRET, accountId: ACCOUNT },
        contextVariables: { 'aws:CurrentTime': time, 'aws:PrincipalArn': role_ },
      },
      identityPolicies: [
        { name: 'administrator', policy: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] } },
      ],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: policy,
    },
    {},
  )) as { overallResult: string }
  return overallResult
}

const session = (name: string) => `arn:aws:sts::${ACCOUNT}:assumed-role/${name}/function`
const reader = (name: string) => session(`drayage-dev-${name}`)
const STRANGERS = [
  `arn:aws:iam::${ACCOUNT}:user/administrator`,
  session('Administrator'),
  reader('open-access'),
  reader('cleanup'),
  reader('reconcile'),
  reader('copy-batch-2'),
  session('drayage-prod-copy-batch'),
  session('copy-batch'),
]

describe("a secret's policy, by a simulator of IAM", () => {
  it.each(READING_FUNCTIONS)('%s reads it until the expiry, and no longer', async (name) => {
    expect(await asks(reader(name), 'GetSecretValue', BEFORE)).toBe('Allowed')
    expect(await asks(reader(name), 'GetSecretValue', EXPIRES)).toBe('ExplicitlyDenied')
    expect(await asks(reader(name), 'GetSecretValue', '2030-01-01T00:00:00Z')).toBe('ExplicitlyDenied')
  })

  it.each(STRANGERS)('%s never reads it, whatever its own rights', async (principal) => {
    expect(await asks(principal, 'GetSecretValue', BEFORE)).toBe('ExplicitlyDenied')
  })

  it.each([
    'DescribeSecret',
    'PutResourcePolicy',
    'DeleteResourcePolicy',
    'DeleteSecret',
    'TagResource',
    'UpdateSecret',
    'GetResourcePolicy',
  ])('nobody is locked out: an administrator may %s, also after the expiry', async (action) => {
    for (const time of [BEFORE, '2030-01-01T00:00:00Z'])
      expect(await asks(`arn:aws:iam::${ACCOUNT}:user/administrator`, action, time)).toBe('Allowed')
  })

  it('denies one action and allows none, in every place and at every time', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('aws', 'aws-cn', 'aws-us-gov'),
        fc.stringMatching(/^\d{12}$/),
        fc.stringMatching(/^[a-z0-9-]{1,20}$/),
        fc.date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true }),
        (partition, account, stage, expiresAt) => {
          const { Statement } = secretPolicy({ partition, account, stage }, expiresAt)
          expect(Statement.map(({ Effect }) => Effect)).toEqual(['Deny', 'Deny'])
          for (const { Action, NotAction } of Statement) {
            expect(Action).toBe('secretsmanager:GetSecretValue')
            expect(NotAction).toBeUndefined()
          }
          const readers = Statement[0]!.Condition!.ArnNotEquals!['aws:PrincipalArn'] as string[]
          expect(readers).toHaveLength(8)
          for (const arn of readers) expect(arn.startsWith(`arn:${partition}:iam::${account}:role/drayage-${stage}-`)).toBe(true)
          const end = Date.parse(Statement[1]!.Condition!.DateGreaterThanEquals!['aws:CurrentTime'] as string)
          expect(expiresAt.getTime() - end).toBeGreaterThanOrEqual(0)
          expect(expiresAt.getTime() - end).toBeLessThan(1000)
        },
      ),
    )
  })

  it('controls: without one of its statements a stranger, or a reader after the expiry, gets in; with a wider action an administrator is locked out', async () => {
    const { Version, Statement } = secretPolicy(PLACE, new Date(EXPIRES))
    const without = (sid: string): Policy => ({ Version, Statement: Statement.filter(({ Sid }) => Sid !== sid) })
    expect(await asks(reader('cleanup'), 'GetSecretValue', BEFORE, without('OnlyReadingFunctions'))).toBe('Allowed')
    expect(await asks(reader('copy-batch'), 'GetSecretValue', '2030-01-01T00:00:00Z', without('NobodyAfterExpiry'))).toBe('Allowed')
    const wider: Policy = { Version, Statement: Statement.map((one) => ({ ...one, Action: 'secretsmanager:*' })) }
    expect(await asks(`arn:aws:iam::${ACCOUNT}:user/administrator`, 'DeleteSecret', BEFORE, wider)).toBe('ExplicitlyDenied')
  })
})

describe('tags', () => {
  const ids = fc.stringMatching(/^[\x21-\x7e]{1,128}$/)

  it('hold nothing secret, and nothing that a tag may not hold', () => {
    fc.assert(
      fc.property(ids, ids, (accessKeyId, secretAccessKey) => {
        const tags = tagsOf(keys({ accessKeyId, secretAccessKey: `${secretAccessKey}-${CANARY}` }), undefined)
        const text = JSON.stringify(tags)
        expect(text).not.toContain(CANARY)
        if (accessKeyId.length > 4) expect(tags.some(({ Value }) => Value.includes(accessKeyId))).toBe(false)
        expect(tags.some(({ Key }) => Key === 'drayage:key-ending')).toBe(accessKeyId.length >= 16)
        expect(tags.find(({ Key }) => Key === 'drayage:fingerprint')!.Value).toMatch(/^[0-9a-f]{16}$/)
        for (const { Value } of tags) expect(Value.length).toBeLessThanOrEqual(256)
      }),
    )
  })

  it('say which key it is, and who revokes it', () => {
    // printf %s FAKEACCESSKEYOFACME | sha256sum
    expect(fingerprintOf('FAKEACCESSKEYOFACME')).toBe('64e45e7fa381bc6a')
    const revocation = { user: 'migrator', role: 'arn:aws:iam::210987654321:role/r', externalId: 'x-1' }
    const tags = tagsOf(keys(), revocation)
    expect(keyInWords(tags)).toBe(`…ACME (fingerprint ${fingerprintOf('FAKEACCESSKEYOFACME')})`)
    expect(revocationOf(tags)).toEqual(revocation)
    for (const missing of ['drayage:revoke-user', 'drayage:revoke-role', 'drayage:revoke-external-id'])
      expect(revocationOf(tags.filter(({ Key }) => Key !== missing))).toBeUndefined()
    expect(tagsOf(byRole(), undefined)).toEqual([{ Key: 'drayage:expires', Value: EXPIRES }])
    expect(keyInWords(tagsOf(byRole(), undefined))).toBeUndefined()
  })
})

describe('the description', () => {
  const prefix = fc.string({ unit: 'grapheme', maxLength: 1024 }).filter((text) => Buffer.byteLength(text) <= 1024)

  it('says what a credential is for, fits whatever its prefixes, and holds nothing secret', () => {
    fc.assert(
      fc.property(prefix, prefix, (from, to) => {
        const credential = keys({ source: { bucket: 'source-bucket', prefix: from }, destination: { bucket: 'd'.repeat(63), prefix: to } })
        const text = noteText(credential, 'wasabi')
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(2048)
        expect(text).not.toContain(CANARY)
        expect(text).not.toContain('s3.example.com')
        const note = readNote(text)!
        for (const [said, meant] of [
          [note.source, credential.source],
          [note.destination, credential.destination],
        ] as const) {
          expect(said.bucket).toBe(meant.bucket)
          expect(meant.prefix.startsWith(said.prefix)).toBe(true)
          expect(said.cut === true).toBe(said.prefix !== meant.prefix)
        }
      }),
    )
    const longest = { bucket: 'b'.repeat(63), prefix: '\u0001'.repeat(1024) }
    expect(Buffer.byteLength(noteText(keys({ source: longest, destination: longest }), 'other'))).toBeLessThanOrEqual(2048)
  })

  it('of others is not understood', () => {
    for (const text of [undefined, '', 'mine', 'Drayage credential ', 'Drayage credential {"source":1}', '{}'])
      expect(readNote(text)).toBeUndefined()
    expect(readNote(noteText(byRole(), 'aws'))).toMatchObject({ provider: 'aws', role })
  })
})

describe('a stored role', () => {
  it('is read, and nothing of what is wrong with it is repeated', () => {
    expect(parseCredential('s', JSON.stringify(byRole()))).toEqual(byRole())
    for (const [change, words] of [
      [{ role: { ...role, arn: CANARY } }, 'role.arn'],
      [{ role: { ...role, externalId: `${CANARY} ` } }, 'role.externalId'],
      [{ secretAccessKey: CANARY }, 'its form'],
      [{ endpoint: `https://${CANARY}.example.com` }, 'its form'],
    ] as const) {
      const refusal = thrown(() => parseCredential('s', JSON.stringify({ ...byRole(), ...change })))
      expect(refusal).toBeInstanceOf(CredentialsRefused)
      expect(refusal.message).toContain(words)
      expect(refusal.message).not.toContain(CANARY)
    }
  })

  it('is assumed with no right but reading its bucket, until the expiry', () => {
    expect(readingPolicy(byRole() as Parameters<typeof readingPolicy>[0])).toMatchObject({
      Statement: [
        { Action: ['s3:ListBucket'], Resource: 'arn:aws:s3:::source-bucket', Condition: { DateLessThan: { 'aws:CurrentTime': EXPIRES } } },
        { Action: ['s3:GetObject'], Resource: 'arn:aws:s3:::source-bucket/*' },
        { Action: 'kms:Decrypt', Condition: { StringEquals: { 'kms:ViaService': 's3.eu-west-1.amazonaws.com' } } },
      ],
    })
  })

  it.each<[string, object, string[]]>([
    ['nothing besides', {}, []],
    ['tags', { carry: { tags: true } }, ['s3:GetObjectTagging']],
    ['retention', { carry: { retention: true } }, ['s3:GetObjectRetention', 's3:GetObjectLegalHold']],
    ['all versions', { carry: { versions: 'all' } }, ['s3:ListBucketVersions', 's3:GetObjectVersion']],
    [
      'tags of all versions',
      { carry: { versions: 'all', tags: true } },
      ['s3:ListBucketVersions', 's3:GetObjectVersion', 's3:GetObjectTagging', 's3:GetObjectVersionTagging'],
    ],
    ['archived objects', { restore: { archived: true } }, ['s3:RestoreObject']],
  ])('is assumed for %s with what that takes', (_, change, more) => {
    const { carry, restore } = parseRequest(
      { source: { bucket: 'source-bucket', credential: 's' }, destination: { bucket: 'destination-bucket' }, ...change },
      {
        runtime: 'aws',
        runId: 'run-1',
        executionId: 'e',
        now: new Date(BEFORE),
        stage: { account: ACCOUNT, allowedRegions: [], deleteMarkers: true },
      },
    )
    const { Statement } = readingPolicy(byRole() as Parameters<typeof readingPolicy>[0], { carry, restore })
    expect(Statement.flatMap(({ Action }) => Action)).toEqual(expect.arrayContaining(more))
    expect(Statement.flatMap(({ Action }) => Action)).toHaveLength(3 + more.length)
    expect(Statement.map(({ Condition }) => Condition?.DateLessThan)).toEqual(Array(3).fill({ 'aws:CurrentTime': EXPIRES }))
    expect(JSON.stringify({ Statement }).length).toBeLessThan(2048)
  })
})

describe('a private certificate authority', () => {
  it.each([
    ['no PEM', CANARY, 'holds no certificate'],
    ['a private key', `-----BEGIN PRIVATE KEY-----\n${CANARY}\n-----END PRIVATE KEY-----`, 'holds a private key'],
    ['a broken certificate', `-----BEGIN CERTIFICATE-----\n${CANARY}\n-----END CERTIFICATE-----`, 'cannot be read'],
  ])('that is %s is refused', (_, ca, words) => {
    const refusal = thrown(() => parseCredential('s', JSON.stringify(keys({ ca }))))
    expect(refusal).toBeInstanceOf(CredentialsRefused)
    expect(refusal.message).toContain(words)
    expect(refusal.message).not.toContain(CANARY)
  })
})

describe('bounds', () => {
  const asked = (source: object, destination: object): Migration =>
    parseRequest(
      { source: { bucket: 'one', credential: 'acme', ...source }, destination: { bucket: 'one', ...destination } },
      { runtime: 'aws', runId: 'run', executionId: 'x', now: new Date(BEFORE) },
    )
  const wide = { source: { bucket: 'one', prefix: '' }, destination: { bucket: 'one', prefix: '' } }
  const byKeys = (endpoint: string): StoredCredential => keys({ ...wide, endpoint })

  it.each<[string, StoredCredential, Migration, boolean]>([
    ['Amazon S3 by a key', byKeys('https://s3.eu-west-1.amazonaws.com'), asked({}, {}), true],
    ['Amazon S3 by a role', { ...byRole(), ...wide }, asked({}, {}), true],
    ['copies below the source', byKeys('https://s3.eu-west-1.amazonaws.com'), asked({}, { prefix: 'copies/' }), true],
    ['prefixes that do not meet', byKeys('https://s3.eu-west-1.amazonaws.com'), asked({ prefix: 'a/' }, { prefix: 'b/' }), false],
    ['another store', byKeys('https://s3.example.com'), asked({}, {}), false],
    ['another partition', byKeys('https://s3.cn-north-1.amazonaws.com.cn'), asked({}, {}), false],
    ['the same name, not the same host', byKeys('https://amazonaws.com.example.com'), asked({}, {}), false],
  ])('a bucket of the same name as the destination: %s', (_, credential, migration, refused) => {
    const check = () => assertWithinBounds('s', credential, migration, new Date(BEFORE))
    if (refused) expect(check).toThrow(/destination\.bucket is the source itself; choose another bucket/)
    else expect(check).not.toThrow()
  })

  const migration = (source: object, destination: object): Migration => ({ runId: 'r', source, destination }) as Migration
  const text = fc.string({ unit: 'grapheme', maxLength: 12 })
  const allows = (credential: StoredCredential, asked: Migration, now: Date): boolean => {
    try {
      assertWithinBounds('s', credential, asked, now)
      return true
    } catch (error) {
      expect(error).toBeInstanceOf(CredentialNotForThisMigration)
      return false
    }
  }

  it('hold exactly the prefixes that begin with theirs, until the expiry, which is at most 30 days ahead', () => {
    fc.assert(
      fc.property(text, text, fc.boolean(), fc.boolean(), fc.integer({ min: -40, max: 40 }), (allowed, more, inside, sameBucket, days) => {
        const expiry = Date.parse(EXPIRES)
        const now = new Date(expiry - days * 86_400_000)
        const prefix = inside ? allowed + more : more
        const asked = migration(
          { bucket: sameBucket ? 'source-bucket' : 'source-bucket-2', prefix },
          { bucket: 'destination-bucket', prefix: 'from-team-a/x' },
        )
        const expected = sameBucket && Buffer.from(prefix).indexOf(Buffer.from(allowed)) === 0 && days > 0 && days <= 30
        expect(allows(keys({ source: { bucket: 'source-bucket', prefix: allowed } }), asked, now)).toBe(expected)
      }),
    )
  })
})

const thrown = (act: () => unknown): Error => {
  try {
    act()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}
