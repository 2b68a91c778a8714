import { causeWords } from './cause'
import { mainReasons, type Children } from './children'
import { balances, unaccounted, type Ledger } from './ledger'
import type { Migration } from './migration'
import { driftLine, type Postflight } from './preflight-file'
import type { Report } from './report-schema'
import { count, counted } from './units'
import type { VerdictCounts } from './verdicts'

export type { Report } from './report-schema'

/** How an error reached the state machine: `Cause` is a message, or Lambda's JSON with `errorMessage`. */
export interface CaughtError {
  Error: string
  Cause?: string
}

/** A caught error on its own: its name and its words. */
export const causeOf = ({ Error: name, Cause: cause }: CaughtError): string => (cause ? `${name}: ${causeWords(cause)}` : name)

/** What a run's success rests on. Each fact that speaks against it is one reason; none: verified. */
export interface ReportFacts {
  migration: Migration
  ledger: Ledger
  verdicts: VerdictCounts
  listing: Report['listing']
  faults: readonly string[]
  stoppedBy: string | undefined
  /** no objections: what became of a child's objects stands in the books. They say why */
  children: Children | null
  postflight: Postflight
  /** rows of not-carried.csv, and objects that are taken for equal only by size and time: no objections, and not to be kept quiet */
  notCarried: number
  bySizeAndTime: number
}

/** Why this run is not verified, in the order in which a reader wants to know; empty: verified. */
export const objections = ({ migration, ledger, verdicts, listing, faults, stoppedBy, postflight }: ReportFacts): string[] => {
  const found: string[] = []
  if (stoppedBy !== undefined) found.push(stoppedBy)
  if (!listing.complete) found.push('the source was not listed to its end')
  if (migration.dryRun) return found
  if (ledger.failed > 0) found.push(`${count(ledger.failed)} failed`)
  if (migration.cutover && ledger.copied > 0)
    found.push(`cutover: ${counted(ledger.copied, 'object')} still had to be copied; run again until none is`)
  if (ledger.changed > 0)
    found.push(`${count(ledger.changed)} changed at the source while the run was on, or not there (run again for what is)`)
  if (!balances(ledger))
    found.push(
      `the books do not balance: ${count(unaccounted(ledger))} of ${counted(ledger.listed, 'listed object')} ${unaccounted(ledger) === 1 ? 'has' : 'have'} no outcome`,
    )
  for (const name of ['missing', 'different', 'unverifiable', 'unaccounted'] as const) {
    if (verdicts[name] > 0) found.push(`${count(verdicts[name])} ${name} at the destination`)
  }
  const judged = verdicts.verified + verdicts.missing + verdicts.different + verdicts.unverifiable
  const expected = ledger.copied + ledger.skipped
  if (judged !== expected)
    found.push(`${count(judged)} of ${counted(expected, 'copied or skipped object was', 'copied or skipped objects were')} verified`)
  if (postflight.repeated) found.push(...postflight.drift.filter(({ blocks }) => blocks).map(driftLine))
  else if (stoppedBy === undefined) found.push(`whether the destination is still as Preflight found it is not known: ${postflight.reason}`)
  return [...found, ...faults]
}

/** What a run that found nothing to move has not looked at: a mistyped prefix succeeds too, and must not look like a moved bucket. */
const nothingMoved = ({ listed, excluded }: Pick<Ledger, 'listed' | 'excluded'>): string => {
  if (listed === 0) return '; nothing was listed: are source.bucket and source.prefix right?'
  return listed === excluded ? '; the selection left out every object: is it right?' : ''
}

/** A question has its own end. */
const sentence = (words: string): string => (words.endsWith('?') ? words : `${words}.`)

/** The one sentence of a report. */
export const reasonOf = (facts: ReportFacts, against: readonly string[]): string => {
  const { listed, copied, skipped, excluded } = facts.ledger
  const leftOut = excluded === 0 ? '' : `, ${count(excluded)} excluded`
  const books = `${count(listed)} listed, ${count(copied)} copied, ${count(skipped)} already there${leftOut}`
  const weak = facts.bySizeAndTime === 0 ? '' : `; ${count(facts.bySizeAndTime)} of them equal only by size and time`
  const without = facts.notCarried === 0 ? '' : `; not carried: ${count(facts.notCarried)} (not-carried.csv)`
  if (against.length > 0 && facts.migration.dryRun) return against.join('; ')
  if (against.length > 0) return [...mainReasons(facts.children), ...against.slice(0, 5), books].join('; ')
  if (facts.migration.dryRun)
    return sentence(`Dry run: ${counted(facts.listing.listed, 'object')} listed, nothing copied${nothingMoved(facts.listing)}`)
  if (facts.migration.cutover && skipped === 0)
    return sentence(`Cut-over: there was nothing to move: ${books}${without}${nothingMoved(facts.ledger)}`)
  if (facts.migration.cutover)
    return `Cut-over: nothing had to be copied, ${skipped === 1 ? 'the 1 object is' : `all ${count(skipped)} objects are`} there and verified${leftOut}${weak}${without}.`
  if (copied === 0 && skipped > 0)
    return `Verified: nothing to copy, ${skipped === 1 ? 'the 1 object was' : `all ${count(skipped)} objects were`} already there${leftOut}${weak}${without}.`
  return sentence(`Verified: ${books}${weak}${without}${nothingMoved(facts.ledger)}`)
}
