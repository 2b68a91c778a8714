import type { DeadLetters } from '../domain/access'
import { checkLine, warnings } from '../domain/bucket-checks'
import type { BucketSettings } from '../domain/bucket-settings'
import { DrayageError, errorName, PreconditionFailed } from '../domain/errors'
import type { Estimate } from '../domain/estimate'
import { balances, unaccounted } from '../domain/ledger'
import type { Migration } from '../domain/migration'
import type { Call, ObjectStore } from '../domain/object-store'
import { phasesOf } from '../domain/phases'
import { causeOf, objections, reasonOf, type CaughtError, type Report, type ReportFacts } from '../domain/report'
import { archivedReport } from '../domain/restore-file'
import { totalsFaults } from '../domain/shard-faults'
import { readJson, writeJson } from '../domain/state-files'
import { stateKeys } from '../domain/state-keys'
import { addUp, type AddingTurn } from './add-up'
import { postflight as askAgain } from './postflight'
import { readChildren } from './read-children'
import { readCursor } from './read-cursor'
import { readPreflight, readRestore, readStandingReport } from './read-run-files'

/** What ended a run early, as the state machine hands it over. */
export interface RunEnd {
  failure?: CaughtError | undefined
  /** per fleet: {} or a Map Run, or the error that ended it */
  copying?: Partial<CaughtError>[] | undefined
  /** the Map Run of VerifyBatches */
  verifying?: unknown
  estimate?: Estimate | undefined
}

export interface ReconcileTurn extends AddingTurn {
  deadLetters: DeadLetters
  /** asks the destination for its settings, with the run's right to read */
  settings(migration: Migration, call: Call): Promise<BucketSettings>
  now(): Date
}

const stoppedBy = ({ failure, copying }: RunEnd): string | undefined => {
  const error = failure ?? copying?.find((fleet): fleet is CaughtError => fleet.Error !== undefined)
  return error && causeOf(error)
}

/** ms since 1970, of a file's own word for it; undefined: it has none. */
const momentOf = (at: string | undefined): number | undefined => {
  const ms = Date.parse(at ?? '')
  return Number.isNaN(ms) ? undefined : ms
}

type TakenOver = Report['deadLetters']['takenOver']

/**
 * Removes the messages of the run whose failures this one was given. Only once this run has told of everything that it left: what it
 * did not come to stays where it was. Messages that stay are no fault of a migration: the report names them. `before`: what an earlier
 * call removed, which nobody finds a second time.
 */
const takeOver = async (
  migration: Migration,
  complete: boolean,
  before: TakenOver,
  { deadLetters, signal }: ReconcileTurn,
): Promise<TakenOver> => {
  const { dryRun, selection } = migration
  const runId = selection.failuresOf
  if (runId === null) return null
  if (before !== null && before.problem === null) return before
  if (dryRun || !complete) return { runId, messages: null, problem: 'this run does not account for all of its objects' }
  try {
    return { runId, messages: await deadLetters.take(runId, { signal }), problem: null }
  } catch (error) {
    if (signal.aborted || !(error instanceof DrayageError)) throw error
    return { runId, messages: null, problem: `${errorName(error)}: ${error.message}` }
  }
}

/**
 * Writes report.json in place of the one with this ETag, or of none. A call that was given up, and comes late, replaces nothing: the
 * report that another one has written since stands, and is returned without an ETag.
 */
const writeReport = async (
  state: ObjectStore,
  name: string,
  report: Report,
  standing: string | undefined,
  call: Call,
): Promise<{ report: Report; etag?: string }> => {
  try {
    const condition = standing === undefined ? { ifNoneMatch: true } : { ifMatch: standing }
    return { report, etag: await writeJson(state, name, report, { ...call, ...condition }) }
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error
    return { report: (await readJson<Report>(state, name, call)).value }
  }
}

/**
 * One turn of adding up the books from the run's files; undefined: its time was over before the shards were. The last turn decides whether
 * the run is verified, and writes its lists, the dead letters and report.json: the same files at whatever state the run ended, and in
 * however many turns. A call whose answer was lost is made again: what report.json says was sent and taken over is not sent and looked
 * for once more.
 */
