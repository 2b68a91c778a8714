import type { ChecklistFacts } from '../checklist'
import type { Report } from '../report'
import { bytesText, count, counted, spanText } from '../units'
import { escape, facts } from './markup'

const TITLES = { verified: 'Verified', 'not-verified': 'Not verified', estimated: 'Estimated (dry run)' } as const

const place = ({ bucket, prefix, endpoint }: Report['source'] | Report['destination']): string =>
  `${bucket}${prefix === '' ? '' : ` / ${prefix}`} at ${endpoint ?? 'Amazon S3'}`

const tile = (value: string, name: string, kind = ''): string =>
  `<div class="tile"><b${kind === '' ? '' : ` class="${kind}"`}>${escape(value)}</b><span>${escape(name)}</span></div>`

/** What a reader who has one minute needs to know. */
export const headline = ({ report, closure }: ChecklistFacts): string => {
  const { ledger, bytes, listing, failures, outcome } = report
  const there = ledger.copied + ledger.skipped
  const took = Date.parse(report.endedAt) - Date.parse(report.startedAt)
  const closed = closure?.complete === true
  const tiles =
    outcome === 'estimated'
      ? [
          tile(count(listing.listed), listing.listed === 1 ? 'object listed' : 'objects listed'),
          tile(bytesText(bytes.listed), 'listed'),
          tile(spanText(took), 'from start to end'),
        ]
      : [
          tile(count(there), `of ${counted(ledger.listed - ledger.excluded, 'object')} copied, or there already`),
          tile(bytesText(bytes.copied), 'copied'),
          tile(count(report.verification.counts.verified), 'verified'),
          tile(count(failures.count), 'not right', failures.count > 0 ? 'bad' : ''),
          tile(spanText(took), 'from start to end'),
        ]
  return `<header class="${report.succeeded ? 'good' : 'bad'}"><h1>${TITLES[outcome]}</h1><p class="reason">${escape(report.reason)}</p></header>
<div class="tiles">${tiles.join('')}${tile(closed ? 'closed' : 'not proved closed', 'access', closed ? 'good' : 'bad')}</div>
${facts([
  ['run', report.runId],
  ['source', place(report.source)],
  ['destination', place(report.destination)],
  ['from', report.startedAt],
  ['to', report.endedAt],
  ...(report.cutover ? [['cutover', 'the run was to find nothing to copy'] as const] : []),
  ...(report.stoppedBy === null ? [] : [['stopped by', report.stoppedBy] as const]),
])}`
}
