import {
  blocking,
  checkLine,
  destinationChecks,
  destinationUnasked,
  hasSettings,
  transportChecks,
  warnings,
  type Check,
} from '../domain/bucket-checks'
import type { BucketSettings } from '../domain/bucket-settings'
import { PreflightFailed } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import type { PreflightFile } from '../domain/preflight-file'
import { writeJson } from '../domain/state-files'
import { stateKeys } from '../domain/state-keys'
import { placeProblem, probeReading, probeSource, probeVersions, probeWriting, sideProblems, type Side } from './preflight'
import { readKeyList } from './read-key-list'
import { withRetries } from './retries'

export interface PreflightTurn {
  state: ObjectStore
  /** a side as it is used by copiers */
  open(side: Side): Promise<ObjectStore>
  /** the destination with the run's right to read: what verifies */
  reading(): Promise<ObjectStore>
  /** asks the destination for its settings, with the run's right to read */
  settings(): Promise<BucketSettings>
  /** the source's endpoint, wherever it is written; null: Amazon S3 */
  sourceEndpoint(): Promise<string | null>
  runtime: 'aws' | 'local'
  /** undefined: one machine */
  vpc: boolean | undefined
  /** how many grants of the run were read back and are what was asked for */
  grants: number
  now(): Date
  signal: AbortSignal
}

/** The destination's checks, and its trouble if it had any. */
const askDestination = async (
  migration: Migration,
  { settings, signal }: PreflightTurn,
): Promise<{ checks: Check[]; found: BucketSettings | null; problem?: string }> => {
  if (!hasSettings(migration)) return { checks: destinationChecks(migration, null), found: null }
  try {
    const found = await withRetries(settings, signal)
    return { checks: destinationChecks(migration, found), found }
  } catch (error) {
    return { checks: destinationUnasked(migration), found: null, problem: placeProblem(migration, 'destination', error) }
  }
}

/**
 * Reaches both sides, asks the destination for its settings and judges them by what the objects are, and checks the list of keys that
 * the run is over, if it is over one; then, and only if nothing refuses the run, tries to list versions, where all are to be carried,
 * to write, leaving nothing, and whether the mode of verification can be answered. All of it goes into preflight.json. Throws
 * PreflightFailed with a line per problem, or what a store throws that may answer a little later.
 */
export const runPreflight = async (
  migration: Migration,
  turn: PreflightTurn,
): Promise<PreflightFile & { probes: NonNullable<PreflightFile['probes']> }> => {
  const { state, open, signal } = turn
  const sides = await sideProblems(migration, open, signal)
  const destination =
    sides.destination === undefined
      ? await askDestination(migration, turn)
      : { checks: destinationUnasked(migration), found: null, problem: sides.destination }
  const transport =
    sides.source === undefined ? transportChecks(migration, { sourceEndpoint: await turn.sourceEndpoint(), vpc: turn.vpc }) : []
  const refusing = blocking([...(destination.problem === undefined ? destination.checks : []), ...transport])
  const file: PreflightFile = {
    version: 1,
    runId: migration.runId,
    at: turn.now().toISOString(),
    runtime: turn.runtime,
    dataClassification: migration.dataClassification,
    checks: [...destination.checks, ...transport],
    settings: destination.found,
    problems: [
      ...[sides.source, destination.problem].filter((line) => line !== undefined),
      ...refusing.map(checkLine),
      ...(await readKeyList(migration, state, { signal })),
    ],
    grants: turn.grants,
    probes: null,
  }
  const write = () => writeJson(state, stateKeys(migration.runId).preflight, file, { signal })
  await write()
  if (file.problems.length > 0) throw new PreflightFailed(file.problems.join('\n'))
  let writingSince: string
  try {
    await probeVersions(migration, open, signal)
    writingSince = await probeWriting(migration, await open('destination'), signal)
    if (migration.verification.mode !== 'listing') await probeReading(migration, await turn.reading(), turn.runtime === 'aws', signal)
  } catch (error) {
    if (!(error instanceof PreflightFailed)) throw error
    file.problems = [error.message]
    await write()
    throw error
  }
  const { ifMatch } = await probeSource(migration, await open('source'), signal)
  const probes = { wrote: true, writingSince, sourceRefusesWrongEtag: ifMatch }
  file.probes = probes
  await write()
  return { ...file, probes }
}

/** How many checks were told and refuse nothing. */
export const warningCount = ({ checks }: PreflightFile): number => warnings(checks).length
