import type { Gate } from './gate'

export interface Entry {
  name: string
  about: string
  run: () => Gate | Promise<Gate>
  /** its line among the last ones */
  count: (gate: Gate) => string
}

interface Tried extends Gate {
  /** it threw: there is nothing to count */
  broken: boolean
}

/** Whatever a gate throws is a gate that failed. */
const tried = async ({ name, run }: Entry): Promise<Tried> => {
  try {
    return { ...(await run()), broken: false }
  } catch (error) {
    return { name, passed: 0, total: 1, failures: [`could not be tried: ${(error as Error).stack}`], broken: true }
  }
}

/** A gate with nothing to look at shows nothing: it does not hold either. */
const holds = ({ failures, passed, total, orphans = 0 }: Gate): boolean =>
  failures.length === 0 && total > 0 && passed === total && orphans === 0

const seconds = (began: number): string => String(Math.round((performance.now() - began) / 1000)).padStart(4)

/** Runs gates one after another, prints what each says and then the counts, and returns the exit code: 0 when none failed. */
export const runGates = async (entries: readonly Entry[], print: (line: string) => void, verbose = false): Promise<number> => {
  const results: { entry: Entry; gate: Tried }[] = []
  for (const entry of entries) {
    const began = performance.now()
    const gate = await tried(entry)
    const state = gate.skipped !== undefined ? `skipped: ${gate.skipped}` : holds(gate) ? 'ok' : 'FAILED'
    print(`${entry.name.padEnd(12)} ${seconds(began)} s  ${state}`)
    for (const failure of gate.failures) print(`  ${failure}`)
    if (verbose) for (const note of gate.notes ?? []) print(`  ${note}`)
    results.push({ entry, gate })
  }
  print('')
  for (const { entry, gate } of results) {
    if (gate.skipped !== undefined) print(`${entry.name} skipped: ${gate.skipped}`)
    else print(gate.broken ? `${entry.name} could not be tried` : entry.count(gate))
  }
  const looked = results.filter(({ gate }) => gate.orphans !== undefined)
  if (looked.length > 0) print(`orphans ${looked.reduce((sum, { gate }) => sum + gate.orphans!, 0)}`)
  const skipped = results.filter(({ gate }) => gate.skipped !== undefined).length
  const passed = results.filter(({ gate }) => gate.skipped === undefined && holds(gate)).length
  const failed = results.length - passed - skipped
  print(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  return failed === 0 ? 0 : 1
}
