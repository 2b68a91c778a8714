import { CreateScheduleGroupCommand, ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler'
import { CreateRoleCommand, GetRoleCommand, IAMClient, ListRolesCommand } from '@aws-sdk/client-iam'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { CreateSecretCommand, ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { STSClient } from '@aws-sdk/client-sts'
import { closeAccess, type CloseTurn } from '../../layers/core/access/close-access'
import { awsAccess, resourceName, useName } from '../../layers/core/access/index'
import { openAccess } from '../../layers/core/access/open-access'
import { lookAround } from '../../layers/core/access/look-around'
import { destinationKey } from '../../layers/core/domain/destination-key'
import { keyToJson } from '../../layers/core/domain/keys'
import type { Migration } from '../../layers/core/domain/migration'
import type { ObjectStore } from '../../layers/core/domain/object-store'
import type { Certificate, Closure } from '../../layers/core/domain/closure'
import { parseRequest } from '../../layers/core/domain/request'
import { findJson, readBytes, readJson, writeJson } from '../../layers/core/domain/state-files'
import { stateKeys, uploadKey } from '../../layers/core/domain/state-keys'
import { s3Store } from '../../layers/core/stores/index'
import { memoryStore } from '../support/memory-store'
import { Life, openFront, type Front } from '../support/life'
import { describeWithMoto, MOTO_ACCOUNT, startMoto, type Moto } from '../support/moto'
import { guardOf } from '../support/moto-guard'
import { certificateFault } from '../support/certificate-fault'
import { memorySigner } from '../support/signer'

let moto: Moto
let iam: IAMClient
let scheduler: SchedulerClient
let secrets: SecretsManagerClient
let destination: ObjectStore & { close(): Promise<void> }
let front: Front
let run = 0
const signer = memorySigner()

const signal = new AbortController().signal
/** Waits of the product are not really made: time goes on instead. */
let waited = 0
const now = () => new Date(Date.now() + waited)
const sleep = async (ms: number) => void (waited += ms)

beforeEach(() => {
  run += 1
})

const credential = () => `source-${run}`

const migrationOf = (after: 'verified' | 'always' | 'expiry' = 'verified'): Migration =>
  parseRequest(
    {
      source: { bucket: 'source-bucket', credential: credential() },
      destination: { bucket: 'destination-bucket', prefix: 'from/' },
      credentials: { after },
    },
    {
      runtime: 'aws',
      runId: `run-${run}`,
      executionId: `arn:aws:states:us-east-1:${MOTO_ACCOUNT}:execution:migrate:run-${run}`,
      now: now(),
    },
  )

const storeSecret = () =>
  secrets.send(
    new CreateSecretCommand({
      Name: `drayage/dev/${credential()}`,
      SecretString: JSON.stringify({
        endpoint: 'https://s3.example.com',
        region: 'eu-west-1',
        accessKeyId: 'FAKEACCESSKEY',
        secretAccessKey: 'obviously-fake-secret',
        source: { bucket: 'source-bucket', prefix: '' },
        destination: { bucket: 'destination-bucket', prefix: '' },
        expiresAt: '2030-01-01T00:00:00Z',
      }),
    }),
  )

const turnOf = (state: ObjectStore, running = new Set<string>()) => {
  const settings = { ...moto.settings, endpoint: front.endpoint }
  const access = awsAccess({
    stage: 'dev',
    account: MOTO_ACCOUNT,
    partition: 'aws',
    region: 'us-east-1',
    boundaryArn: `arn:aws:iam::${MOTO_ACCOUNT}:policy/drayage-dev-boundary`,
    writeRoleTrusts: [`arn:aws:iam::${MOTO_ACCOUNT}:role/copy-batch`],
    verifyRoleTrusts: [`arn:aws:iam::${MOTO_ACCOUNT}:role/verify-batch`],
    deleteMarkers: false,
    scheduleGroup: 'drayage-dev',
    deadManRoleArn: `arn:aws:iam::${MOTO_ACCOUNT}:role/dead-man`,
    cleanupFunctionArn: `arn:aws:lambda:us-east-1:${MOTO_ACCOUNT}:function:cleanup`,
    clients: { iam, scheduler, secrets, sts: new STSClient(settings) },
    now,
    sleep,
  })
  const executions = {
    isRunning: async (id: string) => running.has(id),
    stop: async (id: string) => (running.delete(id) ? 'stopped' : 'it does not run'),
  }
  const destinationOf = async (migration: Migration) => {
    const { credentials } = await access.destination(migration, 'write')
    return s3Store({
      bucket: 'destination-bucket',
      reach: { endpoint: front.endpoint, region: 'us-east-1', credentials },
      provider: 'minio',
    })
  }
  return {
    state,
    access,
    executions,
    destination: destinationOf,
    signer,
    bundleSha256: 'ab'.repeat(32),
    now,
    sleep,
    signal,
  } satisfies CloseTurn
}

const names = async () => ({
  roles: ((await iam.send(new ListRolesCommand({ PathPrefix: '/drayage/dev/' }))).Roles ?? []).map(({ RoleName }) => RoleName),
  schedules: ((await scheduler.send(new ListSchedulesCommand({}))).Schedules ?? []).map(({ Name }) => Name),
  secrets: ((await secrets.send(new ListSecretsCommand({}))).SecretList ?? []).map(({ Name }) => Name),
})

/** Whether anything of this test's run is left. */
const left = async () => {
  const found = await names()
  const runId = `run-${run}`
  return {
    write: found.roles.includes(useName(runId, 'write')),
    verify: found.roles.includes(useName(runId, 'verify')),
    schedule: found.schedules.includes(resourceName(runId)),
    secret: found.secrets.includes(`drayage/dev/${credential()}`),
  }
}

const NOTHING = { write: false, verify: false, schedule: false, secret: false }

const verifiedReport = (state: ObjectStore) => writeJson(state, stateKeys(`run-${run}`).report, { outcome: 'verified' })

const closureOf = async (state: ObjectStore): Promise<Closure> => (await readJson<Closure>(state, stateKeys(`run-${run}`).closure)).value

const certificate = async (state: ObjectStore): Promise<Certificate | undefined> =>
  (await findJson<Certificate>(state, stateKeys(`run-${run}`).certificate))?.value

const inWords = ({ steps }: Pick<Closure, 'steps'>): string[] =>
  steps.flatMap(({ step, observations }) =>
    observations.map(
      ({ kind, call, answer, closed }) => `${step} ${closed ? '' : 'OPEN '}${kind} ${call}: ${answer.replace(/ \(request.*/, '')}`,
    ),
  )

/** Leaves an upload of the run open, as a killed copier does. */
const leaveUpload = async (state: ObjectStore, migration: Migration): Promise<void> => {
  const key = Buffer.from('large object')
  const uploadId = await destination.createUpload(destinationKey(migration, key))
  const opened = { key: keyToJson(key), runId: migration.runId, state: 'open', sourceEtag: '"x"', destinationEtag: null, partSize: 1 }
  await writeJson(state, uploadKey(migration.pair, key), { ...opened, uploadId, openedAt: now().toISOString() })
  await writeJson(state, stateKeys(migration.runId).cursor, {})
}

describeWithMoto('access opened and closed against moto, which is kept to three rules of IAM', () => {
  beforeAll(async () => {
    moto = await startMoto()
    iam = new IAMClient(moto.settings)
    scheduler = new SchedulerClient(moto.settings)
    secrets = new SecretsManagerClient(moto.settings)
    front = await openFront(moto.endpoint, new Life(), guardOf(iam))
    await scheduler.send(new CreateScheduleGroupCommand({ Name: 'drayage-dev' }))
    await new S3Client({ ...moto.settings, forcePathStyle: true }).send(new CreateBucketCommand({ Bucket: 'destination-bucket' }))
    const credentials = async () => moto.settings.credentials
    destination = s3Store({
      bucket: 'destination-bucket',
      reach: { endpoint: moto.endpoint, region: 'us-east-1', credentials },
      provider: 'minio',
    })
  })

  afterAll(async () => {
    await destination.close()
    await front.close()
    await moto.stop()
  })

  test('a verified run leaves no role, schedule, secret or open upload; its record and its certificate say what was answered', async () => {
    const state = memoryStore()
    const migration = migrationOf()
    await storeSecret()
    const turn = turnOf(state)
    await openAccess(migration, turn)
    expect(await left()).toEqual({ write: true, verify: true, schedule: true, secret: true })
    await leaveUpload(state, migration)
    await verifiedReport(state)

    expect(await closeAccess(migration.runId, migration, turn)).toEqual({ complete: true, open: 0 })
    expect(await left()).toEqual(NOTHING)
    expect(await destination.listUploads(Buffer.from('from/'))).toEqual([])
    const closure = await closureOf(state)
    expect(inWords(closure)).toEqual([
      '1 execution none: does not apply: the run itself calls',
      '2 role iam:PutRolePolicy: all but listing and aborting uploads is denied',
      '2 role iam:PutRolePolicy: all but listing and aborting uploads is denied',
      expect.stringMatching(/^3 write s3:CreateMultipartUpload: AccessDenied: createUpload destination-bucket .*: 403 AccessDenied$/),
      '4 uploads s3:ListMultipartUploads: no upload of this run is open; 1 aborted',
      '5 role iam:DeleteRole: deleted',
      '5 role iam:DeleteRole: deleted',
      '6 secret secretsmanager:DescribeSecret: ResourceNotFoundException',
      '7 role iam:GetRole: NoSuchEntity',
      '7 role sts:AssumeRole: AccessDenied',
      '7 role iam:GetRole: NoSuchEntity',
      '7 role sts:AssumeRole: AccessDenied',
      '7 inventory inventory: nothing of this run is left',
      '8 schedule scheduler:DeleteSchedule: deleted',
      '8 schedule scheduler:GetSchedule: ResourceNotFoundException',
      '8 lock s3:PutObject: released',
      expect.stringMatching(/^9 certificate s3:PutObject: written once, as /),
      expect.stringMatching(/^9 certificate s3:PutObject: signed by local, written as /),
    ])
    const { steps, bundleSha256, opened } = (await certificate(state))!
    expect(steps).toEqual(closure.steps.slice(0, 8))
    expect(bundleSha256).toBe('ab'.repeat(32))
    expect(opened.grants.map(({ name }) => name)).toEqual(turn.access.plan(migration).map(({ name }) => name))
    const [text, signature] = await Promise.all(
      (['certificate', 'certificateSignature'] as const).map(
        async (name) => (await readBytes(state, stateKeys(migration.runId)[name])).body,
      ),
    )
    expect(certificateFault(text!, signature!)).toBeUndefined()
    expect(certificateFault(Buffer.from(text!.toString().replace('NoSuchEntity', 'it still exists')), signature!)).toMatch(
      /another document/,
    )
  })

  test('a run that is not verified keeps its secret, and everything else goes', async () => {
    const state = memoryStore()
    const migration = migrationOf()
    await storeSecret()
    await openAccess(migration, turnOf(state))
    expect(await closeAccess(migration.runId, migration, turnOf(state))).toMatchObject({ complete: true })
    expect(await left()).toEqual({ ...NOTHING, secret: true })
  })

  test('killed after access.json and before anything was created: closing finds nothing and says so', async () => {
    const state = memoryStore()
    const migration = migrationOf('always')
    await storeSecret()
    const turn = turnOf(state)
    const dead = { ...turn.access, create: async () => Promise.reject(new Error('killed')) }
    await expect(openAccess(migration, { ...turn, access: dead })).rejects.toThrow('killed')
    expect(await closeAccess(migration.runId, undefined, turn)).toMatchObject({ complete: true })
    expect(await left()).toEqual(NOTHING)
    expect(inWords(await closureOf(state))).toContainEqual(
      expect.stringMatching(/^3 write .*no session is to be had: sts:AssumeRole: AccessDenied$/),
    )
  })

  test('a suspension that does not reach a session is an open observation; the later steps follow, and there is no certificate', async () => {
    const state = memoryStore()
    const migration = migrationOf('always')
    await storeSecret()
    const turn = turnOf(state)
    await openAccess(migration, turn)
    const before = waited
    const unheard = {
      ...turn.access,
      suspend: async () => [{ kind: 'role', name: 'x', call: 'none', answer: 'claimed', closed: true, at: '' }],
    }
    expect(await closeAccess(migration.runId, migration, { ...turn, access: unheard })).toEqual({ complete: false, open: 1 })
    expect(waited - before).toBeGreaterThan(100_000)
    expect(inWords(await closureOf(state))).toContain(
      '3 OPEN write s3:CreateMultipartUpload: a write was still accepted 120 s after the suspension',
    )
    expect(await left()).toEqual({ ...NOTHING, schedule: true })
    expect(await destination.listUploads(Buffer.from('from/'))).toEqual([])
    expect(await certificate(state)).toBeUndefined()
    expect(await closeAccess(migration.runId, undefined, turn)).toMatchObject({ complete: true })
    expect(await certificate(state)).toBeDefined()
  })

  test('what is new since the baseline and in no record is named; what another run has recorded is not ours', async () => {
    const [state, migration] = [memoryStore(), migrationOf('always')]
    await storeSecret()
    const turn = turnOf(state)
    await openAccess(migration, turn)
    const Path = '/drayage/dev/'
    const trust = JSON.stringify({ Version: '2012-10-17', Statement: [] })
    const Tags = [{ Key: 'drayage:run', Value: migration.runId }]
    for (const RoleName of [`stranger-${run}`, `tagged-${run}`])
      await iam.send(
        new CreateRoleCommand({ RoleName, Path, AssumeRolePolicyDocument: trust, ...(RoleName.startsWith('tagged') && { Tags }) }),
      )
    const other = { ...migration, runId: `run-${run}-other`, executionId: 'other', pair: 'other' }
    await openAccess(other, turn)
    expect(await closeAccess(migration.runId, migration, turn)).toMatchObject({ complete: true })
    const { baseline } = await closureOf(state)
    expect(baseline!.ours).toEqual([])
    expect(baseline!.unexplained.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual([`role stranger-${run}`, `role tagged-${run}`])
    expect(baseline!.others.map(({ kind, runId }) => `${kind} ${runId}`).sort()).toEqual([
      `role ${other.runId}`,
      `role ${other.runId}`,
      `schedule ${other.runId}`,
    ])
    expect((await names()).roles).toEqual(expect.arrayContaining([`stranger-${run}`, `tagged-${run}`, useName(other.runId, 'write')]))
    expect(await closeAccess(other.runId, undefined, turn)).toMatchObject({ complete: true })
  })

  test.each(['suspend', 'remove', 'prove', 'endCredential', 'inventory'] as const)(
    'cleanup fails in %s: it says so, keeps the dead man, and the next call finishes',
    async (step) => {
      const state = memoryStore()
      const migration = migrationOf('always')
      await storeSecret()
      const running = new Set([migration.executionId])
      const turn = turnOf(state, running)
      await openAccess(migration, turn)
      const failing = { ...turn.access, [step]: async () => Promise.reject(new Error(`planted in ${step}`)) }
      expect(await closeAccess(migration.runId, migration, { ...turn, access: failing })).toMatchObject({ complete: false })
      expect((await left()).schedule).toBe(true)
      expect((await closureOf(state)).complete).toBe(false)
      expect(await certificate(state)).toBeUndefined()

      running.clear()
      expect((await lookAround(turn)).toClose).toEqual([migration.runId])
      expect(await closeAccess(migration.runId, undefined, turn)).toMatchObject({ complete: true })
      expect(await left()).toEqual(NOTHING)
      expect((await lookAround(turn)).toClose).toEqual([])
    },
  )

  test('a signer that fails leaves everything closed and no certificate; the sweep finds the run, and the next call certifies it', async () => {
    const state = memoryStore()
    const migration = migrationOf('always')
    await storeSecret()
    const turn = turnOf(state)
    await openAccess(migration, turn)
    const broken = { key: 'local', sign: () => Promise.reject(new Error('planted')) }
    expect(await closeAccess(migration.runId, migration, { ...turn, signer: broken })).toEqual({ complete: false, open: 1 })
    expect(await left()).toEqual(NOTHING)
    expect(await certificate(state)).toBeUndefined()
    expect((await lookAround(turn)).toClose).toEqual([migration.runId])
    expect(await closeAccess(migration.runId, undefined, turn)).toMatchObject({ complete: true })
    expect(await certificate(state)).toBeDefined()
    expect((await lookAround(turn)).toClose).toEqual([])
  })

  test('the sweep leaves what runs, names what is in no record, and counts what a Cleanup could not close', async () => {
    const state = memoryStore()
    const migration = migrationOf('always')
    await storeSecret()
    const running = new Set([migration.executionId])
    const turn = turnOf(state, running)
    await openAccess(migration, turn)
    const trust = JSON.stringify({ Version: '2012-10-17', Statement: [] })
    await iam.send(new CreateRoleCommand({ RoleName: `bystander-${run}`, Path: '/drayage/dev/', AssumeRolePolicyDocument: trust }))
    const quiet = await lookAround(turn)
    expect(quiet).toMatchObject({ toClose: [], stuck: [] })
    expect(quiet.orphans).toContainEqual({ kind: 'role', name: `bystander-${run}` })
    expect(quiet.orphans.map(({ name }) => name)).not.toContain(useName(migration.runId, 'write'))

    running.clear()
    const failing = { ...turn.access, remove: async () => Promise.reject(new Error('planted')) }
    await closeAccess(migration.runId, undefined, { ...turn, access: failing })
    expect(await lookAround(turn)).toMatchObject({ toClose: [migration.runId], stuck: [] })
    waited += 901_000
    expect(await lookAround(turn)).toMatchObject({ toClose: [migration.runId], stuck: [migration.runId] })
    await closeAccess(migration.runId, undefined, turn)
    expect((await iam.send(new GetRoleCommand({ RoleName: `bystander-${run}` }))).Role?.RoleName).toBe(`bystander-${run}`)
    expect(await left()).toEqual(NOTHING)
  })
})
