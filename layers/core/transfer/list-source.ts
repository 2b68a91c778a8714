import { assertRepresentable, destinationKey } from '../domain/destination-key'
import { CursorMoved, DrayageError, PreconditionFailed } from '../domain/errors'
import { cursorFromJson, cursorToJson, firstCursor, isListed, type Cursor, type CursorJson, type ListingTotals } from '../domain/listing'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { partCount, partSizeOf } from '../domain/parts'
import { findJson, writeJson, writeText } from '../domain/state-files'
import { batchName, largeName, shardKey, stateKeys } from '../domain/state-keys'
import { largeToText, ShardCutter, shardToText, type Shard } from '../domain/shards'

export interface ListingTurn {
  state: ObjectStore
  source: ObjectStore
  signal: AbortSignal
  /** false: stop after the current page */
  going(): boolean
}

const isRepresentable = (migration: Migration, key: Buffer): boolean => {
  try {
    assertRepresentable(destinationKey(migration, key))
    return true
  } catch (error) {
    if (error instanceof DrayageError) return false
    throw error
  }
}

const addShard = (migration: Migration, totals: ListingTotals, { listed, excluded, objects }: Shard): ListingTotals => {
  const large = objects.filter((object) => object.large)
  return {
    listed: totals.listed + listed,
    excluded: totals.excluded + excluded,
    bytes: objects.reduce((sum, { size }) => sum + size, totals.bytes),
    batches: totals.batches + 1,
    large: totals.large + large.length,
    largeParts: large.reduce((sum, { size }) => sum + partCount(size, partSizeOf(size)), totals.largeParts),
    unrepresentable: totals.unrepresentable + objects.filter(({ key }) => !isRepresentable(migration, key)).length,
  }
}

/** Large objects first, then their shard, then the cursor: killed in between, the next turn writes the same files again. */
const writeShard = async (migration: Migration, shard: Shard, { state, signal }: ListingTurn): Promise<void> => {
  for (const { large, ...object } of shard.objects) {
    if (large) await writeText(state, shardKey(migration.runId, largeName(object.key)), largeToText(object), { signal })
  }
  await writeText(state, shardKey(migration.runId, batchName(shard.after)), shardToText(shard), { signal })
}

/**
 * One turn of listing: goes on at the cursor, writes shards, and stops at the end of the source or when `going` says so.
 * Every turn that finds an object writes a shard, so a loop over turns ends. Throws CursorMoved if another call moved the
 * cursor first, SourceListingBroken for a reply that cannot be trusted.
 */
export const listSource = async (migration: Migration, turn: ListingTurn): Promise<ListingTotals & { more: boolean }> => {
  const { state, source, signal, going } = turn
  const name = stateKeys(migration.runId).cursor
  const kept = await findJson<CursorJson>(state, name, { signal })
  const cursor: Cursor = kept ? cursorFromJson(kept.value) : firstCursor()
  let etag = kept?.etag

  const moveCursor = async () => {
    const condition = etag === undefined ? { ifNoneMatch: true } : { ifMatch: etag }
    etag = await writeJson(state, name, cursorToJson(cursor), { ...condition, signal }).catch((error: unknown) => {
      throw error instanceof PreconditionFailed ? new CursorMoved(`another call moved ${name} first`) : error
    })
  }

  for (const range of cursor.ranges.filter(({ done }) => !done)) {
    const cutter = new ShardCutter(range.after, migration.limits)
    const close = async (shard: Shard, done: boolean) => {
      await writeShard(migration, shard, turn)
      cursor.totals = addShard(migration, cursor.totals, shard)
      range.after = shard.upTo
      range.done = done
      await moveCursor()
    }
    let stopped = false
    for await (const page of source.list(
      { prefix: Buffer.from(migration.source.prefix, 'utf8'), after: range.after, upTo: range.upTo },
      { signal },
    )) {
      for (const object of page) {
        const closed = cutter.add(object)
        if (closed) await close(closed, false)
      }
      // An empty page does not stop a turn: a turn that wrote nothing would be followed by another one like it, for ever.
      if (page.length === 0 || going()) continue
      stopped = true
      break
    }
    const rest = stopped ? cutter.cut() : cutter.end(range.upTo)
    if (rest) await close(rest, !stopped)
    if (stopped) break
  }
  return { ...cursor.totals, more: !isListed(cursor) }
}
