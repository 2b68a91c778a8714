import type { Access, Executions, Grant, Observation } from '../domain/access'
import { isClosed, isComplete, observationsOf, STEPS, type BaselineComparison, type Closure, type ClosureStep } from '../domain/closure'
import { errorName } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import type { Report } from '../domain/report'
import { exists, findJson, writeJson } from '../domain/state-files'
import { stateKeys } from '../domain/state-keys'
import { compareWithBaseline } from './baseline'
import { systemClock, type Clock } from './clock'
import { releaseLock } from './lock'
import type { AccessFile } from './access-file'
import { abortOpenUploads } from './open-uploads'
import { seeRefusal } from './see-refusal'
import { certified, signCertificate, writeCertificate, type CertificateTurn } from './write-certificate'

export interface CloseTurn extends CertificateTurn {
  access: Access
  executions: Executions
  /** the destination with the run's own write access */
  destination(migration: Migration): Promise<ObjectStore>
  /** pauses between two questions, ms; undefined: real ones */
  sleep?: Clock['sleep'] | undefined
}

/** What Cleanup answers. */
export interface Closed {
  /** whether everything that the run created is observed to be gone, and certified */
  complete: boolean
  /** observations that something may still be open */
  open: number
}

const NOTHING_OPENED = 'the run had created nothing'
const NOT_OURS = "the run had no access of ours: it used the operator's own credentials"
const REVOKE_AT_SOURCE =
  'Deleting our copy of a credential does not revoke the key at the source: revoke it there if it is not needed any more.'

/** One run's closing: what is known of it, and what each step is done with. */
interface Closing {
  migration: Migration
  /** undefined: it came to no access.json, so that nothing was created */
  opened: AccessFile | undefined
  /** an earlier call's record */
  earlier: Closure | undefined
  byItself: boolean
  /** what is left to the operator at the source */
  todo: string[]
  turn: CloseTurn
  clock: Clock
}

const observe = ({ clock }: Closing, kind: string, name: string, call: string, answer: string, closed: boolean): Observation => ({
  kind,
  name,
  call,
  answer,
  closed,
  at: clock.now().toISOString(),
})

/** An act that fails is an observation of something that may still be open, and the next one follows. */
const observing = async (
  closing: Closing,
  kind: string,
  name: string,
  call: string,
  act: () => Promise<Observation[]>,
): Promise<Observation[]> => {
  try {
    return await act()
  } catch (error) {
    const answer = error instanceof Error ? `${errorName(error)}: ${error.message}` : 'an unknown error'
    return [observe(closing, kind, name, call, answer, false)]
  }
}

const needless = (closing: Closing, kind: string, reason: string): Observation[] => [
  observe(closing, kind, closing.migration.runId, 'none', `does not apply: ${reason}`, true),
]

/** Why a step on the run's rights has none to act on. */
const withoutRights = ({ opened }: Closing): string => (opened === undefined ? NOTHING_OPENED : NOT_OURS)

const grantsOf = ({ opened }: Closing, kinds: (grant: Grant) => boolean): Grant[] => (opened?.grants ?? []).filter(kinds)
const isDeadMan = ({ kind }: Grant): boolean => kind === 'schedule'
const isRight = (grant: Grant): boolean => !isDeadMan(grant)

/** One verb on each of the run's rights. */
const onRights = async (
  closing: Closing,
  verb: string,
  act: (grant: Grant, migration: Migration) => Promise<Observation[]>,
  rights = grantsOf(closing, isRight),
): Promise<Observation[]> => {
  if (rights.length === 0) return needless(closing, 'access', withoutRights(closing))
  const all: Observation[] = []
  for (const grant of rights) all.push(...(await observing(closing, grant.kind, grant.name, verb, () => act(grant, closing.migration))))
  return all
}

const stopExecution = (closing: Closing): Promise<Observation[]> => {
  const { executionId } = closing.migration
  if (closing.byItself) return Promise.resolve(needless(closing, 'execution', 'the run itself calls'))
  const call = 'states:StopExecution'
  return observing(closing, 'execution', executionId, call, async () => [
    observe(closing, 'execution', executionId, call, await closing.turn.executions.stop(executionId), true),
  ])
}

