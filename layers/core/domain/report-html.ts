import type { Observation } from './access'
import { keyFromJson, printableKey } from './keys'
import type { Closure } from './closure'
import { checkLine, type Check } from './bucket-checks'
import type { ChecklistFacts, ChecklistItem, Phase } from './checklist'
import type { FailureRow, Report } from './report'
import { bytesText, count } from './units'

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Text for HTML, in an element or a quoted attribute: keys come from strangers. */
const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!)

const MARKS = { pass: '✓', fail: '✗', unknown: '?', manual: '☐' } as const

const table = (head: readonly string[], rows: readonly (readonly string[])[], kind = ''): string =>
  `<div class="scroll"><table class="${kind}"><thead><tr>${head.map((cell) => `<th>${escape(cell)}</th>`).join('')}</tr></thead><tbody>${rows
    .map((row) => `<tr${row[0] === MARKS.fail ? ' class="bad"' : ''}>${row.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`)
    .join('')}</tbody></table></div>`

const place = ({ bucket, prefix, endpoint }: Report['source'] | Report['destination']): string =>
  `${bucket}${prefix === '' ? '' : ` / ${prefix}`} at ${endpoint ?? 'Amazon S3'}`

const books = ({ ledger }: Report): string =>
  table(
    ['listed', '=', 'copied', '+', 'skipped', '+', 'excluded', '+', 'changed', '+', 'failed', ''],
    [
      [
        count(ledger.listed),
        '=',
        count(ledger.copied),
        '+',
        count(ledger.skipped),
        '+',
        count(ledger.excluded),
        '+',
        count(ledger.changed),
        '+',
        count(ledger.failed),
        ledger.balanced ? 'balanced' : `not balanced: ${count(ledger.unaccounted)} unaccounted`,
      ],
    ],
    'books',
  )

const verification = ({ verification: { counts, mode, evidence } }: Report): string =>
  `<p>Mode <b>${escape(mode)}</b>: ${escape(evidence)}.</p>${table(
    ['verified', 'missing', 'different', 'unverifiable', 'unaccounted', 'only at the destination'],
    [
      [counts.verified, counts.missing, counts.different, counts.unverifiable, counts.unaccounted, counts.extra].map((value) =>
        count(value),
      ),
    ],
    'books',
  )}`

const failureRow = ({ key, what, reason, detail }: FailureRow): string[] => [printableKey(keyFromJson(key)), what, reason, detail]

const failures = ({ failures: { count: all, sample }, files }: Report): string =>
  all === 0
    ? ''
    : `<h2>What is not right</h2>${table(['key', 'what', 'reason', 'detail'], sample.map(failureRow))}<p>${count(sample.length)} of ${count(all)} shown; all of them stand in <code>${escape(files.failures)}</code>.</p>`

const observationRow = (step: string, { kind, name, call, answer, closed, at }: Observation): string[] => [
  closed ? MARKS.pass : MARKS.fail,
  step,
  kind,
  name,
  call,
  answer,
  at,
]

const comparison = ({ baseline }: Closure): string => {
  if (baseline === null) return ''
  const { before, after, unexplained } = baseline
  const found = `<p>${count(before)} roles, schedules or keys were there before the run created anything, and ${count(after)} afterwards.</p>`
  return unexplained.length === 0
    ? found
    : `${found}<p class="bad">New since, and in no run's record: ${unexplained.map(({ kind, name }) => escape(`${kind} ${name}`)).join(', ')}.</p>`
}

const list = (lines: readonly string[]): string => `<ul>${lines.map((line) => `<li>${escape(line)}</li>`).join('')}</ul>`

const closureSection = ({ closure, certificate, report }: ChecklistFacts): string => {
  if (closure === undefined) return '<p class="bad">Cleanup left no record: access may still be open.</p>'
  const words = closure.complete
    ? 'Everything that this run opened was observed to be closed.'
    : '<b class="bad">Something that this run opened may still exist.</b>'
  const proof =
    certificate === undefined
      ? '<p class="bad">There is no certificate.</p>'
      : `<p><code>${escape(report.files.certificate)}</code>, SHA-256 <code>${escape(certificate)}</code></p>`
  const rows = table(
    ['', 'step', 'what', 'name', 'call', 'answer', 'at'],
    closure.steps.flatMap(({ step, name, observations }) => observations.map((one) => observationRow(`${step} ${name}`, one))),
  )
  const todo = closure.todo.length === 0 ? '' : `<h3>Left to you</h3>${list(closure.todo)}`
  return `<p>${words} Written at ${escape(closure.at)}.</p>${proof}${rows}${comparison(closure)}${todo}`
}

const checkRow = ({ title, level, result, evidence, remedy }: Check): string[] => [
  MARKS[result],
  title,
  level,
  result,
  evidence,
  remedy ?? '',
]

const preflightSection = ({ preflight }: ChecklistFacts): string => {
  if (preflight === undefined) return '<p>The run ended before Preflight had asked.</p>'
  const refused = preflight.problems.length === 0 ? '' : `<p class="bad">Preflight refused the run:</p>${list(preflight.problems)}`
  return `${refused}<p>As <b>${escape(preflight.dataClassification)}</b> data, at ${escape(preflight.at)}:</p>${table(
    ['', 'check', 'level', 'result', 'seen', 'to do'],
    preflight.checks.map(checkRow),
  )}`
}

const postflightSection = ({ report: { postflight } }: ChecklistFacts): string => {
  if (!postflight.repeated) return `<p>Not repeated: ${escape(postflight.reason)}.</p>`
  const open = postflight.checks.filter(({ level, result }) => level !== 'info' && (result === 'fail' || result === 'unknown'))
  const told = open.length === 0 ? '' : `<p>At the end these did not pass:</p>${list(open.map(checkLine))}`
  if (postflight.drift.length === 0) return `<p>Asked again at ${escape(postflight.at)}: nothing has changed.</p>${told}`
  return `<p class="bad">Asked again at ${escape(postflight.at)}: this has changed.</p>${table(
    ['', 'what', 'before', 'after'],
    postflight.drift.map(({ title, before, after, blocks }) => [blocks ? 'not verified because of it' : 'warning', title, before, after]),
  )}${told}`
}

const PHASES: readonly (readonly [Phase, string])[] = [
  ['pre', 'Before the migration'],
  ['during', 'During the migration'],
  ['post', 'After the migration'],
  ['compliance', 'Compliance'],
  ['cleanup', 'Cleanup'],
  ['shared', 'Shared responsibility: yours'],
]

const itemRow = ({ status, text, evidence, todo }: ChecklistItem): string[] => [MARKS[status], text, status, evidence, todo ?? '']

const checklistSection = ({ report: { checklist = [] } }: ChecklistFacts): string => {
  const of = (status: ChecklistItem['status']) => checklist.filter((item) => item.status === status).length
  const parts = PHASES.map(
    ([phase, title]) =>
      `<h3>${title}</h3>${table(['', 'line', 'status', 'evidence', 'to do'], checklist.filter((item) => item.phase === phase).map(itemRow))}`,
  )
  return `<p>${count(of('pass'))} passed, ${count(of('fail'))} failed, ${count(of('manual'))} for you to look at.</p>${parts.join('')}`
}

const estimate = ({ estimate: found }: Report): string =>
  found === null
    ? ''
    : `<h2>Estimate</h2><p>If everything has to be copied, about US$ ${found.costUsd.toFixed(2)} of AWS requests, functions and transitions (list prices, us-east-1, November 2026; the source's own charges are not included), about ${count(found.durationSeconds)} s of copying, ${count(found.putRequests)} PUT-priced requests${found.problemKeys > 0 ? `, ${count(found.problemKeys)} keys that Amazon S3 cannot hold` : ''}.</p>`

const faults = ({ faults: found }: Report): string =>
  found.length === 0
    ? ''
    : `<h2>Faults in the run's files</h2><ul>${found
        .slice(0, 100)
        .map((fault) => `<li>${escape(fault)}</li>`)
        .join('')}</ul>`

const STYLE = `:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--line:#d5dae1;--soft:#f4f6f8;--good:#0a7d3c;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--paper:#14171b;--line:#343a43;--soft:#1d2127;--good:#5fd08a;--bad:#ff8a80}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0 auto;max-width:72rem;padding:1.5rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}.good{color:var(--good)}.bad{color:var(--bad)}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{border-bottom:1px solid var(--line);padding:.3rem .8rem .3rem 0;text-align:left;vertical-align:top}
td{overflow-wrap:anywhere;min-width:6rem}td:first-child,.books td{min-width:0}.books td{overflow-wrap:normal}p,li{overflow-wrap:anywhere}.reason{white-space:pre-line}.books td{font-size:1.2rem}code{background:var(--soft);padding:.1rem .3rem;overflow-wrap:anywhere}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem}dt{opacity:.7}dd{margin:0;overflow-wrap:anywhere}`

const TITLES = { verified: 'Verified', 'not-verified': 'Not verified', estimated: 'Estimated (dry run)' } as const

/** report.html: one page without any request of its own. */
export const reportHtml = (page: ChecklistFacts): string => {
  const { report } = page
  const facts: [string, string][] = [
    ['run', report.runId],
    ['source', place(report.source)],
    ['destination', place(report.destination)],
    ['from', report.startedAt],
    ['to', report.endedAt],
    ['listed', bytesText(report.bytes.listed)],
    ['copied', bytesText(report.bytes.copied)],
  ]
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Drayage: ${escape(report.runId)}</title><style>${STYLE}</style></head><body>
<h1 class="${report.succeeded ? 'good' : 'bad'}">${TITLES[report.outcome]}</h1>
<p class="reason">${escape(report.reason)}</p>
<dl>${facts.map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`).join('')}</dl>
<h2>Books</h2>${books(report)}
<h2>Verification</h2>${verification(report)}
${failures(report)}${faults(report)}
<h2>Access closed</h2>${closureSection(page)}
<h2>Preflight</h2>${preflightSection(page)}
<h2>Postflight</h2>${postflightSection(page)}
<h2>Checklist</h2>${checklistSection(page)}
${estimate(report)}
</body></html>
`
}
