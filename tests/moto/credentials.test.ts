import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  IAMClient,
  ListAccessKeysCommand,
} from '@aws-sdk/client-iam'
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import {
  CreateSecretCommand,
  DeleteResourcePolicyCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetResourcePolicyCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutResourcePolicyCommand,
  SecretsManagerClient,
  UntagResourceCommand,
  UpdateSecretCommand,
} from '@aws-sdk/client-secrets-manager'
import { STSClient, type AssumeRoleCommand } from '@aws-sdk/client-sts'
import { signedCertificate, verifyCertificate } from '../../layers/core/access/certificate'
import { systemClock } from '../../layers/core/access/clock'
import { fingerprintOf } from '../../layers/core/access/credential-tags'
import { awsAccess, kmsSigner, type AwsAccessOptions } from '../../layers/core/access/index'
import { samePolicy } from '../../layers/core/access/policy'
import { secretPolicy } from '../../layers/core/access/secret-policy'
import { secretsOf } from '../../layers/core/access/secrets'
import { CredentialNotForThisMigration } from '../../layers/core/domain/errors'
import { parseRequest, type MigrationRequest } from '../../layers/core/domain/request'
import { describeWithMoto, MOTO_ACCOUNT, startMoto, type Moto } from '../support/moto'
import { openDoor, SOURCE_HOST, type Door } from '../support/moto-door'
import { drayage, scratch } from '../workflow/cli-support'

// Each start of the command takes about a second on a busy machine.

const REGION = 'eu-central-1'
const CANARY = 'canary-5b1e-not-a-real-secret-key'
const KEY_ID = 'FAKEKEYIDOFTHESOURCE'
const KEYS = JSON.stringify({ accessKeyId: KEY_ID, secretAccessKey: CANARY })
const FINGERPRINT = fingerprintOf(KEY_ID)
const ENDPOINT = `https://${SOURCE_HOST}`
const BIN = join(import.meta.dirname, '../../cli/drayage.js')
const PLACE = { partition: 'aws', account: MOTO_ACCOUNT, region: REGION, stage: 'dev' }

const place = scratch()
let moto: Moto
let door: Door
let secrets: SecretsManagerClient
let iam: IAMClient
let kms: KMSClient
let secretsKey: string
/** everything that the command ever said */
let said = ''

/** What an operator's shell has: their own AWS credentials, and AWS where moto is. */
const environment = (): Record<string, string> => ({
  AWS_ENDPOINT_URL: moto.endpoint,
  AWS_REGION: REGION,
  AWS_ACCESS_KEY_ID: 'fake-operator',
  AWS_SECRET_ACCESS_KEY: 'fake-operator-secret',
  NODE_OPTIONS: `--import ${join(import.meta.dirname, '../support/through-door.mjs')}`,
  DOOR_PORT: String(door.port),
  NODE_EXTRA_CA_CERTS: door.certificate,
})

const run = async (args: string[], input = KEYS, env: Record<string, string> = {}) => {
  const outcome = await drayage(['credentials', ...args], { cwd: place.folder, env: { ...environment(), ...env }, input })
  said += outcome.stdout + outcome.stderr
  return outcome
}
const json = async (args: string[], input?: string) => {
  const { code, stdout, stderr } = await run([...args, '--json'], input)
  return { code, stderr, document: JSON.parse(stdout) as any }
}

const BUCKETS = ['--source-bucket', 'source-bucket', '--source-prefix', 'team-a/', '--destination-bucket', 'destination-bucket']
const put = (name: string, ...more: string[]) => json(['put', name, '--endpoint', ENDPOINT, ...BUCKETS, ...more])

const secretNames = async () => ((await secrets.send(new ListSecretsCommand({}))).SecretList ?? []).map(({ Name }) => Name)
const describe_ = (name: string) => secrets.send(new DescribeSecretCommand({ SecretId: `drayage/dev/${name}` }))
const tagsOf = async (name: string) => Object.fromEntries(((await describe_(name)).Tags ?? []).map(({ Key, Value }) => [Key, Value]))
const valueOf = async (name: string) =>
  JSON.parse((await secrets.send(new GetSecretValueCommand({ SecretId: `drayage/dev/${name}` }))).SecretString!) as any

