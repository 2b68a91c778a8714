import type { Grant, Held, Observation } from './access'
import { endpointHash } from './host-hash'
import type { Migration } from './migration'

/** Cleanup's steps, in their order (DESIGN section 7). */
export const STEPS = [
  'stop the execution',
  'suspend the access',
  'see a write refused',
  'abort uploads',
  'delete the access',
  'end the credential',
  'prove',
  'delete the schedule, release the lock',
  'certificate',
] as const

/** Number of the last step that says anything about access; the ninth writes down what these observed. */
const LAST_OF_ACCESS = 8

/** What one step observed. A step that does not apply to a run says why, as an observation. */
export interface ClosureStep {
  /** 1 to 9 */
  step: number
  name: (typeof STEPS)[number]
  observations: Observation[]
}

/** What there is where runs create their access, against what there was before this run created anything. */
export interface BaselineComparison {
  before: number
  after: number
  /** of this run and still there */
  ours: Held[]
  /** new since, and named by the record of another run */
  others: (Held & { runId: string })[]
  /** new since, and in no run's record: somebody else's, or something that nobody will end */
  unexplained: Held[]
}

/** closure.json: what the last call of Cleanup observed. Written anew after each step, so that a killed call's answers are not lost. */
export interface Closure {
  version: 1
  runId: string
  /** whether every step on access was taken and everything that the run created is observed to be gone */
  complete: boolean
  /** who asked: the run itself, or what found it after its end */
  calledBy: 'the run' | 'another'
  /** ISO 8601: when this file was written */
  at: string
  steps: ClosureStep[]
  /**
   * what some call of Cleanup observed of the run's uploads after it had seen a write refused: nothing can have been begun since, and
   * it is the only answer once the role is gone. null: none has
   */
  uploads: Observation[] | null
  /** null: nothing was created, so that there is nothing to compare */
  baseline: BaselineComparison | null
  /** what this run cannot do for the reader */
  todo: string[]
}

/** A step that observed nothing is not done: an empty list proves nothing. */
export const isClosed = ({ observations }: ClosureStep): boolean => observations.length > 0 && observations.every(({ closed }) => closed)

export const isComplete = (steps: readonly ClosureStep[]): boolean =>
  STEPS.slice(0, LAST_OF_ACCESS).every((_, index) => steps.some((found) => found.step === index + 1 && isClosed(found)))

export const observationsOf = ({ steps }: Pick<Closure, 'steps'>): Observation[] => steps.flatMap(({ observations }) => observations)

const same = (one: Held, other: Held): boolean => one.kind === other.kind && one.name === other.name

/**
 * Compares two inventories. `isOurs`: whether something is this run's; `recorded`: the run whose record names something, for what is
 * new. What was there before and is not ours is nobody's business here, gone or not.
 */
export const compareInventories = (
  before: readonly Held[],
  after: readonly Held[],
  isOurs: (held: Held) => boolean,
  recorded: (held: Held) => string | undefined,
): BaselineComparison => {
  const fresh = after.filter((held) => !isOurs(held) && !before.some((old) => same(old, held)))
  const runs = fresh.map((held) => ({ held, runId: recorded(held) }))
  return {
    before: before.length,
    after: after.length,
    ours: after.filter(isOurs),
    others: runs.flatMap(({ held, runId }) => (runId === undefined ? [] : [{ ...held, runId }])),
    unexplained: runs.flatMap(({ held, runId }) => (runId === undefined ? [held] : [])),
  }
}

/** certificate.json: what was observed of a run's end, of which nothing is still open. It claims nothing that was not observed. */
export interface Certificate {
  version: 1
  runId: string
  executionId: string
  /** ISO 8601 */
  startedAt: string
  closedAt: string
  /** endpoints as `endpointHash` gives them: a certificate is handed on, and a host may be nobody else's business */
  source: { bucket: string; prefix: string; endpoint: string | null; credential: string | null }
  destination: { bucket: string; prefix: string; endpoint: string | null; region: string; account: string | null }
  /** what the run had created, and until when its rights would have lasted by themselves */
  opened: { expiresAt: string; grants: Grant[] }
  /** the steps on access with everything that was observed */
  steps: ClosureStep[]
  baseline: BaselineComparison | null
  /** SHA-256 of the packaged functions that ran; null: one machine, where nothing is packaged */
  bundleSha256: string | null
  todo: string[]
}

/** The certificate of a complete closure; undefined for any other: what is not proved is not certified. */
export const certificateOf = (
  { steps, baseline, todo, at, runId }: Closure,
  migration: Migration,
  grants: readonly Grant[],
  bundleSha256: string | null,
): Certificate | undefined => {
  if (!isComplete(steps)) return undefined
  const { source, destination, access } = migration
  return {
    version: 1,
    runId,
    executionId: migration.executionId,
    startedAt: migration.startedAt,
    closedAt: at,
    source: { bucket: source.bucket, prefix: source.prefix, endpoint: endpointHash(source.endpoint), credential: source.credential },
    destination: {
      bucket: destination.bucket,
      prefix: destination.prefix,
      endpoint: endpointHash(destination.endpoint),
      region: destination.region,
      account: destination.account,
    },
    opened: { expiresAt: access.expiresAt, grants: [...grants] },
    steps: steps.filter(({ step }) => step <= LAST_OF_ACCESS),
    baseline,
    bundleSha256,
    todo,
  }
}
