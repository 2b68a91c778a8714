import { type Check, type CheckId } from './bucket-checks'
import type { BucketSettings } from './bucket-settings'
import type { DataClassification } from './migration'

/** preflight.json: what Preflight found, written before anything is created at the destination and again after its probes. */
export interface PreflightFile {
  version: 1
  runId: string
  /** ISO 8601 */
  at: string
  runtime: 'aws' | 'local'
  dataClassification: DataClassification
  checks: Check[]
  /** the destination's answers, kept to compare with at the end; null: it has none, or was not asked */
  settings: BucketSettings | null
  /** what refuses the run, one line each */
  problems: string[]
  /** the run's roles, schedule or keys that were read back and are what was asked for */
  grants: number
  /** null: not tried, because of the problems */
  probes: {
    /** an upload was begun, given a part and aborted */
    wrote: boolean
    /** ISO 8601, by the destination's clock: when that part was written. No object of the run is older. */
    writingSince: string
    /** whether the source refuses a read that is pinned to a wrong ETag; null: it holds no object to try it on */
    sourceRefusesWrongEtag: boolean | null
  } | null
}

/** A difference between the destination before the run and after it. */
export interface Drift {
  id: CheckId
  title: string
  before: string
  after: string
  /** whether the run is not verified because of it */
  blocks: boolean
}

/** The destination's checks once more, when everything is copied. */
export type Postflight = { repeated: true; at: string; checks: Check[]; drift: Drift[] } | { repeated: false; at: string; reason: string }

/** Settings that may not change under a run even from one good value to another: who may reach the objects, and under which key they lie. */
const WATCHED = { 'tls-only': 'policy', encryption: 'encryption' } as const satisfies Partial<Record<CheckId, keyof BucketSettings>>

const WATCHED_TITLES = { policy: 'The bucket policy', encryption: 'Default encryption' } as const

const answered = (answer: BucketSettings[keyof BucketSettings]): string =>
  'unknown' in answer ? `unknown: ${answer.unknown}` : JSON.stringify(answer.value)

/** What is no longer as it was: a check that passed and now does not, or one of the settings that may not change. */
export const driftOf = (
  before: Pick<PreflightFile, 'checks' | 'settings'>,
  checks: readonly Check[],
  settings: BucketSettings,
): Drift[] => {
  const lapsed = checks.flatMap((check): Drift[] => {
    const earlier = before.checks.find(({ id }) => id === check.id)
    if (earlier?.result !== 'pass' || check.result === 'pass') return []
    const { id, title, evidence, level } = check
    return [{ id, title, before: earlier.evidence, after: evidence, blocks: level === 'block' }]
  })
  const changed = Object.entries(WATCHED).flatMap(([id, setting]): Drift[] => {
    const [was, is] = [before.settings?.[setting], settings[setting]]
    if (was === undefined || 'unknown' in was || answered(was) === answered(is)) return []
    if (lapsed.some((drift) => drift.id === id && drift.blocks)) return []
    return [{ id: id as CheckId, title: WATCHED_TITLES[setting], before: answered(was), after: answered(is), blocks: true }]
  })
  return [...lapsed, ...changed]
}

/** A difference on one line. */
export const driftLine = ({ title, before, after }: Drift): string =>
  `the destination changed during the run: ${title}: ${before}, and now ${after}`
