import type { Access, Executions, Grant, Observation } from '../domain/access'
import { errorName } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import type { Certificate, Report } from '../domain/report'
import { exists, findJson, writeJson } from '../domain/state-files'
import { stateKeys } from '../domain/state-keys'
import { releaseLock } from './lock'
import type { AccessFile } from './open-access'
import { abortOpenUploads } from './open-uploads'

export interface CloseTurn {
  state: ObjectStore
  access: Access
  executions: Executions
  /** the destination with the run's own write access */
  destination(migration: Migration): Promise<ObjectStore>
  now(): Date
  signal: AbortSignal
}

export interface Closure {
  /** whether everything that the run created is observed to be gone */
  complete: boolean
  /** answers that stand in the certificate */
  observations: number
}

/** Runs one step; a step that fails is an observation of something that may still be open, and the next step follows. */
const observing = async (
  observations: Observation[],
  kind: string,
  name: string,
  call: string,
  now: () => Date,
  step: () => Promise<readonly Observation[]>,
): Promise<void> => {
  try {
    observations.push(...(await step()))
  } catch (error) {
    const answer = error instanceof Error ? `${errorName(error)}: ${error.message}` : 'an unknown error'
    observations.push({ kind, name, call, answer, closed: false, at: now().toISOString() })
  }
}

/**
 * Aborts the run's open uploads with its own rights. Where those are gone, or never came to be, two things still prove that none
 * is open: an earlier call of Cleanup saw it, or the source was never listed, so nothing was begun.
 */
const closeUploads = async (migration: Migration, earlier: Certificate | undefined, turn: CloseTurn): Promise<Observation> => {
  const { state, now, signal } = turn
  try {
    return await abortOpenUploads(migration, { state, destination: await turn.destination(migration), now, signal })
  } catch (error) {
    const seen = earlier?.observations.find(({ kind, closed }) => kind === 'uploads' && closed)
    if (seen) return seen
    if (await exists(state, stateKeys(migration.runId).cursor, { signal })) throw error
    const answer = 'nothing was begun: the source was never listed'
    return { kind: 'uploads', name: migration.destination.bucket, call: 's3:ListObjectsV2', answer, closed: true, at: now().toISOString() }
  }
}

const REVOKE_AT_SOURCE =
  'Deleting our copy of a credential does not revoke the key at the source: revoke it there if it is not needed any more.'

/**
 * Ends what a run opened, in the order of DESIGN section 7, and proves it. Every step may be done twice. It acts only on what
 * the run's own access.json names. Called by the run itself with its `own` migration, and with the run id alone by the closing
 * rule, the dead-man schedule and the sweep: for those a run that is closed already, or that never opened anything, is a cheap
 * no-op.
 */
export const closeAccess = async (runId: string, own: Migration | undefined, turn: CloseTurn): Promise<Closure> => {
  const { state, access, executions, now, signal } = turn
  const keys = stateKeys(runId)
  const certified = await findJson<Certificate>(state, keys.certificate, { signal })
  if (certified?.value.complete) return { complete: true, observations: certified.value.observations.length }
  const migration = (await findJson<Migration>(state, keys.request, { signal }))?.value ?? own
  if (migration === undefined) return { complete: true, observations: 0 }
  const opened = (await findJson<AccessFile>(state, keys.access, { signal }))?.value
  const grants = opened?.grants ?? []
  const verified = (await findJson<Report>(state, keys.report, { signal }))?.value.outcome === 'verified'
  const observations: Observation[] = []
  const each = async (kinds: (grant: Grant) => boolean, call: string, step: (grant: Grant) => Promise<readonly Observation[]>) => {
    for (const grant of grants.filter(kinds)) await observing(observations, grant.kind, grant.name, call, now, () => step(grant))
  }
  const isDeadMan = (grant: Grant) => grant.kind === 'schedule'
  const isRight = (grant: Grant) => !isDeadMan(grant)
  const nothing = async (act: Promise<void>) => {
    await act
    return []
  }

  if (own === undefined)
    await observing(observations, 'execution', migration.executionId, 'states:StopExecution', now, () =>
      nothing(executions.stop(migration.executionId)),
    )
  await each(isRight, 'suspend', (grant) => nothing(access.suspend(grant, migration)))
  await observing(observations, 'uploads', migration.destination.bucket, 's3:ListMultipartUploads', now, async () => [
    await closeUploads(migration, certified?.value, turn),
  ])
  await each(isRight, 'remove', (grant) => nothing(access.remove(grant, migration)))
  // A run that was refused the lock has used no credential, and the run that holds it may be using this one.
  if (opened !== undefined) {
    await observing(observations, 'secret', migration.source.credential ?? '', 'secretsmanager:DeleteSecret', now, () =>
      access.endCredential(migration, verified),
    )
  }
  await each(isRight, 'prove', async (grant) => [await access.prove(grant, migration)])
  if (observations.every(({ closed }) => closed)) {
    await each(isDeadMan, 'remove', (grant) => nothing(access.remove(grant, migration)))
    await each(isDeadMan, 'prove', async (grant) => [await access.prove(grant, migration)])
  }
  if (observations.every(({ closed }) => closed)) {
    await observing(observations, 'lock', migration.pair, 's3:PutObject', now, async () => {
      const holder = await releaseLock(migration, { state, now, signal })
      return [
        {
          kind: 'lock',
          name: migration.pair,
          call: 's3:PutObject',
          answer: holder === null ? 'released' : `held by the run ${holder}`,
          closed: true,
          at: now().toISOString(),
        },
      ]
    })
  }
  const complete = observations.every(({ closed }) => closed)
  const certificate: Certificate = {
    version: 1,
    runId,
    complete,
    closedAt: now().toISOString(),
    observations,
    todo: migration.source.credential === null ? [] : [REVOKE_AT_SOURCE],
  }
  await writeJson(state, keys.certificate, certificate, { signal })
  return { complete, observations: observations.length }
}
