import type { Access, Grant } from '../domain/access'
import { AccessNotOpened, DrayageError, StateBroken } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { GrantLife } from './grant-life'
import { resourceName, USES, useName } from './names'
import { inventoryOf } from './inventory'
import { contextOf, type AwsAccessOptions } from './options'
import { roleLife } from './role'
import { scheduleLife } from './schedule'
import { secretOf } from './secret'
import { sessionsOf } from './sessions'

export { kmsSigner } from './kms-signer'
export { sqsDeadLetters } from './dead-letters'
export { awsExecutions } from './executions'
export { resourceName, rolePath, secretName, useName, EXPIRES_TAG, RUN_TAG, STAGE_TAG } from './names'
export { awsAccessFromEnvironment, type AwsAccessOptions, type AwsClients } from './options'
export { secretsOfStage, type HeldSecret } from './secrets-of-stage'

/** A run's access on AWS: one dead-man schedule, two temporary roles, and the secret that holds the source's keys. */
export const awsAccess = (options: AwsAccessOptions): Access => {
  const context = contextOf(options)
  const schedule = scheduleLife(context)
  const roles = { write: roleLife(context, 'write'), verify: roleLife(context, 'verify') }

  /** Throws StateBroken for a grant that this run's access.json cannot name: the verbs act only on names made from the run's id. */
  const lifeOf = ({ kind, name }: Grant, { runId }: Migration): GrantLife => {
    if (kind === 'schedule' && name === resourceName(runId)) return schedule
    const use = USES.find((one) => kind === 'role' && name === useName(runId, one))
    if (use === undefined) throw new StateBroken(`access.json names ${kind} ${JSON.stringify(name)}, which is none of this run's`)
    return roles[use]
  }

  return {
    plan: ({ runId, destination, carry, access }) => [
      { kind: 'schedule', name: resourceName(runId), purpose: `calls cleanup at ${access.expiresAt} if nothing else has closed the run` },
      {
        kind: 'role',
        name: useName(runId, 'write'),
        purpose: `writes${carry.versions === 'all' ? ', and puts delete markers,' : ''} below s3://${destination.bucket}/${destination.prefix} until ${access.expiresAt}`,
      },
      {
        kind: 'role',
        name: useName(runId, 'verify'),
        purpose: `lists and reads s3://${destination.bucket}/${destination.prefix}, and the bucket's settings, until ${access.expiresAt}`,
      },
    ],
    create: async (grant, migration) => opening(grant, () => lifeOf(grant, migration).create(migration)),
    confirm: async (grant, migration) => opening(grant, () => lifeOf(grant, migration).confirm(migration)),
    suspend: async (grant, migration) => lifeOf(grant, migration).suspend(migration),
    remove: async (grant, migration) => lifeOf(grant, migration).remove(migration),
    prove: async (grant, migration) => lifeOf(grant, migration).prove(migration),
    ...inventoryOf(context),
    ...secretOf(context),
    ...sessionsOf(context),
  }
}

/** While access is opened, whatever is not worth another try is AccessNotOpened. */
const opening = async (grant: Grant, open: () => Promise<void>): Promise<void> => {
  try {
    await open()
  } catch (error) {
    if (!(error instanceof DrayageError) || error.retryable || error instanceof AccessNotOpened || error instanceof StateBroken) throw error
    throw new AccessNotOpened(`${grant.kind} ${grant.name}: ${error.message}`, { cause: error })
  }
}
