import { AccessDenied, StoreRefused } from '../domain/errors'
import type { Key } from '../domain/keys'
import { isKeyed, type Migration } from '../domain/migration'
import type { KeyRange, ListedVersion, ObjectInfo, ObjectStore } from '../domain/object-store'
import type { ShardObject } from '../domain/shards'
import { stateKeys } from '../domain/state-keys'
import { listedAt } from './listed-at'
import { listedKeys } from './listed-keys'
import { inPool } from './pool'
import { withRetries } from './retries'
import { chainAt, inChains } from './version-chains'

/** What a listing is made of: an object, a version, or a key of a list, before it is known whether it is large. */
export type Entry = Omit<ShardObject, 'large'>

interface Stores {
  state: ObjectStore
  source: ObjectStore
  signal: AbortSignal
}

/** Keys of a list that are looked up at once, and that are one array of entries: a few requests one after the other. */
const LOOKUPS = 16
const PAGE_KEYS = 64

/** What a run migrates, in key order: arrays after each of which a turn may end, so no array ends amid one key's versions. */
export const listEntries = (migration: Migration, stores: Stores, range: KeyRange): AsyncIterable<Entry[]> =>
  isKeyed(migration) ? entriesOfList(migration, stores, range) : entriesOfSource(migration, stores, range)

/** The objects that the source lists, or all their versions and delete markers, a key's oldest first. */
const entriesOfSource = (
  { source: { prefix }, carry }: Migration,
  { source, signal }: Stores,
  { after, upTo }: KeyRange,
): AsyncIterable<Entry[]> => {
  const listed = (behind: Key | undefined): AsyncIterable<Entry[]> => {
    const query = { prefix: Buffer.from(prefix, 'utf8'), after: behind, upTo }
    return carry.versions === 'all' ? versionEntries(source.listVersions(query, { signal })) : source.list(query, { signal })
  }
  return goingOn(listed, after, signal)
}

/** Where a page is refused, lists again behind the last key that came: a long listing would else meet more refusals than a turn has tries. */
async function* goingOn(
  listed: (behind: Key | undefined) => AsyncIterable<Entry[]>,
  after: Key | undefined,
  signal: AbortSignal,
): AsyncGenerator<Entry[]> {
  let last = after
  let pages = listed(last)[Symbol.asyncIterator]()
  const next = async (): Promise<IteratorResult<Entry[]>> => {
    try {
      return await pages.next()
    } catch (error) {
      pages = listed(last)[Symbol.asyncIterator]()
      throw error
    }
  }
  for (;;) {
    const page = await withRetries(next, signal)
    if (page.done === true) return
    last = page.value.at(-1)?.key ?? last
    yield page.value
  }
}

async function* versionEntries(pages: AsyncIterable<ListedVersion[]>): AsyncGenerator<Entry[]> {
  for await (const chains of inChains(pages)) yield chains.flat().map(versionEntry)
}

const versionEntry = ({ key, size, etag, lastModified, storageClass, versionId, deleteMarker }: ListedVersion): Entry =>
  deleteMarker
    ? { key, size: 0, etag: '', lastModified, versionId, deleteMarker: true }
    : { key, size, etag, lastModified, storageClass, versionId }

/** The keys of the run's list, each looked up at the source. */
async function* entriesOfList({ runId, carry }: Migration, stores: Stores, range: KeyRange): AsyncGenerator<Entry[]> {
  const { state, source, signal } = stores
  const entriesOf = carry.versions === 'all' ? versionsOf : currentOf
  const lookUp = async (keys: readonly Key[]): Promise<Entry[]> => {
    const entries: Entry[][] = []
    await inPool(keys, LOOKUPS, async (key, index) => {
      const found = await withRetries(() => entriesOf(source, key, signal), signal).catch(noSuchKey)
      entries[index] = found.length > 0 ? found : [absentEntry(key)]
    })
    return entries.flat()
  }
  let keys: Key[] = []
  for await (const key of listedKeys(state, stateKeys(runId).keys, range, { signal })) {
    keys.push(key)
    if (keys.length < PAGE_KEYS) continue
    yield await lookUp(keys)
    keys = []
  }
  if (keys.length > 0) yield await lookUp(keys)
}

const absentEntry = (key: Key): Entry => ({ key, size: 0, etag: '', lastModified: new Date(0).toISOString(), absent: true })

/** 400 to a key in whatever way it is asked for: the store takes no such name, as with `..` in it or bytes that are not UTF-8, hence has none. */
const noSuchKey = (error: unknown): Entry[] => {
  if (error instanceof StoreRefused && error.status === 400) return []
  throw error
}

const versionsOf = async (source: ObjectStore, key: Key, signal: AbortSignal): Promise<Entry[]> =>
  (await chainAt(source, key, { signal })).map(versionEntry)

const currentOf = async (source: ObjectStore, key: Key, signal: AbortSignal): Promise<Entry[]> => {
  const found = await statOrListed(source, key, signal)
  if (found === undefined) return []
  const { size, etag, lastModified, storageClass } = found
  return [{ key, size, etag, lastModified, storageClass }]
}

/** An object that may be listed and not read (or not without its own key) is a failure of its own later, not the end of the run here. */
const statOrListed = async (
  source: ObjectStore,
  key: Key,
  signal: AbortSignal,
): Promise<Pick<ObjectInfo, 'size' | 'etag' | 'lastModified' | 'storageClass'> | undefined> => {
  try {
    return await source.stat(key, { signal })
  } catch (error) {
    if (error instanceof AccessDenied || error instanceof StoreRefused) return listedAt(source, key, signal)
    throw error
  }
}
