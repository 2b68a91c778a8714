import { keyFromJson, printableKey, type Observation } from '@drayage/core'
import type { RunDocument } from './run-document'
import { terminalText } from './terminal-text'
import { bytesText, count, durationText } from './units'

const HEADINGS: Record<RunDocument['status'], string> = {
  verified: 'VERIFIED',
  estimated: 'ESTIMATED (dry run: nothing was copied)',
  'not-verified': 'NOT VERIFIED',
  interrupted: 'INTERRUPTED',
}

/** Failures shown here; all of them stand in failures.csv. */
const FAILURES_SHOWN = 5

/** What a run came to, for a terminal or a log: one string per line. */
export const summary = (run: RunDocument): string[] => [
  `${HEADINGS[run.status]}  ${terminalText(run.reason)}`,
  ...headline(run),
  ...section('Books', books(run)),
  ...section('Failures', failures(run)),
  ...section('Preflight', preflight(run)),
  ...section('Estimate', estimate(run)),
  ...section('Report', places(run)),
  ...section('Cleanup', cleanup(run)),
  ...section('Checklist', checklist(run)),
  ...section(
    'Left for you',
    run.todo.map((line) => terminalText(line)),
  ),
  ...section(
    'Went wrong after the run',
    run.afterwards.map((line) => terminalText(line)),
  ),
]

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)]

const headline = ({ bytes, seconds, ledger, objectsPerSecond, maxRssBytes }: RunDocument): string[] => {
  if (ledger === null) return []
  const rate = `${count(objectsPerSecond)} objects/s, ${(bytes.copied / 1e6 / seconds).toFixed(1)} MB/s`
  return [`${bytesText(bytes.copied)} copied in ${durationText(seconds * 1000)} (${rate}), at most ${bytesText(maxRssBytes)} of memory`]
}

const books = ({ ledger }: RunDocument): string[] => {
  if (ledger === null) return []
  const { balanced, ...rows } = ledger
  const width = Math.max(...Object.values(rows).map((value) => count(value).length))
  return [
    ...Object.entries(rows).map(([name, value]) => `${name.padEnd(9)}${count(value).padStart(width)}`),
    balanced
      ? 'balanced: listed = copied + skipped + excluded + changed + failed'
      : 'NOT balanced: listed is not copied + skipped + excluded + changed + failed',
  ]
}

const failures = ({ failures: { count: all, sample } }: RunDocument): string[] => {
  const shown = sample
    .slice(0, FAILURES_SHOWN)
    .map(({ key, what, reason, detail }) => terminalText(`${what}: ${printableKey(keyFromJson(key))}: ${reason}: ${detail}`))
  return all > shown.length ? [...shown, `and ${count(all - shown.length)} more in failures.csv`] : shown
}

const preflight = ({ preflight: found }: RunDocument): string[] =>
  found === null
    ? []
    : [...found.problems.map((line) => terminalText(`refused  ${line}`)), ...found.warnings.map((line) => terminalText(`warning  ${line}`))]

const checklist = ({ checklist: found }: RunDocument): string[] =>
  found === null
    ? []
    : [`${count(found.pass)} passed, ${count(found.fail)} failed, ${count(found.manual)} for you to look at: see report.html`]

const estimate = ({ status, estimate: expected, listed, bytes }: RunDocument): string[] => {
  if (status !== 'estimated' || expected === null) return []
  return [
    `${count(listed)} objects, ${bytesText(bytes.listed)}, ${count(expected.putRequests)} PUT requests`,
    `on AWS about US$ ${expected.costUsd.toFixed(2)} and ${durationText(expected.durationSeconds * 1000)} of copying, if everything has to be copied`,
    ...(expected.problemKeys > 0
      ? [`${count(expected.problemKeys)} objects have keys that Amazon S3 cannot hold: they would be failed outcomes`]
      : []),
  ]
}

const places = ({ report }: RunDocument): string[] => Object.values(report)

const cleanup = ({ closed, closure, unexplained }: RunDocument): string[] => [
  ...closure.flatMap(({ step, name, observations }) => [`${step} ${name}`, ...observations.map((one) => `  ${observationLine(one)}`)]),
  ...unexplained.map(({ kind, name }) => terminalText(`new since the run began, and in no run's record: ${kind} ${name}`)),
  closed
    ? 'access is closed: everything that this run created is observed to be gone'
    : 'access is NOT proved closed: see the certificate and the log',
]

export const observationLine = ({ kind, name, call, answer, closed }: Observation): string =>
  terminalText(`${closed ? 'closed' : 'OPEN  '} ${kind} ${name}: ${call === 'none' ? '' : `${call} answered `}${answer}`)
