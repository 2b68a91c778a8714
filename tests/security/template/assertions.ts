import type { Resource } from '../../package/packaged'
import { listOf } from '../../package/statements'
import { TOUCHING } from '../iam/cases/case'
import type { Finding, Verdicts } from './finding'
import { physicalArn, STACK_UUID, type Resolved } from './resolve'
import { PARTNER_KEY, REVOCATION_ROLE, SOURCE_ROLE } from './variants'

interface Statement {
  Sid?: string
  Effect: string
  Principal?: unknown
  Action?: string | string[]
  Resource?: string | string[]
  Condition?: Record<string, Record<string, unknown>>
}

/** Answers the resources that are not as they must be; undefined: there is nothing that it could say anything of. */
type Check = (resolved: Resolved) => string[] | undefined

const ofType = (resolved: Resolved, ...types: string[]): [string, Resource][] =>
  Object.entries(resolved).filter(([, { Type }]) => types.includes(Type))

/** A check of each resource of a type. */
const every =
  (types: string | string[], holds: (resource: Resource, id: string, resolved: Resolved) => boolean): Check =>
  (resolved) => {
    const found = ofType(resolved, ...listOf(types))
    return found.length === 0 ? undefined : found.filter(([id, resource]) => !holds(resource, id, resolved)).map(([id]) => id)
  }

/** Allow statements of roles and managed policies, with the logical id of what holds them. */
const rightsOf = (resolved: Resolved): { id: string; statement: Statement }[] =>
  ofType(resolved, 'AWS::IAM::Role', 'AWS::IAM::ManagedPolicy', 'AWS::IAM::Policy').flatMap(([id, { Properties }]) => {
    const documents = [Properties.PolicyDocument, ...listOf<any>(Properties.Policies).map(({ PolicyDocument }) => PolicyDocument)]
    return documents
      .flatMap((document): Statement[] => listOf(document?.Statement))
      .filter(({ Effect }) => Effect === 'Allow')
      .map((statement) => ({ id, statement }))
  })

const named = (id: string, { Action }: Statement): string => `${id} (${listOf(Action).toSorted().join(' ')})`

const starResource: Check = (resolved) =>
  rightsOf(resolved)
    .filter(({ statement }) => listOf(statement.Resource).includes('*'))
    .map(({ id, statement }) => named(id, statement))

/** Beginnings of everything that a right may be about: what the stack makes, and what the deploy parameters name. */
const ours = (resolved: Resolved): string[] => [
  ...['lambda', 'states', 'scheduler', 'secretsmanager', 'sqs', 'sns', 'logs', 'iam', 's3', 'events', 'cloudwatch'].map(
    (service) => `arn:aws:${service}:`,
  ),
  ...ofType(resolved, 'AWS::KMS::Key').map(([id]) => physicalArn(resolved, id)),
  ...[SOURCE_ROLE, REVOCATION_ROLE, PARTNER_KEY],
]

/** What scripts/parameters.js names where a parameter is empty: nobody can ever make it. */
const NOTHING = /:role\/-{65}$|:key\/--$/

const foreignResource: Check = (resolved) => {
  const buckets = ofType(resolved, 'AWS::S3::Bucket').map(([id]) => physicalArn(resolved, id))
  const isOurs = (resource: string): boolean =>
    resource === '*' || // starResource speaks of it
    NOTHING.test(resource) ||
    /^arn:aws:s3:::(acme-archive|acme-partner|--)(\/\*)?$/.test(resource) ||
    buckets.some((bucket) => resource === bucket || resource.startsWith(`${bucket}/`)) ||
    (ours(resolved).some((beginning) => resource.startsWith(beginning)) &&
      (/^arn:aws:kms:/.test(resource) ||
        [SOURCE_ROLE, REVOCATION_ROLE].includes(resource) ||
        /^arn:aws:(?!s3:).*\bdrayage\b/.test(resource)))
  return rightsOf(resolved).flatMap(({ id, statement }) =>
    listOf(statement.Resource)
      .filter((resource) => !isOurs(resource))
      .map((resource) => `${id} (${resource})`),
  )
}

