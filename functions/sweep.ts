import { lambda, runsToClose, type Step } from '@drayage/core'

/** Every 15 minutes: finds runs that no longer run and still hold something, and asks `cleanup` to close them. It deletes nothing itself. */
export const sweep: Step<unknown, { closed: number }> = async (_event, { services, deadline }) => {
  const { signal } = deadline
  const runs = await runsToClose({ ...services, withRoles: await services.runsWithRoles(), signal })
  for (const runId of runs) await services.callCleanup(runId)
  return { closed: runs.length }
}

export const handler = lambda(sweep)
