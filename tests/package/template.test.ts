import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tasks } from './machine-file'
import { canIsolate, EVERYTHING, packaged, resourcesOf, type Packaged, type Resource, type Template } from './packaged'
import { RIGHTS, SIZES, TOUCHING } from './rights'
import { excessesOf, listOf, rightsOf, statementsOf, type Rights, type Statement } from './statements'

let plain: Packaged
let full: Packaged
let template: Template

beforeAll(async () => {
  ;[plain, full] = await Promise.all([packaged(), packaged(...EVERYTHING)])
  template = plain.template
})

afterAll(() => Promise.all([plain.remove(), full.remove()]))

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
const pascal = (name: string): string => name[0]!.toUpperCase() + name.slice(1)
const resource = (name: string): Resource => template.Resources[name]!
const roleOf = (name: string): Statement[] => statementsOf(template).get(`${pascal(name)}Role`)!
const functions = (): string[] =>
  resourcesOf(template, 'AWS::Lambda::Function').map(([name]) => name[0]!.toLowerCase() + name.slice(1).replace(/LambdaFunction$/, ''))
const named = (service: string, rest: string) => ({
  'Fn::Sub': `arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:${rest}`,
})
const STATE_KEY = { 'Fn::GetAtt': ['StateKey', 'Arn'] }
/** A name that no other stack has: it ends in the first part of the stack's own id. */
const generated = (name: string) => ({
  'Fn::Join': [
    '-',
    [name, { 'Fn::Select': [0, { 'Fn::Split': ['-', { 'Fn::Select': [2, { 'Fn::Split': ['/', { Ref: 'AWS::StackId' }] }] }] }] }],
  ],
})
const MACHINE = named('states', 'stateMachine:drayage-dev-migrate')

const withoutNetwork = canIsolate ? test : test.skip
withoutNetwork('packaging needs no network (skipped where unshare -rn is refused)', () => {
  expect(Object.keys(template.Resources).length).toBeGreaterThan(50)
})

test('every Task state has its function, and every function but sweep its state', () => {
  const calls = tasks().map(({ calls }) => calls)
  expect([...calls, 'sweep'].sort()).toEqual(functions().sort())
  for (const { state, calls } of tasks()) expect(state).toBe(pascal(calls!))
})

