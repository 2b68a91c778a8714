import { archiveClass } from '../domain/archived'
import { destinationKey, isRepresentable } from '../domain/destination-key'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import type { Shard, ShardObject } from '../domain/shards'
import { recognise } from '../domain/version-chain'
import { equalBy, type ComparingTurn } from './equal'
import { matchObjects } from './match-listing'
import { matchChains, shardChains, withMetadata } from './version-chains'

/** An object of a shard that is or may be archived. */
export interface ToRestore {
  object: ShardObject
  /** its index in the shard */
  at: number
  /** by the rule that the copier uses: what is equal at the destination is not restored */
  isThere(): Promise<boolean>
}

interface Turn extends ComparingTurn {
  /** with the right to read */
  destination: ObjectStore
}

/** What no destination can hold is left out: restoring it would be paid for, and waited for, in vain. */
const isArchivedFrom =
  (migration: Migration, from: number) =>
  ({ object, at }: { object: ShardObject; at: number }): boolean =>
    at >= from && archiveClass(object) !== undefined && isRepresentable(destinationKey(migration, object.key))

/** The objects of a shard, from this index on, that are or may be archived, in order. */
export const toRestore = async (migration: Migration, shard: Shard, from: number, turn: Turn): Promise<ToRestore[]> =>
  migration.carry.versions === 'all' ? versionsToRestore(migration, shard, from, turn) : objectsToRestore(migration, shard, from, turn)

const objectsToRestore = async (migration: Migration, { objects, after, upTo }: Shard, from: number, turn: Turn): Promise<ToRestore[]> => {
  const archived = objects.map((object, at) => ({ key: object.key, object, at })).filter(isArchivedFrom(migration, from))
  if (archived.length === 0) return []
  const found: ToRestore[] = []
  const range = { after: objects[from - 1]?.key ?? after, upTo }
  for await (const match of matchObjects(migration, turn.destination, range, archived, { signal: turn.signal })) {
    const { object, at } = match.object
    found.push({ object, at, isThere: async () => (await equalBy(migration, object, match.found, undefined, turn)) !== undefined })
  }
  return found
}

/** Versions stand at the destination by their place in the chain: those that it holds from the oldest on are not written again. */
const versionsToRestore = async (migration: Migration, { objects, after, upTo }: Shard, from: number, turn: Turn): Promise<ToRestore[]> => {
  const archivedIn = ({ first, versions }: { first: number; versions: ShardObject[] }) =>
    versions.map((object, index) => ({ object, at: first + index })).filter(isArchivedFrom(migration, from))
  const chains = shardChains(objects).filter((chain) => archivedIn(chain).length > 0)
  if (chains.length === 0) return []
  const found: ToRestore[] = []
  const range = { after: objects[chains[0]!.first - 1]?.key ?? after, upTo }
  for await (const match of matchChains(migration, turn.destination, range, chains, { signal: turn.signal })) {
    const { chain } = match
    let there: number | undefined
    const known = async (): Promise<number> =>
      (there ??= recognise(chain.versions, await withMetadata(migration, chain, match.found, turn)).length)
    for (const { object, at } of archivedIn(chain)) found.push({ object, at, isThere: async () => at - chain.first < (await known()) })
  }
  return found
}
