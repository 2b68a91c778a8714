import { sameEtag, saysNothing } from './compare'
import { carriedHash } from './carried'
import { StateBroken } from './errors'
import { keyFromJson, keyToJson, type Key, type KeyJson } from './keys'
import type { ObjectInfo } from './object-store'
import type { Outcome } from './outcomes'
import { count, counted } from './units'

/**
 * What is said of an object that is not simply right:
 * missing · different (size, ETag, and as the mode looks: checksum, bytes, headers, tags) · unverifiable (nothing to compare) ·
 * unaccounted (listed, and no outcome) ·
 * extra (at the destination, and the source never had it) · vanished (at the destination, where an earlier run put it, and no
 * longer at the source).
 */
export type VerdictName = 'missing' | 'different' | 'unverifiable' | 'unaccounted' | 'extra' | 'vanished'

/**
 * What a verified object's verdict rests on, from the least on: size and time, or the source's ETag in its metadata, or the record
 * of its upload, as its skip did · an ETag equal to the source's · the ETag that its own PUT answered · the checksum that the
 * destination stores, and the headers · both sides read again, bytes and headers.
 */
export const VERDICT_EVIDENCE = ['size-and-time', 'source-etag', 'upload-record', 'etag', 'put-etag', 'checksum', 'reread'] as const

export type VerdictEvidence = (typeof VERDICT_EVIDENCE)[number]

export interface Verdict {
  key: Key
  /** the source's version; undefined: the run is over current objects, or only the destination has it */
  versionId?: string | undefined
  verdict: VerdictName
  detail: string
}

/** What is known of an object in the end. */
export type Judgement = Verdict | { verdict: 'verified'; evidence: VerdictEvidence } | { verdict: 'notExpected' }

/** Counts of one shard, or of a run. What `verified` rests on is counted beside it. */
export type VerdictCounts = Record<VerdictName | 'verified' | 'notExpected', number>

export const noVerdicts = (): VerdictCounts => ({
  verified: 0,
  notExpected: 0,
  missing: 0,
  different: 0,
  unverifiable: 0,
  unaccounted: 0,
  extra: 0,
  vanished: 0,
})

/** What of a listed object is judged. */
interface Judged {
  key: Key
  versionId?: string | undefined
  size: number
}

/** Makes verdicts of one object. */
export const verdictOf =
  ({ key, versionId }: Pick<Judged, 'key' | 'versionId'>) =>
  (verdict: VerdictName, detail: string): Verdict => ({ key, ...(versionId !== undefined && { versionId }), verdict, detail })

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
 *   the outcome has no ETag, or one that says nothing → unverifiable
 *   ETag differs                        → different
 *   otherwise                           → undefined: verified
 */
export const judge = (object: Judged, outcome: Outcome | undefined, found: Found | undefined): Verdict | undefined => {
  const verdict = verdictOf(object)
  if (outcome === undefined) return verdict('unaccounted', 'listed at the source, and no outcome was written')
  if (!isExpected(outcome)) return undefined
  if (found === undefined) return verdict('missing', `${outcome.outcome}, and the destination does not list it`)
  if (found.size !== object.size)
    return verdict('different', `${counted(found.size, 'byte')} at the destination, ${count(object.size)} at the source`)
  if (outcome.etag === undefined || saysNothing(outcome.etag))
    return verdict('unverifiable', 'the destination gave no ETag that says anything when it was written')
  if (!sameEtag(found.etag, outcome.etag))
    return verdict('different', `ETag ${found.etag} at the destination, ${outcome.etag} when it was ${outcome.outcome}`)
  return undefined
}

/** What an object rests on that the listing does not speak against. */
export const listingEvidence = ({ evidence }: Outcome): VerdictEvidence => evidence ?? 'put-etag'

/**
 * What an object rests on when its stored checksum and headers do not speak against it either; of one that was found at the destination
 * still what it was found by.
 */
export const checksumEvidence = ({ outcome, evidence }: Outcome): VerdictEvidence =>
  evidence ?? (outcome === 'copied' ? 'checksum' : 'size-and-time')

/** What the stored checksum says of the bytes; undefined: nothing against them. */
const bytesVerdict = (object: Judged, { outcome, evidence, crc32 }: Outcome, stored: ObjectInfo): Verdict | undefined => {
  const verdict = verdictOf(object)
  if (evidence !== undefined || outcome === 'skipped') {
    if (evidence === 'etag') return undefined
    if (evidence === undefined || evidence === 'size-and-time')
      return verdict('unverifiable', 'skipped by size and time: the mode checksum has nothing to compare; use reread')
    return stored.crc32 === undefined
      ? verdict('unverifiable', `${outcome} by ${evidence}, and the destination stores no checksum; use reread`)
      : undefined
  }
  if (crc32 === undefined) return verdict('unverifiable', 'no checksum is known of what was sent; use reread')
  if (stored.crc32 === undefined) return verdict('unverifiable', 'the destination stores no checksum; use reread')
  return stored.crc32 === crc32 ? undefined : verdict('different', `checksum ${stored.crc32} at the destination, ${crc32} of what was sent`)
}

