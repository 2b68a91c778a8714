import type { Access, Grant, Observation } from '../domain/access'
import { probeKey } from '../domain/destination-key'
import { AccessDenied, CredentialsRefused, DrayageError, NoSuchBucket } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { until, type Clock } from './clock'

/**
 * Longest wait for a write to be refused after the suspension, in ms. A change of IAM shows within seconds as a rule, and nowhere is a
 * bound promised (IAM user guide, "Changes that I make are not always immediately visible"); two minutes leave Cleanup's 15 time
 * for its other steps.
 */
const REFUSED_MS = 120_000

export interface RefusalTurn {
  access: Access
  /** the destination with the run's own write access */
  destination(migration: Migration): Promise<ObjectStore>
  clock: Clock
  signal: AbortSignal
}

type Answer = { words: string; verdict: 'refused' | 'written' | 'unclear' | 'other' }

/** One try to write, which leaves nothing: an upload under the probe's key, aborted at once if there is one. */
const probe = async (migration: Migration, destination: ObjectStore, signal: AbortSignal): Promise<Answer> => {
  const key = probeKey(migration)
  try {
    const upload = await destination.createUpload(key, { signal })
    await destination.abortUpload(key, upload, { signal })
    return { words: 'a write was still accepted', verdict: 'written' }
  } catch (error) {
    if (!(error instanceof DrayageError)) throw error
    if (error instanceof AccessDenied || error instanceof CredentialsRefused || error instanceof NoSuchBucket)
      return { words: `${error.name}: ${error.message}`, verdict: 'refused' }
    return { words: `${error.name}: ${error.message}`, verdict: error.retryable ? 'unclear' : 'other' }
  }
}

/** Whether none of the run's rights to write exists any more. */
const allGone = async (grants: readonly Grant[], migration: Migration, access: Access): Promise<boolean> => {
  for (const grant of grants) if (!(await access.prove(grant, migration)).every(({ closed }) => closed)) return false
  return true
}

/**
 * Writes with the run's own session until that is refused. One that is never refused is an open observation. Where no session is to
 * be had, only the absence of the grants proves anything: a session may be refused to Cleanup and be out elsewhere.
 */
export const seeRefusal = async (
  migration: Migration,
  grants: readonly Grant[],
  { access, destination, clock, signal }: RefusalTurn,
): Promise<Observation> => {
  const observe = (answer: string, closed: boolean): Observation => ({
    kind: 'write',
    name: migration.destination.bucket,
    call: 's3:CreateMultipartUpload',
    answer,
    closed,
    at: clock.now().toISOString(),
  })
  const store = await open(migration, access, destination)
  if (store instanceof DrayageError) {
    const gone = await allGone(grants, migration, access)
    return observe(
      `not tried, since no session is to be had: ${store.message}; ${gone ? 'what gave them is gone' : 'it still exists'}`,
      gone,
    )
  }
  const { words, verdict } = await until(
    clock,
    REFUSED_MS,
    () => probe(migration, store, signal),
    (answer) => answer.verdict === 'refused' || answer.verdict === 'other',
  )
  return observe(verdict === 'written' ? `${words} ${REFUSED_MS / 1000} s after the suspension` : words, verdict === 'refused')
}

/** The destination with a session that was just given, or why there is none. */
const open = async (migration: Migration, access: Access, destination: RefusalTurn['destination']): Promise<ObjectStore | DrayageError> => {
  try {
    await (await access.destination(migration, 'write')).credentials()
    return await destination(migration)
  } catch (error) {
    if (error instanceof AccessDenied || error instanceof CredentialsRefused) return error
    throw error
  }
}
