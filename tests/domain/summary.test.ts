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

test('what a verified run did not look at is said: nothing was listed, or all was left out', () => {
  const NOTHING = 'nothing was listed: are source.bucket and source.prefix right?'
  const ALL = 'the selection left out every object: is it right?'
  expect(said({ listed: 0, excluded: 0 })).toContain(NOTHING)
  expect(said({ listed: 0, excluded: 0, status: 'estimated' })).toContain(NOTHING)
  expect(said({ listed: 10, excluded: 10 })).toContain(ALL)
  for (const other of [said({}), said({ listed: 0, excluded: 0, status: 'not-verified' })]) {
    expect(other).not.toContain(NOTHING)
    expect(other).not.toContain(ALL)
  }
})

test('what Preflight refused is said once, a line each', () => {
  const preflight = { problems: ['destination.bucket: one', 'destination.bucket: two'], warnings: [] }
  const text = said({ status: 'not-verified', reason: `PreflightFailed: ${preflight.problems.join('\n')}; 0 listed`, preflight })
  expect(text).toMatch(/^NOT VERIFIED {2}PreflightFailed: nothing was copied; /)
  expect(text.split('destination.bucket: one')).toHaveLength(2)
  expect(text).not.toContain('\\u000a')
  expect(said({ preflight: { problems: [], warnings: ['w'] } })).toMatch(/^VERIFIED {2}the reason\n/)
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
