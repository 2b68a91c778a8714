import { archivedLines } from '../archived-words'
import type { ChecklistFacts } from '../checklist'
import { rereadLine } from '../estimate'
import type { Report } from '../report'
import { bytesText, counted, spanText } from '../units'
import { books, faults } from './books'
import { extras, notCarried } from './carried'
import { phasesChart, sizesChart, throughputChart } from './charts'
import { children } from './children'
import { checklist, postflight, preflight } from './checks'
import { accessClosed } from './closure'
import { evidence, verification } from './evidence'
import { failures } from './failures'
import { headline } from './headline'
import { escape, list, section } from './markup'
import { STYLE } from './style'

const estimate = ({ estimate: found, bytes }: Report): string =>
  found === null
    ? ''
    : `<p>If everything has to be copied, ${bytesText(bytes.listed)}, about US$ ${found.costUsd.toFixed(2)} of AWS requests, functions and transitions (list prices, us-east-1, November 2026; the source's own charges are not included), about ${spanText(found.durationSeconds * 1000)} of ${found.reread === null ? 'copying' : 'copying and reading again'}, ${counted(found.putRequests, 'PUT-priced request')}${found.problemKeys > 0 ? `, ${counted(found.problemKeys, 'key')} that Amazon S3 cannot hold` : ''}.</p>`

const reread = ({ estimate: found }: Report): string =>
  found === null || found.reread === null ? '' : `<p>${rereadLine(found.reread)}.</p>`

const archived = ({ archived: found, outcome }: Report): string =>
  found === null ? '' : list(archivedLines(found, outcome === 'estimated'))

const deadLetters = ({ deadLetters: { sent, takenOver } }: Report): string => {
  const own =
    sent === 0 ? '' : `<p>${counted(sent, 'message is', 'messages are')} in the dead-letter queue, one per shard with failures.</p>`
  if (takenOver === null) return own
  const { runId, messages, problem } = takenOver
  const taken = `<p>This run was given the failures of the run <code>${escape(runId)}</code>`
  return problem === null
    ? `${own}${taken}, and removed its ${counted(messages ?? 0, 'message')} from the queue.</p>`
    : `${own}${taken}. <span class="bad">Its messages are still in the queue: ${escape(problem)}.</span></p>`
}

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

/** report.html: one page without any request of its own. Everything in it that came from elsewhere is text. */
export const reportHtml = (page: ChecklistFacts): string => {
  const { report } = page
  const copying = report.outcome !== 'estimated'
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${escape(`Drayage: ${report.runId}`)}</title><style>${STYLE}</style></head><body><main>
${headline(page)}
${copying ? '' : section('Estimate', estimate(report))}
${section('What is not right', failures(report))}
${section('Children that ended with an error', children(report))}
${section("Faults in the run's files", faults(report))}
${copying ? section('Books', books(report)) : ''}
${copying ? section('Verification', verification(report)) : ''}
${section('Throughput', report.throughput === null ? '' : throughputChart(report.throughput))}
${section('Where the time went', report.phases.length === 0 ? '' : phasesChart(report.phases, report.startedAt, report.endedAt))}
${section('Sizes', sizesChart(report.sizes))}
${section('Evidence used', evidence(report))}
${section('Not carried', notCarried(report))}
${section('Only at the destination', extras(report))}
${section('Archived at the source', archived(report))}
${section('Dead letters', deadLetters(report))}
${section('Access closed', accessClosed(page))}
${section('Preflight', preflight(page))}
${section('Postflight', postflight(page))}
${section('Checklist', checklist(page))}
${copying ? section('Estimate', estimate(report) + reread(report)) : ''}
</main></body></html>
`
}
