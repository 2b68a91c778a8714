import { closeAccess, lambda, runIdOf, type Closed, type Migration, type Step } from '@drayage/core'

/**
 * Ends the run's access and proves it. The state machine passes the whole state; the closing rule, the dead-man schedule and
 * the sweep pass only {migration: {runId}}, where the closing rule's run id is the execution's ARN.
 */
export const cleanup: Step<{ migration: Migration | Pick<Migration, 'runId'> }, Closed> = ({ migration }, { services, deadline }) =>
  closeAccess(runIdOf(migration.runId), 'executionId' in migration ? migration : undefined, {
    ...services,
    destination: (frozen) => services.destination(frozen, 'write'),
    signal: deadline.signal,
  })

export const shape = { complete: 'boolean' } as const

export const handler = lambda(cleanup, shape)