const migrationOf = (credential: string, change: Partial<MigrationRequest> = {}, runId = 'run-1') =>
  parseRequest(
    {
      source: { bucket: 'source-bucket', prefix: 'team-a/', credential, region: REGION },
      destination: { bucket: 'destination-bucket' },
      ...change,
    },
    { runtime: 'aws', runId, executionId: 'none', now: new Date() },
  )

const accessWith = (clients: Partial<AwsAccessOptions['clients']> = {}, now = () => new Date()) =>
  awsAccess({
    ...PLACE,
    boundaryArn: 'none',
    writeRoleTrusts: [],
    verifyRoleTrusts: [],
    deleteMarkers: false,
    scheduleGroup: 'none',
    deadManRoleArn: 'none',
    cleanupFunctionArn: 'none',
    clients: {
      secrets,
      iam,
      sts: new STSClient({ ...moto.settings, region: REGION }),
      iamAs: () => new IAMClient(moto.settings),
      ...clients,
    },
    now,
    sleep: async () => undefined,
  })

const rejection = async (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => Promise.reject(new Error('nothing was thrown')),
    (error: Error) => error,
  )

describeWithMoto('credentials of a deployed stage, against moto', () => {
  beforeAll(async () => {
    moto = await startMoto()
    door = await openDoor(moto, place.folder, REGION)
    const settings = { ...moto.settings, region: REGION }
    secrets = new SecretsManagerClient(settings)
    iam = new IAMClient(settings)
    kms = new KMSClient(settings)
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}))
    secretsKey = KeyMetadata!.Arn!
    await kms.send(new CreateAliasCommand({ AliasName: 'alias/drayage-dev-secrets', TargetKeyId: secretsKey }))
    const s3 = new S3Client({ ...settings, forcePathStyle: true })
    await s3.send(new CreateBucketCommand({ Bucket: 'source-bucket', CreateBucketConfiguration: { LocationConstraint: REGION } }))
    await s3.send(new PutObjectCommand({ Bucket: 'source-bucket', Key: 'team-a/one', Body: 'one' }))
    s3.destroy()
    await secrets.send(new CreateSecretCommand({ Name: 'bystander', SecretString: 'fake' }))
    await secrets.send(new CreateSecretCommand({ Name: 'drayage/prod/acme', SecretString: 'fake' }))
  })

  afterAll(async () => {
    for (const client of [secrets, iam, kms]) client.destroy()
    await door.close()
    await moto.stop()
    place.remove()
  })

  it('put, list, show, delete', async () => {
    const before = await secretNames()
    const { code, document, stderr } = await put('acme', '--expires', '3')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(document).toMatchObject({
      credential: 'acme',
      arn: expect.stringMatching(/^arn:aws:secretsmanager:eu-central-1:123456789012:secret:drayage\/dev\/acme-[A-Za-z0-9]{6}$/),
      written: true,
      checked: 'the keys list the source',
      request: { source: { bucket: 'source-bucket', prefix: 'team-a/', credential: 'acme' } },
    })
    expect(door.signers.get(SOURCE_HOST)).toEqual(new Set([KEY_ID]))

    const found = await describe_('acme')
    expect(found.KmsKeyId).toBe(secretsKey)
    const expiresAt = (await tagsOf('acme'))['drayage:expires']!
    expect(Math.round((Date.parse(expiresAt) - Date.now()) / 3_600_000)).toBe(72)
    expect(await tagsOf('acme')).toEqual({ 'drayage:expires': expiresAt, 'drayage:fingerprint': FINGERPRINT, 'drayage:key-ending': 'URCE' })
    expect(await valueOf('acme')).toEqual({
      region: 'us-east-1',
      source: { bucket: 'source-bucket', prefix: 'team-a/' },
      destination: { bucket: 'destination-bucket', prefix: '' },
      expiresAt,
      endpoint: ENDPOINT,
      accessKeyId: KEY_ID,
      secretAccessKey: CANARY,
    })
    const { ResourcePolicy } = await secrets.send(new GetResourcePolicyCommand({ SecretId: 'drayage/dev/acme' }))
    expect(samePolicy(secretPolicy(PLACE, new Date(expiresAt)), ResourcePolicy!)).toBe(true)

    expect((await json(['list'])).document).toMatchObject({
      stage: 'dev',
      credentials: [
        {
          credential: 'acme',
          expiresAt,
          expired: false,
          fingerprint: FINGERPRINT,
          keyEnding: 'URCE',
          use: { source: { prefix: 'team-a/' } },
        },
      ],
    })
    expect((await run(['list'])).stdout).toMatch(/^NAME +EXPIRES .*\nacme +.*in 2 days.*source-bucket\/team-a\/\* +destination-bucket\/\*/)

    const shown = await run(['show', 'acme'])
    for (const words of [FINGERPRINT, '…URCE', 'source-bucket/team-a/*', 'destination-bucket/*', 'as put wrote it', secretsKey])
      expect(shown.stdout).toContain(words)

    // A run of this request passes, and another bucket's does not.
    await accessWith().checkCredential(migrationOf('acme'))
    const other = await rejection(accessWith().checkCredential(migrationOf('acme', { destination: { bucket: 'mine-instead' } })))
    expect(other).toBeInstanceOf(CredentialNotForThisMigration)

    const refused = await run(['delete', 'acme'])
    expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^--yes: is missing/) })
    expect(await secretNames()).toContain('drayage/dev/acme')
    const deleted = await json(['delete', 'acme', '--yes'])
    expect(deleted.code).toBe(0)
    expect(deleted.document).toMatchObject({
      deleted: true,
      arn: document.arn,
      closure: [
        {
          kind: 'secret',
          call: 'secretsmanager:DescribeSecret',
          answer: expect.stringMatching(/^ResourceNotFoundException/),
          closed: true,
        },
      ],
      todo: [expect.stringContaining(`Revoke key …URCE (fingerprint ${FINGERPRINT}) at the source's store`)],
    })
    expect((await secretNames()).sort()).toEqual(before.sort())
    expect(await run(['delete', 'acme', '--yes'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^NAME: there is no credential acme/),
    })
    expect(await run(['show', 'acme'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/^NAME: there is no credential acme/) })
  })

  it('an existing name is refused, and with --replace deleted and written anew: the old value is no previous version', async () => {
    const first = await put('twice')
    const again = await put('twice')
    expect(again).toMatchObject({
      code: 2,
      document: { error: { problems: [expect.stringMatching(/^NAME: there is a credential twice already/)] } },
    })
    const replaced = await put('twice', '--replace', '--destination-prefix', 'new/')
    expect(replaced).toMatchObject({ code: 0, document: { written: true, replaced: true } })
    expect(replaced.document.arn).not.toBe(first.document.arn)
    expect((await valueOf('twice')).destination.prefix).toBe('new/')
    expect(Object.values((await describe_('twice')).VersionIdsToStages ?? {})).toEqual([['AWSCURRENT']])
    await run(['delete', 'twice', '--yes'])
  })

  it('a dry run shows what would be written and writes nothing', async () => {
    const before = await secretNames()
    const { code, document } = await put('dry', '--dry-run')
    expect(code).toBe(0)
    expect(document).toMatchObject({ written: false, arn: null, kmsKey: secretsKey, checked: 'the keys list the source' })
    expect((await run(['put', 'dry', '--endpoint', ENDPOINT, ...BUCKETS, '--dry-run'])).stdout).toMatch(/^Dry run: nothing was written/)
    expect(await secretNames()).toEqual(before)
  })

  it('keys on lines of their own, a session token and an AWS source without an endpoint', async () => {
    const lines = await run(
      ['put', 'lines', ...BUCKETS, '--source-region', REGION, '--json'],
      `${KEY_ID}\r\n${CANARY}\r\n${CANARY}-token\r\n`,
    )
    expect(lines.code).toBe(0)
    expect(await valueOf('lines')).toMatchObject({
      endpoint: `https://s3.${REGION}.amazonaws.com`,
      secretAccessKey: CANARY,
      sessionToken: `${CANARY}-token`,
    })
    await run(['delete', 'lines', '--yes'])
  })

  describe('bad input: exit code 2, every problem named with its option, nothing created', () => {
    let before: unknown
    beforeAll(async () => (before = await secretNames()))
    afterEach(async () => expect(await secretNames()).toEqual(before))

    it('all at once, the keys among them', async () => {
      const { code, stdout, stderr } = await run(
        [
          ...['put', 'no/name', '--endpoint', 'http://10.0.0.1', '--source-bucket', 'a', '--expires', '31', '--ca', 'nowhere.pem'],
          ...['--provider', 'nobody', '--revoke-user', 'me', '--stage', 'Dev'],
        ],
        `{"accessKeyId":"${CANARY}","secretAccessKey":"with a space ${CANARY}"}`,
      )
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      const named = stderr
        .trim()
        .split('\n')
        .map((line) => /^([-\w ]+): /.exec(line)?.[1])
      expect(named.sort()).toEqual(
        [
          ...['--stage', 'NAME', '--source-bucket', '--provider', '--destination-bucket', '--expires', '--endpoint', '--revoke-role'],
          ...['--revoke-user', '--ca', 'standard input'],
        ].sort(),
      )
      expect(stderr).toContain('secretAccessKey missing, or not visible ASCII')
    })

    it.each<[string, string[], string | undefined, RegExp]>([
      ['an expiry in the past', ['--expires', '2020-01-01T00:00:00Z'], undefined, /^--expires: is not ahead; write days/],
      ['an expiry of no day', ['--expires', '0'], undefined, /^--expires: is not ahead/],
      ['an expiry that is no time', ['--expires', 'soon'], undefined, /^--expires: is no time/],
      ['an expiry beyond 30 days', ['--expires', '31'], undefined, /^--expires: is over the cap of 30 days/],
      ['no keys', [], '', /^standard input: is empty; write JSON/],
      ['text for keys', [], CANARY, /^standard input: secretAccessKey missing/],
      ['JSON cut off', [], KEYS.slice(0, -2), /^standard input: its form is not understood/],
      ['JSON with more', [], JSON.stringify({ accessKeyId: 'a', secretAccessKey: 'b', [CANARY]: CANARY }), /^standard input: its form/],
      ['four lines', [], `a\nb\nc\n${CANARY}`, /^standard input: its form/],
      [
        'a bucket that is not there',
        ['--source-bucket', 'nowhere-at-all'],
        undefined,
        /^--source-bucket: the source has no bucket nowhere-at-all/,
      ],
      [
        'another stage, which has no key',
        ['--stage', 'prod'],
        undefined,
        /^--stage: there is no key alias\/drayage-prod-secrets in eu-central-1/,
      ],
      ['a region that is none', ['--region', 'here'], undefined, /^--region: is no region/],
    ])('%s', async (_, more, input, words) => {
      const { code, stdout, stderr } = await run(['put', 'bad', '--endpoint', ENDPOINT, ...BUCKETS, ...more], input)
      expect(stderr).toMatch(words)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    })

    it('keys that the source refuses', async () => {
      door.refuses = ({ host }) => host === SOURCE_HOST
      const { code, stderr } = await run(['put', 'bad', '--endpoint', ENDPOINT, ...BUCKETS])
      door.refuses = undefined
      expect(code).toBe(2)
      expect(stderr).toMatch(/^--source-bucket: the keys may not list source-bucket below --source-prefix; grant them s3:ListBucket/)
    })

    it('a key in an option that does not exist is not repeated', async () => {
      const { code, stderr } = await drayage(['credentials', 'put', 'bad', `--secret-access-key=${CANARY}`], { cwd: place.folder })
      expect(code).toBe(2)
      expect(stderr).toMatch(/unknown option '--secret-access-key=…'/)
      said += stderr
    })

    it('no AWS credentials, and no region', async () => {
      const none = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }
      expect((await run(['list'], '', none)).stderr).toMatch(
        /^AWS_PROFILE: there are no AWS credentials that work here \(.*\); name a profile/,
      )
      expect((await run(['list'], '', { AWS_REGION: '' })).stderr).toMatch(/^--region: is missing; name the region of the stage/)
    })
  })

  it('a secret whose policy cannot be put is deleted again', async () => {
    const refusing = (name: string, answer?: object) =>
      ({
        config: secrets.config,
        send: (command: object) =>
          command.constructor.name === name
            ? answer === undefined
              ? Promise.reject(Object.assign(new Error('planted'), { name: 'PublicPolicyException' }))
              : Promise.resolve(answer)
            : secrets.send(command as never),
      }) as unknown as SecretsManagerClient
    const clock = { now: () => new Date(Date.now() + waited), sleep: async (ms: number) => void (waited += ms) }
    let waited = 0
    const secret = (name: string) => ({
      name: `drayage/dev/${name}`,
      text: KEYS,
      description: 'd',
      tags: [],
      kmsKey: secretsKey,
      policy: secretPolicy(PLACE, new Date('2030-01-01T00:00:00Z')),
    })
    for (const [call, answer, words] of [
      ['PutResourcePolicyCommand', undefined, 'PublicPolicyException'],
      // Answered well, and read back as another one.
      ['PutResourcePolicyCommand', {}, 'its policy is not what was put'],
      ['GetResourcePolicyCommand', { ResourcePolicy: '{}' }, 'its policy is not what was put'],
    ] as const) {
      const error = await rejection(secretsOf(() => refusing(call, answer), PLACE, clock).create(secret('unprotected')))
      expect(error.name).toBe('AccessNotOpened')
      expect(error.message).toContain(words)
      expect(error.message).toContain('deleted again')
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(CANARY)
      expect(await secretNames()).not.toContain('drayage/dev/unprotected')
    }
    // Control: the same call, unspoilt, leaves a protected secret.
    await secretsOf(() => secrets, PLACE, systemClock).create(secret('protected'))
    expect((await json(['show', 'protected'])).document.policy).toBe('another')
    await run(['delete', 'protected', '--yes'])
  })

  it('show says when a policy or a description is not as put wrote it, and trusts neither', async () => {
    await put('changed')
    const SecretId = 'drayage/dev/changed'
    expect((await json(['show', 'changed'])).document).toMatchObject({ policy: 'as put wrote it' })
    const wide = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: MOTO_ACCOUNT }, Action: '*', Resource: '*' }] }
    await secrets.send(new PutResourcePolicyCommand({ SecretId, ResourcePolicy: JSON.stringify(wide) }))
    expect((await run(['show', 'changed'])).stdout).toContain('NOT as put wrote it')
    await secrets.send(new DeleteResourcePolicyCommand({ SecretId }))
    expect((await run(['show', 'changed'])).stdout).toContain('MISSING: others may read this secret')
    const described = (await describe_('changed')).Description!
    await secrets.send(new UpdateSecretCommand({ SecretId, Description: described.replace('destination-bucket', 'mine-instead') }))
    expect((await json(['show', 'changed'])).document.use.destination.bucket).toBe('mine-instead')
    const widened = migrationOf('changed', { destination: { bucket: 'mine-instead' } })
    expect(await rejection(accessWith().checkCredential(widened))).toBeInstanceOf(CredentialNotForThisMigration)
    await secrets.send(new UpdateSecretCommand({ SecretId, Description: 'mine' }))
    expect((await run(['show', 'changed'])).stdout).toContain('What it is for is not known')
    await run(['delete', 'changed', '--yes'])
  })

  it('a secret whose ARN is of another stage, account or region is left alone', async () => {
    const found = await secretsOf(() => secrets, { ...PLACE, account: '999999999999' }, systemClock)
      .remove('bystander', 'arn:aws:x')
      .catch((error: Error) => error)
    expect(found).toMatchObject({ name: 'CleanupIncomplete' })
    expect(await run(['delete', 'acme', '--yes'])).toMatchObject({ code: 2 })
    expect(await secretNames()).toEqual(expect.arrayContaining(['bystander', 'drayage/prod/acme']))
  })

  describe('a source by role', () => {
    const ROLE = 'arn:aws:iam::210987654321:role/team/drayage-source'

    it('needs no keys, prints what to paste, and keeps its ExternalId when it is put again', async () => {
      const { code, document } = await json(['put', 'by-role', '--role-arn', ROLE, ...BUCKETS, '--source-region', REGION], '')
      expect(code).toBe(0)
      const { externalId, trustPolicy, permissionsPolicy } = document.sourceRole
      expect(await valueOf('by-role')).toMatchObject({ role: { arn: ROLE, externalId }, region: REGION })
      expect(trustPolicy.Statement[0].Principal.AWS).toHaveLength(7)
      expect(trustPolicy.Statement[0].Condition).toEqual({ StringEquals: { 'sts:ExternalId': externalId } })
      expect(JSON.stringify(permissionsPolicy)).not.toMatch(/CurrentTime|Put|Delete/)
      expect(await tagsOf('by-role')).toEqual({ 'drayage:expires': document.expiresAt })
      const again = await json(['put', 'by-role', '--role-arn', ROLE, ...BUCKETS, '--source-region', REGION, '--replace'], '')
      expect(again.document.sourceRole.externalId).toBe(externalId)
      expect((await run(['show', 'by-role'])).stdout).toContain(externalId)
      expect((await json(['list'])).document.credentials).toMatchObject([{ credential: 'by-role', fingerprint: null }])
    })

    it('is assumed with its ExternalId for 900 s, bounded to the bucket and the expiry, and renewed early', async () => {
      let ahead = 0
      const asked: AssumeRoleCommand['input'][] = []
      const sts = new STSClient({ ...moto.settings, region: REGION })
      const recording = { send: (command: AssumeRoleCommand) => (asked.push(command.input), sts.send(command)) } as unknown as STSClient
      const access = accessWith({ sts: recording }, () => new Date(Date.now() + ahead))
      const reach = await access.source(migrationOf('by-role'))
      expect(reach).toMatchObject({ endpoint: undefined, region: REGION })
      expect(asked).toEqual([])
      const [one, twin] = await Promise.all([reach.credentials(), reach.credentials()])
      expect(twin).toBe(one)
      const { externalId } = (await valueOf('by-role')).role
      expect(asked).toEqual([
        {
          RoleArn: ROLE,
          RoleSessionName: expect.stringMatching(/^drayage-/),
          ExternalId: externalId,
          DurationSeconds: 900,
          Policy: expect.any(String),
        },
      ])
      const policy = JSON.parse(asked[0]!.Policy!) as { Statement: { Action: string | string[]; Condition: { DateLessThan: object } }[] }
      expect(policy.Statement.flatMap(({ Action }) => Action)).toEqual(['s3:ListBucket', 's3:GetObject', 'kms:Decrypt'])
      const { 'drayage:expires': expires } = await tagsOf('by-role')
      for (const { Condition } of policy.Statement) expect(Condition.DateLessThan).toEqual({ 'aws:CurrentTime': expires })
      ahead = 590_000
      expect(await reach.credentials()).toBe(one)
      ahead = 610_000
      expect(await reach.credentials()).not.toBe(one)
      sts.destroy()
    })

    it('cannot be revoked as a key, and its to-do says so', async () => {
      const revoking = migrationOf('by-role', { credentials: { revokeAtSource: true } })
      const error = await rejection(accessWith().checkCredential(revoking))
      expect(error).toBeInstanceOf(CredentialNotForThisMigration)
      expect(error.message).toContain('it is a role')
      expect(await accessWith().credentialTodo(migrationOf('by-role'))).toEqual([
        expect.stringContaining(`Take the trust away from ${ROLE}`),
      ])
      await run(['delete', 'by-role', '--yes'])
    })
  })

  describe('a key that is revoked at the source', () => {
    const REVOKER = `arn:aws:iam::${MOTO_ACCOUNT}:role/drayage-revocation`
    let key: { AccessKeyId: string; SecretAccessKey: string }
    let otherKey: string

    const keysOf = async (UserName: string) => (await iam.send(new ListAccessKeysCommand({ UserName }))).AccessKeyMetadata ?? []
    const putOwned = (...more: string[]) =>
      json(
        ['put', 'owned', ...BUCKETS, '--source-region', REGION, '--revoke-user', 'migrator', '--revoke-role', REVOKER, ...more],
        JSON.stringify({ accessKeyId: key.AccessKeyId, secretAccessKey: key.SecretAccessKey }),
      )
    const revoking = (runId: string) => migrationOf('owned', { credentials: { revokeAtSource: true } }, runId)

    beforeAll(async () => {
      for (const UserName of ['bystander', 'migrator']) {
        await iam.send(new CreateUserCommand({ UserName }))
        otherKey = (await iam.send(new CreateAccessKeyCommand({ UserName }))).AccessKey!.AccessKeyId!
      }
      await iam.send(
        new CreateRoleCommand({ RoleName: 'drayage-revocation', AssumeRolePolicyDocument: '{"Version":"2012-10-17","Statement":[]}' }),
      )
    })

    beforeEach(async () => {
      const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'migrator' }))
      key = AccessKey as typeof key
    })

    // A user has two keys at most; the other one of this user is never touched.
    afterEach(async () => {
      const left = (await keysOf('migrator')).map(({ AccessKeyId }) => AccessKeyId)
      expect(left).toContain(otherKey)
      if (left.includes(key.AccessKeyId)) await iam.send(new DeleteAccessKeyCommand({ UserName: 'migrator', AccessKeyId: key.AccessKeyId }))
    })

    it('is put only for the user that owns it', async () => {
      const { code, document } = await putOwned('--revoke-user', 'bystander')
      expect(code).toBe(2)
      expect(document.error.problems).toEqual([
        expect.stringMatching(/^--revoke-user: the keys are of arn:aws:iam::123456789012:user\/migrator; name that user$/),
      ])
      const elsewhere = await putOwned('--revoke-role', 'arn:aws:iam::210987654321:role/r')
      expect(elsewhere.document.error.problems).toEqual([expect.stringMatching(/^--revoke-role: is of another account/)])
    })

    it('is inactive, then deleted, and only then our copy; others stay', async () => {
      const { code, document } = await putOwned('--replace')
      expect(code).toBe(0)
      expect(document.revocationRole.trustPolicy.Statement[0].Principal).toEqual({
        AWS: [`arn:aws:iam::${MOTO_ACCOUNT}:role/drayage-dev-cleanup`],
      })
      expect(await tagsOf('owned')).toMatchObject({ 'drayage:revoke-user': 'migrator', 'drayage:revoke-role': REVOKER })
      const sent: string[] = []
      const watched = () => {
        const client = new IAMClient(moto.settings)
        client.middlewareStack.add(
          (next, { commandName }) =>
            async (args) => (sent.push(commandName ?? ''), next(args)),
          { step: 'initialize' },
        )
        return client
      }
      const removing = {
        config: secrets.config,
        send: (command: object) => (sent.push(command.constructor.name), secrets.send(command as never)),
      } as unknown as SecretsManagerClient
      const access = accessWith({ iamAs: watched, secrets: removing })
      await access.checkCredential(revoking('run-9'))
      expect(await access.credentialTodo(revoking('run-9'))).toEqual([])
      const observations = await access.endCredential(revoking('run-9'), true)
      const name = `migrator (fingerprint ${fingerprintOf(key.AccessKeyId)})`
      expect(observations).toMatchObject([
        { kind: 'access-key', name, call: 'iam:ListAccessKeys', answer: 'Inactive', closed: true },
        { kind: 'access-key', name, answer: 'the user has no key of this fingerprint any more', closed: true },
        { kind: 'secret', answer: expect.stringMatching(/^ResourceNotFoundException/), closed: true },
      ])
      const acts = sent.filter((call) => /^(Update|Delete)/.test(call))
      expect(acts).toEqual(['UpdateAccessKeyCommand', 'DeleteAccessKeyCommand', 'DeleteSecretCommand'])
      expect((await keysOf('migrator')).map(({ AccessKeyId }) => AccessKeyId)).not.toContain(key.AccessKeyId)
      expect(await keysOf('bystander')).toHaveLength(1)
      expect(inspect(observations)).not.toContain(key.AccessKeyId)
      // Once more: nothing is left to do.
      expect(await access.endCredential(revoking('run-9'), true)).toMatchObject([{ kind: 'secret', closed: true }])
    })

    it.each([
      ['no session', (): Partial<AwsAccessOptions['clients']> => ({ sts: refuse('AccessDenied') as unknown as STSClient }), /AccessDenied/],
      ['no right to list', () => ({ iamAs: () => refuse('AccessDenied') }), /AccessDenied/],
      ['no right to delete', () => ({ iamAs: () => refuse('AccessDenied', 'DeleteAccessKeyCommand') }), /AccessDenied/],
    ])('with %s: an open observation, and our copy stays', async (_, clients, words) => {
      await putOwned('--replace')
      const observations = await accessWith(clients()).endCredential(revoking('run-10'), true)
      expect(observations.at(-1)).toMatchObject({ kind: 'access-key', closed: false, answer: expect.stringMatching(words) })
      expect(await secretNames()).toContain('drayage/dev/owned')
      // The next call of Cleanup finishes it.
      expect((await accessWith().endCredential(revoking('run-10'), true)).at(-1)).toMatchObject({ kind: 'secret', closed: true })
    })

    it('a secret without the tags is refused by ValidateRequest, and never ended by Cleanup', async () => {
      await putOwned('--replace')
      await secrets.send(new UntagResourceCommand({ SecretId: 'drayage/dev/owned', TagKeys: ['drayage:revoke-user'] }))
      const error = await rejection(accessWith().checkCredential(revoking('run-11')))
      expect(error).toBeInstanceOf(CredentialNotForThisMigration)
      expect(error.message).toContain('put it again with --revoke-user and --revoke-role')
      expect(await accessWith().endCredential(revoking('run-11'), true)).toMatchObject([{ kind: 'access-key', closed: false }])
      expect(await secretNames()).toContain('drayage/dev/owned')
      expect((await keysOf('migrator')).map(({ AccessKeyId }) => AccessKeyId)).toContain(key.AccessKeyId)
      // Without being asked to revoke, the run ends its copy as ever.
      const plain = migrationOf('owned', {}, 'run-11')
      expect(await accessWith().credentialTodo(plain)).toEqual([
        expect.stringContaining(`(fingerprint ${fingerprintOf(key.AccessKeyId)}) at AWS`),
      ])
      expect(await accessWith().endCredential(plain, true)).toMatchObject([{ kind: 'secret', closed: true }])
    })

    const refuse = (name: string, only?: string): IAMClient => {
      const client = new IAMClient(moto.settings)
      client.middlewareStack.add(
        (next, { commandName }) =>
          async (args) => {
            if (only === undefined || commandName === only) throw Object.assign(new Error('planted'), { name, Error: { Code: name } })
            return next(args)
          },
        { step: 'initialize' },
      )
      return client
    }
  })

  it('an expiry beyond the cap, set by other means, is refused before anything exists', async () => {
    await put('long')
    const value = { ...(await valueOf('long')), expiresAt: new Date(Date.now() + 40 * 86_400_000).toISOString() }
    await secrets.send(new UpdateSecretCommand({ SecretId: 'drayage/dev/long', SecretString: JSON.stringify(value) }))
    const error = await rejection(accessWith().checkCredential(migrationOf('long')))
    expect(error).toBeInstanceOf(CredentialNotForThisMigration)
    expect(error.message).toContain('over the cap of 30 days')
    await secrets.send(new DeleteSecretCommand({ SecretId: 'drayage/dev/long', ForceDeleteWithoutRecovery: true }))
  })

  it('a certificate signed by KMS is verified offline, and with the key that KMS gives', async () => {
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({ KeyUsage: 'SIGN_VERIFY', KeySpec: 'ECC_NIST_P256' }))
    const signer = kmsSigner(
      () => kms,
      () => KeyMetadata!.Arn!,
    )
    const certificate = { runId: 'run-1', closedAt: '2026-12-01T12:00:00.000Z' }
    const { document, signature } = await signedCertificate(certificate, signer)
    const { publicKey } = JSON.parse(signature) as { publicKey: string }
    expect(verifyCertificate(Buffer.from(document), signature, publicKey)).toMatchObject({
      problems: [],
      statement: { key: KeyMetadata!.Arn },
    })
    expect(verifyCertificate(Buffer.from(document.replace('run-1', 'run-2')), signature).problems).toHaveLength(1)
    writeFileSync(place.path('certificate.json'), document)
    writeFileSync(place.path('certificate.sig'), signature)
    const { code, stdout } = await drayage(['certificate', 'verify', 'certificate.json'], { cwd: place.folder })
    expect(code).toBe(0)
    expect(stdout).toContain(KeyMetadata!.Arn)
  })

  it('the keys are in no argument and in no variable of the process', async () => {
    const before = await secretNames()
    const child = spawn(process.execPath, [BIN, 'credentials', 'put', 'seen', '--endpoint', ENDPOINT, ...BUCKETS, '--dry-run'], {
      cwd: place.folder,
      env: { PATH: process.env['PATH'] ?? '', ...environment() },
    })
    child.stdin.write(`${KEY_ID}\n${CANARY}\n`)
    await once(child, 'spawn')
    const seen = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${child.pid}/${file}`, 'latin1')).join('\n')
    expect(seen).toContain(ENDPOINT)
    expect(seen).not.toContain(CANARY)
    child.stdin.end()
    const [code] = (await once(child, 'close')) as [number]
    expect(code).toBe(0)
    expect(await secretNames()).toEqual(before)
  })

  it('said no key in all of this, and would have been caught', () => {
    expect(said.length).toBeGreaterThan(5000)
    const leaks = (text: string) =>
      [CANARY, Buffer.from(CANARY).toString('base64').replace(/=+$/, ''), Buffer.from(CANARY).toString('hex')].filter((form) =>
        text.includes(form),
      )
    expect(leaks(said)).toEqual([])
    expect(said).not.toContain(KEY_ID)
    expect(leaks(`${said}${JSON.stringify({ secretAccessKey: CANARY })}`)).toEqual([CANARY])
  })
})
