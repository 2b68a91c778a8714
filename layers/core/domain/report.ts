import type { ChecklistItem } from './checklist'
import { balances, unaccounted, type Ledger } from './ledger'
import type { Estimate } from './estimate'
import type { KeyJson } from './keys'
import type { ListingTotals } from './listing'
import type { DataClassification, Migration } from './migration'
import { driftLine, type Postflight } from './preflight-file'
import { count } from './units'
import type { VerdictCounts } from './verdicts'

/** How an error reached the state machine: `Cause` is a message, or Lambda's JSON with `errorMessage`. */
export interface CaughtError {
  Error: string
  Cause?: string
}

/** The words of a caught error, from either form. */
export const causeOf = ({ Error: name, Cause: cause }: CaughtError): string => {
  if (!cause) return name
  try {
    const parsed = JSON.parse(cause) as { errorMessage?: unknown }
    return typeof parsed.errorMessage === 'string' ? `${name}: ${parsed.errorMessage}` : `${name}: ${cause}`
  } catch {
    return `${name}: ${cause}`
  }
}

export interface FailureRow {
  key: KeyJson
  /** failed, changed, or a verdict's name */
  what: string
  reason: string
  detail: string
}

/** report.json: what a run did, counted from its files. */
export interface Report {
  version: 1
  runId: string
  executionId: string
  outcome: 'verified' | 'not-verified' | 'estimated'
  succeeded: boolean
  /** one sentence for people, and the Fail state's cause */
  reason: string
  startedAt: string
  endedAt: string
  source: { bucket: string; prefix: string; endpoint: string | null; credential: string | null; provider: string }
  destination: { bucket: string; prefix: string; endpoint: string | null; region: string }
  ledger: Ledger & { balanced: boolean; unaccounted: number }
  bytes: { listed: number; copied: number }
  verification: { mode: string; evidence: string; counts: VerdictCounts }
  listing: ListingTotals & { complete: boolean }
  estimate: Estimate | null
  /** what is wrong with the run's files: gaps, missing or doubled outcomes */
  faults: string[]
  /** what ended the run early, if anything did */
  failures: { count: number; sample: FailureRow[] }
  stoppedBy: string | null
  dataClassification: DataClassification
  /** null: the run ended before Preflight had written what it found */
  preflight: { problems: string[]; warnings: string[] } | null
  postflight: Postflight
  /** added by WriteReport: until then Cleanup's part of it is not known */
  checklist?: ChecklistItem[]
  files: { report: string; failures: string; certificate: string; html: string }
}

/** What a run's success rests on. Each fact that speaks against it is one reason; none: verified. */
export interface ReportFacts {
  migration: Migration
  ledger: Ledger
  verdicts: VerdictCounts
  listing: Report['listing']
  faults: readonly string[]
  stoppedBy: string | undefined
  postflight: Postflight
}

/** Why this run is not verified, in the order in which a reader wants to know; empty: verified. */
export const objections = ({ migration, ledger, verdicts, listing, faults, stoppedBy, postflight }: ReportFacts): string[] => {
  const found: string[] = []
  if (stoppedBy !== undefined) found.push(stoppedBy)
  if (!listing.complete) found.push('the source was not listed to its end')
  if (migration.dryRun) return found
  if (ledger.failed > 0) found.push(`${count(ledger.failed)} failed`)
  if (ledger.changed > 0) found.push(`${count(ledger.changed)} changed at the source while the run was on (run again to pick them up)`)
  if (!balances(ledger))
    found.push(`the books do not balance: ${count(unaccounted(ledger))} of ${count(ledger.listed)} listed objects have no outcome`)
  for (const name of ['missing', 'different', 'unverifiable', 'unaccounted'] as const) {
    if (verdicts[name] > 0) found.push(`${count(verdicts[name])} ${name} at the destination`)
  }
  const judged = verdicts.verified + verdicts.missing + verdicts.different + verdicts.unverifiable
  const expected = ledger.copied + ledger.skipped
  if (judged !== expected) found.push(`${count(judged)} of ${count(expected)} copied or skipped objects were verified`)
  if (postflight.repeated) found.push(...postflight.drift.filter(({ blocks }) => blocks).map(driftLine))
  else if (stoppedBy === undefined) found.push(`whether the destination is still as Preflight found it is not known: ${postflight.reason}`)
  return [...found, ...faults]
}

/** The one sentence of a report. */
export const reasonOf = (facts: ReportFacts, against: readonly string[]): string => {
  const { listed, copied, skipped } = facts.ledger
  const books = `${count(listed)} listed, ${count(copied)} copied, ${count(skipped)} already there`
  if (against.length > 0) return facts.migration.dryRun ? against.join('; ') : `${against.slice(0, 5).join('; ')}; ${books}`
  if (facts.migration.dryRun) return `Dry run: ${count(facts.listing.listed)} objects listed, nothing copied.`
  if (copied === 0 && listed > 0) return `Verified: nothing to copy, all ${count(listed)} objects were already there.`
  return `Verified: ${books}.`
}