/**
 * Judges an object that the listing does not speak against by what the destination answers to a HEAD, checksum included;
 * undefined: right.
 *
 *   nothing there, another size or ETag            → as `judge`: it has changed since it was listed
 *   skipped, or found as this run's own version:
 *     by equal ETags                               → nothing against the bytes: an ETag equal to the source's speaks of them
 *     by a record or a kept ETag, and the destination stores no checksum → unverifiable
 *     by size and time                             → unverifiable
 *   copied otherwise:
 *     no checksum is known of what was sent, or of what is stored → unverifiable
 *     the two checksums differ                     → different
 *   copied, and no hash is known of the headers sent → unverifiable
 *   copied, and headers, metadata or class are not those that were sent → different
 */
export const judgeStored = (object: Judged, outcome: Outcome, stored: ObjectInfo | undefined): Verdict | undefined => {
  const verdict = verdictOf(object)
  const since = judge(object, outcome, stored)
  if (since !== undefined || stored === undefined) return since
  const bytes = bytesVerdict(object, outcome, stored)
  if (bytes !== undefined || outcome.outcome === 'skipped') return bytes
  if (outcome.carried === undefined) return verdict('unverifiable', 'no hash is known of the headers that were sent; use reread')
  const carried = carriedHash(stored)
  if (outcome.carried !== carried)
    return verdict(
      'different',
      `metadata: the hash of headers and class is ${carried} at the destination, ${outcome.carried} of what was sent`,
    )
  return undefined
}

/** Whether an object with this outcome must be at the destination. */
export const isExpected = ({ outcome }: Outcome): boolean => outcome === 'copied' || outcome === 'skipped'

/** One verdict file: objects `first` to `next` (not included) of a shard. */
export interface VerdictFile {
  first: number
  next: number
  /** of a turn that ended among what only the destination has: the destination's key behind which the next one goes on */
  behind?: Key | undefined
  counts: VerdictCounts
  /** verified objects by what their verdict rests on */
  evidence: Partial<Record<VerdictEvidence, number>>
  /** when the file was written, in ms since 1970, and how long its turn took, in ms */
  at: number
  ms: number
  verdicts: Verdict[]
}

/** Whether all objects of a shard are judged, and all that the destination has among them; by the last of its verdict files. */
export const isJudged = (last: Pick<VerdictFile, 'next' | 'behind'> | undefined, objects: number): boolean =>
  last?.next === objects && last.behind === undefined

/** Whether a verdict is of an object that only the destination has. */
export const isOfStranger = ({ verdict }: Verdict): boolean => verdict === 'extra' || verdict === 'vanished'

/**
 * The file without its lines of what only the destination has: of those there may be any number, and they are read one file at a time.
 * Throws StateBroken unless they are as many as it counts.
 */
export const withoutStrangers = (file: VerdictFile): VerdictFile => {
  const strangers = file.verdicts.filter(isOfStranger)
  const extra = strangers.filter(({ verdict }) => verdict === 'extra').length
  if (extra !== file.counts.extra || strangers.length - extra !== file.counts.vanished)
    throw new StateBroken('the counts of its verdicts are not those of their lines')
  return { ...file, verdicts: file.verdicts.filter((verdict) => !isOfStranger(verdict)) }
}

export const verdictsToText = ({ verdicts, behind, ...header }: VerdictFile): string =>
  [{ ...header, ...(behind && { behind: keyToJson(behind) }) }, ...verdicts.map(({ key, ...rest }) => ({ key: keyToJson(key), ...rest }))]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('')

/** Throws StateBroken, with the file's name, for what is no verdict file. */
export const verdictsFromText = (text: string, name: string): VerdictFile => {
  try {
    const [header, ...lines] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    const verdicts = (lines as (Omit<Verdict, 'key'> & { key: KeyJson })[]).map(({ key, ...rest }) => ({ ...rest, key: keyFromJson(key) }))
    const { behind, ...rest } = header as Omit<VerdictFile, 'verdicts' | 'behind'> & { behind?: KeyJson }
    return { ...rest, ...(behind !== undefined && { behind: keyFromJson(behind) }), verdicts }
  } catch (error) {
    throw new StateBroken(`a line of ${name} is not a verdict`, { cause: error })
  }
}

export const addVerdicts = (a: VerdictCounts, b: VerdictCounts): VerdictCounts => {
  const sum = { ...a }
  for (const name of Object.keys(sum) as (keyof VerdictCounts)[]) sum[name] += b[name]
  return sum
}
