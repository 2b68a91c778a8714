import type { Resource, Template } from '../../package/packaged'
import { ACCOUNT, REGION } from './variants'

/** A part of the stack's id, which a name must hold if it is to be given again after a removal. */
export const STACK_UUID = '1a2b3c4d-0000-4000-8000-000000000000'

/** Values of the pseudo parameters. */
const PSEUDO: Record<string, string> = {
  'AWS::AccountId': ACCOUNT,
  'AWS::Partition': 'aws',
  'AWS::Region': REGION,
  'AWS::StackName': 'drayage-dev',
  'AWS::StackId': `arn:aws:cloudformation:${REGION}:${ACCOUNT}:stack/drayage-dev/${STACK_UUID}`,
  'AWS::URLSuffix': 'amazonaws.com',
}

const regional = (service: string, rest: string): string => `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`

/**
 * The name that CloudFormation would give: the property that holds it, or for a generated one the logical id, so that a case can
 * name it (`arn:aws:s3:::statebucket`, `key/StateKey`).
 */
const NAME: Record<string, (id: string, properties: any) => string> = {
  'AWS::S3::Bucket': (id, { BucketName }) => BucketName ?? id.toLowerCase(),
  'AWS::IAM::Role': (id, { RoleName }) => RoleName ?? id,
  'AWS::IAM::ManagedPolicy': (id, { ManagedPolicyName }) => ManagedPolicyName ?? id,
  'AWS::Lambda::Function': (id, { FunctionName }) => FunctionName ?? id,
  'AWS::SQS::Queue': (id, { QueueName }) => QueueName ?? id,
  'AWS::SNS::Topic': (id, { TopicName }) => TopicName ?? id,
  'AWS::Logs::LogGroup': (id, { LogGroupName }) => LogGroupName ?? id,
  'AWS::StepFunctions::StateMachine': (id, { StateMachineName }) => StateMachineName ?? id,
  'AWS::Scheduler::ScheduleGroup': (id, { Name }) => Name ?? id,
  'AWS::Events::Rule': (id, { Name }) => Name ?? id,
  'AWS::KMS::Alias': (_, { AliasName }) => AliasName,
}

const ARN: Record<string, (name: string, properties: any) => string> = {
  'AWS::S3::Bucket': (name) => `arn:aws:s3:::${name}`,
  'AWS::IAM::Role': (name, { Path = '/' }) => `arn:aws:iam::${ACCOUNT}:role${Path}${name}`,
  'AWS::IAM::ManagedPolicy': (name, { Path = '/' }) => `arn:aws:iam::${ACCOUNT}:policy${Path}${name}`,
  'AWS::Lambda::Function': (name) => regional('lambda', `function:${name}`),
  'AWS::SQS::Queue': (name) => regional('sqs', name),
  'AWS::SNS::Topic': (name) => regional('sns', name),
  'AWS::KMS::Key': (name) => regional('kms', `key/${name}`),
  'AWS::Logs::LogGroup': (name) => regional('logs', `log-group:${name}:*`),
  'AWS::StepFunctions::StateMachine': (name) => regional('states', `stateMachine:${name}`),
  'AWS::Scheduler::ScheduleGroup': (name) => regional('scheduler', `schedule-group/${name}`),
  'AWS::Events::Rule': (name) => regional('events', `rule/${name}`),
  'AWS::CloudTrail::Trail': (name) => regional('cloudtrail', `trail/${name}`),
  'AWS::CloudWatch::Alarm': (name) => regional('cloudwatch', `alarm:${name}`),
}

/** What `Ref` gives where it is not the name. */
const REF_IS_ARN = new Set(['AWS::IAM::ManagedPolicy', 'AWS::SNS::Topic', 'AWS::StepFunctions::StateMachine', 'AWS::Lambda::LayerVersion'])

/** The resources of a template with every reference replaced by what it would stand for; those whose condition is false are left out. */
export type Resolved = Record<string, Resource>

