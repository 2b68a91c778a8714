import { lambda, shardOf, verifyBatch as verify, type Migration, type Step } from '@drayage/core'
import { hasTime } from './has-time'

/** One turn of verifying a shard, with rights to list and read the destination and no others. */
export const verifyBatch: Step<{ migration: Migration; shard: string }, { done: boolean }> = async (
  { migration, shard },
  { services, deadline },
) =>
  verify(migration, shardOf(migration.runId, shard), {
    state: services.state,
    destination: await services.destination(migration, 'read'),
    openSource: () => services.source(migration),
    now: services.now,
    signal: deadline.signal,
    going: hasTime(deadline),
    concurrency: services.concurrency,
  })

export const shape = { done: 'boolean' } as const

export const handler = lambda(verifyBatch, shape)