const refuseWrites = (closing: Closing): Promise<Observation[]> => {
  const { migration, turn, clock } = closing
  const rights = grantsOf(closing, isRight)
  if (rights.length === 0) return Promise.resolve(needless(closing, 'write', withoutRights(closing)))
  return observing(closing, 'write', migration.destination.bucket, 's3:CreateMultipartUpload', async () => [
    await seeRefusal(migration, rights, { ...turn, clock }),
  ])
}

/**
 * Aborts the run's open uploads with its own rights. Where those are gone, or never came to be, two things still prove that none
 * is open: an earlier call of Cleanup saw it, or the source was never listed, so nothing was begun.
 */
const abortUploads = (closing: Closing): Promise<Observation[]> => {
  const { migration, opened, turn } = closing
  const { state, now, signal } = turn
  const { bucket } = migration.destination
  if (opened === undefined) return Promise.resolve(needless(closing, 'uploads', NOTHING_OPENED))
  return observing(closing, 'uploads', bucket, 's3:ListMultipartUploads', async () => {
    try {
      return [await abortOpenUploads(migration, { state, destination: await turn.destination(migration), now, signal })]
    } catch (error) {
      const seen = closing.earlier?.uploads
      if (seen) return seen
      if (await exists(state, stateKeys(migration.runId).cursor, { signal })) throw error
      return [observe(closing, 'uploads', bucket, 's3:ListObjectsV2', 'nothing was begun: the source was never listed', true)]
    }
  })
}

/** Whether the run's own session, suspended as it is, can still be had to look for uploads. */
const canLookAgain = async ({ migration, turn }: Closing): Promise<boolean> => {
  try {
    await (await turn.access.destination(migration, 'write')).credentials()
    return true
  } catch {
    return false
  }
}

const KEPT = 'kept, suspended, for the next call: uploads of the run may still be open, and nothing else may abort them'

/**
 * Deletes the run's rights, unless they are what its uploads still have to be aborted with. Backwards: the right to write goes last,
 * so that a call that comes after a killed one either gets a session to see refused or finds everything gone.
 */
const deleteAccess = async (closing: Closing, uploads: ClosureStep): Promise<Observation[]> => {
  const { access } = closing.turn
  if (isClosed(uploads) || grantsOf(closing, isRight).length === 0 || !(await canLookAgain(closing)))
    return onRights(closing, 'remove', access.remove.bind(access), grantsOf(closing, isRight).reverse())
  return grantsOf(closing, isRight).map(({ kind, name }) => observe(closing, kind, name, 'none', KEPT, false))
}

const endCredential = async (closing: Closing): Promise<Observation[]> => {
  const { migration, opened, turn } = closing
  // A run that was refused the lock has used no credential, and the run that holds it may be using this one.
  if (opened === undefined) return needless(closing, 'secret', NOTHING_OPENED)
  const found = await observing(closing, 'secret', migration.source.credential ?? '', 'secretsmanager:DeleteSecret', async () => {
    const report = await findJson<Report>(turn.state, stateKeys(migration.runId).report, { signal: turn.signal })
    return turn.access.endCredential(migration, report?.value.outcome === 'verified')
  })
  return found.length > 0 ? found : needless(closing, 'secret', 'the run had no credential of ours')
}

/** Also says what the comparison with the baseline came to. */
const prove = async (
  closing: Closing,
  deletion: ClosureStep,
): Promise<{ observations: Observation[]; baseline: BaselineComparison | null }> => {
  const { migration, opened, turn, clock } = closing
  if (opened === undefined) return { observations: needless(closing, 'access', NOTHING_OPENED), baseline: null }
  const kept = deletion.observations.filter(({ answer }) => answer === KEPT)
  if (kept.length > 0) return { observations: kept, baseline: null }
  const gone = await onRights(closing, 'prove', turn.access.prove.bind(turn.access))
  let baseline: BaselineComparison | null = null
  const left = await observing(closing, 'inventory', 'against baseline.json', 'inventory', async () => {
    const { comparison, observation } = await compareWithBaseline(migration, { ...turn, clock })
    baseline = comparison
    return [observation]
  })
  return { observations: [...gone, ...left], baseline }
}

