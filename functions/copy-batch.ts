import { copyBatch as copy, lambda, shardOf, type Migration, type Step } from '@drayage/core'
import { hasTime } from './has-time'

/** One turn of a batch: copies or skips its objects and writes their outcomes. */
export const copyBatch: Step<{ migration: Migration; shard: string; writingSince: string }, { done: boolean }> = async (
  { migration, shard, writingSince },
  { services, deadline },
) =>
  copy(migration, shardOf(migration.runId, shard), {
    state: services.state,
    source: await services.source(migration),
    destination: await services.destination(migration, 'write'),
    reading: () => services.destination(migration, 'read'),
    now: services.now,
    writingSince,
    signal: deadline.signal,
    going: hasTime(deadline),
    concurrency: services.concurrency,
    heard: services.heard,
  })

export const shape = { done: 'boolean' } as const

export const handler = lambda(copyBatch, shape)
