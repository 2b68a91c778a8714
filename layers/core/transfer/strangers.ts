import { AccessDenied, DrayageError, isOfTheSide } from '../domain/errors'
import type { ObjectStore } from '../domain/object-store'
import { counted } from '../domain/units'
import type { Verdict } from '../domain/verdicts'
import type { Stranger } from './judge-objects'
import { withRetries } from './retries'

/** HEADs that a turn spends on objects that only the destination has: as many as one listing of them takes keys. */
const MOST_LOOKS = 1000

/**
 * Says of objects that only the destination has what they are: `vanished` where an earlier run left the source's ETag in the metadata,
 * else `extra`. Looks at 1,000 of them at most, and at none after a refusal: those behind are extra, and said not to be looked into.
 * Returns undefined for one that is gone by now.
 */
export const strangers = (destination: ObjectStore, signal: AbortSignal): ((found: Stranger) => Promise<Verdict | undefined>) => {
  let looks = 0
  let refused = false
  return async ({ key, size, versionId, deleteMarker }) => {
    const extra = (why: string): Verdict => ({ key, verdict: 'extra', detail: `${counted(size, 'byte')}, only at the destination${why}` })
    if (deleteMarker === true) return extra(', where it is deleted')
    if (refused || ++looks > MOST_LOOKS) return extra('; not looked into')
    try {
      const info = await withRetries(() => destination.stat(key, { versionId, signal }), signal)
      if (info === undefined) return undefined
      return Object.hasOwn(info.headers.metadata, 'source-etag')
        ? { key, verdict: 'vanished', detail: `${counted(size, 'byte')}, put by an earlier run and no longer at the source` }
        : extra('')
    } catch (error) {
      if (signal.aborted || isOfTheSide(error) || !(error instanceof DrayageError)) throw error
      refused ||= error instanceof AccessDenied
      return extra('; not looked into')
    }
  }
}
