import { CreateScheduleGroupCommand, ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler'
import { CreateRoleCommand, GetRoleCommand, IAMClient, ListRolesCommand } from '@aws-sdk/client-iam'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { CreateSecretCommand, ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { STSClient } from '@aws-sdk/client-sts'
import { closeAccess, type CloseTurn } from '../../layers/core/access/close-access'
import { awsAccess, resourceName } from '../../layers/core/access/index'
import { openAccess } from '../../layers/core/access/open-access'
import { runsToClose } from '../../layers/core/access/runs-to-close'
import { destinationKey } from '../../layers/core/domain/destination-key'
import { keyToJson } from '../../layers/core/domain/keys'
import type { Migration } from '../../layers/core/domain/migration'
import type { ObjectStore } from '../../layers/core/domain/object-store'
import type { Certificate } from '../../layers/core/domain/report'
import { parseRequest } from '../../layers/core/domain/request'
import { readJson, writeJson } from '../../layers/core/domain/state-files'
import { stateKeys, uploadKey } from '../../layers/core/domain/state-keys'
import { s3Store } from '../../layers/core/stores/index'
import { memoryStore } from '../support/memory-store'
import { describeWithMoto, MOTO_ACCOUNT, startMoto, type Moto } from '../support/moto'

let moto: Moto
let iam: IAMClient
let scheduler: SchedulerClient
let secrets: SecretsManagerClient
let destination: ObjectStore & { close(): Promise<void> }
let run = 0

const signal = new AbortController().signal
/** Waits of the product are not really made: time goes on instead. */
let waited = 0
const now = () => new Date(Date.now() + waited)

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
  const access = awsAccess({
    stage: 'dev',
    account: MOTO_ACCOUNT,
    partition: 'aws',
    region: 'us-east-1',
    boundaryArn: `arn:aws:iam::${MOTO_ACCOUNT}:policy/drayage-dev-boundary`,
    trustedRoleArns: [`arn:aws:iam::${MOTO_ACCOUNT}:role/copy-batch`],
    scheduleGroup: 'drayage-dev',
    deadManRoleArn: `arn:aws:iam::${MOTO_ACCOUNT}:role/dead-man`,
    cleanupFunctionArn: `arn:aws:lambda:us-east-1:${MOTO_ACCOUNT}:function:cleanup`,
    clients: { iam, scheduler, secrets, sts: new STSClient(moto.settings) },
    now,
    sleep: async (ms) => void (waited += ms),
  })
  const executions = { isRunning: async (id: string) => running.has(id), stop: async (id: string) => void running.delete(id) }
  return { state, access, executions, destination: async () => destination, now, signal } satisfies CloseTurn
}

const names = async () => ({
  roles: ((await iam.send(new ListRolesCommand({ PathPrefix: '/drayage/dev/' }))).Roles ?? []).map(({ RoleName }) => RoleName),
  schedules: ((await scheduler.send(new ListSchedulesCommand({}))).Schedules ?? []).map(({ Name }) => Name),
  secrets: ((await secrets.send(new ListSecretsCommand({}))).SecretList ?? []).map(({ Name }) => Name),
})

/** Whether anything of this test's run is left. */
const left = async () => {
  const found = await names()
  const own = resourceName(`run-${run}`)
  return {
    role: found.roles.includes(own),
    schedule: found.schedules.includes(own),
    secret: found.secrets.includes(`drayage/dev/${credential()}`),
  }
}

const NOTHING = { role: false, schedule: false, secret: false }

const verifiedReport = (state: ObjectStore) => writeJson(state, stateKeys(`run-${run}`).report, { outcome: 'verified' })

describeWithMoto('access opened and closed against moto', () => {
  beforeAll(async () => {
    moto = await startMoto()
    iam = new IAMClient(moto.settings)
    scheduler = new SchedulerClient(moto.settings)
    secrets = new SecretsManagerClient(moto.settings)
    await scheduler.send(new CreateScheduleGroupCommand({ Name: 'drayage-dev' }))
    await new S3Client({ ...moto.settings, forcePathStyle: true }).send(new CreateBucketCommand({ Bucket: 'destination-bucket' }))
    const credentials = async () => moto.settings.credentials
    destination = s3Store({
      bucket: 'destination-bucket',
      reach: { endpoint: moto.endpoint, region: 'us-east-1', credentials },
      provider: 'minio',
    })
  }, 60_000)

  afterAll(async () => {
    await destination.close()
    await moto.stop()
  })

  test('a verified run leaves no role, no schedule, no secret and no open upload, and its certificate says what was answered', async () => {
    const state = memoryStore()
    const migration = migrationOf()
    await storeSecret()
    const turn = turnOf(state)
    await openAccess(migration, turn)
    expect(await left()).toEqual({ role: true, schedule: true, secret: true })
    const key = Buffer.from('large object')
    const uploadId = await destination.createUpload(destinationKey(migration, key))
    const opened = { key: keyToJson(key), runId: migration.runId, state: 'open', sourceEtag: '"x"', destinationEtag: null, partSize: 1 }
    await writeJson(state, uploadKey(migration.pair, key), { ...opened, uploadId, openedAt: now().toISOString() })
    await verifiedReport(state)

    expect(await closeAccess(migration.runId, migration, turn)).toMatchObject({ complete: true })
    expect(await left()).toEqual(NOTHING)
    expect(await destination.listUploads(Buffer.from('from/'))).toEqual([])
    const { observations } = (await readJson<Certificate>(state, stateKeys(migration.runId).certificate)).value
    expect(observations.map(({ kind, call, answer }) => `${kind} ${call}: ${answer.replace(/ \(request.*/, '')}`)).toEqual([
      'uploads s3:ListMultipartUploads: no upload of this run is open; 1 aborted',
      'secret secretsmanager:DescribeSecret: ResourceNotFoundException',
      'role iam:GetRole: NoSuchEntity',
      'schedule scheduler:GetSchedule: ResourceNotFoundException',
      'lock s3:PutObject: released',
    ])
  })

  test('a run that is not verified keeps its secret, and everything else goes', async () => {
    const state = memoryStore()
    const migration = migrationOf()
    await storeSecret()
    await openAccess(migration, turnOf(state))
    expect(await closeAccess(migration.runId, migration, turnOf(state))).toMatchObject({ complete: true })
    expect(await left()).toEqual({ role: false, schedule: false, secret: true })
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
  })

  test.each(['suspend', 'remove', 'prove', 'endCredential'] as const)(
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

      running.clear()
      expect(await runsToClose({ ...turn, withRoles: [], signal })).toEqual([migration.runId])
      expect(await closeAccess(migration.runId, undefined, turn)).toMatchObject({ complete: true })
      expect(await left()).toEqual(NOTHING)
      expect(await runsToClose({ ...turn, withRoles: [], signal })).toEqual([])
    },
  )

  test('a running execution is not swept, and a role without a request of ours is left alone', async () => {
    const state = memoryStore()
    const migration = migrationOf('always')
    await storeSecret()
    const turn = turnOf(state, new Set([migration.executionId]))
    await openAccess(migration, turn)
    const trust = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    })
    await iam.send(new CreateRoleCommand({ RoleName: `bystander-${run}`, Path: '/drayage/dev/', AssumeRolePolicyDocument: trust }))
    expect(await runsToClose({ ...turn, withRoles: [migration.runId, 'nobody'], signal })).toEqual([])
    await closeAccess(migration.runId, migration, turn)
    expect((await iam.send(new GetRoleCommand({ RoleName: `bystander-${run}` }))).Role?.RoleName).toBe(`bystander-${run}`)
    expect(await left()).toEqual(NOTHING)
  })
})
