import type { Migration } from './migration'
import { requestDefaults, type MigrationRequest } from './request'

const HOUR_MS = 3_600_000

/** Hours that come to exactly these ms again: a quotient that is rounded down would lose one. */
const hoursOf = (ms: number): number => (Math.trunc((ms / HOUR_MS) * HOUR_MS) === ms ? ms / HOUR_MS : (ms + 0.5) / HOUR_MS)

const isTable = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The fields that say something else than their defaults. A field that has no default among `defaults` says something. */
const beyond = (fields: Record<string, unknown>, defaults: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => {
      const usual = defaults[name]
      if (isTable(value) && isTable(usual)) {
        const rest = beyond(value, usual)
        return Object.keys(rest).length === 0 ? [] : [[name, rest]]
      }
      return JSON.stringify(value) === JSON.stringify(usual) ? [] : [[name, value]]
    }),
  )

/**
 * A frozen migration as the request that makes it again: what a retry, or the same run once more, is asked with. Ages have become
 * times. Defaults are left out.
 */
export const requestOf = (migration: Migration): MigrationRequest => {
  const { startedAt, access, source, destination } = migration
  const { runId: _run, executionId: _execution, pair: _pair, shards: _shards, startedAt: _started, ...asked } = migration
  const { bucket: _source, ...usualSource } = requestDefaults().source
  const { bucket: _destination, ...usualDestination } = requestDefaults().destination
  return beyond(
    { ...asked, source, destination, access: { hours: hoursOf(Date.parse(access.expiresAt) - Date.parse(startedAt)) } },
    { ...requestDefaults(), source: usualSource, destination: usualDestination },
  ) as MigrationRequest
}

/** The request of a run over what failed in this one. Everything but the selection stays as it was. */
export const retryOf = (migration: Migration): MigrationRequest => {
  const { cutover: _cutover, dryRun: _dryRun, ...asked } = requestOf(migration)
  return { ...asked, selection: { failuresOf: migration.runId } }
}

/** What of a run makes its failures objects of their own: where they come from, where they go, and whether a key means all its versions. */
const OBJECTS = [
  ['source.bucket', ({ source }: Migration) => source.bucket],
  ['source.endpoint', ({ source }: Migration) => source.endpoint],
  ['destination.bucket', ({ destination }: Migration) => destination.bucket],
  ['destination.endpoint', ({ destination }: Migration) => destination.endpoint],
  ['destination.prefix', ({ destination }: Migration) => destination.prefix],
  ['destination.replaces', ({ destination }: Migration) => destination.replaces],
  ['carry.versions', ({ carry }: Migration) => carry.versions],
] as const

/**
 * Why this request is no retry of an earlier run, a line per field; [] where it is one. The credential may be another one: a new key is
 * what mends many a failure.
 */
export const retryProblems = (earlier: Migration, asked: Migration): string[] =>
  OBJECTS.filter(([, of]) => of(earlier) !== of(asked)).map(
    ([field, of]) =>
      `selection.failuresOf: the run ${earlier.runId} had another ${field} (${JSON.stringify(of(earlier))}); ask with its own request`,
  )