/** A role has rights on a destination or reads it: only a run’s own role may, under the boundary. */
const destinationRight: Check = (resolved) =>
  rightsOf(resolved)
    .filter(
      ({ id, statement }) =>
        resolved[id]!.Type === 'AWS::IAM::Role' && listOf(statement.Resource).some((resource) => resource.includes('acme-')),
    )
    .map(({ id, statement }) => named(id, statement))

const deletesObjects: Check = (resolved) =>
  rightsOf(resolved)
    .filter(({ statement }) => listOf(statement.Action).some((action) => /^s3:(Delete|\*)/i.test(action)))
    .map(({ id, statement }) => named(id, statement))

const SECRET_NAME = /SECRET|PASSWORD|PASSPHRASE|TOKEN|PRIVATE_?KEY|ACCESS_?KEY|API_?KEY|CREDENTIAL/i
const SECRET_VALUE = /\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN|^[A-Za-z0-9+/]{40}$/

const secretInEnvironment = every('AWS::Lambda::Function', ({ Properties }) =>
  Object.entries(Properties.Environment?.Variables ?? {}).every(
    ([name, value]) => !SECRET_NAME.test(name) && !SECRET_VALUE.test(String(value)),
  ),
)

const refusesPlaintext = (statement: Statement): boolean =>
  statement.Effect === 'Deny' &&
  statement.Principal === '*' &&
  String(statement.Condition?.Bool?.['aws:SecureTransport']) === 'false' &&
  Object.keys(statement.Condition!).length === 1

const GUARDS: Record<string, string> = {
  'AWS::S3::Bucket': 'AWS::S3::BucketPolicy',
  'AWS::SQS::Queue': 'AWS::SQS::QueuePolicy',
  'AWS::SNS::Topic': 'AWS::SNS::TopicPolicy',
}

/** Statements that guard a bucket, queue or topic. */
const guardsOf = (resolved: Resolved, id: string): Statement[] => {
  const { Type } = resolved[id]!
  const name = physicalArn(resolved, id).split(':').at(-1)!
  return ofType(resolved, GUARDS[Type]!)
    .filter(([, { Properties }]) =>
      listOf<string>(Properties.Bucket ?? Properties.Queues ?? Properties.Topics).some((of) => of.split(/[/:]/).at(-1) === name),
    )
    .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement as Statement[])
}

const plaintext = every(Object.keys(GUARDS), ({ Type }, id, resolved) => {
  const refusals = guardsOf(resolved, id).filter(refusesPlaintext)
  if (Type !== 'AWS::S3::Bucket') return refusals.length > 0
  const arn = physicalArn(resolved, id)
  const whole = refusals.filter(({ Action }) => listOf(Action).includes('s3:*')).flatMap(({ Resource }) => listOf(Resource))
  return whole.includes(arn) && whole.includes(`${arn}/*`)
})

