import { lambda, type Migration, type Services, type Step } from '@drayage/core'
import { cleanup, shape } from '../../../functions/cleanup'
import { openAccess } from '../../../functions/open-access'
import { sweep } from '../../../functions/sweep'
import { resourceName } from '../../../layers/core/access/names'
import { stateKeys } from '../../../layers/core/domain/state-keys'
import { Life } from '../../support/life'
import { AWS_CONTROLS } from './controls'
import { faultsOf, orphansOf } from './judge'
import { Ground, type Run } from './ground'
import type { Tally } from './tally'
import { begin } from './under-way'

const context = { functionName: 'gate', awsRequestId: 'gate', getRemainingTimeInMillis: () => 900_000 }

/** Calls a function as Lambda does. */
const call = <Event>(services: Services, step: Step<Event, unknown>, event: Event): Promise<unknown> =>
  lambda(step, step === (cleanup as unknown) ? shape : {}, () => services)(JSON.parse(JSON.stringify(event)), context)

const cleanupOf = (services: Services, runIdOrArn: string): Promise<unknown> =>
  call(services, cleanup as Step<{ migration: Migration | Pick<Migration, 'runId'> }, unknown>, { migration: { runId: runIdOrArn } })

/** Lets one life do its work on the ground and ends it. Returns what it changed. */
const lived = async (ground: Ground, work: (services: Services) => Promise<unknown>, dieAfter?: number): Promise<Life> => {
  const life = new Life(dieAfter)
  const { services, end } = await ground.lived(life)
  try {
    await life.live(() => work(services))
  } finally {
    await end()
  }
  return life
}

const open = (ground: Ground, { migration }: Run, dieAfter?: number): Promise<Life> =>
  lived(ground, (services) => call(services, openAccess, { migration }), dieAfter)

const sweepAll = (services: Services): Promise<unknown> =>
  call({ ...services, callCleanup: async (runId) => void (await cleanupOf(services, runId)) }, sweep, {})

/** Who comes after a run that died, and what they do on AWS. */
const CLOSERS: Record<string, (ground: Ground, run: Run, services: Services) => Promise<unknown>> = {
  'closing rule': async (ground, run, services) => {
    await ground.stopped(run)
    return cleanupOf(services, run.migration.executionId)
  },
  // The execution goes on: nothing but the schedule has noticed. Where Cleanup had deleted it already, the sweep is what is left.
  'dead-man schedule': async (ground, run, services) => {
    const input = await ground.schedule(resourceName(run.migration.runId))
    if (input !== undefined) return call(services, cleanup, JSON.parse(input) as { migration: Migration })
    await ground.stopped(run)
    return sweepAll(services)
  },
  sweep: async (ground, run, services) => {
    await ground.stopped(run)
    return sweepAll(services)
  },
}

const written = (lives: readonly Life[], { migration }: Run): number =>
  lives
    .flatMap(({ changes }) => changes)
    .filter((change) => change.startsWith('PUT ') && change.includes(stateKeys(migration.runId).certificate)).length

/** Closes what a dead life left, and judges. A second call of cleanup may change nothing and ask one thing. */
const closeAndJudge = async (ground: Ground, run: Run, closer: string, before: readonly Life[]): Promise<string[]> => {
  const closing = await lived(ground, (services) => CLOSERS[closer]!(ground, run, services))
  const faults = await faultsOf(ground, run, written([...before, closing], run))
  if (written([...before, closing], run) === 0) return faults
  const again = await lived(ground, (services) => cleanupOf(services, run.migration.runId))
  return again.requests === 1 ? faults : [...faults, `${run.migration.runId}: a cleanup after the end made ${again.requests} requests`]
}

/** The number of changes that a whole OpenAccess and a whole Cleanup make, by recording one run: a new step is a new point. */
const record = async (ground: Ground, tally: Tally): Promise<{ opening: string[]; closing: string[] }> => {
  const run = await ground.newRun()
  const opening = await open(ground, run)
  await begin(ground, run.migration, ground.now())
  const closing = await lived(ground, (services) => call(services, cleanup, { migration: run.migration }))
  await ground.stopped(run)
  await tally.judge('nobody dies', () => faultsOf(ground, run, written([closing], run)))
  return { opening: opening.changes, closing: closing.changes }
}

/** Every step of OpenAccess and Cleanup as the last of a life, each with each closer, against moto; then the controls. */
export const onAws = async (tally: Tally): Promise<number> => {
  const ground = await Ground.open()
  try {
    await open(ground, await ground.otherRun())
    const { opening, closing } = await record(ground, tally)
    for (const closer of Object.keys(CLOSERS)) {
      for (const [index, change] of opening.entries()) {
        await tally.judge(`OpenAccess dies after ${index + 1} ${change}, then the ${closer}`, async () => {
          const run = await ground.newRun()
          const life = await open(ground, run, index + 1)
          return [...(life.dead ? [] : ['it did not die there']), ...(await closeAndJudge(ground, run, closer, [life]))]
        })
      }
      for (const [index, change] of closing.entries()) {
        await tally.judge(`Cleanup dies after ${index + 1} ${change}, then the ${closer}`, async () => {
          const run = await ground.newRun()
          const opened = await open(ground, run)
          await begin(ground, run.migration, ground.now())
          const life = await lived(ground, (services) => call(services, cleanup, { migration: run.migration }), index + 1)
          return [...(life.dead ? [] : ['it did not die there']), ...(await closeAndJudge(ground, run, closer, [opened, life]))]
        })
      }
    }
    const orphans = await orphansOf(ground)
    for (const [name, { spoilt, expected }] of Object.entries(AWS_CONTROLS)) {
      await tally.judge(`control: a Cleanup that does not ${name} is caught`, async () => {
        const run = await ground.newRun()
        await open(ground, run)
        await begin(ground, run.migration, ground.now())
        const closed = await lived(ground, (services) => cleanupOf(spoilt(services), run.migration.runId))
        const faults = await faultsOf(ground, run, written([closed], run))
        // What a control left may not be found again by the next one's judge.
        await ground.discard(run)
        return faults.some((fault) => fault.includes(expected)) ? [] : [`not caught: ${JSON.stringify(faults)}`]
      })
    }
    return orphans
  } finally {
    await ground.close()
  }
}
