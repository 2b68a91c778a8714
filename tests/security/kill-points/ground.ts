import {
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  GetRoleCommand,
  IAMClient,
  ListRolePoliciesCommand,
  ListRolesCommand,
} from '@aws-sdk/client-iam'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import {
  CreateScheduleCommand,
  CreateScheduleGroupCommand,
  DeleteScheduleCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
  SchedulerClient,
} from '@aws-sdk/client-scheduler'
import { CreateSecretCommand, DeleteSecretCommand, DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn'
import { STSClient } from '@aws-sdk/client-sts'
import { logTo, parseRequest, s3Store, type Migration, type ObjectStore, type Services } from '@drayage/core'
import { awsAccess, awsExecutions } from '../../../layers/core/access/index'
import { isNamedBy } from '../../../layers/core/access/names'
import { openFront, type Life } from '../../support/life'
import { MOTO_ACCOUNT, startMoto, type Moto } from '../../support/moto'
import { guardOf, type Guard } from '../../support/moto-guard'
import { memorySigner } from '../../support/signer'

export const STATE = 'state-bucket'
export const DESTINATION = 'destination-bucket'
export const GROUP = 'drayage-dev'
const ROLE = (name: string) => `arn:aws:iam::${MOTO_ACCOUNT}:role/${name}`
const TRUSTED = (...names: string[]) => names.map((name) => ROLE(`drayage-dev-${name}`))
const CLEANUP = `arn:aws:lambda:us-east-1:${MOTO_ACCOUNT}:function:cleanup`

const exists = async (asked: Promise<unknown>): Promise<boolean> =>
  asked.then(
    () => true,
    ({ name }: Error) => {
      if (/^(NoSuchEntity|ResourceNotFound)/.test(name)) return false
      throw new Error(name)
    },
  )

/** One run on the ground, and its execution. */
export interface Run {
  migration: Migration
  /** name of its own secret */
  secret: string
}

/** What one life of the functions is given, and its end. */
export interface Lived {
  services: Services
  end(): Promise<void>
}

const signer = memorySigner('the key of the gate')

/** moto with a stage on it: buckets, a schedule group, a state machine; and things that no run may touch. */
export class Ground {
  readonly guard: Guard
  readonly state: ObjectStore
  readonly destination: ObjectStore
  machine = ''
  strangersUpload = ''
  /** waits are not made: time goes on instead, ms */
  waited = 0
  #runs = 0
  #other: Run | undefined

  private constructor(
    readonly moto: Moto,
    readonly iam: IAMClient,
    readonly scheduler: SchedulerClient,
    readonly secrets: SecretsManagerClient,
    readonly sfn: SFNClient,
  ) {
    this.guard = guardOf(iam)
    this.state = this.#store(STATE)
    this.destination = this.#store(DESTINATION)
  }

  static async open(): Promise<Ground> {
    const moto = await startMoto()
    const { settings } = moto
    const ground = new Ground(
      moto,
      new IAMClient(settings),
      new SchedulerClient(settings),
      new SecretsManagerClient(settings),
      new SFNClient(settings),
    )
    await ground.#prepare()
    return ground
  }

  now = (): Date => new Date(Date.now() + this.waited)

  #store(bucket: string): ObjectStore {
    const { endpoint, settings } = this.moto
    return s3Store({ bucket, reach: { endpoint, region: 'us-east-1', credentials: async () => settings.credentials }, provider: 'minio' })
  }

  async #prepare(): Promise<void> {
    const s3 = new S3Client({ ...this.moto.settings, forcePathStyle: true })
    for (const Bucket of [STATE, DESTINATION]) await s3.send(new CreateBucketCommand({ Bucket }))
    s3.destroy()
    await this.scheduler.send(new CreateScheduleGroupCommand({ Name: GROUP }))
    const definition = JSON.stringify({ StartAt: 'Nothing', States: { Nothing: { Type: 'Pass', End: true } } })
    const made = await this.sfn.send(new CreateStateMachineCommand({ name: 'migrate', roleArn: ROLE('machine'), definition }))
    this.machine = made.stateMachineArn ?? ''

    const trust = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: ROLE('x') }, Action: 'sts:AssumeRole' }] }
    await this.iam.send(
      new CreateRoleCommand({ RoleName: 'bystander', Path: '/drayage/dev/', AssumeRolePolicyDocument: JSON.stringify(trust) }),
    )
    await this.secrets.send(new CreateSecretCommand({ Name: 'drayage/dev/bystander', SecretString: 'fake' }))
    await this.scheduler.send(
      new CreateScheduleCommand({
        Name: 'bystander',
        GroupName: GROUP,
        ScheduleExpression: 'rate(1 day)',
        FlexibleTimeWindow: { Mode: 'OFF' },
        Target: { Arn: CLEANUP, RoleArn: ROLE('dead-man'), Input: '{}' },
      }),
    )
    this.strangersUpload = await this.destination.createUpload(Buffer.from('from/stranger'))
  }

  /** Begins the execution of a new run, with a secret of its own, which every end of the run is to end. */
  async newRun(): Promise<Run> {
    const runId = `run-${++this.#runs}`
    const secret = `drayage/dev/${runId}`
    await this.secrets.send(new CreateSecretCommand({ Name: secret, SecretString: 'fake' }))
    const { executionArn = '' } = await this.sfn.send(
      new StartExecutionCommand({ stateMachineArn: this.machine, name: runId, input: '{}' }),
    )
    // A source of its own is a pair of its own, so that a lock that stays does not hide behind another one.
    const request = {
      source: { bucket: `source-${this.#runs}`, credential: runId },
      destination: { bucket: DESTINATION, prefix: 'from/', region: 'us-east-1' },
      credentials: { after: 'always' },
    }
    const stage = { account: MOTO_ACCOUNT, allowedRegions: [], deleteMarkers: false }
    return { secret, migration: parseRequest(request, { runtime: 'aws', runId, executionId: executionArn, now: this.now(), stage }) }
  }

  /** A run that goes on beside all others; it is opened by the caller. */
  async otherRun(): Promise<Run> {
    return (this.#other ??= await this.newRun())
  }

  /** The services of one life, behind a front of its own. */
  async lived(life: Life): Promise<Lived> {
    const front = await openFront(this.moto.endpoint, life, this.guard)
    const settings = { ...this.moto.settings, endpoint: front.endpoint }
    const clients = {
      iam: new IAMClient(settings),
      scheduler: new SchedulerClient(settings),
      secrets: new SecretsManagerClient(settings),
      sts: new STSClient(settings),
    }
    const sfn = new SFNClient(settings)
    const sleep = async (ms: number) => void (this.waited += ms)
    const access = awsAccess({
      stage: 'dev',
      account: MOTO_ACCOUNT,
      partition: 'aws',
      region: 'us-east-1',
      boundaryArn: `arn:aws:iam::${MOTO_ACCOUNT}:policy/drayage-dev-boundary`,
      writeRoleTrusts: TRUSTED('open-access', 'cleanup'),
      verifyRoleTrusts: TRUSTED('open-access', 'verify-batch', 'cleanup'),
      deleteMarkers: false,
      scheduleGroup: GROUP,
      deadManRoleArn: ROLE('dead-man'),
      cleanupFunctionArn: CLEANUP,
      clients,
      now: this.now,
      sleep,
    })
    const stores: { close(): Promise<void> }[] = []
    const store = (bucket: string, credentials: () => Promise<{ accessKeyId: string; secretAccessKey: string }>) => {
      const made = s3Store({ bucket, reach: { endpoint: front.endpoint, region: 'us-east-1', credentials }, provider: 'minio' })
      stores.push(made)
      return made
    }
    const unasked = (): Promise<never> => Promise.reject(new Error('not asked here'))
    const services = {
      runtime: 'aws' as const,
      state: store(STATE, async () => this.moto.settings.credentials),
      source: unasked,
      destination: async (migration: Migration, use: 'write' | 'read') =>
        store(DESTINATION, (await access.destination(migration, use)).credentials),
      access,
      executions: awsExecutions(sfn),
      deadLetters: { send: unasked, take: unasked },
      callCleanup: unasked,
      heldSecrets: async () => [],
      signer,
      bundleSha256: '0'.repeat(64),
      metrics: { add: () => undefined },
      settings: unasked,
      logger: logTo(() => undefined),
      now: this.now,
      sleep,
      concurrency: 1,
      heard: () => undefined,
    }
    return {
      services,
      end: async () => {
        for (const client of [...Object.values(clients), sfn]) client.destroy()
        for (const one of stores) await one.close()
        await front.close()
      },
    }
  }

  /** Removes by hand what was left of a run on purpose. */
  async discard({ migration, secret }: Run): Promise<void> {
    const { runId, executionId } = migration
    await this.sfn.send(new StopExecutionCommand({ executionArn: executionId }))
    for (const RoleName of (await this.roles()).filter((name) => isNamedBy(runId, name))) {
      for (const PolicyName of await this.policies(RoleName)) await this.iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName }))
      await this.iam.send(new DeleteRoleCommand({ RoleName }))
    }
    for (const Name of (await this.schedules()).filter((name) => isNamedBy(runId, name)))
      await this.scheduler.send(new DeleteScheduleCommand({ Name, GroupName: GROUP }))
    for (const { key, uploadId } of await this.destination.listUploads(Buffer.from('from/large')))
      await this.destination.abortUpload(key, uploadId)
    await this.secrets.send(new DeleteSecretCommand({ SecretId: secret, ForceDeleteWithoutRecovery: true }))
  }

  stopped = ({ migration }: Run): Promise<unknown> => this.sfn.send(new StopExecutionCommand({ executionArn: migration.executionId }))

  runs = async ({ migration }: Run): Promise<boolean> =>
    (await this.sfn.send(new DescribeExecutionCommand({ executionArn: migration.executionId }))).status === 'RUNNING'

  /** The input of a run's dead-man schedule; undefined: it is gone or was never there. */
  async schedule(name: string): Promise<string | undefined> {
    try {
      return (await this.scheduler.send(new GetScheduleCommand({ Name: name, GroupName: GROUP }))).Target?.Input
    } catch (error) {
      if ((error as Error).name === 'ResourceNotFoundException') return undefined
      throw error
    }
  }

  roles = async (): Promise<string[]> =>
    ((await this.iam.send(new ListRolesCommand({ PathPrefix: '/drayage/dev/' }))).Roles ?? []).map(({ RoleName = '' }) => RoleName)
  schedules = async (): Promise<string[]> =>
    ((await this.scheduler.send(new ListSchedulesCommand({ GroupName: GROUP }))).Schedules ?? []).map(({ Name = '' }) => Name)
  policies = async (role: string): Promise<string[]> =>
    (await this.iam.send(new ListRolePoliciesCommand({ RoleName: role }))).PolicyNames ?? []
  hasRole = (name: string): Promise<boolean> => exists(this.iam.send(new GetRoleCommand({ RoleName: name })))
  hasSecret = (name: string): Promise<boolean> => exists(this.secrets.send(new DescribeSecretCommand({ SecretId: name })))

  async close(): Promise<void> {
    for (const client of [this.iam, this.scheduler, this.secrets, this.sfn]) client.destroy()
    await this.moto.stop()
  }
}
