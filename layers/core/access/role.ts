import type { Role } from '@aws-sdk/client-iam'
import { AssumeRoleCommand } from '@aws-sdk/client-sts'
import { AccessNotOpened, CleanupIncomplete } from '../domain/errors'
import type { Migration } from '../domain/migration'
import { answerOf, ask } from './aws-call'
import { until } from './clock'
import { SETTLE_MS, type GrantLife } from './grant-life'
import { iamRoles } from './iam-roles'
import { resourceName, roleArn, rolePath, RUN_TAG, STAGE_TAG } from './names'
import type { AwsContext } from './options'
import { samePolicy } from './policy'
import { permissionPolicy, trustPolicy } from './role-policy'
import { SESSION_SECONDS } from './sessions'
import { suspendPolicy } from './suspend-policy'

export const RUN_POLICY = 'drayage-run'
export const SUSPEND_POLICY = 'drayage-suspend'

/** In seconds: the least IAM allows, and the most a role that assumes another one gets in any case (STS, role chaining). */
const MAX_SESSION_SECONDS = 3600
/** Longest wait until a new role can be assumed, in ms. */
const ASSUMABLE_MS = 60_000

/** A run's temporary role: writes below the destination's prefix, and nothing else. */
export const roleLife = (context: AwsContext): GrantLife => {
  const { clients, clock } = context
  const roles = () => iamRoles(clients.iam)

  const awaitAssumable = async (name: string, migration: Migration): Promise<void> => {
    const assume = () =>
      ask('sts:AssumeRole', ['AccessDenied'], () =>
        clients.sts.send(
          new AssumeRoleCommand({
            RoleArn: roleArn(context.options, migration.runId),
            RoleSessionName: name,
            DurationSeconds: SESSION_SECONDS,
          }),
        ),
      )
    const { refusal } = await until(clock, ASSUMABLE_MS, assume, (reply) => reply.refusal === undefined)
    if (refusal !== undefined)
      throw new AccessNotOpened(`role ${name} cannot be assumed ${ASSUMABLE_MS / 1000} s after its creation: ${answerOf(refusal)}`)
  }

  const roleProblems = async (name: string, migration: Migration): Promise<string[]> => {
    const { value: role } = await roles().get(name)
    return role === undefined ? ['it does not exist'] : differences(context, migration, role)
  }

  const policyProblems = async (name: string, migration: Migration): Promise<string[]> => {
    const [names, attached, document] = await Promise.all([
      roles().policyNames(name),
      roles().attachedArns(name),
      roles().policy(name, RUN_POLICY),
    ])
    return [
      ...(document.value !== undefined && samePolicy(permissions(context, migration), document.value) ? [] : ['its permission policy']),
      ...(names.value?.some((found) => found !== RUN_POLICY) ? ['another inline policy'] : []),
      ...(attached.value?.length ? ['an attached policy'] : []),
    ]
  }

  const assertNone = async (name: string, probe: () => Promise<string[]>): Promise<void> => {
    const found = await until(clock, SETTLE_MS, probe, ({ length }) => length === 0)
    if (found.length > 0) throw new AccessNotOpened(`role ${name} is not what was asked for: ${found.join(', ')}`)
  }

  const confirm = (migration: Migration): Promise<void> => {
    const name = resourceName(migration.runId)
    return assertNone(name, async () => [...(await roleProblems(name, migration)), ...(await policyProblems(name, migration))])
  }

  /** The run's role, undefined if there is none. Throws CleanupIncomplete for a role that is not this run's. */
  const ours = async (migration: Migration): Promise<Role | undefined> => {
    const name = resourceName(migration.runId)
    const { value: role } = await roles().get(name)
    if (role !== undefined && !isOurs(context, migration, role)) {
      throw new CleanupIncomplete(`role ${name} was left alone: its path or its tags are not this run's`)
    }
    return role
  }

  /** One go at everything the role consists of. Returns what keeps IAM from deleting it yet. */
  const tearDown = async (name: string): Promise<string | undefined> => {
    for (const arn of (await roles().attachedArns(name)).value ?? []) await roles().detachPolicy(name, arn)
    const policies = (await roles().policyNames(name)).value ?? []
    // The suspension goes last: without it, sessions that are still out would write again for a moment.
    const others = policies.filter((policy) => policy !== SUSPEND_POLICY)
    for (const policy of [...others, SUSPEND_POLICY]) await roles().deletePolicy(name, policy)
    const { refusal } = await roles().remove(name)
    return refusal === undefined || refusal.code === 'NoSuchEntity' ? undefined : answerOf(refusal)
  }

  return {
    async create(migration) {
      const name = resourceName(migration.runId)
      const { refusal } = await roles().create(roleOf(context, migration))
      // A role of this name is only given rights if it is in all else the one that an earlier try made.
      if (refusal !== undefined) await assertNone(name, () => roleProblems(name, migration))
      const put = () => roles().putPolicy(name, RUN_POLICY, permissions(context, migration))
      const { refusal: notPut } = await until(clock, SETTLE_MS, put, (reply) => reply.refusal === undefined)
      if (notPut !== undefined) throw new AccessNotOpened(`role ${name} got no permission policy: ${answerOf(notPut)}`)
      if (refusal !== undefined) await confirm(migration)
      await awaitAssumable(name, migration)
    },
    confirm,
    async suspend(migration) {
      if ((await ours(migration)) !== undefined) await roles().putPolicy(resourceName(migration.runId), SUSPEND_POLICY, suspendPolicy())
    },
    async remove(migration) {
      if ((await ours(migration)) === undefined) return
      const name = resourceName(migration.runId)
      const left = await until(
        clock,
        SETTLE_MS,
        () => tearDown(name),
        (obstacle) => obstacle === undefined,
      )
      if (left !== undefined) throw new CleanupIncomplete(`role ${name} could not be deleted: ${left}`)
    },
    async prove(migration) {
      const name = resourceName(migration.runId)
      const { refusal } = await until(
        clock,
        SETTLE_MS,
        () => roles().get(name),
        (reply) => reply.refusal !== undefined,
      )
      return {
        kind: 'role',
        name,
        call: 'iam:GetRole',
        answer: refusal === undefined ? 'it still exists' : answerOf(refusal),
        closed: refusal !== undefined,
        at: clock.now().toISOString(),
      }
    },
  }
}

