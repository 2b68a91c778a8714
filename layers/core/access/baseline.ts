import type { Access, Held, Observation } from '../domain/access'
import { compareInventories, type BaselineComparison } from '../domain/closure'
import { PreconditionFailed } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { exists, readJson, writeJson } from '../domain/state-files'
import { stateKeys } from '../domain/state-keys'
import { until, type Clock } from './clock'
import { SETTLE_MS } from './grant-life'
import { isNamedBy } from './names'
import { recordedBy } from './records'

/** baseline.json: what stood where runs create their access, before this run created anything. */
export interface Baseline {
  runId: string
  /** ISO 8601 */
  at: string
  held: Held[]
}

interface BaselineTurn {
  state: ObjectStore
  access: Access
  now(): Date
  signal: AbortSignal
}

/** Writes the baseline if there is none: a second call of OpenAccess finds what the first one has created. */
export const writeBaseline = async ({ runId }: Migration, { state, access, now, signal }: BaselineTurn): Promise<void> => {
  const name = stateKeys(runId).baseline
  if (await exists(state, name, { signal })) return
  const baseline: Baseline = { runId, at: now().toISOString(), held: await access.inventory() }
  await writeJson(state, name, baseline, { ifNoneMatch: true, signal }).catch((error: unknown) => {
    if (!(error instanceof PreconditionFailed)) throw error
  })
}

/**
 * Compares what there is now with the baseline: nothing of this run may be left but the schedule, which Cleanup deletes last of all.
 * Throws NoSuchObject if there is no baseline.
 */
export const compareWithBaseline = async (
  migration: Migration,
  { state, access, signal, clock }: Omit<BaselineTurn, 'now'> & { clock: Clock },
): Promise<{ comparison: BaselineComparison; observation: Observation }> => {
  const { runId } = migration
  const { held: before } = (await readJson<Baseline>(state, stateKeys(runId).baseline, { signal })).value
  const isOurs = ({ kind, name }: Held) => kind !== 'schedule' && isNamedBy(runId, name)
  const after = await until(
    clock,
    SETTLE_MS,
    async () => (await access.inventory()).filter(({ name, kind }) => !(kind === 'schedule' && isNamedBy(runId, name))),
    (found) => !found.some(isOurs),
  )
  const records = new Map<string, string>()
  for (const held of after) {
    if (before.some(({ kind, name }) => kind === held.kind && name === held.name) || isOurs(held)) continue
    const owner = await recordedBy(held, { access, state, signal })
    if (owner !== undefined) records.set(`${held.kind} ${held.name}`, owner)
  }
  const comparison = compareInventories(before, after, isOurs, ({ kind, name }) => records.get(`${kind} ${name}`))
  const { ours, others, unexplained } = comparison
  const named = (list: readonly Held[]) => list.map(({ kind, name }) => `${kind} ${name}`).join(', ')
  const answer = [
    ours.length === 0 ? 'nothing of this run is left' : `of this run there is still ${named(ours)}`,
    ...(others.length === 0 ? [] : [`${others.length} new of other runs`]),
    ...(unexplained.length === 0 ? [] : [`new since and in no run's record: ${named(unexplained)}`]),
  ].join('; ')
  const observation = {
    kind: 'inventory',
    name: 'against baseline.json',
    call: 'inventory',
    answer,
    closed: ours.length === 0,
    at: clock.now().toISOString(),
  }
  return { comparison, observation }
}
