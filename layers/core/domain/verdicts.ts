import { sameEtag } from './compare'
import { keyFromJson, keyToJson, type Key, type KeyJson } from './keys'
import type { Outcome } from './outcomes'

/**
 * What the destination's own listing says of an object that is not simply right:
 * missing · different (size or ETag) · unverifiable (nothing to compare) · unaccounted (listed, and no outcome) ·
 * extra (at the destination, and the source never had it).
 */
export type VerdictName = 'missing' | 'different' | 'unverifiable' | 'unaccounted' | 'extra'

export interface Verdict {
  key: Key
  verdict: VerdictName
  detail: string
}

/** Counts of one shard, or of a run. `verified` rests on the ETag that the PUT returned, or that the skip was decided by. */
export type VerdictCounts = Record<VerdictName | 'verified' | 'notExpected', number>

export const noVerdicts = (): VerdictCounts => ({
  verified: 0,
  notExpected: 0,
  missing: 0,
  different: 0,
  unverifiable: 0,
  unaccounted: 0,
  extra: 0,
})

interface Found {
  size: number
  etag: string
}

/**
 * Judges one listed object by its outcome and by what the destination lists; undefined: right.
 *
 *   no outcome                          → unaccounted
 *   failed or changed                   → not expected there: undefined, counted as notExpected by the caller
 *   nothing at the destination          → missing
 *   size differs                        → different
 *   the outcome has no ETag             → unverifiable
 *   ETag differs                        → different
 *   otherwise                           → undefined: verified
 */
export const judge = (object: { key: Key; size: number }, outcome: Outcome | undefined, found: Found | undefined): Verdict | undefined => {
  const verdict = (name: VerdictName, detail: string): Verdict => ({ key: object.key, verdict: name, detail })
  if (outcome === undefined) return verdict('unaccounted', 'listed at the source, and no outcome was written')
  if (!isExpected(outcome)) return undefined
  if (found === undefined) return verdict('missing', `${outcome.outcome}, and the destination does not list it`)
  if (found.size !== object.size) return verdict('different', `${found.size} bytes at the destination, ${object.size} at the source`)
  if (!outcome.etag) return verdict('unverifiable', 'the destination gave no ETag when it was written')
  if (!sameEtag(found.etag, outcome.etag))
    return verdict('different', `ETag ${found.etag} at the destination, ${outcome.etag} when it was ${outcome.outcome}`)
  return undefined
}

/** Whether an object with this outcome must be at the destination. */
export const isExpected = ({ outcome }: Outcome): boolean => outcome === 'copied' || outcome === 'skipped'

/** One verdict file: objects `first` to `next` (not included) of a shard. */
export interface VerdictFile {
  first: number
  next: number
  counts: VerdictCounts
  verdicts: Verdict[]
}

export const verdictsToText = ({ verdicts, ...header }: VerdictFile): string =>
  [header, ...verdicts.map(({ key, ...rest }) => ({ key: keyToJson(key), ...rest }))].map((line) => `${JSON.stringify(line)}\n`).join('')

export const verdictsFromText = (text: string): VerdictFile => {
  const [header, ...lines] = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
  const verdicts = (lines as (Omit<Verdict, 'key'> & { key: KeyJson })[]).map(({ key, ...rest }) => ({ ...rest, key: keyFromJson(key) }))
  return { ...(header as Omit<VerdictFile, 'verdicts'>), verdicts }
}

export const addVerdicts = (a: VerdictCounts, b: VerdictCounts): VerdictCounts => {
  const sum = { ...a }
  for (const name of Object.keys(sum) as (keyof VerdictCounts)[]) sum[name] += b[name]
  return sum
}