test('the definition in the template names exactly the deployed functions and no placeholder besides the state bucket', () => {
  const definition = (resource('Migrate').Properties.DefinitionString as { 'Fn::Sub': string })['Fn::Sub']
  const called = [...definition.matchAll(/:function:([\w-]+)"/g)].map(([, name]) => name)
  const deployed = resourcesOf(template, 'AWS::Lambda::Function').map(([, { Properties }]) => Properties.FunctionName as string)
  expect([...new Set(called)].sort()).toEqual(deployed.filter((name) => name !== 'drayage-dev-sweep').sort())
  expect(new Set([...definition.matchAll(/[$#]\{[^}]*\}/g)].map(([text]) => text))).toEqual(
    new Set(['${AWS::Partition}', '${AWS::Region}', '${AWS::AccountId}', '${StateBucket}']),
  )
})

test.each(Object.keys(SIZES))('%s: name, runtime, size, log group, role', (name) => {
  const { Properties } = resource(`${pascal(name)}LambdaFunction`)
  const [timeout, memory] = SIZES[name]!
  expect(Properties).toMatchObject({
    FunctionName: `drayage-dev-${kebab(name)}`,
    Handler: `functions/${kebab(name)}.handler`,
    Runtime: 'nodejs24.x',
    Architectures: ['arm64'],
    Timeout: timeout,
    MemorySize: memory,
    Role: { 'Fn::Sub': `\${${pascal(name)}Role.Arn}` },
    Layers: [{ Ref: 'CoreLambdaLayer' }],
  })
  expect(Properties.ReservedConcurrentExecutions).toBeUndefined()
  expect(Properties.TracingConfig).toEqual({ Mode: 'Active' })
  expect(Properties.VpcConfig).toBeUndefined()
  const LogGroupName = generated(`/aws/lambda/drayage-dev-${kebab(name)}`)
  expect(resource(`${pascal(name)}LogGroup`)).toMatchObject({
    DeletionPolicy: 'Retain',
    UpdateReplacePolicy: 'Retain',
    Properties: { LogGroupName, RetentionInDays: 365, KmsKeyId: { 'Fn::GetAtt': ['LogsKey', 'Arn'] } },
  })
  expect(Properties.LoggingConfig).toEqual({ LogGroup: LogGroupName })
  expect(resource(`${pascal(name)}Role`).Properties.RoleName).toBe(`drayage-dev-${kebab(name)}`)
})

test('no Task gives up before its function does', () => {
  for (const { calls, timeoutSeconds } of tasks()) expect(timeoutSeconds).toBeGreaterThanOrEqual(SIZES[calls!]![0])
})

describe('rights', () => {
  test('each function has a role of its own, and there is no other Lambda role', () => {
    const forLambda = resourcesOf(template, 'AWS::IAM::Role').filter(([, { Properties }]) =>
      JSON.stringify(Properties.AssumeRolePolicyDocument).includes('lambda.amazonaws.com'),
    )
    expect(forLambda.map(([name]) => name).sort()).toEqual(
      Object.keys(RIGHTS)
        .map((name) => `${pascal(name)}Role`)
        .sort(),
    )
    expect(functions().sort()).toEqual(Object.keys(RIGHTS).sort())
    for (const [, { Properties }] of forLambda) {
      expect(Properties.AssumeRolePolicyDocument.Statement).toEqual([
        { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
      ])
    }
  })

  test.each(Object.keys(RIGHTS))('%s may do what the table says', (name) => {
    const sorted = Object.fromEntries(
      Object.entries(RIGHTS[name]!).map(([kind, list]: [string, string[]]) => [kind, [...list].sort()]),
    ) as Rights
    expect(rightsOf(roleOf(name))).toEqual(sorted)
    expect(roleOf(name).filter(({ Sid }) => Sid === 'WriteLog')).toEqual([
      {
        Sid: 'WriteLog',
        Effect: 'Allow',
        Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        Resource: { 'Fn::GetAtt': [`${pascal(name)}LogGroup`, 'Arn'] },
      },
    ])
    expect(roleOf(name).filter(({ Sid }) => Sid === 'Trace')).toEqual([
      { Sid: 'Trace', Effect: 'Allow', Action: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], Resource: '*' },
    ])
  })

  test('no role has an action or an S3 resource of *, or reaches a bucket other than the state bucket', () => {
    expect(excessesOf(template)).toEqual([])
    expect(excessesOf(full.template)).toEqual([])
  })

  const first = (changed: Template): Statement => changed.Resources.CopyBatchRole!.Properties.Policies[0].PolicyDocument.Statement[0]
  const mutants: [string, (changed: Template) => void][] = [
    ['action *', (changed) => (first(changed).Action = '*')],
    ['action s3:*', (changed) => (first(changed).Action = ['s3:*'])],
    ['action s3:Get*', (changed) => (first(changed).Action = ['s3:Get*'])],
    ['NotAction', (changed) => (first(changed).NotAction = 'iam:*')],
    ['resource * of a function', (changed) => (first(changed).Resource = '*')],
    ['an S3 action on *', (changed) => Object.assign(first(changed), { Action: 's3:PutObject', Resource: '*' })],
    ['any bucket', (changed) => Object.assign(first(changed), { Action: 's3:PutObject', Resource: 'arn:aws:s3:::*' })],
    [
      'any bucket by Fn::Sub',
      (changed) => Object.assign(first(changed), { Action: 's3:PutObject', Resource: [{ 'Fn::Sub': 'arn:${AWS::Partition}:s3:::my*/x' }] }),
    ],
    [
      'a destination',
      (changed) =>
        Object.assign(first(changed), { Action: 's3:PutObject', Resource: { 'Fn::Sub': 'arn:${AWS::Partition}:s3:::my-bucket/*' } }),
    ],
    [
      'a bucket that only looks like ours',
      (changed) => Object.assign(first(changed), { Action: 's3:PutObject', Resource: 'statements/*' }),
    ],
    [
      'S3 among logs on *',
      (changed) => Object.assign(first(changed), { Action: ['xray:PutTraceSegments', 's3:GetObject'], Resource: '*' }),
    ],
    [
      'any bucket in the boundary',
      (changed) =>
        (changed.Resources.Boundary!.Properties.PolicyDocument.Statement[0].Resource = [{ 'Fn::Sub': 'arn:${AWS::Partition}:s3:::*/*' }]),
    ],
    ['* in the boundary', (changed) => (changed.Resources.Boundary!.Properties.PolicyDocument.Statement[3].Resource = '*')],
    ['s3:* in the boundary', (changed) => (changed.Resources.Boundary!.Properties.PolicyDocument.Statement[3].Action = 's3:*')],
    [
      'a managed policy',
      (changed) => (changed.Resources.CopyBatchRole!.Properties.ManagedPolicyArns = ['arn:aws:iam::aws:policy/AdministratorAccess']),
    ],
    ['a policy outside its role', (changed) => (changed.Resources.Extra = { Type: 'AWS::IAM::Policy', Properties: {} })],
    [
      'a key for any service',
      (changed) => Object.assign(first(changed), { Action: 'kms:Decrypt', Resource: { 'Fn::GetAtt': ['StateKey', 'Arn'] } }),
    ],
    [
      'a key for every service but one',
      (changed) =>
        Object.assign(first(changed), {
          Action: 'kms:Decrypt',
          Resource: { 'Fn::GetAtt': ['StateKey', 'Arn'] },
          Condition: { StringNotEquals: { 'kms:ViaService': 's3.eu-central-1.amazonaws.com' } },
        }),
    ],
    [
      'a creator that ends access',
      (changed) => changed.Resources.OpenAccessRole!.Properties.Policies[0].PolicyDocument.Statement[0].Action.push('iam:DeleteRole'),
    ],
    [
      'an ender that creates access',
      (changed) =>
        changed.Resources.CleanupRole!.Properties.Policies[0].PolicyDocument.Statement[0].Action.push('scheduler:CreateSchedule'),
    ],
    ['a list of everything that has resources', (changed) => Object.assign(first(changed), { Action: 'iam:ListRoles', Resource: '*' })],
    [
      'an S3 action of the machine on *',
      (changed) => changed.Resources.MachineRole!.Properties.Policies[0].PolicyDocument.Statement.at(-1).Action.push('s3:PutObject'),
    ],
  ]
  test.each(mutants)('control: %s is found', (_, mutate) => {
    const changed = structuredClone(template)
    mutate(changed)
    expect(excessesOf(changed)).not.toEqual([])
  })

  test('the boundary reaches the allowed destinations and nothing else; without them nothing', () => {
    const settings = ['PublicAccessBlock', 'PolicyStatus', 'Policy', 'Versioning', 'Logging', 'OwnershipControls', 'Notification']
    const writes = [
      ...['s3:PutObject', 's3:PutObjectTagging', 's3:PutObjectRetention', 's3:PutObjectLegalHold'],
      ...['s3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
    ]
    const reads = ['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectTagging', 's3:GetObjectVersionTagging']
    const actions = [
      [
        ...['s3:ListBucket', 's3:ListBucketVersions', 's3:ListBucketMultipartUploads'],
        ...settings.map((name) => `s3:GetBucket${name}`),
        ...[
          's3:GetEncryptionConfiguration',
          's3:GetReplicationConfiguration',
          's3:GetBucketObjectLockConfiguration',
          's3:GetBucketLocation',
        ],
      ].sort(),
      ['kms:GenerateDataKey', 'kms:Decrypt'],
    ]
    const boundary = ({ Resources }: Template): Statement[] => Resources.Boundary!.Properties.PolicyDocument.Statement
    const onBuckets = (...names: string[]) => names.map((name) => ({ 'Fn::Sub': `arn:\${AWS::Partition}:s3:::${name}` }))
    const ofAccounts = (...accounts: string[]) => ({ StringEquals: { 'aws:ResourceAccount': [{ Ref: 'AWS::AccountId' }, ...accounts] } })
    const others = (use: string) => ({
      ArnNotLike: { 'aws:PrincipalArn': { 'Fn::Sub': `arn:\${AWS::Partition}:iam::\${AWS::AccountId}:role/drayage/dev/drayage-*-${use}` } },
    })
    const viaS3 = { StringLike: { 'kms:ViaService': 's3.*.amazonaws.com' } }
    const said = (checked: Template) =>
      boundary(checked).map(({ Sid, Effect, Action, Resource, Condition }) => ({
        Effect,
        Action: Sid === 'ListObjectsAndReadSettings' ? [...listOf(Action)].sort() : Action,
        Resource,
        Condition,
      }))
    const Effect = 'Allow'
    const marking = [...writes, 's3:DeleteObject']
    const denied = (Action: string[]) => [
      { Effect: 'Deny', Action, Resource: '*', Condition: others('write') },
      { Effect: 'Deny', Action: reads, Resource: '*', Condition: others('verify') },
    ]
    expect(said(full.template)).toEqual([
      {
        Effect,
        Action: [...marking, ...reads],
        Resource: onBuckets('my-bucket/*', 'other.bucket/*'),
        Condition: ofAccounts('210987654321'),
      },
      ...denied(marking),
      { Effect, Action: actions[0], Resource: onBuckets('my-bucket', 'other.bucket'), Condition: ofAccounts('210987654321') },
      {
        Effect,
        Action: actions[1],
        Resource: ['arn:aws:kms:eu-central-1:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab'],
        Condition: viaS3,
      },
    ])
    expect(said(template)).toEqual([
      { Effect, Action: [...writes, ...reads], Resource: onBuckets('--/*'), Condition: ofAccounts() },
      ...denied(writes),
      { Effect, Action: actions[0], Resource: onBuckets('--'), Condition: ofAccounts() },
      { Effect, Action: actions[1], Resource: [named('kms', 'key/--')], Condition: viaS3 },
    ])
  })

  test('functions may assume the roles of sources that were given, and cleanup alone those that revoke keys', () => {
    const given = (role: string): string[] =>
      statementsOf(full.template)
        .get(role)!
        .flatMap(({ Action, Resource }) =>
          Action === 'sts:AssumeRole' ? listOf(Resource).filter((arn) => typeof arn === 'string') : [],
        ) as string[]
    const roles = Object.keys(RIGHTS).map((name) => [name, given(`${pascal(name)}Role`)] as const)
    const expected = (name: string): string[] => {
      if (name === 'cleanup') return ['arn:aws:iam::111122223333:role/drayage-revocation']
      return TOUCHING.includes(name) ? ['arn:aws:iam::111122223333:role/drayage-source'] : []
    }
    expect(roles).toEqual(Object.keys(RIGHTS).map((name) => [name, expected(name)]))
  })

  test('the machine has exactly these rights, and only this machine has the role', () => {
    const { AssumeRolePolicyDocument, Policies } = resource('MachineRole').Properties
    expect(AssumeRolePolicyDocument.Statement).toEqual([
      {
        Effect: 'Allow',
        Principal: { Service: 'states.amazonaws.com' },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } }, ArnLike: { 'aws:SourceArn': MACHINE } },
      },
    ])
    const called = [
      ...['ValidateRequest', 'OpenAccess', 'Preflight', 'ListSource', 'Estimate', 'RestoreArchived', 'CopyBatch', 'BeginUpload'],
      ...['CopyPartGroup', 'CompleteUpload', 'VerifyBatch', 'Reconcile', 'Cleanup', 'WriteReport'],
    ]
    const Effect = 'Allow'
    expect(Policies[0].PolicyDocument.Statement).toEqual([
      {
        Sid: 'CallTheTasks',
        Effect,
        Action: 'lambda:InvokeFunction',
        Resource: called.map((name) => ({ 'Fn::GetAtt': [`${name}LambdaFunction`, 'Arn'] })),
      },
      { Sid: 'StartMapRunChildren', Effect, Action: 'states:StartExecution', Resource: MACHINE },
      {
        Sid: 'WatchMapRunChildren',
        Effect,
        Action: ['states:DescribeExecution', 'states:StopExecution'],
        Resource: [named('states', 'execution:drayage-dev-migrate:*'), named('states', 'execution:drayage-dev-migrate/*')],
      },
      {
        Sid: 'ListShards',
        Effect,
        Action: 's3:ListBucket',
        Resource: { 'Fn::GetAtt': ['StateBucket', 'Arn'] },
        Condition: { StringLike: { 's3:prefix': 'runs/*/shards/*' }, StringEquals: { 'aws:ResourceAccount': { Ref: 'AWS::AccountId' } } },
      },
      {
        Sid: 'WriteMapRunResults',
        Effect,
        Action: ['s3:PutObject', 's3:GetObject', 's3:ListMultipartUploadParts', 's3:AbortMultipartUpload'],
        Resource: { 'Fn::Sub': '${StateBucket.Arn}/map-runs/*' },
      },
      {
        Sid: 'ReadAndWriteEncryptedFiles',
        Effect,
        Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
        Resource: STATE_KEY,
        Condition: {
          StringEquals: {
            'kms:ViaService': { 'Fn::Sub': 's3.${AWS::Region}.amazonaws.com' },
            'kms:EncryptionContext:aws:s3:arn': { 'Fn::GetAtt': ['StateBucket', 'Arn'] },
          },
        },
      },
      {
        Sid: 'EncryptHistory',
        Effect,
        Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
        Resource: STATE_KEY,
        Condition: {
          StringLike: {
            'kms:EncryptionContext:aws:states:stateMachineArn': [MACHINE, named('states', 'stateMachine:drayage-dev-migrate/*')],
          },
        },
      },
      {
        Sid: 'EncryptDeliveredLog',
        Effect,
        Action: 'kms:GenerateDataKey',
        Resource: STATE_KEY,
        Condition: { StringLike: { 'kms:EncryptionContext:SourceArn': named('logs', '*') } },
      },
      {
        Sid: 'DeliverLogsAndTraces',
        Effect,
        Action: [
          ...['CreateLogDelivery', 'GetLogDelivery', 'UpdateLogDelivery', 'DeleteLogDelivery', 'ListLogDeliveries'].map(
            (name) => `logs:${name}`,
          ),
          ...['PutResourcePolicy', 'DescribeResourcePolicies', 'DescribeLogGroups'].map((name) => `logs:${name}`),
          ...['PutTraceSegments', 'PutTelemetryRecords', 'GetSamplingRules', 'GetSamplingTargets'].map((name) => `xray:${name}`),
        ],
        Resource: '*',
      },
    ])
  })
})

describe('the end of access', () => {
  test('the closing rule hears of exactly this machine and calls cleanup with the execution', () => {
    const { EventPattern, Targets, State, ScheduleExpression, EventBusName } = resource('ClosingRule').Properties
    expect([State, ScheduleExpression, EventBusName]).toEqual([undefined, undefined, undefined])
    expect({ EventPattern, Targets }).toEqual({
      EventPattern: {
        source: ['aws.states'],
        'detail-type': ['Step Functions Execution Status Change'],
        detail: { stateMachineArn: [MACHINE], status: ['ABORTED', 'TIMED_OUT', 'FAILED'] },
      },
      Targets: [
        {
          Id: 'cleanup',
          Arn: { 'Fn::GetAtt': ['CleanupLambdaFunction', 'Arn'] },
          InputTransformer: {
            InputPathsMap: { executionArn: '$.detail.executionArn' },
            InputTemplate: '{"migration":{"runId":"<executionArn>"}}',
          },
          DeadLetterConfig: { Arn: { 'Fn::GetAtt': ['DeadLetterQueue', 'Arn'] } },
        },
      ],
    })
  })

  test('the sweep runs every 15 minutes', () => {
    expect(resource('SweepRule').Properties).toMatchObject({
      ScheduleExpression: 'rate(15 minutes)',
      Targets: [{ Id: 'sweep', Arn: { 'Fn::GetAtt': ['SweepLambdaFunction', 'Arn'] } }],
    })
  })

  test('only the two rules may call functions from outside, each its own', () => {
    const permissions = resourcesOf(template, 'AWS::Lambda::Permission').map(([, { Properties }]) => Properties)
    const permission = (name: string, rule: string) => ({
      FunctionName: { Ref: `${name}LambdaFunction` },
      Action: 'lambda:InvokeFunction',
      Principal: 'events.amazonaws.com',
      SourceAccount: { Ref: 'AWS::AccountId' },
      SourceArn: { 'Fn::GetAtt': [rule, 'Arn'] },
    })
    expect(permissions).toEqual([permission('Cleanup', 'ClosingRule'), permission('Sweep', 'SweepRule')])
  })

  test('the dead-man role can be taken by our schedules only and can call cleanup only', () => {
    const { AssumeRolePolicyDocument, Policies } = resource('DeadManRole').Properties
    expect(AssumeRolePolicyDocument.Statement).toEqual([
      {
        Effect: 'Allow',
        Principal: { Service: 'scheduler.amazonaws.com' },
        Action: 'sts:AssumeRole',
        Condition: {
          StringEquals: {
            'aws:SourceAccount': { Ref: 'AWS::AccountId' },
            'aws:SourceArn': named('scheduler', 'schedule-group/drayage-dev'),
          },
        },
      },
    ])
    expect(Policies[0].PolicyDocument.Statement).toEqual([
      { Sid: 'CallCleanup', Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: named('lambda', 'function:drayage-dev-cleanup') },
    ])
    expect(resource('ScheduleGroup').Properties.Name).toBe('drayage-dev')
  })

  test.each(['Cleanup', 'Sweep'])('a call of %s that nobody waits for is tried three times, then kept', (name) => {
    expect(resource(`${name}LambdaEvConf`).Properties).toMatchObject({
      MaximumRetryAttempts: 2,
      DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': ['DeadLetterQueue', 'Arn'] } } },
    })
  })
})

describe('recurring runs', () => {
  const isOn = ({ Parameters, Conditions }: Template): boolean => {
    expect(Conditions.Recurring).toEqual({ 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'ScheduleExpression' }, ''] }] })
    return Parameters.ScheduleExpression!.Default !== ''
  }

  test('are off by default and on with the parameter', () => {
    expect(isOn(template)).toBe(false)
    expect(isOn(full.template)).toBe(true)
    expect(full.template.Parameters.ScheduleExpression!.Default).toBe('rate(1 day)')
    for (const name of ['RecurringRun', 'RecurringRunRole']) expect(resource(name).Condition).toBe('Recurring')
  })

  test('start this machine with the given request, and no name, so that each has its own', () => {
    const { Target, GroupName } = full.template.Resources.RecurringRun!.Properties
    expect(Target).toEqual({
      Arn: MACHINE,
      RoleArn: { 'Fn::GetAtt': ['RecurringRunRole', 'Arn'] },
      Input: '{"source":{"bucket":"a"},"note":"b=c"}',
    })
    expect(GroupName).toBeUndefined()
    expect(statementsOf(full.template).get('RecurringRunRole')).toEqual([
      { Sid: 'StartARun', Effect: 'Allow', Action: 'states:StartExecution', Resource: MACHINE },
    ])
  })
})

