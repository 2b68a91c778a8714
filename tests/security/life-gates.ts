import { motoAbsent } from '../support/moto'
import { skippedGate, type Gate } from './gate'
import type { Entry } from './run-gates'

/** A run dies after each of its calls, and each of those who come after it closes what it left. Without moto nothing is shown. */
export const killPointsEntry = (killPoints: () => Promise<Gate>): Entry => ({
  name: 'kill-points',
  about: 'OpenAccess and Cleanup killed after every step, then closed by the rule, the dead man and the sweep in turn',
  run: () => {
    const absent = motoAbsent()
    return absent === undefined ? killPoints() : skippedGate('kill-points', absent)
  },
  count: ({ passed, total }) => `kill-points ${passed} of ${total}`,
})

const isControl = (failure: string): boolean => failure.includes(': control: ')

/** Canary credentials stand in nothing that a run leaves or prints; planted ones are found. */
export const canariesEntry = (canaries: () => Promise<Gate>): Entry => ({
  name: 'canaries',
  about: 'canary credentials, looked for in everything that runs leave and print',
  run: canaries,
  count: ({ failures }) =>
    `canary leaks ${failures.filter((failure) => !isControl(failure)).length} (control ${failures.some(isControl) ? 'missed' : 'caught'})`,
})
