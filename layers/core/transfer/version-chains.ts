import { destinationKey, destinationRange } from '../domain/destination-key'
import { compareKeys, type Key } from '../domain/keys'
import { isKeyed, type Migration } from '../domain/migration'
import type { Call, KeyRange, ListedVersion, ObjectStore } from '../domain/object-store'
import type { ShardObject } from '../domain/shards'
import { needsMetadata, type FoundVersion } from '../domain/version-chain'
import type { ComparingTurn } from './equal'
import { matchWanted, type Asked } from './match-wanted'
import { withRetries } from './retries'

/**
 * A listing of versions as chains: one array per reply, of the keys whose versions are all known by then, each oldest first. A chain
 * may span replies and is held in memory until its end: about 300 bytes a version, so that a key of a million versions needs 300 MB.
 */
export async function* inChains(pages: AsyncIterable<ListedVersion[]>): AsyncGenerator<ListedVersion[][]> {
  let open: ListedVersion[] = []
  for await (const page of pages) {
    const whole: ListedVersion[][] = []
    for (const version of page) {
      if (open.length > 0 && !open[0]!.key.equals(version.key)) {
        whole.push(open.reverse())
        open = []
      }
      open.push(version)
    }
    yield whole
  }
  if (open.length > 0) yield [open.reverse()]
}

/** The versions of exactly this key, oldest first; [] if there are none. */
export const chainAt = async (store: ObjectStore, key: Key, call: Call): Promise<ListedVersion[]> => {
  const chain: ListedVersion[] = []
  for await (const page of store.listVersions({ prefix: key }, call)) {
    // a key sorts before every longer one that begins with it
    const other = page.findIndex((version) => !version.key.equals(key))
    chain.push(...(other === -1 ? page : page.slice(0, other)))
    if (other !== -1) break
  }
  return chain.reverse()
}

/** The versions of one key in a shard, and the index of the first of them. */
export interface ShardChain {
  key: Key
  first: number
  versions: ShardObject[]
}

/** A shard's objects by their keys, in order. */
export const shardChains = (objects: readonly ShardObject[]): ShardChain[] => {
  const chains: ShardChain[] = []
  for (const [index, object] of objects.entries()) {
    const last = chains.at(-1)
    if (last?.key.equals(object.key)) last.versions.push(object)
    else chains.push({ key: object.key, first: index, versions: [object] })
  }
  return chains
}

/** A key's chain at the source and at the destination, oldest first. */
interface ChainMatch {
  chain: ShardChain
  found: ListedVersion[]
}

const asked = (destination: ObjectStore, signal: AbortSignal): Asked<ListedVersion> => ({
  list: (query) => destination.listVersions(query, { signal }),
  at: async (key) => (await chainAt(destination, key, { signal })).reverse(),
  most: Infinity,
  // a chain is held in memory as a whole
  width: 1,
})

/** What the destination's own listing has under the keys of a range's chains: yields each of these, in order, and nothing else. */
export async function* matchChains(
  migration: Migration,
  destination: ObjectStore,
  range: KeyRange,
  chains: readonly ShardChain[],
  { signal }: { signal: AbortSignal },
): AsyncGenerator<ChainMatch> {
  const keys = chains.map(({ key }) => key)
  let index = 0
  for await (const found of matchWanted(migration, range, keys, asked(destination, signal), signal))
    yield { chain: chains[index++]!, found: found.reverse() }
}

/** A key that stands only at the destination has no `chain`. */
type ListedChain = ChainMatch | { chain: undefined; found: ListedVersion[] }

/**
 * The same, and besides, unless the run is over a list of keys, every key that stands only at the destination, however many there are:
 * for who has to tell them.
 */
export const matchVersions = (
  migration: Migration,
  destination: ObjectStore,
  range: KeyRange,
  chains: readonly ShardChain[],
  call: { signal: AbortSignal },
): AsyncIterable<ListedChain> =>
  isKeyed(migration) ? matchChains(migration, destination, range, chains, call) : matchRange(migration, destination, range, chains, call)

/** Walks the listing of the range beside the shard's chains, both in byte order. */
async function* matchRange(
  migration: Migration,
  destination: ObjectStore,
  range: KeyRange,
  chains: readonly ShardChain[],
  call: Call,
): AsyncGenerator<ListedChain> {
  const { query, holds } = destinationRange(migration, range)
  let next = 0
  for await (const whole of inChains(destination.listVersions(query, call))) {
    for (const found of whole) {
      const { key } = found[0]!
      if (!holds({ key })) continue
      const order = (): number => (next < chains.length ? compareKeys(destinationKey(migration, chains[next]!.key), key) : 1)
      for (; order() < 0; next++) yield { chain: chains[next]!, found: [] }
      yield order() === 0 ? { chain: chains[next++]!, found } : { chain: undefined, found }
    }
  }
  for (; next < chains.length; next++) yield { chain: chains[next]!, found: [] }
}

/** The destination's chain, with the kept ETag of the source's for each version that only its metadata can tell. */
export const withMetadata = async (
  migration: Migration,
  chain: ShardChain,
  found: ListedVersion[],
  turn: Pick<ComparingTurn, 'reading' | 'signal'>,
): Promise<FoundVersion[]> => {
  const { signal } = turn
  const unclear = needsMetadata(chain.versions)
  const known: FoundVersion[] = []
  for (const version of found) {
    if (!unclear(version)) known.push(version)
    else {
      const store = await turn.reading()
      const { versionId } = version
      const info = await withRetries(() => store.stat(destinationKey(migration, chain.key), { versionId, signal }), signal)
      known.push({ ...version, sourceEtag: info?.headers.metadata['source-etag'] })
    }
  }
  return known
}
