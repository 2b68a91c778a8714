import type { Report } from '@drayage/core'
import { reportSchema } from '../../layers/core/domain/report-schema'
import { firstRestoreFile } from '../../layers/core/domain/restore-file'
import { writeText } from '../../layers/core/domain/state-files'
import { stateKeys } from '../../layers/core/domain/state-keys'
import { memoryStore, type MemoryStore } from '../support/memory-store'
import { fill, REQUEST, World, type WorldOptions } from './harness'

/** A report is written whatever is broken: each file that Reconcile reads besides its shards', in every way in which it can be wrong. */

const RUN = 'run'
const keys = stateKeys(RUN)

/** Does something to the state bucket before Reconcile is called for the first time. */
class Planted extends World {
  #plant: ((world: Planted) => Promise<unknown>) | undefined

  constructor(
    readonly files: MemoryStore,
    plant: (world: Planted) => Promise<unknown>,
    options: WorldOptions = {},
  ) {
    super({ ...options, state: files })
    this.#plant = plant
  }

  override async call(name: string, event: unknown): Promise<unknown> {
    const plant = this.#plant
    if (name === 'reconcile' && plant !== undefined) {
      this.#plant = undefined
      await plant(this)
    }
    return super.call(name, event)
  }
}

const reportOf = async (
  plant: (world: Planted) => Promise<unknown>,
  options: WorldOptions = {},
): Promise<{ report: Report; world: World }> => {
  const world = new Planted(memoryStore(), plant, options)
  await fill(world.source, 25)
  await world.run(REQUEST, RUN)
  const report = await world.report(RUN)
  expect(reportSchema.parse(report)).toEqual(report)
  expect(await world.text(keys.reportHtml)).toContain('<h1>')
  return { report, world }
}

const write = (name: string, text: string) => async (world: Planted) => writeText(world.files, name, text)

/** What a file may have become, from what stands in it (or would stand in it). */
const WRONG: [name: string, of: (text: string) => string][] = [
  ['empty', () => ''],
  ['half', (text) => text.slice(0, text.length / 2)],
  ['words', () => 'not there'],
  ['null', () => 'null'],
  ['a number', () => '5'],
  ['a list', () => '[]'],
  ['an empty object', () => '{}'],
  [
    'an object whose fields are lists',
    (text) => JSON.stringify(Object.fromEntries(Object.keys(JSON.parse(text) as object).map((name) => [name, [[]]]))),
  ],
  [
    'an object whose fields are null',
    (text) => JSON.stringify(Object.fromEntries(Object.keys(JSON.parse(text) as object).map((name) => [name, null]))),
  ],
]

const FILES = {
  [keys.preflight]: 'what Preflight found',
  [keys.restore]: 'a record of restores',
  [keys.cursor]: 'a cursor',
  [keys.report]: 'a report',
}

/** What stands in a file of a run at its end. */
const sound = async (name: string): Promise<string> => {
  if (name === keys.restore) return JSON.stringify(firstRestoreFile())
  const { world } = await reportOf(async () => undefined)
  return world.text(name)
}

describe.each(Object.entries(FILES))('%s', (name, what) => {
  test.each(WRONG)('%s: a report with a fault, and never verified', async (_name, of) => {
    const { report, world } = await reportOf(write(name, of(await sound(name))))
    expect(report).toMatchObject({ outcome: 'not-verified', succeeded: false })
    const fault = report.faults.filter((line) => line.startsWith(`${name} in the state bucket `))
    expect(fault).toEqual([expect.stringMatching(/ is not JSON| is not /)])
    expect(fault[0]).toMatch(new RegExp(` is not (JSON|${what})`))
    expect(report.reason).toContain(fault[0])
    expect(await world.text(keys.reportHtml)).toContain(fault[0]!)
    expect(report.ledger).toMatchObject({ listed: 25, copied: 25, balanced: true })
  })

  test('control: as it is, it is no fault', async () => {
    const text = await sound(name)
    expect(text.length).toBeGreaterThan(20)
    const { report } = await reportOf(write(name, text))
    expect(report).toMatchObject({ outcome: 'verified', faults: [] })
  })
})

test('what Preflight found cannot be read: nobody says whether the destination is still as it was', async () => {
  const { report, world } = await reportOf(write(keys.preflight, '{}'))
  expect(report.preflight).toBeNull()
  expect(report.postflight).toMatchObject({ repeated: false, reason: 'what Preflight found cannot be read' })
  expect(report.reason).toContain(
    'whether the destination is still as Preflight found it is not known: what Preflight found cannot be read',
  )
  expect(await world.text(keys.reportHtml)).not.toMatch(/The run ended before Preflight had asked\.</)
})

test.each([
  [keys.preflight, /the destination is still as Preflight found it is not known/],
  [keys.cursor, /the source was not listed to its end/],
])('%s is gone: not verified', async (name, why) => {
  const { report } = await reportOf(async ({ files }) => files.drop(Buffer.from(name)))
  expect(report).toMatchObject({ outcome: 'not-verified', faults: [] })
  expect(report.reason).toMatch(why)
})

test('a report.json that was no report: the fault stays when Reconcile, whose answer was lost, is called again', async () => {
  const options = { faults: { reconcile: { error: 'Sandbox.Timedout', times: 1, late: true } } }
  const { report, world } = await reportOf(write(keys.report, '{"succeeded": true'), options)
  expect(world.called('reconcile')).toBe(2)
  expect(report.outcome).toBe('not-verified')
  expect(report.faults).toEqual([expect.stringMatching(/^runs\/run\/report\.json in the state bucket is not JSON, and was replaced: /)])
  const control = await reportOf(async () => undefined, options)
  expect(control.world.called('reconcile')).toBe(2)
  expect(control.report).toMatchObject({ outcome: 'verified', faults: [] })
})
