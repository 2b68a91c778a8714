import { sameEtag, saysNothing } from './compare'
import type { ListedVersion } from './object-store'
import type { Outcome } from './outcomes'
import type { ShardObject } from './shards'
import { count, counted } from './units'
import { isExpected, listingEvidence, verdictOf, type Judgement } from './verdicts'

/**
 * Judges a key's versions by their outcomes and by the destination's chain of the key; both oldest first, one judgement per version.
 *
 *   no outcome                                              → unaccounted
 *   failed or changed                                       → notExpected
 *   the outcome names no version of the destination         → unverifiable
 *   the destination does not list that version              → missing
 *   a delete marker where the other is none, size or ETag   → different
 *   it stands before the version before it                  → different: the order is not the source's
 *   the newest, and not the destination's current version   → different
 *   otherwise                                               → verified
 */
export const judgeChain = (
  versions: readonly ShardObject[],
  outcomes: readonly (Outcome | undefined)[],
  found: readonly ListedVersion[],
): Judgement[] => {
  const places = new Map(found.map(({ versionId }, place) => [versionId, place]))
  let behind = -1
  return versions.map((version, index) => {
    const verdict = verdictOf(version)
    const outcome = outcomes[index]
    if (outcome === undefined) return verdict('unaccounted', 'listed at the source, and no outcome was written')
    if (!isExpected(outcome)) return { verdict: 'notExpected' }
    const { destinationVersion, etag = '' } = outcome
    if (destinationVersion === undefined) return verdict('unverifiable', 'the destination gave no version when it was written')
    const at = places.get(destinationVersion)
    if (at === undefined) return verdict('missing', `${outcome.outcome} as ${destinationVersion}, and the destination does not list it`)
    const there = found[at]!
    if (there.deleteMarker !== (version.deleteMarker === true))
      return verdict('different', `${there.deleteMarker ? 'a' : 'no'} delete marker at the destination`)
    if (!there.deleteMarker && there.size !== version.size)
      return verdict('different', `${counted(there.size, 'byte')} at the destination, ${count(version.size)} at the source`)
    if (!there.deleteMarker && saysNothing(etag))
      return verdict('unverifiable', 'the destination gave no ETag that says anything when it was written')
    if (!there.deleteMarker && !sameEtag(there.etag, etag))
      return verdict('different', `ETag ${there.etag} at the destination, ${etag} when it was ${outcome.outcome}`)
    if (at <= behind) return verdict('different', 'it stands before an older one at the destination')
    behind = at
    if (index === versions.length - 1 && at !== found.length - 1)
      return verdict('different', `the destination's current version is another: ${found.at(-1)!.versionId}`)
    return { verdict: 'verified', evidence: listingEvidence(outcome) }
  })
}