test('the state bucket is kept, closed to the public, encrypted, and refuses plaintext', () => {
  const { DeletionPolicy, Properties } = resource('StateBucket')
  expect(DeletionPolicy).toBe('Retain')
  expect(Properties.BucketName).toBeUndefined()
  expect(Properties.PublicAccessBlockConfiguration).toEqual({
    BlockPublicAcls: true,
    BlockPublicPolicy: true,
    IgnorePublicAcls: true,
    RestrictPublicBuckets: true,
  })
  expect(Properties.BucketEncryption.ServerSideEncryptionConfiguration).toEqual([
    { ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: STATE_KEY }, BucketKeyEnabled: true },
  ])
  expect(Properties.LifecycleConfiguration.Rules).toEqual([
    { Id: 'map-runs', Status: 'Enabled', Prefix: 'map-runs/', ExpirationInDays: 7 },
    { Id: 'inputs', Status: 'Enabled', Prefix: 'inputs/', ExpirationInDays: 30 },
    { Id: 'unfinished-uploads', Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
  ])
  expect(resource('StateBucketPolicy').Properties.PolicyDocument.Statement).toEqual([
    {
      Sid: 'RefusePlaintext',
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:*',
      Resource: [{ 'Fn::GetAtt': ['StateBucket', 'Arn'] }, { 'Fn::Sub': '${StateBucket.Arn}/*' }],
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    },
  ])
})

