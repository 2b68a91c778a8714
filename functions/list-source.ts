import { lambda, listSource as list, type ListingTotals, type Migration, type Step } from '@drayage/core'
import { hasTime } from './has-time'

/** One turn of listing: shards and the cursor go to the state bucket, totals and whether there is more into the state. */
export const listSource: Step<{ migration: Migration }, ListingTotals & { more: boolean }> = async (
  { migration },
  { services, deadline },
) =>
  list(migration, {
    state: services.state,
    source: await services.source(migration),
    now: services.now,
    signal: deadline.signal,
    going: hasTime(deadline),
  })

export const shape = {
  more: 'boolean',
  batches: 'integer',
  large: 'integer',
  archived: 'integer',
  listed: 'integer',
  bytes: 'integer',
} as const

export const handler = lambda(listSource, shape)
