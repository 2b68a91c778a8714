import { StateBroken } from './errors'
import { compareKeys, keyFromJson, keyToJson, type Key, type KeyJson } from './keys'
import type { ListedObject } from './object-store'
import { count, counted } from './units'

/** An object of a shard: as listed, and whether CopyLargeObjects copies it. Of a run over all versions, one version or delete marker. */
export interface ShardObject extends ListedObject {
  large: boolean
  /** the source's version id; undefined: the run is over current objects */
  versionId?: string | undefined
  deleteMarker?: true | undefined
  /** a list of keys names it, and the source has no such object: size 0 and no ETag */
  absent?: true | undefined
}

/** Which part of the selection left an object out. */
export type ExcludedBy = 'include' | 'exclude' | 'size' | 'age'

/** An object of the source that the selection left out: it is counted, and not extra at the destination. */
export interface ExcludedObject {
  key: Key
  /** of a run over all versions: which one */
  versionId?: string | undefined
  by: ExcludedBy
}

/** What tells one object of a run from every other: its key, and its version where the run is over all versions. */
export const objectId = ({ key, versionId }: { key: Key; versionId?: string | undefined }): string =>
  `${versionId ?? ''} ${key.toString('latin1')}`

/** Whether two of these have the same `objectId`, without making a text of either. */
export const isSameObject = (a: { key: Key; versionId?: string | undefined }, b: { key: Key; versionId?: string | undefined }): boolean =>
  (a.versionId ?? '') === (b.versionId ?? '') && a.key.equals(b.key)

/** One shard: the objects of one range, in key order. The headers of a run's shards tile the key space without gap or overlap. */
export interface Shard {
  /** lower bound, not included; undefined: from the beginning */
  after: Key | undefined
  /** upper bound, included; undefined: to the end */
  upTo: Key | undefined
  /** the objects to migrate, in key order; versions of one key oldest first */
  objects: ShardObject[]
  /** those that the selection leaves out, in key order */
  excluded: ExcludedObject[]
}

interface HeaderJson {
  after: KeyJson | null
  upTo: KeyJson | null
  listed: number
  excluded: number
  large: number
}

interface ObjectJson extends Omit<ShardObject, 'key' | 'large'> {
  key: KeyJson
  large?: true
}

interface ExcludedJson {
  key: KeyJson
  versionId?: string | undefined
  excluded: ExcludedBy
}

export const boundToJson = (key: Key | undefined): KeyJson | null => (key === undefined ? null : keyToJson(key))
export const boundFromJson = (json: KeyJson | null): Key | undefined => (json === null ? undefined : keyFromJson(json))

const objectToJson = ({
  key,
  size,
  etag,
  lastModified,
  storageClass,
  large,
  versionId,
  deleteMarker,
  absent,
}: ShardObject): ObjectJson => ({
  key: keyToJson(key),
  size,
  etag,
  lastModified,
  storageClass,
  ...(large ? { large: true as const } : {}),
  versionId,
  deleteMarker,
  absent,
})

const excludedToJson = ({ key, versionId, by }: ExcludedObject): ExcludedJson => ({ key: keyToJson(key), versionId, excluded: by })

const excludedFromJson = ({ key, versionId, excluded }: ExcludedJson): ExcludedObject => ({
  key: keyFromJson(key),
  ...(versionId === undefined ? {} : { versionId }),
  by: excluded,
})

/** Of a line that was parsed for this alone: it becomes the object, for a copy of each takes a fifth of what reading a shard takes. */
const objectFromJson = (line: ObjectJson): ShardObject =>
  Object.assign(line as Omit<ObjectJson, 'key'>, { key: keyFromJson(line.key), large: line.large === true })

/** How many objects of the source lie in the shard's range. */
export const listedIn = ({ objects, excluded }: Pick<Shard, 'objects' | 'excluded'>): number => objects.length + excluded.length

/** First line the header, then one line per object, then one per excluded object. */
export const shardToText = (shard: Shard): string => {
  const header: HeaderJson = {
    after: boundToJson(shard.after),
    upTo: boundToJson(shard.upTo),
    listed: listedIn(shard),
    excluded: shard.excluded.length,
    large: shard.objects.filter((object) => object.large).length,
  }
  return [header, ...shard.objects.map(objectToJson), ...shard.excluded.map(excludedToJson)]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('')
}

const isExcluded = (line: ObjectJson | ExcludedJson): line is ExcludedJson => 'excluded' in line

