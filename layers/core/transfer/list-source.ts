import { addArchived, archiveClass } from '../domain/archived'
import { destinationKey, isRepresentable } from '../domain/destination-key'
import { CursorMoved, PreconditionFailed } from '../domain/errors'
import { cursorFromJson, cursorToJson, firstCursor, isListed, type Cursor, type CursorJson, type ListingTotals } from '../domain/listing'
import type { Key } from '../domain/keys'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { partCount, partSizeOf, partsOfEtag } from '../domain/parts'
import { excludedBy } from '../domain/selection'
import { findJson, readBytes, writeJson, writeText } from '../domain/state-files'
import { batchName, largeName, shardKey, stateKeys } from '../domain/state-keys'
import {
  largeToText,
  listedIn,
  ShardCutter,
  shardFromText,
  shardToText,
  type ExcludedBy,
  type ExcludedObject,
  type Shard,
  type ShardObject,
} from '../domain/shards'
import { listEntries } from './list-entries'

export interface ListingTurn {
  state: ObjectStore
  source: ObjectStore
  now(): Date
  signal: AbortSignal
  /** false: stop after the current page */
  going(): boolean
}

const NONE_EXCLUDED: Record<ExcludedBy, number> = { include: 0, exclude: 0, size: 0, age: 0 }

const addExcluded = (counts: ListingTotals['excludedFor'], excluded: readonly ExcludedObject[]): ListingTotals['excludedFor'] => {
  if (excluded.length === 0) return counts
  const sum = { ...(counts ?? NONE_EXCLUDED) }
  for (const { by } of excluded) sum[by] += 1
  return sum
}

/** Parts that an object will be cut into. */
const partsOf = ({ size, etag }: ShardObject): number => partsOfEtag(etag) ?? partCount(size, partSizeOf(size))

/** Beginning and completing an upload, and its parts, in place of the one PUT that every version is counted with. */
const addExtraPuts = ({ limits, carry }: Migration, puts: number | undefined, objects: readonly ShardObject[]): number | undefined => {
  if (carry.versions !== 'all') return puts
  const inParts = objects.filter(({ size }) => size >= limits.largeObjectBytes)
  return inParts.length === 0 ? puts : inParts.reduce((sum, version) => sum + partsOf(version) + 1, puts ?? 0)
}

const addShard = (migration: Migration, totals: ListingTotals, shard: Shard): ListingTotals => {
  const { objects, excluded } = shard
  const large = objects.filter((object) => object.large)
  return {
    listed: totals.listed + listedIn(shard),
    excluded: totals.excluded + excluded.length,
    excludedFor: addExcluded(totals.excludedFor, excluded),
    bytes: objects.reduce((sum, { size }) => sum + size, totals.bytes),
    batches: totals.batches + 1,
    large: totals.large + large.length,
    largeParts: large.reduce((sum, object) => sum + partsOf(object), totals.largeParts),
    extraPuts: addExtraPuts(migration, totals.extraPuts, objects),
    unrepresentable: totals.unrepresentable + objects.filter(({ key }) => !isRepresentable(destinationKey(migration, key))).length,
    archived: totals.archived + objects.filter((object) => archiveClass(object) !== undefined).length,
    archivedIn: addArchived(totals.archivedIn, objects),
  }
}

/**
 * Writes a shard, once, then its large objects: where an earlier call, lost or late, has written one that begins here, that one stands,
 * whatever the source has by now. So a twin can take nothing from under the copiers, and the shards tile. Returns what stands.
 */
const writeShard = async (migration: Migration, shard: Shard, { state, signal }: ListingTurn): Promise<Shard> => {
  const name = shardKey(migration.runId, batchName(shard.after))
  const text = shardToText(shard)
  const standing = async (): Promise<Shard> => {
    const there = (await readBytes(state, name, { signal })).body.toString('utf8')
    return there === text ? shard : shardFromText(there, name)
  }
  const stands = await writeText(state, name, text, { ifNoneMatch: true, signal }).then(
    () => shard,
    (error: unknown) => {
      if (error instanceof PreconditionFailed) return standing()
      throw error
    },
  )
  for (const { large, ...object } of stands.objects) {
    if (large) await writeText(state, shardKey(migration.runId, largeName(object.key)), largeToText(object), { signal })
  }
  return stands
}

const sameBound = (a: Key | undefined, b: Key | undefined): boolean => (a === undefined || b === undefined ? a === b : a.equals(b))

const totalsOf = (cursor: Cursor): ListingTotals & { more: boolean } => ({ ...cursor.totals, more: !isListed(cursor) })

/**
 * One turn of listing: goes on at the cursor, writes shards, and stops at the end of the source or when `going` says so.
 * Every turn that finds an object writes a shard, or goes on behind one, so a loop over turns ends. Throws CursorMoved if another call moved the
 * cursor first, SourceListingBroken for a reply that cannot be trusted.
 */
export const listSource = async (migration: Migration, turn: ListingTurn): Promise<ListingTotals & { more: boolean }> => {
  const { state, signal, going } = turn
  const name = stateKeys(migration.runId).cursor
  const kept = await findJson<CursorJson>(state, name, { signal })
  const cursor: Cursor = kept ? cursorFromJson(kept.value) : firstCursor()
  let etag = kept?.etag

  const moveCursor = async () => {
    const condition = etag === undefined ? { ifNoneMatch: true } : { ifMatch: etag }
    etag = await writeJson(state, name, cursorToJson(cursor, turn.now()), { ...condition, signal }).catch((error: unknown) => {
      throw error instanceof PreconditionFailed ? new CursorMoved(`another call moved ${name} first`) : error
    })
  }

  for (const range of cursor.ranges.filter(({ done }) => !done)) {
    const cutter = new ShardCutter(range.after, migration.limits)
    /** Returns whether the listing goes on behind it: behind a shard that another call cut, only the next turn does. */
    const close = async (shard: Shard): Promise<boolean> => {
      const stands = await writeShard(migration, shard, turn)
      cursor.totals = addShard(migration, cursor.totals, stands)
      range.after = stands.upTo
      range.done = sameBound(stands.upTo, range.upTo)
      await moveCursor()
      return stands === shard
    }
    let stopped = false
    for await (const page of listEntries(migration, turn, range)) {
      for (const entry of page) {
        const closed = cutter.add(entry, excludedBy(migration.selection, entry))
        if (closed && !(await close(closed))) return totalsOf(cursor)
      }
      // An empty page does not stop a turn: a turn that wrote nothing would be followed by another one like it, for ever.
      if (page.length === 0 || going()) continue
      stopped = true
      break
    }
    const rest = stopped ? cutter.cut() : cutter.end(range.upTo)
    if (rest) await close(rest)
    if (stopped) break
  }
  return totalsOf(cursor)
}
