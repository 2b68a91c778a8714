import type { ChecklistItem, ClosureStep, Held, Report } from '@drayage/core'
import type { ReportFiles } from './local/copy-out'
import type { Ended } from './local/run-migration'

/** What --json prints of a run, and what the summary is made from. */
export interface RunDocument {
  runId: string
  /** everything arrived and was proved, and access is closed: the only exit code 0 but for a dry run's */
  verified: boolean
  dryRun: boolean
  status: 'verified' | 'estimated' | 'not-verified' | 'interrupted'
  reason: string
  /** null: the run ended before its books could be added up */
  ledger: Omit<Report['ledger'], 'unaccounted'> | null
  /** bytes: of the listed objects that are not excluded, and copied */
  bytes: { listed: number; copied: number }
  listed: number
  /** of the listed objects, those that the selection leaves out */
  excluded: number
  estimate: Report['estimate']
  /** of the source's archived objects; null: the listing shows none */
  archived: Report['archived']
  /** children of the fleets that ended with an error; null: nothing is known of them */
  children: Report['children']
  failures: Report['failures']
  /** what copies do not have of their source, and what only the destination has: how many of each stand in their lists */
  notCarried: number
  extra: number
  vanished: number
  /** verified objects by what their verdict rests on; null: the run ended before its books could be added up */
  evidence: Report['verification']['evidence'] | null
  /** the run whose failures this one was given, and what became of its dead letters; null: it was given none */
  takenOver: Report['deadLetters']['takenOver']
  /** what Preflight said of the destination; null: the run ended before it */
  preflight: Report['preflight']
  /** lines of the report's checklist by their status; null: the report was not completed */
  checklist: Record<ChecklistItem['status'], number> | null
  /** from start to end, Cleanup and report included */
  seconds: number
  objectsPerSecond: number
  /** largest resident memory of this process so far, the embedded server included */
  maxRssBytes: number
  report: ReportFiles & { log: string }
  /** whether everything that the run created is observed to be gone */
  closed: boolean
  /** what each step of Cleanup observed */
  closure: ClosureStep[]
  /** new since the run began, and in no run's record */
  unexplained: Held[]
  /** what this run cannot do for the operator */
  todo: string[]
  /** what failed after the run's end */
  afterwards: string[]
}

export const runDocument = (ended: Ended, maxRssBytes: number): RunDocument => {
  const { migration, report, closure, elapsedMs } = ended
  const seconds = Math.round(elapsedMs) / 1000
  const status = statusOf(ended)
  return {
    runId: migration.runId,
    verified: status === 'verified',
    dryRun: migration.dryRun,
    status,
    reason: reasonOf(ended),
    ledger: report === undefined || migration.dryRun ? null : booksOf(report),
    bytes: report?.bytes ?? { listed: 0, copied: 0 },
    listed: report?.listing.listed ?? 0,
    excluded: report?.listing.excluded ?? 0,
    estimate: report?.estimate ?? null,
    archived: report?.archived ?? null,
    children: report?.children ?? null,
    failures: report?.failures ?? { count: 0, complete: false, sample: [], reasons: [] },
    notCarried: report?.notCarried.count ?? 0,
    extra: report?.extra.count ?? 0,
    vanished: report?.vanished.count ?? 0,
    evidence: report === undefined || migration.dryRun ? null : report.verification.evidence,
    takenOver: report?.deadLetters.takenOver ?? null,
    preflight: report?.preflight ?? null,
    checklist: report?.checklist === undefined ? null : countsOf(report.checklist),
    seconds,
    objectsPerSecond: report === undefined ? 0 : Math.round(((report.ledger.copied + report.ledger.skipped) / seconds) * 10) / 10,
    maxRssBytes,
    report: { ...ended.files, log: ended.log },
    closed: closure?.complete ?? false,
    closure: closure?.steps ?? [],
    unexplained: closure?.baseline?.unexplained ?? [],
    todo: closure?.todo ?? [],
    afterwards: ended.afterwards,
  }
}

const countsOf = (items: readonly ChecklistItem[]): Record<ChecklistItem['status'], number> => {
  const of = (status: ChecklistItem['status']) => items.filter((item) => item.status === status).length
  return { pass: of('pass'), fail: of('fail'), manual: of('manual') }
}

const booksOf = ({ ledger }: Report): NonNullable<RunDocument['ledger']> => {
  const { listed, copied, skipped, excluded, changed, failed, balanced } = ledger
  return { listed, copied, skipped, excluded, changed, failed, balanced }
}

const statusOf = ({ execution, migration, afterwards }: Ended): RunDocument['status'] => {
  if (execution.status === 'ABORTED') return 'interrupted'
  if (execution.status !== 'SUCCEEDED' || afterwards.length > 0) return 'not-verified'
  return migration.dryRun ? 'estimated' : 'verified'
}

const reasonOf = ({ execution, report, afterwards }: Ended): string => {
  const { status, error, cause } = execution
  if (status === 'SUCCEEDED' && afterwards.length > 0) return afterwards.join('; ')
  if (status === 'SUCCEEDED') return report?.reason ?? 'The run wrote no report.'
  if (status === 'ABORTED') return report?.reason ?? 'The run was stopped before it had begun.'
  if (error === 'NotVerified') return cause ?? report?.reason ?? error
  return [error, cause].filter((text) => text !== undefined).join(': ')
}

/** Largest resident memory of this process so far, in bytes (getrusage counts in KiB). */
export const maxRssBytes = (): number => process.resourceUsage().maxRSS * 1024
