import { AccessDenied, type Key, type Report } from '@drayage/core'
import { reportSchema } from '../../layers/core/domain/report-schema'
import { listNames, writeText } from '../../layers/core/domain/state-files'
import { stateKeys } from '../../layers/core/domain/state-keys'
import { memoryStore, type MemoryStore } from '../support/memory-store'
import { runDocument } from '../../cli/run-document'
import { summary } from '../../cli/summary'
import { fill, REQUEST, World, type WorldOptions } from './harness'

/** Why shards were not copied or verified: what the report says of the children that a Map Run tolerates. */

const RUN = 'run'
const SHARD = /^batches\/[0-9a-f]{40}$/

/** A world that does something to the state bucket when Reconcile is called. */
class Planted extends World {
  constructor(
    readonly files: MemoryStore,
    options: WorldOptions,
    private readonly plant: (world: Planted) => Promise<unknown>,
  ) {
    super({ ...options, state: files })
  }
  override async call(name: string, event: unknown): Promise<unknown> {
    if (name === 'reconcile') await this.plant(this)
    return super.call(name, event)
  }
}

const nothing = async () => undefined

const planted = (options: WorldOptions, plant: (world: Planted) => Promise<unknown> = nothing) => new Planted(memoryStore(), options, plant)

/** 45 objects in shards of 10, and the report of their run. */
const reportOf = async (world: World, request: object = REQUEST): Promise<Report> => {
  await fill(world.source, 45)
  await world.run(request, RUN)
  const report = await world.report(RUN)
  expect(reportSchema.parse(report)).toEqual(report)
  return report
}

/** A destination that refuses, from the first VerifyBatch on, to be listed behind these keys. */
const refusing = (world: () => World, refuses: (after: Key | undefined) => boolean): MemoryStore => {
  const inner = memoryStore()
  return {
    ...inner,
    list: (query, call) => {
      if (world().called('verifyBatch') > 0 && refuses(query.after)) throw new AccessDenied('403 AccessDenied: <script>not you</script>')
      return inner.list(query, call)
    },
  }
}

const behind20 = (after: Key | undefined): boolean => after !== undefined && after.compare(Buffer.from('object/00020')) > 0

test('a destination that refuses to be listed for some shards: which fleet, which error, how often, and one shard', async () => {
  const world: World = new World({ destination: refusing(() => world, behind20) })
  const report = await reportOf(world)
  const failed = [
    {
      fleet: 'VerifyBatches',
      error: 'AccessDenied',
      count: 2,
      cause: '403 AccessDenied: <script>not you</script>',
      shard: expect.stringMatching(SHARD),
    },
  ]
  expect(report).toMatchObject({ outcome: 'not-verified', children: { failed, unknown: [] } })
  expect(report.reason).toMatch(/^VerifyBatches: 2 children ended with AccessDenied: 403 AccessDenied: /)
  expect(report.faults).toContainEqual(expect.stringMatching(new RegExp(`^${report.children!.failed[0]!.shard}: its verdicts cover 0 of`)))
  const page = await world.text(stateKeys(RUN).reportHtml)
  expect(page).toContain('<h2>Children that ended with an error</h2>')
  expect(page).toContain('<td>403 AccessDenied: &lt;script&gt;not you&lt;/script&gt;</td>')
  expect(page).not.toContain('<script>')
})

test('a clean run: none ended with an error, and all of them are known', async () => {
  const world = new World()
  const report = await reportOf(world)
  expect(report).toMatchObject({ outcome: 'verified', children: { failed: [], unknown: [] } })
  expect(await world.text(stateKeys(RUN).reportHtml)).not.toContain('Children that')
})

test.each([
  ['copyBatch', 'CopyBatches', 5],
  ['completeUpload', 'CopyLargeObjects', 1],
  ['verifyBatch', 'VerifyBatches', 5],
])('%s that is ended by the memory of its function', async (task, fleet, count) => {
  const world = new World({ faults: { [task]: { error: 'Runtime.OutOfMemory' } } })
  await fill(world.source, 0, 1)
  const { children, reason } = await reportOf(world)
  const shard = expect.stringMatching(/^(batches|large)\/[0-9a-f]{40}$/)
  expect(children).toEqual({
    failed: [{ fleet, error: 'Runtime.OutOfMemory', count, cause: 'planted: Runtime.OutOfMemory', shard }],
    unknown: [],
  })
  expect(reason).toMatch(new RegExp(`^${fleet}: ${count === 1 ? '1 child' : `${count} children`} ended with Runtime.OutOfMemory: `))
})

test('a child that failed behind its work speaks against nobody: the books do', async () => {
  const world = new World({ faults: { copyBatch: { error: 'SomeError', late: true } } })
  const report = await reportOf(world)
  expect(report).toMatchObject({ outcome: 'verified', children: { failed: [{ fleet: 'CopyBatches', error: 'SomeError', count: 5 }] } })
  expect(report.reason).toMatch(/^Verified/)
})

test('a run that ended before its fleets, and a dry run: nothing is known', async () => {
  const early = new World({ faults: { preflight: { error: 'SomeError' } } })
  expect((await reportOf(early)).children).toBeNull()
  const dry = new World()
  expect((await reportOf(dry, { ...REQUEST, dryRun: true })).children).toBeNull()
})

test('a Map Run that was ended itself has no results that anybody could name', async () => {
  const world = new World({ faults: { verifyBatch: { error: 'SomeError' } } })
  const { children, stoppedBy } = await reportOf(world, { ...REQUEST, limits: { ...REQUEST.limits, toleratedFailures: 0 } })
  expect(stoppedBy).toMatch(/ExceedToleratedFailureThreshold/)
  expect(children).toEqual({ failed: [], unknown: [{ fleet: 'VerifyBatches', why: 'it did not come to its end' }] })
})

