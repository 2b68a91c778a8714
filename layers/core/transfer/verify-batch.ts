import { errorName, PreconditionFailed, StateBroken, StoreUnavailable } from '../domain/errors'
import { compareKeys } from '../domain/keys'
import type { Migration } from '../domain/migration'
import type { Call, ObjectStore } from '../domain/object-store'
import { listNames, readBytes, writeText } from '../domain/state-files'
import { shardKey, verdictsKey, verdictsPrefix } from '../domain/state-keys'
import { shardFromText } from '../domain/shards'
import { count, counted } from '../domain/units'
import { isJudged, noVerdicts, verdictsFromText, verdictsToText, type VerdictCounts, type VerdictFile } from '../domain/verdicts'
import { examine } from './examine'
import { judgeObjects } from './judge-objects'
import { judgeVersions } from './judge-versions'
import { inPool } from './pool'
import { Looks, readProgress, writeProgress } from './reread-progress'
import { strangers } from './strangers'
import { fileOf, judgedWalk, type Place } from './walk'

export interface VerifyTurn {
  state: ObjectStore
  /** with rights to list and to read, and no others */
  destination: ObjectStore
  /** the source: only the mode reread asks for it */
  openSource(): Promise<ObjectStore>
  now(): Date
  signal: AbortSignal
  /** false: take no further object, and no further part of one */
  going(): boolean
  /** requests, or pairs of them, under way at once */
  concurrency: number
}

/** Objects that only the destination has, of which a turn takes no more: each is held until its verdict file is written, 500 bytes or so. */
const MOST_STRANGERS = 50_000

/** After so many of them a turn looks at its time again: HEADs of as many end within what a call keeps back. */
const STRANGERS_AT_ONCE = 1000

/** One verdict file. Throws NoSuchObject; StateBroken if it is none. */
export const readVerdictFile = async (state: ObjectStore, name: string, call: Call): Promise<VerdictFile> =>
  verdictsFromText((await readBytes(state, name, call)).body.toString('utf8'), name)

/** Verdict files of a shard so far, in order, one at a time. Throws StateBroken if they leave a gap or overlap. */
export async function* readVerdicts(state: ObjectStore, runId: string, shard: string, call: Call): AsyncGenerator<VerdictFile> {
  let last: Pick<VerdictFile, 'next' | 'behind'> | undefined
  for (const name of await listNames(state, verdictsPrefix(runId, shard), call)) {
    const file = await readVerdictFile(state, name, call)
    const goesOn = last?.behind === undefined || file.behind === undefined || compareKeys(last.behind, file.behind) < 0
    if (file.first !== (last?.next ?? 0) || !goesOn) throw new StateBroken(`${name} does not begin where the verdicts before it end`)
    last = { next: file.next, behind: file.behind }
    yield file
  }
}

const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

/**
 * One turn of verifying a shard: the destination's own listing of its key range against the shard and its outcomes, and then, as the
 * mode asks, each object that the listing does not speak against. Goes on behind the verdicts that are written, also inside a large
 * object, and among any number of objects that only the destination has; writes one line per object that is not simply right. Every
 * turn gets further, or throws. What the source has and the selection leaves out is neither extra nor vanished.
 */
export const verifyBatch = async (migration: Migration, shard: string, turn: VerifyTurn): Promise<{ done: boolean } & VerdictCounts> => {
  const { runId } = migration
  const { state, destination, now, signal, going } = turn
  const began = now().getTime()
  const name = shardKey(runId, shard)
  const whole = shardFromText((await readBytes(state, name, { signal })).body.toString('utf8'), name)
  const turns = await listNames(state, verdictsPrefix(runId, shard), { signal })
  const last = turns.length === 0 ? undefined : await readVerdictFile(state, turns.at(-1)!, { signal })
  if (isJudged(last, whole.objects.length)) return { done: true, ...noVerdicts() }
  const { next: first, behind } = last ?? { next: 0 }

  const progress = migration.verification.mode === 'reread' ? await readProgress(state, runId, shard, { signal }) : {}
  const judgeStranger = strangers(destination, signal)
  const sides = { openSource: once(turn.openSource), destination, signal }
  const judge = migration.carry.versions === 'all' ? judgeVersions : judgeObjects
  const places: Place[] = []
  let ended = false

  async function* looks(): AsyncGenerator<() => Promise<void>> {
    let looked = false
    let met = 0
    for await (const listed of judge(migration, shard, whole, { first, behind }, { state, destination, signal })) {
      if (listed.index === undefined) {
        if (met === MOST_STRANGERS || (met > 0 && met % STRANGERS_AT_ONCE === 0 && !going())) return
        met++
        const place: Place = { index: undefined, stranger: listed.stranger.key }
        places.push(place)
        yield async () => void (place.judged = (await judgeStranger(listed.stranger)) ?? 'gone')
        continue
      }
      if (looked && !going()) return
      looked = true
      const { index, judged, expected } = listed
      const place: Place = { index, judged }
      places.push(place)
      if (expected === undefined) continue
      const examined = examine(migration, expected, sides)
      const before = progress[index] ?? 0
      const taken = (place.looks = new Looks(before))
      const end = () => {
        if (taken.taken === examined.looks) place.judged ??= { verdict: 'verified', evidence: examined.evidence }
      }
      end()
      for (let number = before; number < examined.looks && place.judged === undefined; number++) {
        if (number > before && !going()) return
        yield async () => {
          if (place.judged !== undefined) return
          const verdict = await examined.look(number)
          if (verdict === undefined) taken.take(number)
          else place.judged ??= verdict
          end()
        }
      }
    }
    ended = true
  }

  const stopped = await inPool(looks(), turn.concurrency, (look) => look()).then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
  const byDeadline = errorName(signal.reason) === 'DeadlinePassed'
  const walk = judgedWalk(places, ended, whole.objects.length)
  const done = ended && walk.length === places.length
  const file = fileOf(first, walk, done)
  if (done && file.next !== whole.objects.length)
    throw new StoreUnavailable(`only ${count(file.next)} of ${counted(whole.objects.length, 'object')} of ${name} could be judged`)

  const inside = places.slice(walk.length).filter(({ looks, index }) => (looks?.taken ?? 0) > 0 && index !== undefined)
  const further = inside.some(({ looks, index }) => looks!.taken > (progress[index!] ?? 0))
  const taken = Object.fromEntries(inside.map(({ looks, index }) => [index!, looks!.taken]))
  if (further) await writeProgress(state, runId, shard, { ...progress, ...taken })
  const at = now().getTime()
  const text = verdictsToText({ ...file, at, ms: at - began })
  try {
    if (done || walk.length > 0) await writeText(state, verdictsKey(runId, shard, turns.length), text, { ifNoneMatch: true })
  } catch (error) {
    // a twin of this call was faster, and may have got less far: what it wrote stands, and the next turn goes on behind it
    if (error instanceof PreconditionFailed) return { done: false, ...noVerdicts() }
    throw error
  }
  if (stopped && !byDeadline) throw stopped.error
  if (!done && walk.length === 0 && !further) throw new StoreUnavailable(`no object of ${name} could be judged in the time that a call has`)
  return { done, ...file.counts }
}
