import { IAMClient, ListPoliciesCommand, ListRolesCommand } from '@aws-sdk/client-iam'
import { KMSClient, ListAliasesCommand, ListKeysCommand, SignCommand } from '@aws-sdk/client-kms'
import { LambdaClient, ListFunctionsCommand, ListLayersCommand } from '@aws-sdk/client-lambda'
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3'
import { ListStateMachinesCommand, SFNClient } from '@aws-sdk/client-sfn'
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { EVERYTHING, packaged, type Packaged, type Template } from '../package/packaged'
import { SIZES } from '../package/rights'
import { describeWithMoto, MOTO_ACCOUNT, startMoto, type Moto } from '../support/moto'
import { callJson } from '../support/moto-json'
import {
  createStack,
  defaultVpc,
  defectsOf,
  deleteStack,
  deployedDefinition,
  deployedFunctions,
  PASSED_OVER,
  STACK,
} from '../support/moto-stack'

const REGION = 'eu-central-1'

let output: Packaged
let full: Packaged
let moto: Moto

/** The stack of a template and everything that is wrong with it. */
const deployed = async (template: Template) => {
  const stack = await createStack(moto, REGION, template)
  const definition = stack.status === 'CREATE_COMPLETE' ? await deployedDefinition(moto, REGION, stack) : ''
  return { stack, definition, defects: defectsOf(stack, definition, template) }
}

/** A template whose managed policies have other names: moto's CloudFormation leaves those of the stack before it behind. */
const withoutUndeletable = (template: Template): Template => {
  const changed = structuredClone(template)
  for (const { Type, Properties } of Object.values(changed.Resources))
    if (Type === 'AWS::IAM::ManagedPolicy') Properties.ManagedPolicyName += '-again'
  return changed
}

/** Names of everything that there is in the account. */
const inventory = async (): Promise<Record<string, (string | undefined)[]>> => {
  const settings = { ...moto.settings, region: REGION }
  const [s3, iam, lambda, sfn, sqs, kms] = [
    new S3Client({ ...settings, forcePathStyle: true }),
    new IAMClient(settings),
    new LambdaClient(settings),
    new SFNClient(settings),
    new SQSClient(settings),
    new KMSClient(settings),
  ] as const
  const [buckets, roles, policies, layers, machines, queues, keys, aliases, rules, logGroups, functions] = await Promise.all([
    s3.send(new ListBucketsCommand({})),
    iam.send(new ListRolesCommand({})),
    iam.send(new ListPoliciesCommand({ Scope: 'Local' })),
    lambda.send(new ListLayersCommand({})),
    sfn.send(new ListStateMachinesCommand({})),
    sqs.send(new ListQueuesCommand({})),
    kms.send(new ListKeysCommand({})),
    kms.send(new ListAliasesCommand({})),
    callJson(moto, REGION, 'events', 'AWSEvents.ListRules', {}),
    callJson(moto, REGION, 'logs', 'Logs_20140328.DescribeLogGroups', {}),
    lambda.send(new ListFunctionsCommand({})),
  ])
  for (const client of [s3, iam, lambda, sfn, sqs, kms]) client.destroy()
  return {
    buckets: buckets.Buckets?.map(({ Name }) => Name) ?? [],
    roles: roles.Roles?.map(({ RoleName }) => RoleName) ?? [],
    policies: policies.Policies?.map(({ PolicyName }) => PolicyName) ?? [],
    layers: layers.Layers?.map(({ LayerName }) => LayerName) ?? [],
    machines: machines.stateMachines?.map(({ name }) => name) ?? [],
    queues: queues.QueueUrls ?? [],
    keys: keys.Keys?.map(({ KeyArn }) => KeyArn) ?? [],
    aliases: aliases.Aliases?.map(({ AliasName }) => AliasName).filter((name) => !name?.startsWith('alias/aws/')) ?? [],
    rules: rules.Rules.map(({ Name }: { Name: string }) => Name),
    logGroups: logGroups.logGroups.map(({ logGroupName }: { logGroupName: string }) => logGroupName),
    functions: functions.Functions?.map(({ FunctionName }) => FunctionName) ?? [],
  }
}

