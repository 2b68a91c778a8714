import { bareEtag, sameEtag, saysNothing } from './compare'
import type { ListedVersion } from './object-store'
import type { Evidence } from './outcomes'

/** A version of the source, as far as another is compared with it. */
export interface SourceVersion {
  size: number
  etag: string
  deleteMarker?: boolean | undefined
}

/** A version of the destination; `sourceEtag`: what its metadata keeps of the source's, where that was asked for. */
export type FoundVersion = ListedVersion & { sourceEtag?: string | undefined }

/** A version that stands at the destination already, and what says so. */
export interface Recognised {
  found: FoundVersion
  evidence: Evidence
}

/** A delete marker has nothing but its place: two are equal, and count as equal by their (empty) ETags. */
const equalVersions = (source: SourceVersion, found: FoundVersion): Evidence | undefined => {
  if (source.deleteMarker === true || found.deleteMarker) return source.deleteMarker === found.deleteMarker ? 'etag' : undefined
  if (source.size !== found.size || saysNothing(source.etag)) return undefined
  if (sameEtag(source.etag, found.etag)) return 'etag'
  return found.sourceEtag !== undefined && sameEtag(source.etag, found.sourceEtag) ? 'source-etag' : undefined
}

/**
 * Of a key's versions at the source, a question: whether only its metadata can say what a version of the destination is a copy of.
 * Its size is then that of one of them, and its ETag is none of theirs. Under SSE-KMS, and for what was uploaded in parts, ETags are
 * not comparable.
 */
export const needsMetadata = (source: readonly SourceVersion[]): ((found: FoundVersion) => boolean) => {
  const objects = source.filter(({ deleteMarker }) => deleteMarker !== true)
  const sizes = new Set(objects.map(({ size }) => size))
  const named = ({ size, etag }: SourceVersion): string => `${size} ${bareEtag(etag).toLowerCase()}`
  const known = new Set(objects.map(named))
  return (found) => !found.deleteMarker && sizes.has(found.size) && !known.has(named(found))
}

/**
 * How many of a key's versions stand at the destination already, from the oldest on, and where; both chains oldest first. The rest
 * must be written, in order. Each is looked for behind the one before it, so that other versions in between do no harm. The newest
 * counts only if it is the destination's newest too: otherwise it is written again, so that the current version is right.
 */
export const recognise = (source: readonly SourceVersion[], found: readonly FoundVersion[]): Recognised[] => {
  const known: Recognised[] = []
  let next = 0
  for (const version of source.slice(0, -1)) {
    let evidence: Evidence | undefined
    for (; evidence === undefined && next < found.length; next++) evidence = equalVersions(version, found[next]!)
    if (evidence === undefined) return known
    known.push({ found: found[next - 1]!, evidence })
  }
  const [newest, current] = [source.at(-1), found.at(-1)]
  const evidence = newest && current && next < found.length ? equalVersions(newest, current) : undefined
  if (evidence !== undefined) known.push({ found: current!, evidence })
  return known
}
