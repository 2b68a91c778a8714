import { lambda, measure, reconcile as addUp, type Migration, type RunEnd, type Step } from '@drayage/core'
import { hasTime } from './has-time'

/** One turn of adding up the books from the run's files; the last one says whether the run is verified. */
export const reconcile: Step<{ migration: Migration } & RunEnd, { more: boolean; succeeded: boolean; reason: string }> = async (
  { migration, ...end },
  { services, deadline },
) => {
  const report = await addUp(migration, end, { ...services, signal: deadline.signal, going: hasTime(deadline) })
  if (report === undefined) return { more: true, succeeded: false, reason: 'The books of the run are not added up to their end.' }
  measure(report, services.metrics)
  const { succeeded, reason, ledger } = report
  return { more: false, succeeded, reason, ...ledger }
}

export const shape = { more: 'boolean', succeeded: 'boolean', reason: 'string' } as const

export const handler = lambda(reconcile, shape)
