import { resourcesOf, type Template } from './packaged'

export interface Statement {
  Sid: string
  Effect: 'Allow' | 'Deny'
  Action?: string | string[]
  NotAction?: unknown
  Resource?: unknown
  NotResource?: unknown
  Condition?: Record<string, Record<string, unknown>>
}

export const listOf = <Item>(value: Item | Item[] | undefined): Item[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value]

/** A resource as it reads: ARNs without what is the same in all of them, the state bucket as `state`. */
export const textOf = (resource: unknown): string => {
  if (typeof resource === 'string') return resource
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::Sub': text } = resource as { Ref?: string; 'Fn::GetAtt'?: string[]; 'Fn::Sub'?: string }
  if (Ref !== undefined) return Ref
  const joined = attribute?.join('.') ?? text
  if (joined === undefined) return JSON.stringify(resource)
  return joined
    .replace('${StateBucket.Arn}', 'state')
    .replace(/^StateBucket\.Arn$/, 'state')
    .replace(/^arn:\$\{AWS::Partition\}:(\w+):(\$\{AWS::Region\})?:(\$\{AWS::AccountId\})?:/, '$1 ')
}

/** Statements of each role: its inline policies, and policies that are attached to it by name. `excessesOf` refuses every other kind. */
export const statementsOf = (template: Template): Map<string, Statement[]> =>
  new Map(
    resourcesOf(template, 'AWS::IAM::Role').map(([name, { Properties }]) => [
      name,
      [
        ...listOf(Properties.Policies).flatMap((policy: { PolicyDocument: { Statement: Statement[] } }) => policy.PolicyDocument.Statement),
        ...resourcesOf(template, 'AWS::IAM::Policy')
          .filter(([, policy]) => listOf(policy.Properties.Roles).some(({ Ref }: { Ref: string }) => Ref === name))
          .flatMap(([, policy]) => policy.Properties.PolicyDocument.Statement as Statement[]),
      ],
    ]),
  )

const managedPolicies = (template: Template): [string, Statement[]][] =>
  resourcesOf(template, 'AWS::IAM::ManagedPolicy').map(([name, { Properties }]) => [name, Properties.PolicyDocument.Statement])

/** Actions that AWS knows no resource for but * (Service authorization reference, by service). */
const WITHOUT_RESOURCE = new Set([
  'xray:PutTraceSegments',
  'xray:PutTelemetryRecords',
  'xray:GetSamplingRules',
  'xray:GetSamplingTargets',
  'logs:CreateLogDelivery',
  'logs:GetLogDelivery',
  'logs:UpdateLogDelivery',
  'logs:DeleteLogDelivery',
  'logs:ListLogDeliveries',
  'logs:PutResourcePolicy',
  'logs:DescribeResourcePolicies',
  'logs:DescribeLogGroups',
  'scheduler:ListSchedules',
  'secretsmanager:ListSecrets',
  'states:ListStateMachines',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
])

const USES_DATA = /^kms:(Decrypt|Encrypt|ReEncrypt|GenerateDataKey|CreateGrant)/

/** Whether a condition says which service asks for a key, or for which resource. */
const limitsUse = (condition: Statement['Condition']): boolean =>
  Object.entries(condition ?? {}).some(
    ([operator, keys]) =>
      /^(String|Arn)(Equals|Like)$/.test(operator) && Object.keys(keys).some((key) => /^kms:(ViaService|EncryptionContext:)/.test(key)),
  )

/** Rights that create access, and rights that end it: no role has both. Cleanup's PutRolePolicy adds the Deny of a suspension. */
const CREATES =
  /^(iam:(CreateRole|AttachRolePolicy|TagRole|PassRole)|scheduler:CreateSchedule|secretsmanager:(CreateSecret|PutSecretValue))$/
const ENDS = /^(iam:(Delete|Detach)|scheduler:Delete|secretsmanager:DeleteSecret|states:StopExecution)/

