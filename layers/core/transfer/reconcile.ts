import type { DeadLetter, DeadLetters } from '../domain/access'
import { checkLine, warnings } from '../domain/bucket-checks'
import type { BucketSettings } from '../domain/bucket-settings'
import { csvLine } from '../domain/csv'
import type { Estimate } from '../domain/estimate'
import { keyFromJson, keyToJson, printableKey, type Key } from '../domain/keys'
import { addLedger, balances, emptyLedger, shardBooks, unaccounted } from '../domain/ledger'
import { cursorFromJson, isListed, NO_TOTALS, type CursorJson } from '../domain/listing'
import type { Migration } from '../domain/migration'
import type { Call, ObjectStore } from '../domain/object-store'
import type { PreflightFile } from '../domain/preflight-file'
import { causeOf, objections, reasonOf, type CaughtError, type FailureRow, type Report, type ReportFacts } from '../domain/report'
import { findJson, listNames, readBytes, writeJson, writeLines } from '../domain/state-files'
import { largeName, shardOf, stateKeys } from '../domain/state-keys'
import { shardFromText, tilingFault } from '../domain/shards'
import { addVerdicts, noVerdicts } from '../domain/verdicts'
import { readOutcomes } from './outcome-files'
import { postflight as askAgain } from './postflight'
import { readVerdicts } from './verify-batch'

/** Failures shown in report.json; all of them stand in failures.csv. */
const SAMPLE = 20

/** What ended a run early, as the state machine hands it over. */
export interface RunEnd {
  failure?: CaughtError | undefined
  /** per fleet: {} or a Map Run, or the error that ended it */
  copying?: Partial<CaughtError>[] | undefined
  estimate?: Estimate | undefined
}

export interface ReconcileTurn {
  state: ObjectStore
  deadLetters: DeadLetters
  /** asks the destination for its settings, with the run's right to read */
  settings(migration: Migration, call: Call): Promise<BucketSettings>
  signal: AbortSignal
  now(): Date
}

interface Books {
  ledger: ReturnType<typeof emptyLedger>
  verdicts: ReturnType<typeof noVerdicts>
  copiedBytes: number
  faults: string[]
  ranges: { after: Key | undefined; upTo: Key | undefined }[]
  letters: DeadLetter[]
  failures: { count: number; sample: FailureRow[] }
}

const emptyBooks = (): Books => ({
  ledger: emptyLedger(),
  verdicts: noVerdicts(),
  copiedBytes: 0,
  faults: [],
  ranges: [],
  letters: [],
  failures: { count: 0, sample: [] },
})

const CSV_HEADER = csvLine(['key', 'what', 'reason', 'detail', 'key_base64'])

const rowLine = ({ key, what, reason, detail }: FailureRow): string => {
  const bytes = keyFromJson(key)
  return csvLine([printableKey(bytes), what, reason, detail, bytes.toString('base64')])
}

/** Adds one shard to the books, from its files alone, and returns its failure rows. */
const addShardTo = async (books: Books, migration: Migration, name: string, state: ObjectStore, call: Call): Promise<FailureRow[]> => {
  const { runId } = migration
  const shardName = shardOf(runId, name)
  const shard = shardFromText((await readBytes(state, name, call)).body.toString('utf8'), name)
  const written = await readOutcomes(state, runId, shardName, call)
  for (const object of shard.objects) if (object.large) written.push(...(await readOutcomes(state, runId, largeName(object.key), call)))
  const { ledger, outcomes, faults } = shardBooks(shard, shardName, written)
  const verdictFiles = await readVerdicts(state, runId, shardName, call)

  books.ledger = addLedger(books.ledger, ledger)
  books.ranges.push({ after: shard.after, upTo: shard.upTo })
  books.faults.push(...faults)
  if (!balances(ledger)) books.faults.push(`${shardName}: ${unaccounted(ledger)} of ${ledger.listed} objects have no outcome`)
  const rows: FailureRow[] = []
  for (const outcome of outcomes) {
    if (!outcome) continue
    books.copiedBytes += outcome.bytes
    if (outcome.outcome === 'failed' || outcome.outcome === 'changed') {
      rows.push({ key: keyToJson(outcome.key), what: outcome.outcome, reason: outcome.reason ?? '', detail: outcome.detail ?? '' })
    }
  }
  const unfinished = ledger.failed + ledger.changed
  if (unfinished > 0) books.letters.push({ runId, shard: shardName, objects: unfinished, failures: stateKeys(runId).failures })
  for (const file of verdictFiles) {
    books.verdicts = addVerdicts(books.verdicts, file.counts)
    for (const { key, verdict, detail } of file.verdicts) {
      if (verdict !== 'extra') rows.push({ key: keyToJson(key), what: verdict, reason: 'Verification', detail })
    }
  }
  return rows
}

