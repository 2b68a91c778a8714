import { gateOf, skippedGate, type Gate } from './gate'
import { canariesEntry, killPointsEntry } from './life-gates'
import { runGates, type Entry } from './run-gates'

const entry = (name: string, run: Entry['run']): Entry => ({
  name,
  about: '',
  run,
  count: ({ passed, total }) => `${name} ${passed} of ${total}`,
})

const run = async (...entries: Entry[]): Promise<{ code: number; lines: string[] }> => {
  const lines: string[] = []
  const code = await runGates(entries, (line) => lines.push(line))
  return { code, lines: lines.slice(lines.indexOf('') + 1) }
}

const good = entry('good', () => gateOf('good', [{ title: 'a', problems: [] }]))

test('counts are the last lines, and the very last one adds up', async () => {
  const absent = entry('absent', () => skippedGate('absent', 'it has no tool here'))
  expect(await run(good, absent)).toEqual({
    code: 0,
    lines: ['good 1 of 1', 'absent skipped: it has no tool here', '1 passed, 0 failed, 1 skipped'],
  })
})

const sound: Gate = { name: 'x', passed: 1, total: 1, failures: [] }
test.each<[string, Entry['run'], string]>([
  ['a check that fails', () => gateOf('bad', [{ title: 'a', problems: ['wrong'] }]), 'bad 0 of 1'],
  ['a failure beside the checks', () => ({ ...sound, failures: ['no mutant breaks it'] }), 'bad 1 of 1'],
  ['fewer passed than there are', () => ({ ...sound, total: 2 }), 'bad 1 of 2'],
  ['nothing looked at', () => ({ ...sound, passed: 0, total: 0 }), 'bad 0 of 0'],
  [
    'a gate that throws',
    () => {
      throw new Error('broken')
    },
    'bad could not be tried',
  ],
  ['a gate that rejects', () => Promise.reject(new Error('broken')), 'bad could not be tried'],
])('%s fails the run', async (_, gate, count) => {
  expect(await run(good, entry('bad', gate))).toEqual({ code: 1, lines: ['good 1 of 1', count, '1 passed, 1 failed, 0 skipped'] })
})

test('what is left behind is added up and fails the run', async () => {
  const of = (name: string, orphans: number) => entry(name, () => ({ ...sound, orphans }))
  expect(await run(of('a', 0), of('b', 0))).toMatchObject({ code: 0, lines: expect.arrayContaining(['orphans 0']) })
  expect(await run(of('a', 0), of('b', 2))).toMatchObject({ code: 1, lines: expect.arrayContaining(['orphans 2']) })
})

test('a leak and a control that was missed are told apart', async () => {
  const canaries = (failures: string[]) => canariesEntry(async () => ({ ...sound, failures }))
  expect((await run(canaries([]))).lines[0]).toBe('canary leaks 0 (control caught)')
  expect((await run(canaries(['local: the secret stands in the log (raw)']))).lines[0]).toBe('canary leaks 1 (control caught)')
  expect((await run(canaries(['local: control: a canary planted in the log as hex is not found']))).lines[0]).toBe(
    'canary leaks 0 (control missed)',
  )
})

test('kill points are counted with what they leave', async () => {
  const points = killPointsEntry(async () => ({ ...sound, passed: 40, total: 40, orphans: 0 }))
  const { code, lines } = await run({ ...points, run: async () => ({ ...sound, passed: 40, total: 40, orphans: 0 }) })
  expect({ code, lines }).toEqual({ code: 0, lines: ['kill-points 40 of 40', 'orphans 0', '1 passed, 0 failed, 0 skipped'] })
})
