import { sourceKey } from '../domain/destination-key'
import type { Key } from '../domain/keys'
import type { Migration } from '../domain/migration'
import type { ListedObject, ObjectStore } from '../domain/object-store'
import { largeName } from '../domain/state-keys'
import type { Shard } from '../domain/shards'
import { isExpected, judge, type Judgement } from '../domain/verdicts'
import { matchListing } from './match-listing'
import { LARGE_AT_ONCE, readOutcomes } from './outcome-files'
import { readAhead } from './read-ahead'
import type { Expected } from './reread'

/** An object that only the destination has; where all versions are listed, its newest that is no delete marker. */
export type Stranger = Pick<ListedObject, 'key' | 'size'> & { versionId?: string | undefined; deleteMarker?: boolean | undefined }

/**
 * What the destination's own listing says: of an object of the shard a judgement, or that nothing speaks against it (`expected`); or a
 * stranger.
 */
export type Listed =
  | { index: number; judged: Judgement; expected?: undefined }
  | { index: number; judged?: undefined; expected: Expected }
  | { index: undefined; stranger: Stranger }

export interface ListedTurn {
  state: ObjectStore
  destination: ObjectStore
  signal: AbortSignal
}

/** Keys of the shard's range that the source has and the selection leaves out: neither extra nor vanished, however they came there. */
export const leftOut = (migration: Migration, { excluded }: Shard): ((found: { key: Buffer }) => boolean) => {
  const keys = new Set(excluded.map(({ key }) => key.toString('latin1')))
  return ({ key }) => keys.has(sourceKey(migration, key).toString('latin1'))
}

/** Where a turn goes on: with the shard's object `first`, or before it behind a key of the destination. */
export interface From {
  first: number
  behind?: Key | undefined
}

/** A shard of current objects, from there on. */
export async function* judgeObjects(
  migration: Migration,
  shard: string,
  whole: Shard,
  { first, behind }: From,
  { state, destination, signal }: ListedTurn,
): AsyncGenerator<Listed> {
  const { objects, after, upTo } = whole
  const written = await readOutcomes(state, migration.runId, shard, { signal })
  const large = objects.filter((object) => object.large).map(({ key }) => largeName(key))
  const outcomesOf = (name: string) => readOutcomes(state, migration.runId, name, { signal })
  for await (const lines of readAhead(large, LARGE_AT_ONCE, outcomesOf)) written.push(...lines)
  const outcomes = new Map(written.map((outcome) => [outcome.key.toString('latin1'), outcome]))
  const isLeftOut = leftOut(migration, whole)
  const range = { after: behind === undefined ? (objects[first - 1]?.key ?? after) : sourceKey(migration, behind), upTo }
  for await (const match of matchListing(migration, destination, range, objects.slice(first), { signal })) {
    if (match.object === undefined) {
      if (!isLeftOut(match.found)) yield { index: undefined, stranger: match.found }
      continue
    }
    const { object, found } = match
    const index = first + match.index
    const outcome = outcomes.get(object.key.toString('latin1'))
    const verdict = judge(object, outcome, found)
    if (verdict !== undefined) yield { index, judged: verdict }
    else if (isExpected(outcome!)) yield { index, expected: { object, outcome: outcome!, found: found! } }
    else yield { index, judged: { verdict: 'notExpected' } }
  }
}
