import { completeUpload as complete, lambda, shardOf, type CaughtError, type Migration, type OutcomeName, type Step } from '@drayage/core'

/** Ends one large object: completes its upload, or, told of a failure, aborts it. Either way it has its one outcome. */
export const completeUpload: Step<{ migration: Migration; shard: string; failure?: CaughtError }, { outcome: OutcomeName }> = async (
  { migration, shard, failure },
  { services, deadline },
) =>
  complete(migration, shardOf(migration.runId, shard), failure, {
    state: services.state,
    destination: await services.destination(migration, 'write'),
    now: services.now,
    signal: deadline.signal,
    heard: services.heard,
  })

export const shape = { outcome: 'string' } as const

export const handler = lambda(completeUpload, shape)