const permissions = ({ options }: AwsContext, { destination, access }: Migration) =>
  permissionPolicy({
    partition: options.partition,
    account: options.account,
    bucket: destination.bucket,
    prefix: destination.prefix,
    expiresAt: new Date(access.expiresAt),
  })

const trust = ({ options }: AwsContext, { access }: Migration) => trustPolicy(options.trustedRoleArns, new Date(access.expiresAt))

const roleOf = (context: AwsContext, migration: Migration) => ({
  RoleName: resourceName(migration.runId),
  Path: rolePath(context.options.stage),
  PermissionsBoundary: context.options.boundaryArn,
  AssumeRolePolicyDocument: JSON.stringify(trust(context, migration)),
  MaxSessionDuration: MAX_SESSION_SECONDS,
  Tags: [
    { Key: RUN_TAG, Value: migration.runId },
    { Key: STAGE_TAG, Value: context.options.stage },
  ],
})

const isOurs = ({ options }: AwsContext, { runId }: Migration, role: Role): boolean =>
  role.Path === rolePath(options.stage) && tagOf(role, RUN_TAG) === runId && tagOf(role, STAGE_TAG) === options.stage

const tagOf = (role: Role, key: string): string | undefined => role.Tags?.find(({ Key }) => Key === key)?.Value

/** In what a role is not the one that was asked for, its permission policies apart. */
const differences = (context: AwsContext, migration: Migration, role: Role): string[] => [
  ...(isOurs(context, migration, role) ? [] : ['its path or its tags']),
  ...(role.PermissionsBoundary?.PermissionsBoundaryArn === context.options.boundaryArn ? [] : ['its permissions boundary']),
  // IAM returns the document in RFC 3986 form.
  ...(samePolicy(trust(context, migration), decodeURIComponent(role.AssumeRolePolicyDocument ?? '')) ? [] : ['its trust policy']),
  ...(role.MaxSessionDuration === MAX_SESSION_SECONDS ? [] : ['its session duration']),
]