/** What a role of this service must never have, as `role: what`. [] for a template that is as it must be. */
export const excessesOf = (template: Template): string[] => {
  const excesses: string[] = []
  for (const [role, statements] of [...statementsOf(template), ...managedPolicies(template)]) {
    const isRole = template.Resources[role]!.Type === 'AWS::IAM::Role'
    const allowed = statements.filter(({ Effect }) => Effect === 'Allow').flatMap(({ Action }) => listOf(Action))
    if (isRole && allowed.some((action) => CREATES.test(action)) && allowed.some((action) => ENDS.test(action)))
      excesses.push(`${role}: creates access and ends it`)
    for (const statement of statements) {
      const { Sid, Effect } = statement
      if (statement.NotAction !== undefined || statement.NotResource !== undefined) excesses.push(`${role}: ${Sid} says what it is not`)
      if (Effect !== 'Allow') continue
      const actions = listOf(statement.Action)
      for (const action of actions.filter((action) => action.includes('*'))) excesses.push(`${role}: action ${action}`)
      for (const action of actions.filter((action) => USES_DATA.test(action))) {
        if (!limitsUse(statement.Condition)) excesses.push(`${role}: ${Sid} may ${action} for any service`)
      }
      for (const resource of listOf(statement.Resource).map(textOf)) {
        if (resource === '*' && !actions.every((action) => WITHOUT_RESOURCE.has(action))) excesses.push(`${role}: ${Sid} on *`)
        if (!actions.some((action) => action.startsWith('s3:'))) continue
        if (/^s3 [^/]*\*/.test(resource) || /:::[^/]*\*/.test(resource)) excesses.push(`${role}: ${Sid} on any bucket`)
        if (role !== 'Boundary' && !/^state(\/|$)/.test(resource))
          excesses.push(`${role}: ${Sid} on ${resource}, which is not the state bucket`)
      }
    }
  }
  for (const [role, { Properties }] of resourcesOf(template, 'AWS::IAM::Role')) {
    if (Properties.ManagedPolicyArns !== undefined) excesses.push(`${role}: managed policies`)
  }
  for (const [name] of [...resourcesOf(template, 'AWS::IAM::Policy'), ...resourcesOf(template, 'AWS::IAM::RolePolicy')]) {
    // JoinVpc is one policy of seven roles, and only there in VPC mode.
    if (name !== 'JoinVpc') excesses.push(`${name}: a policy outside its role`)
  }
  return excesses
}

export interface Rights {
  get?: string[]
  put?: string[]
  list?: string[]
  /** everything else but its own log and traces: `action on resource`, with its condition */
  other?: string[]
}

const S3_RIGHTS: Record<string, keyof Rights> = { 's3:GetObject': 'get', 's3:PutObject': 'put' }

/** A role's rights in the form of rights.ts. */
export const rightsOf = (statements: Statement[]): Rights => {
  const rights: Record<keyof Rights, string[]> = { get: [], put: [], list: [], other: [] }
  for (const { Sid, Effect, Action, Resource, Condition } of statements.filter(({ Sid }) => Sid !== 'WriteLog' && Sid !== 'Trace')) {
    for (const action of listOf(Action)) {
      for (const resource of listOf(Resource).map(textOf)) {
        const kind = S3_RIGHTS[action]
        if (Effect === 'Allow' && kind !== undefined && resource.startsWith('state/') && Condition === undefined)
          rights[kind].push(resource.slice(6))
        else if (
          Effect === 'Allow' &&
          action === 's3:ListBucket' &&
          resource === 'state' &&
          Object.keys(Condition ?? {}).join() === 'StringLike'
        ) {
          rights.list.push(...listOf(Condition?.StringLike?.['s3:prefix'] as string | string[]))
        } else {
          rights.other.push(
            `${Effect === 'Deny' ? 'DENY ' : ''}${action} on ${resource}${Condition === undefined ? '' : ` if ${JSON.stringify(Condition)}`}`,
          )
        }
        if (Sid === undefined) rights.other.push('a statement without a name')
      }
    }
  }
  return Object.fromEntries(
    Object.entries(rights)
      .filter(([, list]) => list.length > 0)
      .map(([kind, list]) => [kind, list.sort()]),
  )
}