/** The last two things that could still end the run's access if this call died. */
const letGo = async (closing: Closing): Promise<Observation[]> => {
  const { migration, turn } = closing
  const { access, state, now, signal } = turn
  const all: Observation[] = []
  for (const grant of grantsOf(closing, isDeadMan))
    for (const verb of ['remove', 'prove'] as const)
      all.push(...(await observing(closing, grant.kind, grant.name, verb, () => access[verb](grant, migration))))
  if (!all.every(({ closed }) => closed)) return all
  const lock = await observing(closing, 'lock', migration.pair, 's3:PutObject', async () => {
    const holder = await releaseLock(migration, { state, now, signal })
    const answer = holder === null ? 'released' : `held by the run ${holder}`
    return [observe(closing, 'lock', migration.pair, 's3:PutObject', answer, true)]
  })
  return [...all, ...lock]
}

/** Takes the steps in their order, and writes closure.json after each. */
const takeSteps = async (closing: Closing): Promise<Closed> => {
  const { migration, byItself, turn, clock } = closing
  const steps: ClosureStep[] = []
  let baseline: BaselineComparison | null = null
  const record = (): Closure => ({
    version: 1,
    runId: migration.runId,
    complete: isComplete(steps),
    calledBy: byItself ? 'the run' : 'another',
    at: clock.now().toISOString(),
    steps: [...steps],
    uploads: steps.length >= 4 && steps.slice(2, 4).every(isClosed) ? steps[3]!.observations : (closing.earlier?.uploads ?? null),
    baseline,
    todo: closing.todo,
  })
  const take = async (act: () => Promise<Observation[]>): Promise<Closure> => {
    const step = steps.length + 1
    steps.push({ step, name: STEPS[step - 1]!, observations: await act() })
    const written = record()
    await writeJson(turn.state, stateKeys(migration.runId).closure, written, { signal: turn.signal })
    return written
  }

  await take(() => stopExecution(closing))
  await take(() => onRights(closing, 'suspend', turn.access.suspend.bind(turn.access)))
  await take(() => refuseWrites(closing))
  await take(() => abortUploads(closing))
  await take(() => deleteAccess(closing, steps[3]!))
  await take(() => endCredential(closing))
  await take(async () => {
    const proved = await prove(closing, steps[4]!)
    baseline = proved.baseline
    return proved.observations
  })
  // While anything is open the schedule and the lock stay: they are what calls Cleanup again.
  const last = steps.every(isClosed) ? await take(() => letGo(closing)) : record()
  if (last.complete) {
    const { certificate } = stateKeys(migration.runId)
    const grants = closing.opened?.grants ?? []
    await take(() => observing(closing, 'certificate', certificate, 's3:PutObject', () => writeCertificate(last, migration, grants, turn)))
  }
  const open = observationsOf({ steps }).filter(({ closed }) => !closed).length
  return { complete: last.complete && open === 0, open }
}

/** Asked before anything is ended, and kept from call to call: a secret that is gone no longer says which key it held. */
const todoAtSource = async (migration: Migration, access: Access): Promise<string[]> => {
  try {
    return await access.credentialTodo(migration)
  } catch {
    return [REVOKE_AT_SOURCE]
  }
}

/**
 * Ends what a run opened, in the order of DESIGN section 7, and proves it. Every step may be done twice. It acts only on what
 * the run's own access.json names. Called by the run itself with its `own` migration, and with the run id alone by the closing
 * rule, the dead-man schedule and the sweep. A run that is certified already is left after one look, and one that never wrote its
 * request had nothing to close.
 */
export const closeAccess = async (runId: string, own: Migration | undefined, turn: CloseTurn): Promise<Closed> => {
  const { state, now, signal } = turn
  const keys = stateKeys(runId)
  const done = await certified(runId, turn)
  if (done === 'unsigned') await signCertificate(runId, turn)
  if (done !== 'no') return { complete: true, open: 0 }
  const migration = (await findJson<Migration>(state, keys.request, { signal }))?.value ?? own
  if (migration === undefined) return { complete: true, open: 0 }
  const earlier = (await findJson<Closure>(state, keys.closure, { signal }))?.value
  return takeSteps({
    migration,
    opened: (await findJson<AccessFile>(state, keys.access, { signal }))?.value,
    earlier,
    byItself: own !== undefined,
    todo: earlier?.todo ?? (await todoAtSource(migration, turn.access)),
    turn,
    clock: { now, sleep: turn.sleep ?? systemClock.sleep },
  })
}