const publicPrincipal: Check = (resolved) =>
  ofType(resolved, ...Object.values(GUARDS), 'AWS::KMS::Key')
    .filter(([, { Properties }]) =>
      ((Properties.PolicyDocument ?? Properties.KeyPolicy).Statement as Statement[]).some(
        ({ Effect, Principal, Condition }) =>
          Effect === 'Allow' && /^"\*"|"AWS":\["?\*|"AWS":"\*"/.test(JSON.stringify(Principal)) && Condition === undefined,
      ),
    )
    .map(([id]) => id)

/** Functions that a rule or a schedule calls: nobody hears of it when they fail. */
const heardByNobody: Check = (resolved) => {
  const called = ofType(resolved, 'AWS::Lambda::Permission').map(([, { Properties }]) => String(Properties.FunctionName))
  const kept = ofType(resolved, 'AWS::Lambda::EventInvokeConfig').map(([, { Properties }]) => String(Properties.FunctionName))
  return [...new Set(called)].filter((name) => !kept.includes(name))
}

const targetWithoutDeadLetters = every('AWS::Events::Rule', ({ Properties }) =>
  listOf<any>(Properties.Targets).every(({ Arn, DeadLetterConfig }) => !/:lambda:/.test(Arn) || DeadLetterConfig?.Arn !== undefined),
)

const sharedRole: Check = (resolved) => {
  const roles = ofType(resolved, 'AWS::Lambda::Function').map(([id, { Properties }]) => ({ id, role: Properties.Role as string }))
  return roles.filter(({ role }) => roles.filter((other) => other.role === role).length > 1).map(({ id }) => id)
}

const functionWithoutLog = every('AWS::Lambda::Function', ({ Properties }, _, resolved) => {
  const groups = ofType(resolved, 'AWS::Logs::LogGroup')
  const own = Properties.LoggingConfig?.LogGroup as string | undefined
  return groups.some(([id, group]) => {
    const name = (group.Properties.LogGroupName ?? id) as string
    return own === undefined ? name === `/aws/lambda/${Properties.FunctionName}` : own === name
  })
})

/** What must outlive the stack: evidence, and without which the evidence cannot be read. */
const isEvidence = ({ Type, Properties }: Resource, id: string): boolean =>
  ['AWS::S3::Bucket', 'AWS::S3::BucketPolicy', 'AWS::Logs::LogGroup'].includes(Type)
    ? !id.startsWith('ServerlessDeployment')
    : Type === 'AWS::KMS::Key' && Properties !== undefined && id !== 'SecretsKey'

const lostOnRemoval: Check = (resolved) =>
  Object.entries(resolved)
    .filter(([id, resource]) => isEvidence(resource, id))
    .filter(([, resource]) =>
      [resource.DeletionPolicy, (resource as { UpdateReplacePolicy?: string }).UpdateReplacePolicy].some((policy) => policy !== 'Retain'),
    )
    .map(([id]) => id)

const FIXED_NAMES = ['BucketName', 'LogGroupName', 'QueueName', 'TopicName', 'AliasName', 'RoleName', 'FunctionName']

/** A name that is still taken after a removal stops the next deploy. */
const keptUnderFixedName: Check = (resolved) => {
  const kept = Object.entries(resolved).filter(([, { DeletionPolicy }]) => /^Retain/.test(DeletionPolicy ?? ''))
  if (kept.length === 0) return undefined
  const isFixed = (name: unknown): boolean => name !== undefined && !String(name).includes(STACK_UUID.slice(0, 8))
  return kept.filter(([, { Properties }]) => FIXED_NAMES.some((name) => isFixed(Properties[name]))).map(([id]) => id)
}

const keyWithoutRotation = every('AWS::KMS::Key', ({ Properties }) => Properties.EnableKeyRotation === true)

const ALARMED = ['FailedTransfers', 'VerificationMismatches', 'Orphans', 'CredentialAge', 'ApproximateNumberOfMessagesVisible']

const missingAlarm: Check = (resolved) => {
  const topics = ofType(resolved, 'AWS::SNS::Topic').map(([id]) => physicalArn(resolved, id))
  const heard = ofType(resolved, 'AWS::CloudWatch::Alarm')
    .filter(
      ([, { Properties }]) =>
        Properties.ActionsEnabled !== false && listOf<string>(Properties.AlarmActions).some((action) => topics.includes(action)),
    )
    .map(([, { Properties }]) => Properties.MetricName as string)
  return ALARMED.filter((metric) => !heard.includes(metric))
}

const unheardStranger: Check = (resolved) => {
  const topics = ofType(resolved, 'AWS::SNS::Topic').map(([id]) => physicalArn(resolved, id))
  const heard = ofType(resolved, 'AWS::Events::Rule').some(
    ([, { Properties }]) =>
      JSON.stringify(Properties.EventPattern ?? {}).includes('GetSecretValue') &&
      Properties.State !== 'DISABLED' &&
      listOf<any>(Properties.Targets).some(({ Arn }) => topics.includes(Arn)),
  )
  return heard ? [] : ['GetSecretValue']
}

/** In VPC mode those that touch the source are inside, and nobody else. */
const wrongSideOfVpc: Check = (resolved) => {
  const functions = ofType(resolved, 'AWS::Lambda::Function')
  if (functions.every(([, { Properties }]) => Properties.VpcConfig === undefined)) return undefined
  const touches = (id: string): boolean => TOUCHING.includes(id[0]!.toLowerCase() + id.slice(1).replace(/LambdaFunction$/, ''))
  return functions.filter(([id, { Properties }]) => (Properties.VpcConfig !== undefined) !== touches(id)).map(([id]) => id)
}

const vpcUnwatched: Check = (resolved) => {
  if (ofType(resolved, 'AWS::EC2::SecurityGroup').length === 0) return undefined
  return ['AWS::EC2::FlowLog', 'AWS::EC2::VPCEndpoint'].filter((type) => ofType(resolved, type).length === 0)
}

const TYPES = new Set(
  [
    ...['S3::Bucket', 'S3::BucketPolicy', 'SQS::Queue', 'SQS::QueuePolicy', 'SNS::Topic', 'SNS::TopicPolicy', 'SNS::Subscription'],
    ...[
      'IAM::Role',
      'IAM::ManagedPolicy',
      'IAM::Policy',
      'KMS::Key',
      'KMS::Alias',
      'Logs::LogGroup',
      'Logs::QueryDefinition',
      'Logs::ResourcePolicy',
    ],
    ...['Lambda::Function', 'Lambda::LayerVersion', 'Lambda::Permission', 'Lambda::EventInvokeConfig', 'StepFunctions::StateMachine'],
    ...['Events::Rule', 'Scheduler::ScheduleGroup', 'Scheduler::Schedule', 'CloudWatch::Alarm', 'CloudTrail::Trail'],
    ...['EC2::SecurityGroup', 'EC2::VPCEndpoint', 'EC2::FlowLog'],
  ].map((type) => `AWS::${type}`),
)

/** A kind of resource that nobody has thought about: think, and add it. */
const unknownType: Check = (resolved) =>
  Object.entries(resolved)
    .filter(([, { Type }]) => !TYPES.has(Type))
    .map(([id, { Type }]) => `${id} (${Type})`)

/** By name, in the words of what is wrong. */
export const ASSERTIONS: Record<string, Check> = {
  right_on_every_resource: starResource,
  right_on_what_is_not_ours: foreignResource,
  right_on_a_destination: destinationRight,
  right_to_delete_objects: deletesObjects,
  secret_in_environment: secretInEnvironment,
  plaintext_accepted: plaintext,
  open_to_everybody: publicPrincipal,
  failed_call_heard_by_nobody: heardByNobody,
  target_without_dead_letters: targetWithoutDeadLetters,
  role_of_two_functions: sharedRole,
  function_without_its_log: functionWithoutLog,
  lost_on_removal: lostOnRemoval,
  kept_under_a_fixed_name: keptUnderFixedName,
  key_without_rotation: keyWithoutRotation,
  alarm_missing: missingAlarm,
  stranger_reads_secret_unheard: unheardStranger,
  wrong_side_of_the_vpc: wrongSideOfVpc,
  vpc_unwatched: vpcUnwatched,
  type_unknown: unknownType,
}

export const assertionsOn = (resolved: Resolved): Verdicts => {
  const findings: Finding[] = []
  const applied = new Set<string>()
  for (const [rule, check] of Object.entries(ASSERTIONS)) {
    const resources = check(resolved)
    if (resources === undefined) continue
    applied.add(rule)
    findings.push(...resources.map((resource) => ({ rule, resource })))
  }
  return { findings, applied }
}
