import { copyPartGroup as copy, lambda, shardOf, type Migration, type PartGroup, type Step } from '@drayage/core'
import { hasTime } from './has-time'

interface Event {
  migration: Migration
  shard: string
  uploadId: string
  partSize: number
  partGroup: PartGroup
}

/** One turn over a part group: copies the parts that the destination does not have yet. */
export const copyPartGroup: Step<Event, { done: boolean }> = async ({ migration, shard, ...upload }, { services, deadline }) =>
  copy(migration, shardOf(migration.runId, shard), upload, {
    state: services.state,
    source: await services.source(migration),
    destination: await services.destination(migration, 'write'),
    signal: deadline.signal,
    going: hasTime(deadline),
  })

export const shape = { done: 'boolean' } as const

export const handler = lambda(copyPartGroup, shape)
