import { lambda, restoreArchived as restore, type Estimate, type Migration, type RestoreAnswer, type Step } from '@drayage/core'
import { hasTime } from './has-time'

/** One turn of restoring archived objects: asks for them, then looks whether they can be read, and says when to look again. */
export const restoreArchived: Step<
  { migration: Migration; preflight: { writingSince: string }; estimate: Estimate },
  RestoreAnswer
> = async ({ migration, preflight, estimate }, { services, deadline }) => {
  const answer = await restore(migration, {
    state: services.state,
    source: await services.source(migration),
    destination: await services.destination(migration, 'read'),
    copySeconds: estimate.durationSeconds,
    hours: estimate.restore?.hoursAtMost ?? 0,
    now: services.now,
    writingSince: preflight.writingSince,
    signal: deadline.signal,
    going: hasTime(deadline),
    concurrency: services.concurrency,
  })
  const { asked, ready, ongoing, refused, waitSeconds } = answer
  services.logger.info('restoring archived objects', {
    detail: `${asked} asked for, at least ${ready} readable, ${ongoing} waited for, ${refused} refused; next look in ${waitSeconds} s`,
  })
  return answer
}

export const shape = {
  more: 'boolean',
  done: 'boolean',
  waitSeconds: 'integer',
  asked: 'integer',
  ready: 'integer',
  ongoing: 'integer',
} as const

export const handler = lambda(restoreArchived, shape)