/** Resolves Ref, GetAtt, Sub, Join, Select, Split, If and the conditions. Throws on a reference to nothing and on a function it does not know. */
export const resolve = ({ Resources, Parameters = {}, Conditions = {} }: Template): Resolved => {
  // Of the named resource only what its name is made of is resolved: the rest may refer back.
  const naming = (id: string): any =>
    value(Object.fromEntries(Object.entries(Resources[id]!.Properties ?? {}).filter(([name]) => name === 'Path' || name.endsWith('Name'))))
  const nameOf = (id: string): string => NAME[Resources[id]!.Type]?.(id, naming(id)) ?? id
  const arnOf = (id: string): string => {
    const { Type } = Resources[id]!
    const arn = ARN[Type]
    if (arn === undefined) throw new Error(`the ARN of a ${Type} (${id}) is not known: add it to ARN in ${import.meta.filename}`)
    return arn(nameOf(id), naming(id))
  }
  const ref = (id: string): string => {
    const known = PSEUDO[id] ?? Parameters[id]?.Default
    if (known !== undefined) return known
    const resource = Resources[id]
    if (resource === undefined) throw new Error(`Ref ${id} names nothing`)
    if (resource.Type === 'AWS::SQS::Queue') return `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${nameOf(id)}`
    return REF_IS_ARN.has(resource.Type) && ARN[resource.Type] !== undefined ? arnOf(id) : nameOf(id)
  }
  const attribute = (id: string, name: string): string => {
    if (Resources[id] === undefined) throw new Error(`GetAtt ${id}.${name} names nothing`)
    return /Arn$/.test(name) ? arnOf(id) : `${id}.${name}`
  }
  const sub = (text: string, own: Record<string, unknown>): string =>
    text.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
      if (name.startsWith('!')) return `\${${name.slice(1)}}`
      if (own[name] !== undefined) return String(value(own[name]))
      const [id, ...rest] = name.split('.') as [string, ...string[]]
      return rest.length === 0 ? ref(id) : attribute(id, rest.join('.'))
    })
  const holds = (name: string): boolean => {
    if (Conditions[name] === undefined) throw new Error(`condition ${name} is not there`)
    return truth(Conditions[name])
  }
  const truth = (condition: any): boolean => {
    if (condition.Condition !== undefined) return holds(condition.Condition)
    if (condition['Fn::Equals'] !== undefined) return value(condition['Fn::Equals'][0]) === value(condition['Fn::Equals'][1])
    if (condition['Fn::Not'] !== undefined) return !truth(condition['Fn::Not'][0])
    if (condition['Fn::And'] !== undefined) return condition['Fn::And'].every(truth)
    if (condition['Fn::Or'] !== undefined) return condition['Fn::Or'].some(truth)
    throw new Error(`not known as a condition: ${JSON.stringify(condition)}`)
  }
  const functions: Record<string, (argument: any) => unknown> = {
    Ref: (id) => ref(id),
    'Fn::GetAtt': (path) => attribute(...((Array.isArray(path) ? path : path.split('.')) as [string, string])),
    'Fn::Sub': (text) => (Array.isArray(text) ? sub(text[0], text[1]) : sub(text, {})),
    'Fn::Join': ([separator, list]) => (value(list) as string[]).join(separator),
    'Fn::Split': ([separator, text]) => (value(text) as string).split(separator),
    'Fn::Select': ([index, list]) => (value(list) as unknown[])[Number(index)],
    'Fn::If': ([name, yes, no]) => value(holds(name) ? yes : no),
  }
  const value = (given: any): any => {
    if (Array.isArray(given)) return given.map(value).filter((item) => item !== undefined)
    if (typeof given !== 'object' || given === null) return given
    const [only, ...more] = Object.keys(given)
    if (only !== undefined && more.length === 0 && (only === 'Ref' || only.startsWith('Fn::'))) {
      if (only === 'Ref' && given.Ref === 'AWS::NoValue') return undefined
      const apply = functions[only]
      if (apply === undefined) throw new Error(`not known: ${only}`)
      return apply(given[only])
    }
    return Object.fromEntries(
      Object.entries(given)
        .map(([name, inner]) => [name, value(inner)])
        .filter(([, inner]) => inner !== undefined),
    )
  }
  return Object.fromEntries(
    Object.entries(Resources)
      .filter(([, { Condition }]) => Condition === undefined || holds(Condition))
      .map(([id, resource]) => [id, { ...resource, Properties: value(resource.Properties ?? {}) }]),
  )
}

export const physicalArn = (resolved: Resolved, id: string): string => {
  const { Type, Properties } = resolved[id]!
  const arn = ARN[Type]
  if (arn === undefined) throw new Error(`the ARN of a ${Type} (${id}) is not known`)
  return arn(NAME[Type]?.(id, Properties) ?? id, Properties)
}
