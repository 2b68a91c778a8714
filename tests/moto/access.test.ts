import { inspect } from 'node:util'
import {
  AttachRolePolicyCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  DeleteRolePolicyCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  IAMClient,
  ListRolePoliciesCommand,
  ListRolesCommand,
  PutRolePermissionsBoundaryCommand,
  PutRolePolicyCommand,
  TagRoleCommand,
  UpdateAssumeRolePolicyCommand,
  UpdateRoleCommand,
} from '@aws-sdk/client-iam'
import {
  CreateScheduleCommand,
  CreateScheduleGroupCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
  SchedulerClient,
  UpdateScheduleCommand,
} from '@aws-sdk/client-scheduler'
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import { CreateStateMachineCommand, SFNClient, StartExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn'
import { CreateQueueCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import {
  awsAccess,
  awsAccessFromEnvironment,
  awsExecutions,
  secretsOfStage,
  useName,
  resourceName,
  sqsDeadLetters,
  type AwsAccessOptions,
} from '../../layers/core/access/index'
import { samePolicy } from '../../layers/core/access/policy'
import { suspendPolicy } from '../../layers/core/access/suspend-policy'
import type { Access, Grant } from '../../layers/core/domain/access'
import {
  AccessNotOpened,
  CleanupIncomplete,
  CredentialNotForThisMigration,
  CredentialsRefused,
  InvalidRequest,
  StateBroken,
  StoreRefused,
  StoreUnavailable,
} from '../../layers/core/domain/errors'
import type { Migration } from '../../layers/core/domain/migration'
import { describeWithMoto, MOTO_ACCOUNT, startMoto, type Moto } from '../support/moto'
import { guardOf, type Guard } from '../support/moto-guard'

const EXPIRES = `${new Date(Date.now() + 7 * 86_400_000).toISOString().slice(0, 19)}Z`
const CANARY = 'canary-77aa-not-a-real-secret-key'
const TRUST = (arn: string) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: arn }, Action: 'sts:AssumeRole' }] })
const ANYTHING = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] })

let moto: Moto
let iam: IAMClient
let scheduler: SchedulerClient
let secrets: SecretsManagerClient
let sts: STSClient
let guarded: Guard
/** each test has a run of its own: moto is shared */
let run = 0
let time: number
/** pauses that were asked for, in ms: none is really made */
let slept: number[]

const options = (change: Partial<AwsAccessOptions> = {}): AwsAccessOptions => ({
  stage: 'dev',
  account: MOTO_ACCOUNT,
  partition: 'aws',
  region: 'us-east-1',
  boundaryArn: `arn:aws:iam::${MOTO_ACCOUNT}:policy/drayage-dev-boundary`,
  writeRoleTrusts: [`arn:aws:iam::${MOTO_ACCOUNT}:role/copy-batch`, `arn:aws:iam::${MOTO_ACCOUNT}:role/cleanup`],
  verifyRoleTrusts: [`arn:aws:iam::${MOTO_ACCOUNT}:role/verify-batch`, `arn:aws:iam::${MOTO_ACCOUNT}:role/cleanup`],
  deleteMarkers: false,
  scheduleGroup: 'drayage-dev',
  deadManRoleArn: `arn:aws:iam::${MOTO_ACCOUNT}:role/dead-man`,
  cleanupFunctionArn: `arn:aws:lambda:us-east-1:${MOTO_ACCOUNT}:function:cleanup`,
  clients: { iam, scheduler, secrets, sts },
  now: () => new Date(time),
  sleep: async (ms) => {
    slept.push(ms)
    time += ms
  },
  ...change,
})

interface Change {
  runId?: string
  credential?: string | null
  after?: Migration['credentials']['after']
  carry?: Partial<Migration['carry']>
}

const migrationOf = (change: Change = {}): Migration =>
  ({
    runId: change.runId ?? `run-${run}`,
    executionId: `arn:aws:states:us-east-1:${MOTO_ACCOUNT}:execution:migrate:run-${run}`,
    source: { bucket: 'source-bucket', prefix: 'team-a/', region: 'eu-west-1', credential: change.credential ?? null },
    destination: { bucket: 'destination-bucket', prefix: 'from-team-a/', region: 'eu-central-1', account: null, kmsKey: null },
    carry: { storageClass: 'STANDARD', tags: false, retention: false, versions: 'current', ...change.carry },
    credentials: { after: change.after ?? 'verified', revokeAtSource: false },
    access: { expiresAt: '2026-12-31T12:00:00.000Z' },
  }) as Migration

/** Stores a source's credential as the operator would. Returns its name in a request. */
const storeSecret = async (name: string, change: object = {}): Promise<string> => {
  const SecretString = JSON.stringify({
    endpoint: 'https://s3.example.com',
    region: 'eu-west-1',
    accessKeyId: 'FAKEACCESSKEY',
    secretAccessKey: CANARY,
    source: { bucket: 'source-bucket', prefix: 'team-a/' },
    destination: { bucket: 'destination-bucket', prefix: '' },
    expiresAt: EXPIRES,
    ...change,
  })
  const Tags = [{ Key: 'drayage:expires', Value: EXPIRES }]
  await secrets.send(new CreateSecretCommand({ Name: `drayage/dev/${name}`, SecretString, Tags }))
  return name
}

const grantsOf = (access: Access, migration: Migration): { schedule: Grant; role: Grant; verify: Grant } => {
  const [schedule, role, verify] = access.plan(migration)
  return { schedule: schedule!, role: role!, verify: verify! }
}

const opened = async (change: Partial<AwsAccessOptions> = {}) => {
  const access = awsAccess(options(change))
  const migration = migrationOf()
  const { schedule, role, verify } = grantsOf(access, migration)
  for (const grant of [schedule, role, verify]) await access.create(grant, migration)
  return { access, migration, schedule, role, verify, name: role.name }
}

