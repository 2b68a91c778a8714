import { beginUpload as begin, lambda, shardOf, type Migration, type PartGroup, type Step } from '@drayage/core'

/** Finds or begins the upload of one large object and cuts it into part groups. */
export const beginUpload: Step<
  { migration: Migration; shard: string; writingSince: string },
  { uploadId: string; partSize: number; partGroups: PartGroup[] }
> = async ({ migration, shard, writingSince }, { services, deadline }) =>
  begin(migration, shardOf(migration.runId, shard), {
    state: services.state,
    source: await services.source(migration),
    destination: await services.destination(migration, 'write'),
    reading: () => services.destination(migration, 'read'),
    signal: deadline.signal,
    now: services.now,
    writingSince,
    heard: services.heard,
  })

export const shape = { uploadId: 'string', partSize: 'integer', partGroups: 'array' } as const

export const handler = lambda(beginUpload, shape)
