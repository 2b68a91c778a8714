import { lambda, lookAround, type HeldSecret, type Step } from '@drayage/core'

/** Age in s of the oldest credential, and how many are past their expiry. */
const ages = (secrets: readonly HeldSecret[], now: Date): { oldest: number; expired: number } => ({
  oldest: Math.max(0, ...secrets.map(({ since }) => (now.getTime() - since.getTime()) / 1000)),
  expired: secrets.filter(({ expiresAt }) => expiresAt !== undefined && expiresAt.getTime() <= now.getTime()).length,
})

/**
 * Every 15 minutes: finds runs that no longer run and are not closed, and asks `cleanup` to close them. Counts what will not end by
 * itself: what no run has a record of, which is also named in the log, what a Cleanup could not close, and credentials by their age.
 * It deletes nothing itself.
 */
export const sweep: Step<unknown, { closed: number; orphans: number }> = async (_event, { services, deadline }) => {
  const { logger, metrics, now } = services
  const { toClose, stuck, orphans } = await lookAround({ ...services, signal: deadline.signal })
  for (const { kind, name } of orphans)
    logger.warn('in no record of a run: look who made it, and delete it by hand', { detail: `${kind} ${name}` })
  for (const runId of stuck) logger.warn('a cleanup could not close the run: see its closure.json', { run: runId })
  for (const runId of toClose) await services.callCleanup(runId)
  const { oldest, expired } = ages(await services.heldSecrets(), now())
  metrics.add('Orphans', orphans.length + stuck.length, 'Count')
  metrics.add('CredentialAge', Math.floor(oldest), 'Seconds')
  metrics.add('CredentialsExpired', expired, 'Count')
  return { closed: toClose.length, orphans: orphans.length + stuck.length }
}

export const handler = lambda(sweep)