export const reconcile = async (migration: Migration, end: RunEnd, turn: ReconcileTurn): Promise<Report | undefined> => {
  const { state, deadLetters, settings, signal, now } = turn
  const { runId, source, destination, verification } = migration
  const keys = stateKeys(runId)
  const call = { signal }
  const began = now().getTime()
  const startedAt = Date.parse(migration.startedAt)
  const standing = await readStandingReport(state, runId, call)
  const told = standing.value?.deadLetters
  const preflight = await readPreflight(state, runId, call)
  const before = preflight.value
  const cursor = await readCursor(state, keys.cursor, call)
  const restore = await readRestore(state, runId, call)
  const broken = [...standing.faults, ...[preflight.fault, restore.fault].filter((fault) => fault !== undefined)]
  const { excludedFor, archivedIn, extraPuts: _, ...totals } = cursor.totals
  const listing = { ...totals, complete: cursor.complete }

  const added = await addUp(migration, { began, verified: end.failure === undefined && !migration.dryRun }, turn)
  if (added === undefined) return undefined
  const { sums, lists } = added
  sums.mistrust(...cursor.faults)
  if (listing.complete && !migration.dryRun) {
    sums.close()
    sums.mistrust(...totalsFaults({ ...sums.totals, ...sums.excludedBy }, { ...listing, ...(excludedFor ?? sums.excludedBy) }))
  }
  const ended = await lists.end(sums.complete && listing.complete && !migration.dryRun)
  const { complete } = ended
  sums.fault(...ended.faults)
  const postflight = await askAgain(migration, {
    before,
    lost: preflight.fault !== undefined,
    settings: () => settings(migration, call),
    now,
    signal,
  })
  const children = migration.dryRun ? null : await readChildren(runId, end, state, call)
  const faults = [...broken, ...sums.faults()]
  const { ledger, verdicts, failures, notCarried } = sums
  const facts: ReportFacts = {
    ...{ migration, ledger, verdicts, listing, faults, stoppedBy: stoppedBy(end), children, postflight },
    notCarried: notCarried.count,
    bySizeAndTime: sums.skippedBy['size-and-time'],
  }
  const against = objections(facts)
  const succeeded = against.length === 0
  const endedAt = now()
  const report: Report = {
    version: 2,
    runId,
    executionId: migration.executionId,
    outcome: !succeeded ? 'not-verified' : migration.dryRun ? 'estimated' : 'verified',
    succeeded,
    reason: reasonOf(facts, against),
    startedAt: migration.startedAt,
    endedAt: endedAt.toISOString(),
    source: {
      bucket: source.bucket,
      prefix: source.prefix,
      endpoint: source.endpoint,
      credential: source.credential,
      provider: source.provider,
    },
    destination: { bucket: destination.bucket, prefix: destination.prefix, endpoint: destination.endpoint, region: destination.region },
    cutover: migration.cutover,
    ledger: { ...ledger, balanced: balances(ledger), unaccounted: unaccounted(ledger) },
    bytes: { listed: listing.bytes, copied: sums.copiedBytes },
    verification: { mode: verification.mode, sample: verification.sample, counts: verdicts, evidence: sums.evidence },
    proofs: sums.proofs,
    skippedBy: sums.skippedBy,
    excludedBy: migration.dryRun && excludedFor !== undefined ? excludedFor : sums.excludedBy,
    listing,
    estimate: end.estimate ?? null,
    archived: archivedReport(migration, archivedIn, restore.value),
    faults,
    children,
    failures: { ...failures.all, complete, reasons: failures.groups() },
    notCarried: { count: notCarried.count, sample: notCarried.sample, what: Object.fromEntries(notCarried.what) },
    extra: sums.extra,
    vanished: sums.vanished,
    sizes: sums.sizes,
    throughput: sums.throughput.result() ?? null,
    phases: phasesOf({
      startedAt,
      preflightAt: momentOf(before?.at),
      listedAt: cursor.at,
      restored: restore.etag !== undefined,
      copying: sums.copying,
      verification: sums.verification,
      adding: { from: added.began, to: endedAt.getTime() },
    }),
    deadLetters: { sent: told?.sent ?? 0, takenOver: told?.takenOver ?? null },
    stoppedBy: facts.stoppedBy ?? null,
    dataClassification: migration.dataClassification,
    preflight: before === undefined ? null : { problems: before.problems, warnings: warnings(before.checks).map(checkLine) },
    postflight,
    files: {
      report: keys.report,
      html: keys.reportHtml,
      failures: keys.failures,
      failedKeys: keys.failedKeys,
      extra: keys.extra,
      notCarried: keys.notCarried,
      certificate: keys.certificate,
    },
  }
  // The report stands before the queue is asked: one that refuses leaves a run that has it.
  const first = await writeReport(state, keys.report, report, standing.etag, call)
  if (first.etag === undefined) return first.report
  const sent = sums.letters.length
  if (sent > 0 && told?.sent !== sent) await deadLetters.send(sums.letters)
  const takenOver = await takeOver(migration, complete, report.deadLetters.takenOver, turn)
  if (sent === report.deadLetters.sent && takenOver === report.deadLetters.takenOver) return report
  return (await writeReport(state, keys.report, { ...report, deadLetters: { sent, takenOver } }, first.etag, call)).report
}