/** The failure rows of all shards as CSV lines; the books are added up on the way. One shard at a time is in memory. */
async function* failureLines(
  books: Books,
  migration: Migration,
  names: readonly string[],
  state: ObjectStore,
  call: Call,
): AsyncGenerator<string> {
  yield CSV_HEADER
  for (const name of names) {
    const rows = await addShardTo(books, migration, name, state, call)
    books.failures.count += rows.length
    books.failures.sample.push(...rows.slice(0, Math.max(0, SAMPLE - books.failures.sample.length)))
    for (const row of rows) yield rowLine(row)
  }
}

const stoppedBy = ({ failure, copying }: RunEnd): string | undefined => {
  const error = failure ?? copying?.find((fleet): fleet is CaughtError => fleet.Error !== undefined)
  return error && causeOf(error)
}

/**
 * Adds up the books from the run's files, decides whether the run is verified, and writes failures.csv, report.json and
 * the dead letters: the same files at whatever state the run ended.
 */
export const reconcile = async (
  migration: Migration,
  end: RunEnd,
  { state, deadLetters, settings, signal, now }: ReconcileTurn,
): Promise<Report> => {
  const keys = stateKeys(migration.runId)
  const call = { signal }
  const cursorFile = await findJson<CursorJson>(state, keys.cursor, call)
  const cursor = cursorFile && cursorFromJson(cursorFile.value)
  const books = emptyBooks()
  const names = migration.dryRun ? [] : await listNames(state, keys.batches, call)
  await writeLines(state, keys.failures, failureLines(books, migration, names, state, call), call)

  const listing = { ...(cursor?.totals ?? NO_TOTALS), complete: cursor !== undefined && isListed(cursor) }
  const tiling = listing.complete && !migration.dryRun ? tilingFault(books.ranges) : undefined
  if (tiling !== undefined) books.faults.push(tiling)
  const before = (await findJson<PreflightFile>(state, keys.preflight, call))?.value
  const postflight = await askAgain(migration, { before, settings: () => settings(migration, call), now, signal })
  const facts: ReportFacts = {
    migration,
    ledger: books.ledger,
    verdicts: books.verdicts,
    listing,
    faults: books.faults,
    stoppedBy: stoppedBy(end),
    postflight,
  }
  const against = objections(facts)
  const succeeded = against.length === 0
  const { source, destination } = migration
  const report: Report = {
    version: 1,
    runId: migration.runId,
    executionId: migration.executionId,
    outcome: !succeeded ? 'not-verified' : migration.dryRun ? 'estimated' : 'verified',
    succeeded,
    reason: reasonOf(facts, against),
    startedAt: migration.startedAt,
    endedAt: now().toISOString(),
    source: {
      bucket: source.bucket,
      prefix: source.prefix,
      endpoint: source.endpoint,
      credential: source.credential,
      provider: source.provider,
    },
    destination: { bucket: destination.bucket, prefix: destination.prefix, endpoint: destination.endpoint, region: destination.region },
    ledger: { ...books.ledger, balanced: balances(books.ledger), unaccounted: unaccounted(books.ledger) },
    bytes: { listed: listing.bytes, copied: books.copiedBytes },
    verification: {
      mode: migration.verification.mode,
      evidence: "the destination's own listing: size, and the ETag that its PUT answered",
      counts: books.verdicts,
    },
    listing,
    estimate: end.estimate ?? null,
    faults: books.faults,
    failures: books.failures,
    stoppedBy: facts.stoppedBy ?? null,
    dataClassification: migration.dataClassification,
    preflight: before === undefined ? null : { problems: before.problems, warnings: warnings(before.checks).map(checkLine) },
    postflight,
    files: { report: keys.report, failures: keys.failures, certificate: keys.certificate, html: keys.reportHtml },
  }
  if (books.letters.length > 0) await deadLetters.send(books.letters)
  await writeJson(state, keys.report, report, call)
  return report
}