describeWithMoto('the packaged template in moto’s CloudFormation, as moto comes', () => {
  beforeAll(async () => {
    ;[output, full, moto] = await Promise.all([packaged('allowedDestinations=destination-bucket'), packaged(...EVERYTHING), startMoto()])
  })

  beforeEach(async () => {
    await fetch(`${moto.endpoint}/moto-api/reset`, { method: 'POST' })
  })

  afterAll(() => Promise.all([output.remove(), full.remove(), moto.stop()]))

  test('is created whole: nothing unresolved, everything there that moto can make', async () => {
    const { stack, defects } = await deployed(output.template)
    expect(defects).toEqual([])
    const kinds: Record<string, number> = {}
    for (const { type } of stack.resources) kinds[type] = (kinds[type] ?? 0) + 1
    expect(kinds).toEqual({
      'AWS::Events::Rule': 4,
      'AWS::IAM::ManagedPolicy': 3,
      'AWS::IAM::Role': 17,
      'AWS::KMS::Alias': 4,
      'AWS::KMS::Key': 4,
      'AWS::Lambda::Function': 15,
      'AWS::Lambda::LayerVersion': 1,
      'AWS::Lambda::Permission': 2,
      'AWS::Logs::LogGroup': 16,
      'AWS::S3::Bucket': 2,
      'AWS::SNS::Topic': 1,
      'AWS::SQS::Queue': 1,
      'AWS::StepFunctions::StateMachine': 1,
    })
    const asked = Object.values(output.template.Resources).filter(
      ({ Type, Condition }) => !PASSED_OVER.has(Type) && Condition === undefined,
    )
    expect(stack.resources).toHaveLength(asked.length)
  })

  test('its definition calls functions that exist, all with the environment that they need', async () => {
    const { stack, definition } = await deployed(output.template)
    const functions = await deployedFunctions(moto, REGION)
    expect([...functions.keys()].sort()).toEqual(Object.keys(SIZES).sort())
    const arns = [...new Set(definition.match(/arn:aws:lambda:[^"]*/g))].sort()
    const names = [...functions].filter(([task]) => task !== 'sweep').map(([, { name }]) => name)
    expect(arns).toEqual(names.map((name) => `arn:aws:lambda:${REGION}:${MOTO_ACCOUNT}:function:${name}`).sort())
    expect(definition.match(/"Bucket": ?"[^"]*"/g)).toHaveLength(6)
    for (const [, bucket] of definition.matchAll(/"Bucket": ?"([^"]*)"/g)) expect(bucket).toBe(stack.outputs.StateBucketName)
    for (const { environment } of functions.values()) {
      expect(environment.DRAYAGE_STATE_BUCKET).toBe(stack.outputs.StateBucketName)
      expect(environment.DRAYAGE_DEAD_LETTER_QUEUE_URL).toBe(stack.outputs.DeadLetterQueueUrl)
      expect(environment.DRAYAGE_BOUNDARY_ARN).toBe(stack.outputs.BoundaryArn)
      expect(JSON.stringify(environment)).not.toMatch(/[$#]\{|"Fn::|"Ref"/)
    }
  })

  test('has a certificate key with which moto cannot sign, which is why deployedFunctions gives cleanup another', async () => {
    const { stack } = await deployed(output.template)
    const cleanup = (await deployedFunctions(moto, REGION)).get('cleanup')!
    const kms = new KMSClient({ ...moto.settings, region: REGION })
    const sign = (KeyId: string | undefined) =>
      kms.send(new SignCommand({ KeyId, Message: Buffer.from('a statement'), MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256' }))
    await expect(sign(stack.outputs.CertificateKeyArn)).rejects.toThrow()
    expect((await sign(cleanup.environment.DRAYAGE_CERTIFICATE_KEY_ARN)).Signature?.length).toBeGreaterThan(60)
    kms.destroy()
  })

  test('with everything that a parameter can ask for it is created whole too', async () => {
    const { vpc, subnets, routeTable } = await defaultVpc(moto, REGION)
    const named = JSON.stringify(full.template)
      .replaceAll('vpc-0123456789abcdef0', vpc)
      .replaceAll('subnet-0123456789abcdef0', subnets[0])
      .replaceAll('subnet-0123456789abcdef1', subnets[1])
      .replaceAll('rtb-0123456789abcdef0', routeTable)
    const { stack, defects } = await deployed(JSON.parse(named) as Template)
    expect(defects).toEqual([])
    const made = new Set(stack.resources.map(({ name }) => name))
    for (const name of [
      'JoinVpc',
      'FunctionsSecurityGroup',
      'S3Endpoint',
      'StsEndpoint',
      'FlowLog',
      'AuditBucket',
      'AuditKey',
      'RecurringRunRole',
    ])
      expect([name, made.has(name)]).toEqual([name, true])
  })

  test('is deleted whole: the evidence stays, with the keys that open it, and nothing else', async () => {
    const empty = await inventory()
    const { stack } = await deployed(output.template)
    const existing = await inventory()
    for (const [kind, names] of Object.entries(existing)) expect({ kind, some: names.length > 0 }).toEqual({ kind, some: true })
    await deleteStack(moto, REGION)
    const { layers, policies, keys, ...left } = await inventory()
    expect({ ...left, layers: [], policies: [], keys: [] }).toEqual({
      ...empty,
      buckets: [stack.outputs.StateBucketName],
      logGroups: existing.logGroups,
    })
    expect(new Set(keys)).toEqual(new Set(existing.keys!.filter((key) => key !== stack.outputs.SecretsKeyArn)))
    expect(keys).toHaveLength(3)
    // moto's CloudFormation cannot delete these two kinds: the template does not ask to keep them.
    expect([layers!.length, policies!.sort()]).toEqual([1, ['boundary', 'credentials', 'operator'].map((name) => `${STACK}-${name}`)])
  })

  test('can be created again after it was deleted, beside what stayed', async () => {
    const first = await deployed(output.template)
    await deleteStack(moto, REGION)
    const second = await deployed(withoutUndeletable(output.template))
    expect(second.defects).toEqual([])
    const names = ({ resources }: typeof first.stack, type: string) =>
      resources.filter((resource) => resource.type === type).map(({ id }) => id)
    const { logGroups, buckets } = await inventory()
    expect(logGroups).toHaveLength(2 * names(first.stack, 'AWS::Logs::LogGroup').length)
    expect(buckets).toEqual(expect.arrayContaining([first.stack.outputs.StateBucketName, second.stack.outputs.StateBucketName]))
  })

  test('control: a log group that stays under a fixed name is in the way of the next stack', async () => {
    const fixed = structuredClone(output.template)
    fixed.Resources.MachineLogs!.Properties.LogGroupName = '/aws/vendedlogs/states/drayage-dev-migrate'
    await deployed(fixed)
    await deleteStack(moto, REGION)
    expect((await deployed(withoutUndeletable(fixed))).defects.join('\n')).toMatch(/^the stack: CreateStack: 400 .*already exists/)
  })

  const substitution = (template: Template): { from: string; to(text: string): void } => {
    const parts = template.Resources.Migrate!.Properties.DefinitionString
    const text = parts['Fn::Sub'] as string
    return { from: text, to: (changed) => (parts['Fn::Sub'] = changed) }
  }
  const planted: [string, (template: Template) => void, RegExp][] = [
    [
      'a bucket that the plugin did not substitute',
      (template) => substitution(template).to(substitution(template).from.replace('${StateBucket}', '#{StateBucket}')),
      /the definition still holds #\{StateBucket\}/,
    ],
    [
      'a function that is no ARN',
      (template) => substitution(template).to(substitution(template).from.replace(/"arn:[^"]*open-access"/, '{"Ref": "openAccess"}')),
      /the definition still holds "Ref"/,
    ],
    [
      'a variable of nothing',
      (template) => substitution(template).to(substitution(template).from.replace('${StateBucket}', '${Nowhere}')),
      /^the stack: CreateStack: 500/,
    ],
    [
      'an attribute that its resource does not have',
      (template) => substitution(template).to(substitution(template).from.replace('${StateBucket}', '${StateBucket.Nothing}')),
      /^the stack: CreateStack: 400 .*does not support attribute/,
    ],
    [
      'a kind of resource that does not exist',
      (template) => (template.Resources.SweepRuleMayCallSweep!.Type = 'AWS::Lambda::Permit'),
      /^SweepRuleMayCallSweep .* was not made/,
    ],
  ]
  test.each(planted)('control: %s is seen', async (_name, plant, words) => {
    const template = structuredClone(output.template)
    plant(template)
    expect((await deployed(template)).defects.join('\n')).toMatch(words)
  })
})
