import { destinationKey } from '../domain/destination-key'
import { DrayageError, errorName, isOfTheSide } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { inSample, rereadLooks } from '../domain/sample'
import { checksumEvidence, judgeStored, listingEvidence, verdictOf, type Verdict, type VerdictEvidence } from '../domain/verdicts'
import { rereadOnce, type Expected, type Sides } from './reread'
import { withRetries } from './retries'

/** How an object is looked at that the listing does not speak against: once all looks have found nothing, it is verified. */
export interface Examination {
  /** what it rests on then */
  evidence: VerdictEvidence
  /** 0: the listing was enough */
  looks: number
  /** The look of this number, from 0; they may be taken side by side. Returns what is wrong, or undefined. */
  look(number: number): Promise<Verdict | undefined>
}

/** One object that cannot be looked at is unverifiable. What would meet every other object too is thrown on, and ends the call. */
const tried = async (act: () => Promise<Verdict | undefined>, { object }: Expected, signal: AbortSignal): Promise<Verdict | undefined> => {
  try {
    return await withRetries(act, signal)
  } catch (error) {
    if (signal.aborted || isOfTheSide(error) || !(error instanceof DrayageError)) throw error
    return verdictOf(object)('unverifiable', `it could not be looked at: ${errorName(error)}: ${error.message}`)
  }
}

/** `openSource`: called for what is read again, and for nothing else. */
type ExamineTurn = Omit<Sides, 'source'> & { openSource(): Promise<ObjectStore> }

/** What the run's mode asks for. */
export const examine = (migration: Migration, expected: Expected, { openSource, destination, signal }: ExamineTurn): Examination => {
  const { mode, sample } = migration.verification
  const { object, outcome, found } = expected
  if (mode === 'checksum') {
    const options = { checksum: true, versionId: found.versionId, signal }
    const judge = async () => judgeStored(object, outcome, await destination.stat(destinationKey(migration, object.key), options))
    return { evidence: checksumEvidence(outcome), looks: 1, look: () => tried(judge, expected, signal) }
  }
  if (mode === 'reread' && inSample(migration.runId, object.key, sample))
    return {
      evidence: 'reread',
      looks: rereadLooks(object),
      look: async (number) => {
        const source = await openSource()
        return tried(() => rereadOnce(migration, expected, number, { source, destination, signal }), expected, signal)
      },
    }
  return { evidence: listingEvidence(outcome), looks: 0, look: () => Promise.resolve(undefined) }
}
