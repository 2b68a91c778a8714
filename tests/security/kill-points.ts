import { pathToFileURL } from 'node:url'
import { motoAbsent } from '../support/moto'
import { onAws } from './kill-points/aws'
import { onOneMachine } from './kill-points/local'
import { Tally } from './kill-points/tally'

/** What a gate comes to. */
export interface KillPoints {
  name: string
  passed: number
  total: number
  failures: string[]
  /** roles and schedules that nobody will end */
  orphans: number
}

/**
 * Lets a run die after each of its calls that change something, in OpenAccess and in Cleanup, and lets each of those who come after it
 * close what it left: against moto, with the SDK's own clients, and on one machine. The list of points is recorded from a whole run.
 * Throws where moto is not installed: without it nothing is shown.
 */
export const killPoints = async (): Promise<KillPoints> => {
  const absent = motoAbsent()
  if (absent !== undefined) throw new Error(`the kill points need moto: ${absent}`)
  const tally = new Tally()
  const [orphans] = await Promise.all([onAws(tally), onOneMachine(tally)])
  return { name: 'kill-points', passed: tally.passed, total: tally.total, failures: tally.failures, orphans }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { name, passed, total, failures, orphans } = await killPoints()
  for (const failure of failures) console.error(failure)
  console.log(`${name} ${passed} of ${total}, orphans ${orphans}`)
  process.exitCode = passed === total && orphans === 0 ? 0 : 1
}