/** Throws StateBroken unless the header's counts are those of the lines, and the lines are in key order within the range. */
export const shardFromText = (text: string, name: string): Shard => {
  const broken = (why: string): never => {
    throw new StateBroken(`${name}: ${why}`)
  }
  if (!text.endsWith('\n')) broken('it does not end with a whole line')
  const lines = text.slice(0, -1).split('\n')
  let header: HeaderJson
  let shard: Shard
  try {
    header = JSON.parse(lines[0]!) as HeaderJson
    const rest = lines.slice(1).map((line) => JSON.parse(line) as ObjectJson | ExcludedJson)
    shard = {
      after: boundFromJson(header.after),
      upTo: boundFromJson(header.upTo),
      objects: rest.filter((line): line is ObjectJson => !isExcluded(line)).map(objectFromJson),
      excluded: rest.filter(isExcluded).map(excludedFromJson),
    }
  } catch {
    return broken('a line is not JSON')
  }
  const { objects, excluded, after, upTo } = shard
  if (header.listed !== listedIn(shard) || header.excluded !== excluded.length)
    broken(
      `its header counts ${counted(header.listed, 'object')}, ${count(header.excluded)} of them excluded, its lines ${count(objects.length)} and ${count(excluded.length)} excluded`,
    )
  if (header.large !== objects.filter((object) => object.large).length) broken('its header counts other large objects than its lines')
  for (const lines of [objects, excluded] as { key: Key; versionId?: string }[][]) {
    let last: { key: Key; versionId?: string } | undefined
    for (const line of lines) {
      const order = last === undefined ? -1 : compareKeys(last.key, line.key)
      // versions of one key stand one after the other
      const repeated = order === 0 && (line.versionId === undefined || line.versionId === last?.versionId)
      if (order > 0 || repeated) broken('its keys are not in order')
      last = line
    }
    if (lines.length > 0 && after !== undefined && compareKeys(after, lines[0]!.key) >= 0) broken('a key is before its range')
    if (last !== undefined && upTo !== undefined && compareKeys(last.key, upTo) > 0) broken('a key is beyond its range')
  }
  return shard
}

export interface ShardBounds {
  batchObjects: number
  /** bytes; large objects do not count: other functions copy them */
  batchBytes: number
  /** bytes from which an object is large */
  largeObjectBytes: number
}

/** Excluded lines a shard holds, at most: 10,000 of the longest keys are 10 MB. */
const MAX_EXCLUDED = 10_000

/** Cuts a listing into shards, by count and by bytes, so that batches take about equal time. Versions of one key stay together. */
export class ShardCutter {
  #after: Key | undefined
  #objects: ShardObject[] = []
  #excluded: ExcludedObject[] = []
  #last: Key | undefined
  #bytes = 0

  constructor(
    after: Key | undefined,
    readonly bounds: ShardBounds,
  ) {
    this.#after = after
  }

  /** Takes the next object in key order; returns the shard that it closed, if it closed one. */
  add(object: Omit<ShardObject, 'large'>, excluded?: ExcludedBy): Shard | undefined {
    // a version is written by CopyBatch whatever its size, in its place in the order
    const large = object.versionId === undefined && object.size >= this.bounds.largeObjectBytes
    const bytes = large || excluded !== undefined ? 0 : object.size
    const full =
      this.#objects.length >= this.bounds.batchObjects ||
      this.#excluded.length >= MAX_EXCLUDED ||
      (this.#objects.length > 0 && this.#bytes + bytes > this.bounds.batchBytes)
    const closed = full && !this.#last!.equals(object.key) ? this.#close(this.#last) : undefined
    if (excluded === undefined) this.#objects.push({ ...object, large })
    else this.#excluded.push({ key: object.key, ...(object.versionId === undefined ? {} : { versionId: object.versionId }), by: excluded })
    this.#last = object.key
    this.#bytes += bytes
    return closed
  }

  /** What was taken since the last cut, as a shard up to the last of it; undefined when there is nothing. */
  cut(): Shard | undefined {
    return this.#last === undefined ? undefined : this.#close(this.#last)
  }

  /** The last shard of the listing: it reaches to the end of the range, and may hold nothing. */
  end(upTo: Key | undefined): Shard {
    return this.#close(upTo)
  }

  #close(upTo: Key | undefined): Shard {
    const shard: Shard = { after: this.#after, upTo, objects: this.#objects, excluded: this.#excluded }
    this.#after = upTo
    this.#objects = []
    this.#excluded = []
    this.#last = undefined
    this.#bytes = 0
    return shard
  }
}

/** What CopyLargeObjects is given: one large object as it was listed. */
export const largeToText = ({ key, ...rest }: ListedObject): string => `${JSON.stringify({ key: keyToJson(key), ...rest })}\n`

export const largeFromText = (text: string): ListedObject => {
  const { key, ...rest } = JSON.parse(text) as Omit<ListedObject, 'key'> & { key: KeyJson }
  return { key: keyFromJson(key), ...rest }
}

/**
 * Whether ranges tile the key space: one begins at the beginning, each other where one ends, one ends at the end.
 * Returns what is wrong, or undefined. Ranges in any order.
 */
export const tilingFault = (ranges: readonly { after: Key | undefined; upTo: Key | undefined }[]): string | undefined => {
  const byAfter = new Map(ranges.map((range) => [range.after?.toString('latin1'), range]))
  if (byAfter.size !== ranges.length) return 'two shards begin at the same key'
  let at: string | undefined
  for (let count = 1; ; count++) {
    const range = byAfter.get(at)
    if (range === undefined)
      return at === undefined
        ? 'no shard begins at the beginning of the key space'
        : 'a shard is missing: no shard begins where another ends'
    if (range.upTo === undefined) return count === ranges.length ? undefined : 'a shard lies beyond the end of the key space'
    if (range.after !== undefined && compareKeys(range.after, range.upTo) >= 0) return 'a shard ends before it begins'
    at = range.upTo.toString('latin1')
  }
}