/** What may have become of Step Functions' files before they are read. */
const inMapRuns = (change: (files: MemoryStore, name: string) => Promise<unknown> | void, which: RegExp) => async (world: Planted) => {
  const names = (await listNames(world.files, 'map-runs/')).filter((name) => which.test(name))
  expect(names.length).toBeGreaterThan(0)
  for (const name of names) await change(world.files, name)
}
const drop = (which: RegExp) => inMapRuns((files, name) => files.drop(Buffer.from(name)), which)
const write = (which: RegExp, text: string) => inMapRuns((files, name) => writeText(files, name, text), which)
const MANIFEST = /manifest\.json$/
const FAILED = /FAILED_0\.json$/

const BROKEN: [name: string, plant: (world: Planted) => Promise<unknown>, why: RegExp][] = [
  ['a manifest that is gone', drop(MANIFEST), /manifest\.json is not there, or not any more$/],
  ['an empty manifest', write(MANIFEST, ''), /manifest\.json is not JSON$/],
  ['half a manifest', write(MANIFEST, '{"ResultFiles":{"FAILED":['), /manifest\.json is not JSON$/],
  ['a manifest of another type', write(MANIFEST, '{"ResultFiles":{"FAILED":{}}}'), /manifest\.json is no manifest of a Map Run$/],
  ["moto's manifest", write(MANIFEST, '{"ResultFiles":{"FAILED":[],"PENDING":[],"SUCCEEDED":[]}}'), /names no results$/],
  [
    "a manifest that names another's file",
    write(MANIFEST, '{"ResultFiles":{"FAILED":[{"Key":"runs/run/access.json"}],"PENDING":[],"SUCCEEDED":[]}}'),
    /names a file that is none of its own$/,
  ],
  ['a manifest of two mebibytes', write(MANIFEST, `{"x":"${'y'.repeat(2 * 1024 * 1024)}"}`), /is longer than 1048576 bytes$/],
  ['failures that are gone', drop(FAILED), /FAILED_0\.json is not there, or not any more$/],
  ['failures that are empty', write(FAILED, ''), /FAILED_0\.json: it ends before its array does$/],
  ['failures that are no array', write(FAILED, '{}'), /FAILED_0\.json: it is no JSON array of objects$/],
  ['failures that succeeded', write(FAILED, '[{"Status":"SUCCEEDED"}]'), /FAILED_0\.json: one of its objects is no failed child's end$/],
]

test.each(BROKEN)('%s: unknown, no fault, and no word of no failures', async (_name, plant, why) => {
  const report = await reportOf(planted({ faults: { verifyBatch: { error: 'SomeError' } } }, plant))
  expect(report.children!.failed).toEqual([])
  expect(report.children!.unknown).toContainEqual({ fleet: 'VerifyBatches', why: expect.stringMatching(why) })
  expect(report.faults.join('\n')).not.toMatch(/map-runs/)
})

test('half a file of failures: what stands in it is told, and that it is not all', async () => {
  const half = inMapRuns(async (files, name) => {
    const text = await new World({ state: files }).text(name)
    await writeText(files, name, text.slice(0, Math.ceil(text.length / 2)))
  }, FAILED)
  const { children } = await reportOf(planted({ faults: { verifyBatch: { error: 'SomeError' } } }, half))
  expect(children).toMatchObject({
    failed: [{ fleet: 'VerifyBatches', error: 'SomeError', count: 2 }],
    unknown: [{ fleet: 'VerifyBatches', why: expect.stringMatching(/it ends before its array does$/) }],
  })
})

test('files that may not be read: the report says so, and is written', async () => {
  const files = memoryStore()
  const state: MemoryStore = {
    ...files,
    read: async (key, options) => {
      if (key.toString().startsWith('map-runs/')) throw new AccessDenied('403 AccessDenied')
      return files.read(key, options)
    },
  }
  const { outcome, children } = await reportOf(new World({ state }))
  const why = 'AccessDenied: 403 AccessDenied'
  expect({ outcome, children }).toEqual({
    outcome: 'verified',
    children: { failed: [], unknown: ['CopyBatches', 'VerifyBatches'].map((fleet) => ({ fleet, why })) },
  })
})

test("the command's summary names them before the failures, five of them, and nothing in it acts", async () => {
  const report = await reportOf(new World())
  const ended = {
    ...{ migration: { runId: RUN, dryRun: false }, execution: { status: 'FAILED', error: 'NotVerified', cause: 'why' } },
    ...{ report, closure: undefined, files: {}, log: '', elapsedMs: 1000, afterwards: [] },
  } as unknown as Parameters<typeof runDocument>[0]
  const linesOf = (children: Report['children']) =>
    summary(runDocument({ ...ended, report: { ...report, children, failures: { ...report.failures, count: 1 } } }, 1), undefined)
  const failed = Array.from({ length: 7 }, (_, index) => ({
    ...{ fleet: 'VerifyBatches' as const, error: `E${index}`, count: 7 - index, cause: 'a\u001b[2Jb', shard: null },
  }))
  const lines = linesOf({ failed, unknown: [] })
  const at = lines.indexOf('Children that ended with an error')
  expect(lines.slice(at + 1, at + 7)).toEqual([
    ...[0, 1, 2, 3, 4].map((index) => `  VerifyBatches: ${7 - index} children ended with E${index}: a\\u001b[2Jb`),
    '  and 2 more in report.json',
  ])
  expect(lines.indexOf('Failures')).toBeGreaterThan(at)
  for (const none of [null, { failed: [], unknown: [] }]) expect(linesOf(none)).not.toContain('Children that ended with an error')
})
