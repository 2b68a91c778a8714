import { archivedLines, childrenLines, keyFromJson, printableKey, rereadLine, type Observation } from '@drayage/core'
import type { RunDocument } from './run-document'
import { shellWord } from './shell-word'
import { STATE_FOLDER } from './state-folder'
import { terminalText } from './terminal-text'
import { bytesText, count, counted, durationText } from './units'

const HEADINGS: Record<RunDocument['status'], string> = {
  verified: 'VERIFIED',
  estimated: 'ESTIMATED (dry run: nothing was copied)',
  'not-verified': 'NOT VERIFIED',
  interrupted: 'INTERRUPTED',
}

/** Failures shown here; all of them stand in failures.csv. */
const FAILURES_SHOWN = 5

/** Errors of children shown here; all of them stand in report.json. */
const CHILDREN_SHOWN = 5

/**
 * What a run came to, for a terminal or a log: one string per line. `state`: the state folder as it was asked for; undefined: it goes
 * with the command, and nothing can be retried.
 */
export const summary = (run: RunDocument, state: string | undefined): string[] => [
  `${HEADINGS[run.status]}  ${terminalText(reason(run))}`,
  ...headline(run),
  ...section('Books', books(run)),
  ...section('Children that ended with an error', children(run)),
  ...section('Failures', failures(run, state)),
  ...section('Verified by', evidence(run)),
  ...section('Beside the books', beside(run)),
  ...section('Preflight', preflight(run)),
  ...section('Estimate', estimate(run)),
  ...section('Archived at the source', archived(run)),
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

/** What Preflight refused has a section of its own, a line for each. */
const reason = ({ reason: words, preflight: found }: RunDocument): string =>
  found === null || found.problems.length === 0 ? words : 'PreflightFailed: nothing was copied; what was refused stands under Preflight'

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

const EVIDENCE: Record<keyof NonNullable<RunDocument['evidence']>, string> = {
  reread: 'both sides read again',
  checksum: 'the checksum that the destination stores',
  'put-etag': 'the ETag that its PUT answered',
  etag: "an ETag equal to the source's",
  'upload-record': 'the record of its upload',
  'source-etag': "the source's ETag in its metadata",
  'size-and-time': 'size and time only',
}

const evidence = ({ evidence: counts }: RunDocument): string[] =>
  counts === null
    ? []
    : (Object.keys(EVIDENCE) as (keyof typeof EVIDENCE)[])
        .filter((name) => counts[name] > 0)
        .map((name) => `${count(counts[name])} by ${EVIDENCE[name]}`)

const beside = ({ notCarried, extra, vanished, takenOver }: RunDocument): string[] => [
  ...(notCarried > 0
    ? [`${counted(notCarried, 'thing')} of the source ${notCarried === 1 ? 'was' : 'were'} not carried: not-carried.csv`]
    : []),
  ...(extra > 0 ? [`${count(extra)} only at the destination, and never at the source: extra.csv`] : []),
  ...(vanished > 0 ? [`${count(vanished)} no longer at the source, and still at the destination: extra.csv`] : []),
  ...(takenOver === null
    ? []
    : [
        takenOver.problem === null
          ? `${counted(takenOver.messages ?? 0, 'dead letter')} of the run ${takenOver.runId} ${takenOver.messages === 1 ? 'was' : 'were'} taken over`
          : terminalText(`dead letters of the run ${takenOver.runId} stay: ${takenOver.problem}`),
      ]),
]

const children = ({ children: found }: RunDocument): string[] => {
  const lines = childrenLines(found).map((line) => terminalText(line))
  const more = lines.length - CHILDREN_SHOWN
  return [...lines.slice(0, CHILDREN_SHOWN), ...(more > 0 ? [`and ${count(more)} more in report.json`] : [])]
}

const retryLine = (runId: string, state: string): string =>
  `once the cause is mended: npx drayage retry ${runId}${state === STATE_FOLDER ? '' : ` --state ${terminalText(shellWord(state))}`}`

const GONE = 'what is gone from the source no retry can copy: run the whole request again, or take it off the list of keys'

/** A retry copies all that it is given, also what is there: where the run only did not come to its objects, the whole request is cheaper. */
const nextLine = ({ runId, status, failures: { reasons } }: RunDocument, state: string): string => {
  const rest = reasons.filter(({ what }) => what !== 'unaccounted' && what !== 'unverified')
  if (status === 'interrupted' || rest.length === 0) return 'to go on: run the same request again; what is equal is skipped'
  return rest.every(({ what, reason }) => what === 'changed' && reason === 'NoSuchObject') ? GONE : retryLine(runId, state)
}

const failures = (run: RunDocument, state: string | undefined): string[] => {
  const { count: all, complete, sample, reasons } = run.failures
  if (all === 0) return []
  const shown = sample
    .slice(0, FAILURES_SHOWN)
    .map(({ key, what, reason, detail }) => terminalText(`${what}: ${printableKey(keyFromJson(key))}: ${reason}: ${detail}`))
  return [
    ...(reasons.length > 1 || all > shown.length
      ? reasons.map(({ what, reason, count: objects }) => terminalText(`${count(objects)} ${what}: ${reason}`))
      : []),
    ...shown,
    ...(all > shown.length ? [`and ${count(all - shown.length)} more in failures.csv`] : []),
    ...(complete && state !== undefined ? [nextLine(run, state)] : []),
  ]
}

const preflight = ({ preflight: found }: RunDocument): string[] =>
  found === null
    ? []
    : [...found.problems.map((line) => terminalText(`refused  ${line}`)), ...found.warnings.map((line) => terminalText(`warning  ${line}`))]

const checklist = ({ checklist: found }: RunDocument): string[] =>
  found === null
    ? []
    : [`${count(found.pass)} passed, ${count(found.fail)} failed, ${count(found.manual)} for you to look at: see report.html`]

const estimate = ({ status, estimate: expected, listed, excluded, bytes }: RunDocument): string[] => {
  if (status !== 'estimated' || expected === null) return []
  return [
    `${counted(listed - excluded, 'object')}${excluded > 0 ? ` (${counted(excluded, 'more is', 'more are')} excluded)` : ''}, ${bytesText(bytes.listed)}, ${counted(expected.putRequests, 'PUT request')}`,
    `on AWS about US$ ${expected.costUsd.toFixed(2)} and ${durationText(expected.durationSeconds * 1000)} of ${expected.reread === null ? 'copying' : 'copying and reading again'}, if everything has to be copied`,
    ...(expected.reread === null ? [] : [rereadLine(expected.reread)]),
    ...(expected.problemKeys > 0
      ? [
          `${counted(expected.problemKeys, 'object has a key that Amazon S3 cannot hold: it would be a failed outcome', 'objects have keys that Amazon S3 cannot hold: they would be failed outcomes')}`,
        ]
      : []),
  ]
}

const archived = ({ status, archived: found }: RunDocument): string[] =>
  found === null ? [] : archivedLines(found, status === 'estimated').map((line) => terminalText(line))

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
