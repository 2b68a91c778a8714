import type { RunDocument } from '../../cli/run-document'
import { summary } from '../../cli/summary'

const RUN: RunDocument = {
  runId: 'r',
  verified: true,
  dryRun: false,
  status: 'verified',
  reason: 'the reason',
  ledger: null,
  bytes: { listed: 0, copied: 0 },
  listed: 10,
  excluded: 4,
  estimate: null,
  archived: null,
  failures: { count: 0, complete: true, sample: [], reasons: [] },
  notCarried: 0,
  extra: 0,
  vanished: 0,
  evidence: null,
  takenOver: null,
  preflight: null,
  children: null,
  checklist: null,
  seconds: 1,
  objectsPerSecond: 0,
  maxRssBytes: 0,
  report: { log: 'log' },
  closed: true,
  closure: [],
  unexplained: [],
  todo: [],
  afterwards: [],
}

const said = (run: Partial<RunDocument>, state = '.drayage'): string => summary({ ...RUN, ...run }, state).join('\n')

const failures = (...whats: string[]): RunDocument['failures'] => ({
  count: whats.length,
  complete: true,
  sample: [],
  reasons: whats.map((what) => ({ what, reason: 'R', count: 1, keys: [] })),
})

test('one of a thing is not said in the plural', () => {
  const reread = { objects: 1, requests: 1, bytes: 1 }
  const text = said({
    status: 'estimated',
    listed: 2,
    excluded: 1,
    notCarried: 1,
    extra: 1,
    vanished: 1,
    estimate: { costUsd: 1, durationSeconds: 1, putRequests: 1, problemKeys: 1, restore: null, reread },
    takenOver: { runId: 'earlier', messages: 1, problem: null },
  })
  expect(text).not.toMatch(/\b1 (?:[a-zA-Z]+ )?(?!(?:was|is|has)\b)(?:[a-zA-Z]+s|are|were|have)\b/)
  expect(text).toContain('1 object (1 more is excluded), 0 bytes, 1 PUT request\n')
  expect(text).toContain('1 dead letter of the run earlier was taken over')
})

test('what Preflight refused is said once, a line each', () => {
  const preflight = { problems: ['destination.bucket: one', 'destination.bucket: two'], warnings: [] }
  const text = said({ status: 'not-verified', reason: `PreflightFailed: ${preflight.problems.join('\n')}; 0 listed`, preflight })
  expect(text).toMatch(/^NOT VERIFIED {2}PreflightFailed: nothing was copied; /)
  expect(text.split('destination.bucket: one')).toHaveLength(2)
  expect(text).not.toContain('\\u000a')
  expect(said({ preflight: { problems: [], warnings: ['w'] } })).toMatch(/^VERIFIED {2}the reason\n/)
})

test('what is gone from the source no retry can copy: the whole request is offered, and a retry once anything else is wrong too', () => {
  const gone = { what: 'changed', reason: 'NoSuchObject', count: 1, keys: [] }
  const run = (...more: string[]): Partial<RunDocument> => {
    const { reasons, ...rest } = failures(...more)
    return { status: 'not-verified', failures: { ...rest, count: 1 + more.length, reasons: [gone, ...reasons] } }
  }
  for (const text of [said(run()), said(run('unverified'))]) {
    expect(text).toContain('what is gone from the source no retry can copy: run the whole request again, or take it off the list of keys\n')
    expect(text).not.toContain('npx drayage retry')
  }
  expect(said(run('failed'))).toContain('npx drayage retry r')
  expect(said({ ...run(), status: 'interrupted' })).toContain('to go on: run the same request again')
})

test('a retry is offered for what failed, and the whole request for what the run did not come to', () => {
  const AGAIN = 'to go on: run the same request again; what is equal is skipped'
  const retry = 'once the cause is mended: npx drayage retry r'
  expect(said({ status: 'not-verified', failures: failures('failed') })).toContain(retry)
  expect(said({ status: 'not-verified', failures: failures('unaccounted', 'different') })).toContain(retry)
  expect(said({ status: 'not-verified', failures: failures('failed') }, "it's here")).toContain(`--state 'it'"'"'s here'\n`)
  for (const run of [
    { status: 'not-verified' as const, failures: failures('unaccounted', 'unverified') },
    { status: 'interrupted' as const, failures: failures('unaccounted', 'changed') },
  ]) {
    expect(said(run)).toContain(AGAIN)
    expect(said(run)).not.toContain(retry)
  }
})
