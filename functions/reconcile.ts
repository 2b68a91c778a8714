import { lambda, measure, reconcile as addUp, type Migration, type RunEnd, type Step } from '@drayage/core'

/** Adds up the books from the run's files and says whether the run is verified. */
export const reconcile: Step<{ migration: Migration } & RunEnd, { succeeded: boolean; reason: string }> = async (
  { migration, ...end },
  { services, deadline },
) => {
  const report = await addUp(migration, end, { ...services, signal: deadline.signal })
  measure(report, services.metrics)
  const { succeeded, reason, ledger } = report
  return { succeeded, reason, ...ledger }
}

export const shape = { succeeded: 'boolean', reason: 'string' } as const

export const handler = lambda(reconcile, shape)
