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

/** Statements of each role, inline policies only: `excessesOf` refuses every other kind. */
export const statementsOf = (template: Template): Map<string, Statement[]> =>
  new Map(
    resourcesOf(template, 'AWS::IAM::Role').map(([name, { Properties }]) => [
      name,
      listOf(Properties.Policies).flatMap((policy: { PolicyDocument: { Statement: Statement[] } }) => policy.PolicyDocument.Statement),
    ]),
  )

const boundaries = (template: Template): [string, Statement[]][] =>
  resourcesOf(template, 'AWS::IAM::ManagedPolicy').map(([name, { Properties }]) => [name, Properties.PolicyDocument.Statement])

/** What a role of this service must never have, as `role: what`. [] for a template that is as it must be. */
export const excessesOf = (template: Template): string[] => {
  const excesses: string[] = []
  for (const [role, statements] of [...statementsOf(template), ...boundaries(template)]) {
    for (const statement of statements) {
      const { Sid, Effect } = statement
      if (statement.NotAction !== undefined || statement.NotResource !== undefined) excesses.push(`${role}: ${Sid} says what it is not`)
      if (Effect !== 'Allow') continue
      const actions = listOf(statement.Action)
      for (const action of actions.filter((action) => action.includes('*'))) excesses.push(`${role}: action ${action}`)
      for (const resource of listOf(statement.Resource).map(textOf)) {
        const onlyLogsAndTraces = actions.every((action) => /^(logs|xray):/.test(action))
        if (resource === '*' && !(role === 'MachineRole' && onlyLogsAndTraces)) excesses.push(`${role}: ${Sid} on *`)
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
  for (const [name] of [...resourcesOf(template, 'AWS::IAM::Policy'), ...resourcesOf(template, 'AWS::IAM::RolePolicy')])
    excesses.push(`${name}: a policy outside its role`)
  return excesses
}

export interface Rights {
  get?: string[]
  put?: string[]
  list?: string[]
  /** everything else but its own log: `action on resource`, with its condition */
  other?: string[]
}

const S3_RIGHTS: Record<string, keyof Rights> = { 's3:GetObject': 'get', 's3:PutObject': 'put' }

/** A role's rights in the form of rights.ts. */
export const rightsOf = (statements: Statement[]): Rights => {
  const rights: Record<keyof Rights, string[]> = { get: [], put: [], list: [], other: [] }
  for (const { Sid, Effect, Action, Resource, Condition } of statements.filter(({ Sid }) => Sid !== 'WriteLog')) {
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