const roleNames = async () => ((await iam.send(new ListRolesCommand({}))).Roles ?? []).map(({ RoleName }) => RoleName)
const policyNames = async (name: string) => (await iam.send(new ListRolePoliciesCommand({ RoleName: name }))).PolicyNames
const scheduleNames = async () => ((await scheduler.send(new ListSchedulesCommand({}))).Schedules ?? []).map(({ Name }) => Name)
const secretNames = async () => ((await secrets.send(new ListSecretsCommand({}))).SecretList ?? []).map(({ Name }) => Name)

const rejection = async (promise: Promise<unknown>): Promise<Error> => {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

const everyForm = (error: unknown): string =>
  [String(error), (error as Error).stack, JSON.stringify(error), inspect(error, { depth: 30, showHidden: true })].join('\n')

describeWithMoto('access on AWS, against moto', () => {
  beforeAll(async () => {
    moto = await startMoto()
    iam = new IAMClient(moto.settings)
    scheduler = new SchedulerClient(moto.settings)
    secrets = new SecretsManagerClient(moto.settings)
    sts = new STSClient(moto.settings)
    guarded = guardOf(iam)
    await scheduler.send(new CreateScheduleGroupCommand({ Name: 'drayage-dev' }))
    await iam.send(
      new CreateRoleCommand({
        RoleName: 'bystander',
        Path: '/drayage/dev/',
        AssumeRolePolicyDocument: TRUST(`arn:aws:iam::${MOTO_ACCOUNT}:root`),
      }),
    )
    await secrets.send(new CreateSecretCommand({ Name: 'drayage/dev/bystander', SecretString: 'fake' }))
    await scheduler.send(
      new CreateScheduleCommand({
        Name: 'bystander',
        GroupName: 'drayage-dev',
        ScheduleExpression: 'rate(1 day)',
        FlexibleTimeWindow: { Mode: 'OFF' },
        Target: { Arn: options().cleanupFunctionArn, RoleArn: options().deadManRoleArn },
      }),
    )
  })

  beforeEach(() => {
    run += 1
    time = Date.now()
    slept = []
  })

  afterEach(async () => {
    expect(await roleNames()).toContain('bystander')
    expect(await policyNames('bystander')).toEqual([])
    expect(await scheduleNames()).toContain('bystander')
    expect(await secretNames()).toContain('drayage/dev/bystander')
  })

  afterAll(async () => {
    for (const client of [iam, scheduler, secrets, sts]) client.destroy()
    await moto.stop()
  })

  it('plans the schedule before the roles, and creates nothing by it', async () => {
    const access = awsAccess(options())
    const name = resourceName(`run-${run}`)
    expect(access.plan(migrationOf())).toEqual([
      { kind: 'schedule', name, purpose: expect.stringContaining('cleanup') },
      { kind: 'role', name: `${name}-write`, purpose: expect.stringContaining('s3://destination-bucket/from-team-a/') },
      { kind: 'role', name: `${name}-verify`, purpose: expect.stringContaining('s3://destination-bucket/from-team-a/') },
    ])
    expect((await access.inventory()).filter((held) => held.name.startsWith(name))).toEqual([])
  })

  it('lives its whole life: create, create again, confirm, suspend, remove, remove again, prove', async () => {
    const { access, migration, schedule, role, verify, name } = await opened({
      clients: { iam, scheduler, secrets, sts: guarded.sts(sts) },
    })

    const found = await scheduler.send(new GetScheduleCommand({ Name: schedule.name, GroupName: 'drayage-dev' }))
    expect(found).toMatchObject({
      ScheduleExpression: 'at(2026-12-31T12:00:00)',
      ScheduleExpressionTimezone: 'UTC',
      ActionAfterCompletion: 'DELETE',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: { Arn: options().cleanupFunctionArn, RoleArn: options().deadManRoleArn, Input: `{"migration":{"runId":"run-${run}"}}` },
    })
    const { Role } = await iam.send(new GetRoleCommand({ RoleName: name }))
    expect(Role).toMatchObject({
      Path: '/drayage/dev/',
      MaxSessionDuration: 3600,
      PermissionsBoundary: { PermissionsBoundaryArn: options().boundaryArn },
      Tags: [
        { Key: 'drayage:run', Value: `run-${run}` },
        { Key: 'drayage:stage', Value: 'dev' },
      ],
    })
    expect(await policyNames(name)).toEqual(['drayage-run'])
    const trusts = async (of: Grant) =>
      decodeURIComponent((await iam.send(new GetRoleCommand({ RoleName: of.name }))).Role!.AssumeRolePolicyDocument!)
    for (const [grant, trusted, other] of [
      [role, 'copy-batch', 'verify-batch'],
      [verify, 'verify-batch', 'copy-batch'],
    ] as const) {
      expect(await trusts(grant)).toContain(`role/${trusted}`)
      expect(await trusts(grant)).not.toContain(`role/${other}`)
      expect(await trusts(grant)).toContain(`"sts:ExternalId":"run-${run}"`)
    }

    const grants = [schedule, role, verify]
    for (const grant of grants) {
      await access.create(grant, migration)
      await access.confirm(grant, migration)
      expect(await access.prove(grant, migration)).toMatchObject([
        { kind: grant.kind, name: grant.name, answer: 'it still exists', closed: false },
      ])
      expect(await access.ownerOf(grant)).toBe(migration.runId)
    }
    expect(await access.inventory()).toEqual(expect.arrayContaining(grants.map(({ kind, name: held }) => ({ kind, name: held }))))

    for (const grant of [role, verify, schedule]) {
      await access.suspend(grant, migration)
      await access.suspend(grant, migration)
    }
    for (const { name: suspended } of [role, verify]) {
      const { PolicyDocument } = await iam.send(new GetRolePolicyCommand({ RoleName: suspended, PolicyName: 'drayage-suspend' }))
      expect(samePolicy(suspendPolicy(), decodeURIComponent(PolicyDocument!))).toBe(true)
    }
    expect(await access.confirm(role, migration).catch((error: Error) => error.message)).toContain('another inline policy')

    for (const grant of [role, verify, schedule]) {
      expect(await access.remove(grant, migration)).toMatchObject([
        { answer: expect.stringMatching(/^deleted \(request \S+\)$/), closed: true },
      ])
      await access.remove(grant, migration)
      await access.suspend(grant, migration)
    }
    for (const grant of [role, verify]) {
      const gone = { kind: 'role', name: grant.name, closed: true, at: expect.stringMatching(/^\d{4}-.*Z$/) }
      expect(await access.prove(grant, migration)).toEqual([
        { ...gone, call: 'iam:GetRole', answer: expect.stringMatching(/^NoSuchEntity \(request \S+\)$/) },
        { ...gone, call: 'sts:AssumeRole', answer: expect.stringMatching(/^AccessDenied \(request \S+\)$/) },
      ])
    }
    expect(await access.prove(schedule, migration)).toMatchObject([
      { call: 'scheduler:GetSchedule', answer: expect.stringMatching(/^ResourceNotFoundException/), closed: true },
    ])
    expect((await access.inventory()).filter((held) => held.name.startsWith(schedule.name))).toEqual([])
  })

  it('that a deleted role can still be assumed is seen', async () => {
    const { access, migration, role } = await opened()
    await access.remove(role, migration)
    // moto as it comes gives a session of any role, also of one that is gone.
    expect(await access.prove(role, migration)).toMatchObject([
      { call: 'iam:GetRole', closed: true },
      { call: 'sts:AssumeRole', answer: expect.stringContaining('a new session was given'), closed: false },
    ])
  })

  it('confirms nothing that does not exist', async () => {
    const access = awsAccess(options())
    const migration = migrationOf()
    for (const grant of access.plan(migration)) {
      const error = await rejection(access.confirm(grant, migration))
      expect(error).toBeInstanceOf(AccessNotOpened)
      expect(error.message).toContain('it does not exist')
    }
  })

  const tampering: [string, string, (name: string) => Promise<unknown>][] = [
    [
      'another trust policy',
      'its trust policy',
      (RoleName) => iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: TRUST('arn:aws:iam::999999999999:root') })),
    ],
    [
      'another boundary',
      'its permissions boundary',
      (RoleName) =>
        iam.send(new PutRolePermissionsBoundaryCommand({ RoleName, PermissionsBoundary: 'arn:aws:iam::aws:policy/AdministratorAccess' })),
    ],
    [
      'a wider policy',
      'its permission policy',
      (RoleName) => iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'drayage-run', PolicyDocument: ANYTHING })),
    ],
    ['no policy', 'its permission policy', (RoleName) => iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: 'drayage-run' }))],
    [
      'one more inline policy',
      'another inline policy',
      (RoleName) => iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'more', PolicyDocument: ANYTHING })),
    ],
    [
      'an attached policy',
      'an attached policy',
      async (RoleName) => {
        const { Policy } = await iam.send(new CreatePolicyCommand({ PolicyName: `more-${RoleName}`, PolicyDocument: ANYTHING }))
        await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn: Policy!.Arn }))
      },
    ],
    [
      "another run's tag",
      'its path or its tags',
      (RoleName) => iam.send(new TagRoleCommand({ RoleName, Tags: [{ Key: 'drayage:run', Value: 'another-run' }] })),
    ],
    [
      'one more tag',
      'more or fewer tags',
      (RoleName) => iam.send(new TagRoleCommand({ RoleName, Tags: [{ Key: 'more', Value: 'rights by tag' }] })),
    ],
    ['longer sessions', 'its session duration', (RoleName) => iam.send(new UpdateRoleCommand({ RoleName, MaxSessionDuration: 43_200 }))],
  ]

  it.each(tampering)('a role with %s is not confirmed', async (_, words, tamper) => {
    const { access, migration, role, verify } = await opened()
    for (const grant of [role, verify]) {
      await access.confirm(grant, migration)
      await tamper(grant.name)
      const error = await rejection(access.confirm(grant, migration))
      expect(error).toBeInstanceOf(AccessNotOpened)
      expect(error.message).toContain(words)
    }
  })

  it.each<[string, string, object]>([
    ['ScheduleExpression', 'another time', { ScheduleExpression: 'at(2036-01-01T00:00:00)' }],
    ['State', 'its switch off', { State: 'DISABLED' }],
    ['Mode', 'a window', { FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 60 } }],
    ['Arn', 'another function', { Target: { Arn: `arn:aws:lambda:us-east-1:${MOTO_ACCOUNT}:function:other`, RoleArn: 'r', Input: '{}' } }],
  ])('a schedule with another %s (%s) is not confirmed', async (field, _, change) => {
    const { access, migration, schedule } = await opened()
    const { name } = schedule
    const found = await scheduler.send(new GetScheduleCommand({ Name: name, GroupName: 'drayage-dev' }))
    await scheduler.send(
      new UpdateScheduleCommand({
        Name: name,
        GroupName: 'drayage-dev',
        ScheduleExpression: found.ScheduleExpression,
        ScheduleExpressionTimezone: 'UTC',
        State: found.State,
        FlexibleTimeWindow: found.FlexibleTimeWindow,
        ActionAfterCompletion: 'DELETE',
        Target: found.Target,
        ...change,
      }),
    )
    for (const verb of ['confirm', 'create'] as const) {
      const error = await rejection(access[verb](schedule, migration))
      expect(error).toBeInstanceOf(AccessNotOpened)
      expect(error.message).toContain(field)
    }
  })

  it('a role that somebody else made first under our name is not taken over', async () => {
    const access = awsAccess(options())
    const migration = migrationOf()
    const { role } = grantsOf(access, migration)
    await iam.send(
      new CreateRoleCommand({
        RoleName: role.name,
        Path: '/drayage/dev/',
        AssumeRolePolicyDocument: TRUST('arn:aws:iam::999999999999:root'),
      }),
    )
    expect(await rejection(access.create(role, migration))).toBeInstanceOf(AccessNotOpened)
    expect(await policyNames(role.name)).toEqual([])

    const error = await rejection(access.remove(role, migration))
    expect(error).toBeInstanceOf(CleanupIncomplete)
    expect(error.message).toContain('left alone')
    expect(await rejection(access.suspend(role, migration))).toBeInstanceOf(CleanupIncomplete)
    expect(await roleNames()).toContain(role.name)
    expect(await access.prove(role, migration)).toMatchObject([{ closed: false }])
  })

  it('a role outside the path is left alone even with our tags', async () => {
    const access = awsAccess(options())
    const migration = migrationOf()
    const { role } = grantsOf(access, migration)
    const Tags = [
      { Key: 'drayage:run', Value: migration.runId },
      { Key: 'drayage:stage', Value: 'dev' },
    ]
    await iam.send(
      new CreateRoleCommand({
        RoleName: role.name,
        Path: '/drayage/prod/',
        AssumeRolePolicyDocument: TRUST('arn:aws:iam::999999999999:root'),
        Tags,
      }),
    )
    expect(await rejection(access.remove(role, migration))).toBeInstanceOf(CleanupIncomplete)
    expect(await roleNames()).toContain(role.name)
  })

  it('a suspended role gets no second opening', async () => {
    const { access, migration, role } = await opened()
    await access.suspend(role, migration)
    expect(await rejection(access.create(role, migration))).toBeInstanceOf(AccessNotOpened)
    expect(await policyNames(role.name)).toContain('drayage-suspend')
  })

  it('acts on no name but the one made from the run id', async () => {
    const access = awsAccess(options())
    const migration = migrationOf()
    const grants: Grant[] = [
      { kind: 'role', name: 'bystander', purpose: '' },
      { kind: 'schedule', name: 'bystander', purpose: '' },
      { kind: 'role', name: resourceName(migration.runId), purpose: '' },
      { kind: 'schedule', name: useName(migration.runId, 'write'), purpose: '' },
      { kind: 'key', name: useName(migration.runId, 'write'), purpose: '' },
    ]
    for (const grant of grants) {
      for (const verb of ['create', 'confirm', 'suspend', 'remove', 'prove'] as const) {
        expect(await rejection(access[verb](grant, migration))).toBeInstanceOf(StateBroken)
      }
    }
  })

  it.each([0, 1, 2, 3])('a creation killed after %i of its steps is closed by removing what was planned', async (steps) => {
    const access = awsAccess(options({ clients: { iam, scheduler, secrets, sts: guarded.sts(sts) } }))
    const migration = migrationOf()
    const { schedule, role, verify } = grantsOf(access, migration)
    if (steps >= 1) await access.create(schedule, migration)
    // Killed between CreateRole and PutRolePolicy.
    if (steps === 2) {
      const killed = { send: async () => Promise.reject(new Error('killed')) } as unknown as STSClient
      await rejection(awsAccess(options({ clients: { iam, scheduler, secrets, sts: killed } })).create(role, migration))
      await iam.send(new DeleteRolePolicyCommand({ RoleName: role.name, PolicyName: 'drayage-run' }))
    }
    if (steps === 3) await access.create(role, migration)
    for (const grant of [role, verify, schedule]) {
      await access.suspend(grant, migration)
      await access.remove(grant, migration)
      for (const { closed } of await access.prove(grant, migration)) expect(closed).toBe(true)
    }
  })

  it('a creation killed in the middle is finished by creating again', async () => {
    const { access, migration, role, name } = await opened()
    await iam.send(new DeleteRolePolicyCommand({ RoleName: name, PolicyName: 'drayage-run' }))
    await access.create(role, migration)
    await access.confirm(role, migration)
  })

  it('removes a role with every policy that hangs on it, the suspension last', async () => {
    const { access, migration, role, name } = await opened()
    const { Policy } = await iam.send(new CreatePolicyCommand({ PolicyName: `hanging-${run}`, PolicyDocument: ANYTHING }))
    await iam.send(new AttachRolePolicyCommand({ RoleName: name, PolicyArn: Policy!.Arn }))
    await iam.send(new PutRolePolicyCommand({ RoleName: name, PolicyName: 'zz-more', PolicyDocument: ANYTHING }))
    await access.suspend(role, migration)
    const sent: string[] = []
    iam.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          sent.push(`${commandName} ${(args.input as { PolicyName?: string }).PolicyName ?? ''}`.trim())
          return next(args)
        },
      { step: 'initialize', name: 'record' },
    )
    await access.remove(role, migration).finally(() => iam.middlewareStack.remove('record'))
    expect(sent.filter((call) => /^(Delete|Detach)/.test(call))).toEqual([
      'DetachRolePolicyCommand',
      'DeleteRolePolicyCommand drayage-run',
      'DeleteRolePolicyCommand zz-more',
      'DeleteRolePolicyCommand drayage-suspend',
      'DeleteRoleCommand',
    ])
    expect(await roleNames()).not.toContain(name)
  })

  it('asks again while IAM says DeleteConflict, and gives up in the end', async () => {
    const { access, migration, role, name } = await opened()
    let conflicts = 2
    const conflict = Object.assign(new Error('conflict'), { name: 'DeleteConflictException', Error: { Code: 'DeleteConflict' } })
    iam.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          if (commandName === 'DeleteRoleCommand' && conflicts-- > 0) throw conflict
          return next(args)
        },
      { step: 'initialize', name: 'conflict' },
    )
    try {
      await access.remove(role, migration)
      expect(slept.length).toBe(2)
      expect(await roleNames()).not.toContain(name)

      await access.create(role, migration)
      conflicts = Infinity
      const error = await rejection(access.remove(role, migration))
      expect(error).toBeInstanceOf(CleanupIncomplete)
      expect(error.message).toContain('DeleteConflict')
    } finally {
      iam.middlewareStack.remove('conflict')
    }
    await access.remove(role, migration)
  })

  it('waits until the role can be assumed, at most a minute', async () => {
    const denied = Object.assign(new Error('denied'), {
      name: 'AccessDenied',
      Error: { Code: 'AccessDenied' },
      $response: { headers: [CANARY] },
    })
    let refusals = 3
    const slow = {
      send: async (command: AssumeRoleCommand) => (refusals-- > 0 ? Promise.reject(denied) : sts.send(command)),
    } as unknown as STSClient
    const { access, migration, role } = await opened({ clients: { iam, scheduler, secrets, sts: slow } })
    expect(slept.length).toBe(3)

    refusals = Infinity
    slept = []
    const error = await rejection(access.create(role, migration))
    expect(error).toBeInstanceOf(AccessNotOpened)
    expect(error.message).toContain('AccessDenied')
    expect(everyForm(error)).not.toContain(CANARY)
    const waited = slept.reduce((sum, ms) => sum + ms, 0)
    expect(waited).toBeGreaterThan(50_000)
    expect(waited).toBeLessThanOrEqual(60_000)
  })

  it('the inventory holds what nobody of ours made too, and says of it no run', async () => {
    const access = awsAccess(options())
    for (const kind of ['role', 'schedule'] as const) {
      const bystander = { kind, name: 'bystander' }
      expect(await access.inventory()).toContainEqual(bystander)
      expect(await access.ownerOf(bystander)).toBeUndefined()
      expect(await access.ownerOf({ kind, name: 'not-there' })).toBeUndefined()
    }
    await iam.send(
      new CreateRoleCommand({
        RoleName: `prod-${run}`,
        Path: '/drayage/prod/',
        AssumeRolePolicyDocument: TRUST(`arn:aws:iam::${MOTO_ACCOUNT}:root`),
      }),
    )
    expect(await access.inventory()).not.toContainEqual({ kind: 'role', name: `prod-${run}` })
  })

  it('a destination of another account, and one encrypted with a key, are in the write role’s policy', async () => {
    const access = awsAccess(options())
    const migration = migrationOf()
    const kmsKey = `arn:aws:kms:eu-central-1:999999999999:key/1`
    Object.assign(migration.destination, { account: '999999999999', kmsKey })
    const { role, verify } = grantsOf(access, migration)
    for (const grant of [role, verify]) {
      await access.create(grant, migration)
      await access.confirm(grant, migration)
      const { PolicyDocument } = await iam.send(new GetRolePolicyCommand({ RoleName: grant.name, PolicyName: 'drayage-run' }))
      const text = decodeURIComponent(PolicyDocument!)
      expect(text).toContain('"aws:ResourceAccount":"999999999999"')
      expect(text).not.toContain(MOTO_ACCOUNT)
      expect(text).toContain(kmsKey)
      expect(text.includes('kms:GenerateDataKey')).toBe(grant === role)
    }
  })

  it('a run’s roles have what it carries, and one that was given more is not confirmed', async () => {
    const access = awsAccess(options({ deleteMarkers: true }))
    const all = { tags: true, retention: true, versions: 'all' } as const
    const migration = migrationOf({ carry: all })
    const { role, verify } = grantsOf(access, migration)
    const bare = migrationOf()
    for (const grant of [role, verify]) {
      await access.create(grant, migration)
      await access.confirm(grant, migration)
      expect((await rejection(access.confirm(grant, bare))).message).toContain('its permission policy')
    }
    const { PolicyDocument } = await iam.send(new GetRolePolicyCommand({ RoleName: role.name, PolicyName: 'drayage-run' }))
    expect(decodeURIComponent(PolicyDocument!)).toContain('"s3:DeleteObject"')
    const withoutParameter = awsAccess(options())
    expect((await rejection(withoutParameter.confirm(role, migration))).message).toContain('its permission policy')
    await withoutParameter.confirm(verify, migration)
  })

  it('a role refuses whoever comes without the run’s id (moto’s answers, with its trust policy asked by us)', async () => {
    const { role, migration } = await opened()
    const client = guarded.sts(sts)
    const assume = (ExternalId: string | undefined) =>
      client.send(
        new AssumeRoleCommand({
          RoleArn: `arn:aws:iam::${MOTO_ACCOUNT}:role/drayage/dev/${role.name}`,
          RoleSessionName: 'any',
          ...(ExternalId !== undefined && { ExternalId }),
        }),
      )
    await assume(migration.runId)
    for (const wrong of [undefined, 'another-run']) expect((await rejection(assume(wrong))).name).toBe('AccessDenied')
  })

  describe('the secrets of a stage', () => {
    it('are listed by name, age and expiry, and nothing of what they hold', async () => {
      await storeSecret(`listed-${run}`)
      const found = await secretsOfStage(secrets, 'dev')
      expect(found).toContainEqual({
        name: `drayage/dev/listed-${run}`,
        since: expect.any(Date),
        expiresAt: expect.any(Date),
      })
      expect(found).toContainEqual({ name: 'drayage/dev/bystander', since: expect.any(Date), expiresAt: undefined })
      expect(JSON.stringify(found)).not.toContain(CANARY)
      expect(await secretsOfStage(secrets, 'stage-without-secrets')).toEqual([])
    })
  })

  describe('the secret', () => {
    it.each<[Migration['credentials']['after'], boolean, boolean, string]>([
      ['verified', true, true, 'ResourceNotFoundException'],
      ['verified', false, false, `kept until ${EXPIRES}: credentials.after is verified and the run is not verified`],
      ['always', true, true, 'ResourceNotFoundException'],
      ['always', false, true, 'ResourceNotFoundException'],
      ['expiry', true, false, `kept until ${EXPIRES}: credentials.after is expiry`],
      ['expiry', false, false, `kept until ${EXPIRES}: credentials.after is expiry`],
    ])('with after: %s and verified: %s is deleted: %s', async (after, verified, deleted, answer) => {
      const access = awsAccess(options())
      const credential = await storeSecret(`old-${run}`)
      const name = `drayage/dev/${credential}`
      const [observation, ...more] = await access.endCredential(migrationOf({ credential, after }), verified)
      expect(more).toEqual([])
      expect(observation).toMatchObject({ kind: 'secret', name, call: 'secretsmanager:DescribeSecret', closed: true })
      expect(observation?.answer.startsWith(answer)).toBe(true)
      expect((await secretNames()).includes(name)).toBe(!deleted)
      if (deleted) expect(await access.endCredential(migrationOf({ credential, after }), verified)).toMatchObject([{ closed: true }])
    })

    it('that a run does not have needs no end', async () => {
      expect(await awsAccess(options()).endCredential(migrationOf(), true)).toEqual([])
    })

    it('of another account or stage is left alone', async () => {
      const credential = await storeSecret(`foreign-${run}`)
      const error = await rejection(awsAccess(options({ account: '999999999999' })).endCredential(migrationOf({ credential }), true))
      expect(error).toBeInstanceOf(CleanupIncomplete)
      await awsAccess(options({ stage: 'prod' })).endCredential(migrationOf({ credential }), true)
      expect(await secretNames()).toContain(`drayage/dev/${credential}`)
    })

    it('that somebody scheduled for deletion is not called gone while it can be restored', async () => {
      const credential = await storeSecret(`restorable-${run}`)
      const keep = {
        send: (command: object) => (command instanceof DeleteSecretCommand ? Promise.resolve({}) : secrets.send(command as never)),
      }
      await secrets.send(new DeleteSecretCommand({ SecretId: `drayage/dev/${credential}`, RecoveryWindowInDays: 7 }))
      const access = awsAccess(options({ clients: { iam, scheduler, sts, secrets: keep as unknown as SecretsManagerClient } }))
      const [observation] = await access.endCredential(migrationOf({ credential, after: 'always' }), false)
      expect(observation).toMatchObject({ closed: false, answer: expect.stringContaining('deletion under way since') })
    })
  })

  describe('the source', () => {
    it('is reached with what the secret holds', async () => {
      const credential = await storeSecret(`good-${run}`)
      const reach = await awsAccess(options()).source(migrationOf({ credential }))
      expect(reach).toMatchObject({ endpoint: 'https://s3.example.com', region: 'eu-west-1' })
      expect(await reach.credentials()).toEqual({
        accessKeyId: 'FAKEACCESSKEY',
        secretAccessKey: CANARY,
        sessionToken: undefined,
        expiration: new Date(EXPIRES),
      })
      expect(inspect(reach, { depth: 20, showHidden: true })).not.toContain(CANARY)
    })

    it('is no longer reached within five minutes of its secret being changed or deleted', async () => {
      const credential = await storeSecret(`brief-${run}`)
      const access = awsAccess(options())
      const migration = migrationOf({ credential })
      const reach = await access.source(migration)
      await access.endCredential({ ...migration, credentials: { after: 'always', revokeAtSource: false } }, false)
      time += 4 * 60_000
      await reach.credentials()
      time += 61_000
      expect(await rejection(reach.credentials())).toBeInstanceOf(CredentialsRefused)
      expect(await rejection(access.source(migration))).toBeInstanceOf(CredentialsRefused)
    })

    it.each<[string, object, new (...args: never[]) => Error]>([
      ['another destination', { destination: { bucket: 'other', prefix: '' } }, CredentialNotForThisMigration],
      ['another source prefix', { source: { bucket: 'source-bucket', prefix: 'team-b/' } }, CredentialNotForThisMigration],
      ['an expiry in the past', { expiresAt: '2020-01-01T00:00:00Z' }, CredentialNotForThisMigration],
      ['a metadata address', { endpoint: 'https://169.254.169.254/' }, CredentialsRefused],
      ['a field too many', { more: CANARY }, CredentialsRefused],
    ])('is refused for a secret with %s, and no error holds the key', async (_, change, kind) => {
      const credential = await storeSecret(`bad-${run}`, change)
      const error = await rejection(awsAccess(options()).source(migrationOf({ credential })))
      expect(error).toBeInstanceOf(kind)
      expect(everyForm(error)).not.toContain(CANARY)
    })

    it('is refused for text that is no JSON, for no secret and for none named', async () => {
      const access = awsAccess(options())
      const credential = await storeSecret(`text-${run}`)
      await secrets.send(new PutSecretValueCommand({ SecretId: `drayage/dev/${credential}`, SecretString: CANARY }))
      const errors = [
        await rejection(access.source(migrationOf({ credential }))),
        await rejection(access.source(migrationOf({ credential: `absent-${run}` }))),
        await rejection(access.source(migrationOf())),
      ]
      for (const error of errors) {
        expect(error).toBeInstanceOf(CredentialsRefused)
        expect(everyForm(error)).not.toContain(CANARY)
      }
    })

    it('throws typed errors that hold nothing of the SDK', async () => {
      const failing = (fields: object) =>
        ({ send: async () => Promise.reject(Object.assign(new Error(CANARY), fields)) }) as unknown as SecretsManagerClient
      const kinds: [object, string][] = [
        [{ name: 'ThrottlingException', $response: { headers: CANARY } }, 'StoreThrottled'],
        [{ name: 'AccessDeniedException', $response: { headers: CANARY } }, 'AccessDenied'],
        [
          { name: 'InternalServiceError', $metadata: { httpStatusCode: 500, requestId: 'request-7' }, $response: { headers: CANARY } },
          'StoreUnavailable',
        ],
        [{ code: 'ECONNRESET', $response: { headers: CANARY } }, 'StoreUnavailable'],
        [{ name: 'UnrecognizedClientException', $response: { headers: CANARY } }, 'CredentialsRefused'],
        [{ name: 'DecryptionFailure', $response: { headers: CANARY } }, 'StoreRefused'],
      ]
      for (const [fields, kind] of kinds) {
        const access = awsAccess(options({ clients: { iam, scheduler, sts, secrets: failing(fields) } }))
        const error = await rejection(access.source(migrationOf({ credential: 'any' })))
        expect(error.name).toBe(kind)
        expect(everyForm(error)).not.toContain(CANARY)
      }
    })
  })

  describe('the destination', () => {
    it('is reached by sessions of the role, one per use, renewed five minutes before their end', async () => {
      const sent: AssumeRoleCommand['input'][] = []
      const recording = {
        send: async (command: AssumeRoleCommand) => (sent.push(command.input), sts.send(command)),
      } as unknown as STSClient
      const access = awsAccess(options({ clients: { iam, scheduler, secrets, sts: recording } }))
      const migration = migrationOf()
      const write = await access.destination(migration, 'write')
      const read = await access.destination(migration, 'read')
      expect(write).toMatchObject({ endpoint: undefined, region: 'eu-central-1' })
      expect(sent).toEqual([])

      const [first, twin] = await Promise.all([write.credentials(), write.credentials()])
      const listing = await read.credentials()
      expect(twin).toBe(first)
      expect(listing.accessKeyId).not.toBe(first.accessKeyId)
      const asked = (use: 'write' | 'verify') => ({
        RoleArn: `arn:aws:iam::${MOTO_ACCOUNT}:role/drayage/dev/${useName(migration.runId, use)}`,
        RoleSessionName: useName(migration.runId, use),
        ExternalId: migration.runId,
        DurationSeconds: 900,
      })
      expect(sent).toEqual([asked('write'), asked('verify')])

      time += 590_000
      expect(await write.credentials()).toBe(first)
      time += 12_000
      expect(await write.credentials()).not.toBe(first)
      expect(sent.length).toBe(3)
    })

    it('keeps no error: the next call asks again', async () => {
      let down = true
      const failing = {
        send: async (command: AssumeRoleCommand) => {
          if (down) throw Object.assign(new Error(CANARY), { name: 'TimeoutError' })
          return sts.send(command)
        },
      } as unknown as STSClient
      const { credentials } = await awsAccess(options({ clients: { iam, scheduler, secrets, sts: failing } })).destination(
        migrationOf(),
        'write',
      )
      expect(await rejection(credentials())).toBeInstanceOf(StoreUnavailable)
      down = false
      expect(await credentials()).toHaveProperty('sessionToken')
    })
  })

  describe('executions', () => {
    it('run until they are stopped, and an unknown one does not run', async () => {
      const sfn = new SFNClient(moto.settings)
      const definition = JSON.stringify({ StartAt: 'Wait', States: { Wait: { Type: 'Wait', Seconds: 600, End: true } } })
      const { stateMachineArn } = await sfn.send(
        new CreateStateMachineCommand({ name: 'migrate', definition, roleArn: `arn:aws:iam::${MOTO_ACCOUNT}:role/machine` }),
      )
      const { executionArn } = await sfn.send(new StartExecutionCommand({ stateMachineArn, name: `run-${run}`, input: '{}' }))
      const executions = awsExecutions(sfn)
      expect(await executions.isRunning(executionArn!)).toBe(true)
      await executions.stop(executionArn!)
      expect(await executions.isRunning(executionArn!)).toBe(false)
      await executions.stop(executionArn!)
      const unknown = executionArn!.replace(`run-${run}`, 'never-started')
      expect(await executions.isRunning(unknown)).toBe(false)
      await executions.stop(unknown)
      sfn.destroy()
    })

    it('that ended between the two questions are stopped', async () => {
      const gone = Object.assign(new Error('gone'), { name: 'ExecutionDoesNotExist' })
      const sfn = {
        send: async (command: object) => (command instanceof StopExecutionCommand ? Promise.reject(gone) : { status: 'RUNNING' }),
      }
      await awsExecutions(sfn as unknown as SFNClient).stop('arn')
    })
  })

  describe('dead letters', () => {
    const letters = (count: number) =>
      Array.from({ length: count }, (_, index) => ({
        runId: `run-${run}`,
        shard: `shard-${index}`,
        objects: index,
        failures: 'runs/x/failures.csv',
      }))

    it('all arrive, ten to a batch', async () => {
      const sqs = new SQSClient(moto.settings)
      const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: `dead-letters-${run}` }))
      const counts: number[] = []
      sqs.middlewareStack.add(
        (next, { commandName }) =>
          async (args) => {
            if (commandName === 'SendMessageBatchCommand') counts.push((args.input as { Entries: unknown[] }).Entries.length)
            return next(args)
          },
        { step: 'initialize' },
      )
      await sqsDeadLetters(
        () => sqs,
        () => QueueUrl!,
      ).send(letters(23))
      expect(counts).toEqual([10, 10, 3])
      const bodies: unknown[] = []
      for (;;) {
        const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
        if (Messages.length === 0) break
        bodies.push(...Messages.map(({ Body }) => JSON.parse(Body!)))
      }
      expect(bodies).toHaveLength(23)
      expect(bodies).toEqual(expect.arrayContaining(letters(23)))
      await sqsDeadLetters(
        () => sqs,
        () => QueueUrl!,
      ).send([])
      expect(counts).toHaveLength(3)
      sqs.destroy()
    })

    it("of a run are taken over: all of them, once, and what is another's or no letter is there for others at once", async () => {
      const sqs = new SQSClient(moto.settings)
      const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: `taken-${run}` }))
      const queue = sqsDeadLetters(
        () => sqs,
        () => QueueUrl!,
      )
      const others = letters(12).map((letter) => ({ ...letter, runId: 'another' }))
      await queue.send([...letters(13), ...others, ...letters(4)])
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'no letter' }))
      expect(await queue.take(`run-${run}`)).toBe(17)
      const bodies: string[] = []
      for (;;) {
        const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
        if (Messages.length === 0) break
        bodies.push(...Messages.map(({ Body }) => Body!))
      }
      expect(bodies.sort()).toEqual([...others.map((letter) => JSON.stringify(letter)), 'no letter'].sort())
      expect(await queue.take(`run-${run}`)).toBe(0)
      sqs.destroy()
    })

    it('that come again and again are no endless loop, and each is counted once', async () => {
      let received = 0
      const again = { Messages: [{ MessageId: 'm', ReceiptHandle: 'h', Body: JSON.stringify({ runId: 'mine' }) }] }
      const sqs = { send: async (command: object) => (command instanceof ReceiveMessageCommand ? (received++, again) : {}) }
      const taken = await sqsDeadLetters(
        () => sqs as unknown as SQSClient,
        () => 'queue',
      ).take('mine')
      expect(taken).toBe(1)
      expect(received).toBe(1000)
    })

    it('that could not be removed are an error, and those of others are given back', async () => {
      const commands: string[] = []
      const some = ['mine', 'other'].map((runId) => ({ MessageId: runId, ReceiptHandle: runId, Body: JSON.stringify({ runId }) }))
      const sqs = {
        send: async (command: object) => {
          commands.push(command.constructor.name)
          if (command instanceof ReceiveMessageCommand) return { Messages: commands.length === 1 ? some : [some[1]] }
          return command.constructor.name.startsWith('Delete') ? { Failed: [{ Id: '0', Code: 'InternalError', SenderFault: false }] } : {}
        },
      }
      const error = await rejection(
        sqsDeadLetters(
          () => sqs as unknown as SQSClient,
          () => 'queue',
        ).take('mine'),
      )
      expect(error).toBeInstanceOf(StoreUnavailable)
      expect(commands).toEqual(['ReceiveMessageCommand', 'DeleteMessageBatchCommand', 'ChangeMessageVisibilityBatchCommand'])
    })

    it.each([
      [false, StoreUnavailable],
      [true, StoreRefused],
    ])('of which one was not taken (our fault: %s) are an error', async (SenderFault, kind) => {
      const sqs = { send: async () => ({ Successful: [{}], Failed: [{ Id: '1', Code: 'InternalError', SenderFault }] }) }
      const error = await rejection(
        sqsDeadLetters(
          () => sqs as unknown as SQSClient,
          () => 'queue',
        ).send(letters(2)),
      )
      expect(error).toBeInstanceOf(kind)
      expect(error.message).toContain('1 of 2')
    })
  })

  describe('the environment', () => {
    const env = {
      DRAYAGE_STAGE: 'dev',
      DRAYAGE_ACCOUNT: MOTO_ACCOUNT,
      DRAYAGE_PARTITION: 'aws',
      AWS_REGION: 'us-east-1',
      DRAYAGE_BOUNDARY_ARN: 'arn:boundary',
      DRAYAGE_WRITE_ROLE_TRUSTS: 'arn:one, arn:two',
      DRAYAGE_VERIFY_ROLE_TRUSTS: 'arn:three',
      DRAYAGE_DELETE_MARKERS: 'true',
      DRAYAGE_SCHEDULE_GROUP: 'drayage-dev',
      DRAYAGE_DEAD_MAN_ROLE_ARN: 'arn:dead-man',
      DRAYAGE_CLEANUP_FUNCTION_ARN: 'arn:cleanup',
    }

    it('holds the options', () => {
      expect({ ...awsAccessFromEnvironment(env) }).toEqual({
        stage: 'dev',
        account: MOTO_ACCOUNT,
        partition: 'aws',
        region: 'us-east-1',
        boundaryArn: 'arn:boundary',
        writeRoleTrusts: ['arn:one', 'arn:two'],
        verifyRoleTrusts: ['arn:three'],
        deleteMarkers: true,
        scheduleGroup: 'drayage-dev',
        deadManRoleArn: 'arn:dead-man',
        cleanupFunctionArn: 'arn:cleanup',
      })
    })

    it.each(Object.keys(env))('without %s says so', (name) => {
      const read = () => ({ ...awsAccessFromEnvironment({ ...env, [name]: '' }) })
      expect(read).toThrow(InvalidRequest)
      expect(read).toThrow(name)
    })

    it('of a copier is enough for a copier', async () => {
      const { DRAYAGE_STAGE, DRAYAGE_ACCOUNT, DRAYAGE_PARTITION, AWS_REGION } = env
      const lean = awsAccessFromEnvironment({ DRAYAGE_STAGE, DRAYAGE_ACCOUNT, DRAYAGE_PARTITION, AWS_REGION })
      const access = awsAccess(Object.defineProperty(lean, 'clients', { value: { secrets, sts } }))
      const credential = await storeSecret(`lean-${run}`)
      const migration = migrationOf({ credential })
      expect(await (await access.source(migration)).credentials()).toHaveProperty('accessKeyId', 'FAKEACCESSKEY')
      expect(await (await access.destination(migration, 'write')).credentials()).toHaveProperty('sessionToken')
      const { schedule, role } = grantsOf(access, migration)
      expect((await rejection(access.create(schedule, migration))).message).toContain('DRAYAGE_SCHEDULE_GROUP')
      expect((await rejection(access.create(role, migration))).message).toContain('DRAYAGE_DELETE_MARKERS')
      expect(await rejection(access.remove(schedule, migration))).toBeInstanceOf(InvalidRequest)
    })
  })
})
