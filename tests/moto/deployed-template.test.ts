import { IAMClient, ListPoliciesCommand, ListRolesCommand } from '@aws-sdk/client-iam'
import { LambdaClient, ListLayersCommand } from '@aws-sdk/client-lambda'
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3'
import { ListStateMachinesCommand, SFNClient } from '@aws-sdk/client-sfn'
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { packaged, type Packaged, type Template } from '../package/packaged'
import { SIZES } from '../package/rights'
import { describeWithMoto, MOTO_ACCOUNT, startMoto, type Moto } from '../support/moto'
import { callJson } from '../support/moto-json'
import { createStack, defectsOf, deleteStack, deployedDefinition, deployedFunctions, PASSED_OVER, STACK } from '../support/moto-stack'

const REGION = 'eu-central-1'

let output: Packaged
let moto: Moto

/** The stack of a template and everything that is wrong with it. */
const deployed = async (template: Template) => {
  const stack = await createStack(moto, REGION, template)
  const definition = stack.status === 'CREATE_COMPLETE' ? await deployedDefinition(moto, REGION, stack) : ''
  return { stack, definition, defects: defectsOf(stack, definition, template) }
}

/** Names of everything that there is in the account. */
const inventory = async (): Promise<Record<string, (string | undefined)[]>> => {
  const settings = { ...moto.settings, region: REGION }
  const [s3, iam, lambda, sfn, sqs] = [
    new S3Client({ ...settings, forcePathStyle: true }),
    new IAMClient(settings),
    new LambdaClient(settings),
    new SFNClient(settings),
    new SQSClient(settings),
  ] as const
  const [buckets, roles, policies, layers, machines, queues, rules, logGroups, functions] = await Promise.all([
    s3.send(new ListBucketsCommand({})),
    iam.send(new ListRolesCommand({})),
    iam.send(new ListPoliciesCommand({ Scope: 'Local' })),
    lambda.send(new ListLayersCommand({})),
    sfn.send(new ListStateMachinesCommand({})),
    sqs.send(new ListQueuesCommand({})),
    callJson(moto, REGION, 'events', 'AWSEvents.ListRules', {}),
    callJson(moto, REGION, 'logs', 'Logs_20140328.DescribeLogGroups', {}),
    deployedFunctions(moto, REGION),
  ])
  for (const client of [s3, iam, lambda, sfn, sqs]) client.destroy()
  return {
    buckets: buckets.Buckets?.map(({ Name }) => Name) ?? [],
    roles: roles.Roles?.map(({ RoleName }) => RoleName) ?? [],
    policies: policies.Policies?.map(({ PolicyName }) => PolicyName) ?? [],
    layers: layers.Layers?.map(({ LayerName }) => LayerName) ?? [],
    machines: machines.stateMachines?.map(({ name }) => name) ?? [],
    queues: queues.QueueUrls ?? [],
    rules: rules.Rules.map(({ Name }: { Name: string }) => Name),
    logGroups: logGroups.logGroups.map(({ logGroupName }: { logGroupName: string }) => logGroupName),
    functions: [...functions.keys()],
  }
}

describeWithMoto('the packaged template in moto’s CloudFormation, as moto comes', () => {
  beforeAll(async () => {
    ;[output, moto] = await Promise.all([packaged('allowedDestinations=destination-bucket'), startMoto()])
  }, 180_000)

  beforeEach(async () => {
    await fetch(`${moto.endpoint}/moto-api/reset`, { method: 'POST' })
  })

  afterAll(() => Promise.all([output.remove(), moto.stop()]))

  test('is created whole: nothing unresolved, everything there that moto can make', async () => {
    const { stack, defects } = await deployed(output.template)
    expect(defects).toEqual([])
    const kinds: Record<string, number> = {}
    for (const { type } of stack.resources) kinds[type] = (kinds[type] ?? 0) + 1
    expect(kinds).toEqual({
      'AWS::Events::Rule': 2,
      'AWS::IAM::ManagedPolicy': 1,
      'AWS::IAM::Role': 16,
      'AWS::Lambda::Function': 14,
      'AWS::Lambda::LayerVersion': 1,
      'AWS::Lambda::Permission': 2,
      'AWS::Logs::LogGroup': 15,
      'AWS::S3::Bucket': 2,
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

  test('is deleted whole: the state bucket stays, being evidence, and nothing else', async () => {
    const empty = await inventory()
    const { stack } = await deployed(output.template)
    const full = await inventory()
    for (const [kind, names] of Object.entries(full)) expect({ kind, some: names.length > 0 }).toEqual({ kind, some: true })
    await deleteStack(moto, REGION)
    const { layers, policies, ...left } = await inventory()
    expect({ ...left, layers: [], policies: [] }).toEqual({ ...empty, buckets: [stack.outputs.StateBucketName] })
    // moto's CloudFormation cannot delete these two kinds: the template does not ask to keep them.
    expect([layers!.length, policies]).toEqual([1, [`${STACK}-boundary`]])
    const kept = Object.entries(output.template.Resources).filter(([, { DeletionPolicy }]) => DeletionPolicy === 'Retain')
    expect(kept.map(([name]) => name)).toEqual(['StateBucket', 'StateBucketPolicy'])
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
