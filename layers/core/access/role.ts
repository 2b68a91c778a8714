import type { Observation } from '../domain/access'
import { AccessNotOpened, CleanupIncomplete } from '../domain/errors'
import type { Migration } from '../domain/migration'
import { assumeRole } from './assume'
import { answerOf, doneBy } from './aws-call'
import { until } from './clock'
import { SETTLE_MS, type GrantLife } from './grant-life'
import { iamRoles } from './iam-roles'
import { useName, type Use } from './names'
import type { AwsContext } from './options'
import { samePolicy } from './policy'
import { isRoleOf, roleAsked, roleDifferences } from './role-asked'
import { suspendPolicy } from './suspend-policy'

const RUN_POLICY = 'drayage-run'
const SUSPEND_POLICY = 'drayage-suspend'

/** Longest wait in ms until a new role can be assumed, and until a deleted one no longer can: STS hears of both from IAM. */
const ASSUMABLE_MS = 60_000

/** A run's temporary role for one use. */
export const roleLife = (context: AwsContext, use: Use): GrantLife => {
  const { clients, clock } = context
  const roles = () => iamRoles(clients.iam)
  const asked = (migration: Migration) => roleAsked(context, migration, use)

  const observe = (name: string, call: string, answer: string, closed: boolean): Observation => ({
    kind: 'role',
    name,
    call,
    answer,
    closed,
    at: clock.now().toISOString(),
  })

  const awaitAssumable = async (name: string, { runId }: Migration): Promise<void> => {
    const assume = () => assumeRole(context, runId, use)
    const { refusal } = await until(clock, ASSUMABLE_MS, assume, (reply) => reply.refusal === undefined)
    if (refusal !== undefined)
      throw new AccessNotOpened(`role ${name} cannot be assumed ${ASSUMABLE_MS / 1000} s after its creation: ${answerOf(refusal)}`)
  }

  const roleProblems = async (name: string, migration: Migration): Promise<string[]> => {
    const { value: role } = await roles().get(name)
    return role === undefined ? ['it does not exist'] : roleDifferences(context, migration, use, role)
  }

  const policyProblems = async (name: string, migration: Migration): Promise<string[]> => {
    const [names, attached, document] = await Promise.all([
      roles().policyNames(name),
      roles().attachedArns(name),
      roles().policy(name, RUN_POLICY),
    ])
    return [
      ...(document.value !== undefined && samePolicy(asked(migration).permissions, document.value) ? [] : ['its permission policy']),
      ...(names.value?.some((found) => found !== RUN_POLICY) ? ['another inline policy'] : []),
      ...(attached.value?.length ? ['an attached policy'] : []),
    ]
  }

  const assertNone = async (name: string, probe: () => Promise<string[]>): Promise<void> => {
    const found = await until(clock, SETTLE_MS, probe, ({ length }) => length === 0)
    if (found.length > 0) throw new AccessNotOpened(`role ${name} is not what was asked for: ${found.join(', ')}`)
  }

  const confirm = (migration: Migration): Promise<void> => {
    const name = useName(migration.runId, use)
    return assertNone(name, async () => [...(await roleProblems(name, migration)), ...(await policyProblems(name, migration))])
  }

  /** What is observed if there is no such role; undefined: there is, and it is the run's. Throws CleanupIncomplete for somebody else's. */
  const absent = async (name: string, migration: Migration): Promise<Observation | undefined> => {
    const { value: role, refusal } = await roles().get(name)
    if (refusal !== undefined) return observe(name, 'iam:GetRole', answerOf(refusal), true)
    if (role === undefined || !isRoleOf(context, migration, role))
      throw new CleanupIncomplete(`role ${name} was left alone: its path or its tags are not this run's`)
    return undefined
  }

  /** One go at everything the role consists of. */
  const tearDown = async (name: string): Promise<Observation> => {
    for (const arn of (await roles().attachedArns(name)).value ?? []) await roles().detachPolicy(name, arn)
    const policies = (await roles().policyNames(name)).value ?? []
    // The suspension goes last: without it, sessions that are still out would write again for a moment.
    const others = policies.filter((policy) => policy !== SUSPEND_POLICY)
    for (const policy of [...others, SUSPEND_POLICY]) await roles().deletePolicy(name, policy)
    const { value, refusal } = await roles().remove(name)
    if (refusal === undefined) return observe(name, 'iam:DeleteRole', doneBy('deleted', value), true)
    return observe(name, 'iam:DeleteRole', answerOf(refusal), refusal.code === 'NoSuchEntity')
  }

  return {
    async create(migration) {
      const name = useName(migration.runId, use)
      const { refusal } = await roles().create(asked(migration).input)
      // A role of this name is only given rights if it is in all else the one that an earlier try made.
      if (refusal !== undefined) await assertNone(name, () => roleProblems(name, migration))
      const put = () => roles().putPolicy(name, RUN_POLICY, asked(migration).permissions)
      const { refusal: notPut } = await until(clock, SETTLE_MS, put, (reply) => reply.refusal === undefined)
      if (notPut !== undefined) throw new AccessNotOpened(`role ${name} got no permission policy: ${answerOf(notPut)}`)
      if (refusal !== undefined) await confirm(migration)
      await awaitAssumable(name, migration)
    },
    confirm,
    async suspend(migration) {
      const name = useName(migration.runId, use)
      const gone = await absent(name, migration)
      if (gone !== undefined) return [gone]
      const { value, refusal } = await roles().putPolicy(name, SUSPEND_POLICY, suspendPolicy())
      const answer = refusal === undefined ? doneBy('all but listing and aborting uploads is denied', value) : answerOf(refusal)
      return [observe(name, 'iam:PutRolePolicy', answer, true)]
    },
    async remove(migration) {
      const name = useName(migration.runId, use)
      const gone = await absent(name, migration)
      if (gone !== undefined) return [gone]
      const last = await until(
        clock,
        SETTLE_MS,
        () => tearDown(name),
        ({ closed }) => closed,
      )
      if (!last.closed) throw new CleanupIncomplete(`role ${name} could not be deleted: ${last.answer}`)
      return [last]
    },
    async prove(migration) {
      const name = useName(migration.runId, use)
      const found = await until(
        clock,
        SETTLE_MS,
        () => roles().get(name),
        (reply) => reply.refusal !== undefined,
      )
      if (found.refusal === undefined) return [observe(name, 'iam:GetRole', 'it still exists', false)]
      const gone = observe(name, 'iam:GetRole', answerOf(found.refusal), true)
      const assumed = await until(
        clock,
        ASSUMABLE_MS,
        () => assumeRole(context, migration.runId, use),
        (reply) => reply.refusal !== undefined,
      )
      return assumed.refusal === undefined
        ? [gone, observe(name, 'sts:AssumeRole', doneBy('a new session was given', assumed.value), false)]
        : [gone, observe(name, 'sts:AssumeRole', answerOf(assumed.refusal), true)]
    },
  }
}
