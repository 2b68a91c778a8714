import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { LambdaClient, paginateListFunctions } from '@aws-sdk/client-lambda'
import { DescribeStateMachineCommand, SFNClient } from '@aws-sdk/client-sfn'
import { XMLParser } from 'fast-xml-parser'
import type { Moto } from './moto'
import type { DeployedFunction } from './packaged-functions'

export const STACK = 'drayage-dev'

export interface StackResource {
  name: string
  type: string
  id: string
}

/** What CloudFormation made of a template. */
export interface Stack {
  /** CREATE_COMPLETE, or the refusal's own words */
  status: string
  /** what moto knows how to make: it passes over what PASSED_OVER names */
  resources: StackResource[]
  outputs: Record<string, string>
}

const parser = new XMLParser({ isArray: (name) => name === 'member' || name === 'item', parseTagValue: false })

/** One call of a query API of which the project has no client, and needs none to deploy. */
const query = async (
  { endpoint }: Moto,
  region: string,
  service: string,
  fields: { Action: string } & Record<string, string>,
): Promise<any> => {
  const credential = `fake/20260101/${region}/${service}/aws4_request`
  const reply = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0` },
    body: new URLSearchParams(fields),
  })
  const text = await reply.text()
  if (!reply.ok) throw new Error(`${fields.Action}: ${reply.status} ${text}`)
  return (parser.parse(text) as Record<string, any>)[`${fields.Action}Response`]
}

const cloudFormation = async (moto: Moto, region: string, Action: string, fields: Record<string, string>): Promise<any> => {
  const answer = await query(moto, region, 'cloudformation', { Version: '2010-05-15', Action, StackName: STACK, ...fields })
  return answer[`${Action}Result`]
}

/** The VPC that every account has, with two of its subnets and its route table, as the deploy parameters name them. */
export const defaultVpc = async (moto: Moto, region: string): Promise<{ vpc: string; subnets: [string, string]; routeTable: string }> => {
  const ec2 = (Action: string) => query(moto, region, 'ec2', { Version: '2016-11-15', Action })
  const [vpcs, subnets, tables] = await Promise.all([ec2('DescribeVpcs'), ec2('DescribeSubnets'), ec2('DescribeRouteTables')])
  const [one, other] = subnets.subnetSet.item
  return {
    vpc: vpcs.vpcSet.item[0].vpcId,
    subnets: [one.subnetId, other.subnetId],
    routeTable: tables.routeTableSet.item[0].routeTableId,
  }
}

/** Creates the stack and says what came of it. A refusal is an answer, too. */
export const createStack = async (moto: Moto, region: string, template: object): Promise<Stack> => {
  try {
    await cloudFormation(moto, region, 'CreateStack', {
      TemplateBody: JSON.stringify(template),
      'Capabilities.member.1': 'CAPABILITY_NAMED_IAM',
    })
  } catch (error) {
    return { status: (error as Error).message, resources: [], outputs: {} }
  }
  const [stack] = (await cloudFormation(moto, region, 'DescribeStacks', {})).Stacks.member
  const { StackResources } = await cloudFormation(moto, region, 'DescribeStackResources', {})
  return {
    status: stack.StackStatus,
    resources: StackResources.member.flatMap((found: Record<string, string>) =>
      found.ResourceType === undefined
        ? []
        : [{ name: found.LogicalResourceId, type: found.ResourceType, id: found.PhysicalResourceId } as StackResource],
    ),
    outputs: Object.fromEntries(
      (stack.Outputs?.member ?? []).map(({ OutputKey, OutputValue }: Record<string, string>) => [OutputKey, OutputValue]),
    ),
  }
}

export const deleteStack = (moto: Moto, region: string): Promise<unknown> => cloudFormation(moto, region, 'DeleteStack', {})

/** The state machine's definition as the stack has it, with the ARNs that CloudFormation put in. */
export const deployedDefinition = async (moto: Moto, region: string, { outputs }: Stack): Promise<string> => {
  const client = new SFNClient({ ...moto.settings, region })
  try {
    return (await client.send(new DescribeStateMachineCommand({ stateMachineArn: outputs.MigrateArn }))).definition ?? ''
  } finally {
    client.destroy()
  }
}

/** A key that signs. moto 5.2.1's CloudFormation makes every key a symmetric one, whatever the template asks for, and cannot read its policy. */
const signingKey = async (moto: Moto, region: string): Promise<string> => {
  const client = new KMSClient({ ...moto.settings, region })
  try {
    const { KeyMetadata } = await client.send(new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }))
    return KeyMetadata!.Arn!
  } finally {
    client.destroy()
  }
}

/** Every function of the stack by its name in the state machine file (`copyBatch`), cleanup with a key that can sign. */
export const deployedFunctions = async (moto: Moto, region: string): Promise<Map<string, DeployedFunction>> => {
  const client = new LambdaClient({ ...moto.settings, region })
  const found = new Map<string, DeployedFunction>()
  for await (const { Functions = [] } of paginateListFunctions({ client }, {})) {
    for (const { FunctionName: name = '', Handler: handler = '', Timeout: timeoutSeconds = 0, Environment } of Functions) {
      const task = name.slice(STACK.length + 1).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
      const environment = { ...Environment?.Variables }
      if (environment.DRAYAGE_CERTIFICATE_KEY_ARN !== undefined) environment.DRAYAGE_CERTIFICATE_KEY_ARN = await signingKey(moto, region)
      found.set(task, { name, handler, timeoutSeconds, environment })
    }
  }
  client.destroy()
  return found
}

/** What is wrong with a stack: the same check for the packaged template and for templates with a planted fault. */
export const defectsOf = (
  stack: Stack,
  definition: string,
  template: { Resources: Record<string, { Type: string; Condition?: string }> },
): string[] => {
  const made = new Set(stack.resources.map(({ name }) => name))
  const missing = Object.entries(template.Resources).filter(
    ([name, { Type, Condition }]) => Condition === undefined && !PASSED_OVER.has(Type) && !made.has(name),
  )
  return [
    ...(stack.status === 'CREATE_COMPLETE' ? [] : [`the stack: ${stack.status}`]),
    ...missing.map(([name, { Type }]) => `${name} (${Type}) was not made`),
    ...(definition.match(/[$#]\{[^}]*\}?/g) ?? []).map((left) => `the definition still holds ${left}`),
    ...(definition.match(/"Ref"|"Fn::\w+"/g) ?? []).map((left) => `the definition still holds ${left}`),
    ...stack.resources.filter(({ id }) => /[$#]\{/.test(id)).map(({ name, id }) => `${name} is called ${id}`),
  ]
}

/** moto 5.2.1 makes nothing of these, and does not say so: it has no model of any of them (its own list is parsing.get_model_map()). */
export const PASSED_OVER = new Set([
  'AWS::S3::BucketPolicy',
  'AWS::SQS::QueuePolicy',
  'AWS::SNS::TopicPolicy',
  'AWS::SNS::Subscription',
  'AWS::CloudWatch::Alarm',
  'AWS::CloudTrail::Trail',
  'AWS::Logs::QueryDefinition',
  'AWS::Scheduler::ScheduleGroup',
  'AWS::Scheduler::Schedule',
  'AWS::Lambda::EventInvokeConfig',
])