test('the machine is a traced Standard one that logs errors without data', () => {
  expect(resource('Migrate').Properties).toMatchObject({
    StateMachineName: 'drayage-dev-migrate',
    StateMachineType: 'STANDARD',
    RoleArn: { 'Fn::GetAtt': ['MachineRole', 'Arn'] },
    LoggingConfiguration: {
      Level: 'ERROR',
      IncludeExecutionData: false,
      Destinations: [{ CloudWatchLogsLogGroup: { LogGroupArn: { 'Fn::GetAtt': ['MachineLogs', 'Arn'] } } }],
    },
    TracingConfiguration: { Enabled: true },
    EncryptionConfiguration: { Type: 'CUSTOMER_MANAGED_KMS_KEY', KmsKeyId: { 'Fn::Sub': '${StateKey.Arn}' } },
  })
  expect(resource('MachineLogs').Properties).toEqual({
    LogGroupName: generated('/aws/vendedlogs/states/drayage-dev-migrate'),
    RetentionInDays: 365,
    KmsKeyId: { 'Fn::GetAtt': ['LogsKey', 'Arn'] },
  })
})

describe('placeholders', () => {
  /** What a template refers to and does not have. */
  const unresolved = (value: unknown, names: Set<string>, inSub = false): string[] => {
    if (typeof value === 'string') {
      const found = [...value.matchAll(/[$#]\{([^}]*)\}/g)]
      return found.filter(([text, name]) => !inSub || text.startsWith('#') || !names.has(name!.split('.')[0]!)).map(([text]) => text)
    }
    if (typeof value !== 'object' || value === null) return []
    return Object.entries(value).flatMap(([key, inner]) => {
      if (key === 'LogFormat') return [] // of flow logs, which have placeholders of their own
      if (key === 'Ref') return names.has(inner) ? [] : [`Ref ${inner}`]
      if (key === 'Fn::GetAtt') return names.has(inner[0]) ? [] : [`GetAtt ${inner[0]}`]
      return unresolved(inner, names, key === 'Fn::Sub')
    })
  }
  const PSEUDO = ['AWS::Partition', 'AWS::Region', 'AWS::AccountId', 'AWS::StackId']
  const unresolvedIn = (checked: Template) =>
    unresolved(checked, new Set([...Object.keys(checked.Resources), ...Object.keys(checked.Parameters), ...PSEUDO]))

  test('all name something', () => {
    expect(unresolvedIn(template)).toEqual([])
    expect(unresolvedIn(full.template)).toEqual([])
  })

  test.each([
    { Ref: 'Nothing' },
    { 'Fn::GetAtt': ['Nothing', 'Arn'] },
    { 'Fn::Sub': '${Nothing.Arn}/*' },
    { 'Fn::Sub': '#{StateBucket}' },
    '${StateBucket.Arn}/*',
  ])('control: %j is found', (planted) => {
    const changed = structuredClone(template)
    changed.Resources.CopyBatchRole!.Properties.Policies[0].PolicyDocument.Statement[0].Resource = planted
    expect(unresolvedIn(changed)).toHaveLength(1)
  })
})

test('equal content is an equal zip, whatever the parameters', () => {
  for (const name of ['core', ...Object.keys(SIZES).map(kebab)]) {
    expect(readFileSync(join(plain.folder, `${name}.zip`)).equals(readFileSync(join(full.folder, `${name}.zip`)))).toBe(true)
  }
})

const lint = (file: string) => spawnSync('cfn-lint', [file], { encoding: 'utf8' })
const withLinter = lint('--version').status === 0 ? test : test.skip
withLinter(
  'cfn-lint finds nothing (skipped where it is not installed)',
  () => {
    for (const { folder } of [plain, full]) {
      const { stdout, status } = lint(join(folder, 'cloudformation-template-update-stack.json'))
      expect({ stdout: stdout.trim(), status }).toEqual({ stdout: '', status: 0 })
    }
  },
  120_000,
)
