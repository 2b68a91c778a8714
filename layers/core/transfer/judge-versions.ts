import { judgeChain } from '../domain/chain-verdicts'
import { sourceKey } from '../domain/destination-key'
import type { Migration } from '../domain/migration'
import { objectId, type Shard } from '../domain/shards'
import { leftOut, type From, type Listed, type ListedTurn } from './judge-objects'
import { readOutcomes } from './outcome-files'
import { matchVersions, shardChains } from './version-chains'

/**
 * A shard of versions, from there on: each key's chain at the destination must hold the source's in order, with the
 * versions and ETags that the outcomes name, and its newest must be the source's. Versions that the destination has besides, of a key of
 * the source, are left alone and not counted: they may be of an earlier run.
 */
export async function* judgeVersions(
  migration: Migration,
  shard: string,
  whole: Shard,
  { first, behind }: From,
  { state, destination, signal }: ListedTurn,
): AsyncGenerator<Listed> {
  const { objects, after, upTo } = whole
  const outcomes = new Map((await readOutcomes(state, migration.runId, shard, { signal })).map((outcome) => [objectId(outcome), outcome]))
  const isLeftOut = leftOut(migration, whole)
  // a key whose versions are judged in part is judged as a whole, and yielded from `first` on
  const chains = shardChains(objects).filter((chain) => chain.first + chain.versions.length > first)
  const before = objects[(chains[0]?.first ?? first) - 1]?.key ?? after
  const range = { after: behind === undefined ? before : sourceKey(migration, behind), upTo }
  // what stands before a key that is judged in part is told already
  let told = chains[0] !== undefined && chains[0].first < first
  for await (const { chain, found } of matchVersions(migration, destination, range, chains, { signal })) {
    if (chain === undefined) {
      if (told) continue
      const newest = found.findLast(({ deleteMarker }) => !deleteMarker) ?? found.at(-1)!
      if (!isLeftOut(newest)) yield { index: undefined, stranger: newest }
      continue
    }
    told = false
    const byId = new Map(found.map((version) => [version.versionId, version]))
    const written = chain.versions.map((version) => outcomes.get(objectId(version)))
    for (const [at, judged] of judgeChain(chain.versions, written, found).entries()) {
      const index = chain.first + at
      const object = chain.versions[at]!
      if (index < first) continue
      if (judged.verdict !== 'verified' || object.deleteMarker) yield { index, judged }
      else {
        const outcome = written[at]!
        yield { index, expected: { object, outcome, found: byId.get(outcome.destinationVersion!)! } }
      }
    }
  }
}
