import type { Access, Grant } from '../domain/access'
import { AccessNotOpened, DrayageError, StateBroken } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { GrantLife } from './grant-life'
import { resourceName } from './names'
import { contextOf, type AwsAccessOptions } from './options'
import { roleLife } from './role'
import { scheduleLife } from './schedule'
import { secretOf } from './secret'
import { sessionsOf } from './sessions'

export { sqsDeadLetters } from './dead-letters'
export { awsExecutions } from './executions'
export { resourceName, rolePath, secretName, EXPIRES_TAG, RUN_TAG, STAGE_TAG } from './names'
export { awsAccessFromEnvironment, type AwsAccessOptions, type AwsClients } from './options'
export { listTemporaryRoles, type TemporaryRole } from './temporary-roles'

/** A run's access on AWS: one dead-man schedule, one temporary role, and the secret that holds the source's keys. */
export const awsAccess = (options: AwsAccessOptions): Access => {
  const context = contextOf(options)
  const lives = { schedule: scheduleLife(context), role: roleLife(context) }

  /** Throws StateBroken for a grant that this run's access.json cannot name: the verbs act only on names made from the run's id. */
  const lifeOf = (grant: Grant, { runId }: Migration): GrantLife => {
    if (grant.kind === 'key' || grant.name !== resourceName(runId)) {
      throw new StateBroken(`access.json names ${grant.kind} ${JSON.stringify(grant.name)}, which is none of this run's`)
    }
    return lives[grant.kind]
  }

  return {
    plan: ({ runId, destination, access }) => [
      { kind: 'schedule', name: resourceName(runId), purpose: `calls cleanup at ${access.expiresAt} if nothing else has closed the run` },
      {
        kind: 'role',
        name: resourceName(runId),
        purpose: `writes below s3://${destination.bucket}/${destination.prefix} until ${access.expiresAt}`,
      },
    ],
    create: async (grant, migration) => opening(grant, () => lifeOf(grant, migration).create(migration)),
    confirm: async (grant, migration) => opening(grant, () => lifeOf(grant, migration).confirm(migration)),
    suspend: async (grant, migration) => lifeOf(grant, migration).suspend(migration),
    remove: async (grant, migration) => lifeOf(grant, migration).remove(migration),
    prove: async (grant, migration) => lifeOf(grant, migration).prove(migration),
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
