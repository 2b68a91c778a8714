import { StateBroken } from './errors'
import { compareKeys, keyFromJson, keyToJson, type Key, type KeyJson } from './keys'
import type { ListedObject } from './object-store'

/** An object of a shard: as listed, and whether CopyLargeObjects copies it. */
export interface ShardObject extends ListedObject {
  large: boolean
}

/** One shard: the objects of one range, in key order. The headers of a run's shards tile the key space without gap or overlap. */
export interface Shard {
  /** lower bound, not included; undefined: from the beginning */
  after: Key | undefined
  /** upper bound, included; undefined: to the end */
  upTo: Key | undefined
  /** objects of the range, excluded ones too */
  listed: number
  /** objects of the range that the selection leaves out: they have no line */
  excluded: number
  objects: ShardObject[]
}

interface HeaderJson {
  after: KeyJson | null
  upTo: KeyJson | null
  listed: number
  excluded: number
  large: number
}

interface ObjectJson {
  key: KeyJson
  size: number
  etag: string
  lastModified: string
  storageClass?: string
  large?: true
}

const boundToJson = (key: Key | undefined): KeyJson | null => (key === undefined ? null : keyToJson(key))
const boundFromJson = (json: KeyJson | null): Key | undefined => (json === null ? undefined : keyFromJson(json))

const objectToJson = ({ key, size, etag, lastModified, storageClass, large }: ShardObject): ObjectJson => ({
  key: keyToJson(key),
  size,
  etag,
  lastModified,
  ...(storageClass === undefined ? {} : { storageClass }),
  ...(large ? { large: true as const } : {}),
})

const objectFromJson = ({ key, large, ...rest }: ObjectJson): ShardObject => ({ ...rest, key: keyFromJson(key), large: large === true })

/** First line the header, then one line per object. */
export const shardToText = (shard: Shard): string => {
  const header: HeaderJson = {
    after: boundToJson(shard.after),
    upTo: boundToJson(shard.upTo),
    listed: shard.listed,
    excluded: shard.excluded,
    large: shard.objects.filter((object) => object.large).length,
  }
  return [header, ...shard.objects.map(objectToJson)].map((line) => `${JSON.stringify(line)}\n`).join('')
}

/** Throws StateBroken unless the header's counts are those of the lines, and the lines are in key order within the range. */
export const shardFromText = (text: string, name: string): Shard => {
  const broken = (why: string): never => {
    throw new StateBroken(`${name}: ${why}`)
  }
  if (!text.endsWith('\n')) broken('it does not end with a whole line')
  const lines = text.slice(0, -1).split('\n')
  let header: HeaderJson
  let objects: ShardObject[]
  try {
    header = JSON.parse(lines[0]!) as HeaderJson
    objects = lines.slice(1).map((line) => objectFromJson(JSON.parse(line) as ObjectJson))
  } catch {
    return broken('a line is not JSON')
  }
  const shard = {
    after: boundFromJson(header.after),
    upTo: boundFromJson(header.upTo),
    listed: header.listed,
    excluded: header.excluded,
    objects,
  }
  if (header.listed !== objects.length + header.excluded)
    broken(`its header counts ${header.listed} objects, its lines ${objects.length} and ${header.excluded} excluded`)
  if (header.large !== objects.filter((object) => object.large).length) broken('its header counts other large objects than its lines')
  let last = shard.after
  for (const { key } of objects) {
    if (last !== undefined && compareKeys(last, key) >= 0) broken('its keys are not in order')
    last = key
  }
  if (last !== undefined && shard.upTo !== undefined && compareKeys(last, shard.upTo) > 0) broken('a key is beyond its range')
  return shard
}

export interface ShardBounds {
  batchObjects: number
  /** bytes; large objects do not count: other functions copy them */
  batchBytes: number
  /** bytes from which an object is large */
  largeObjectBytes: number
}

/** Cuts a listing into shards, by count and by bytes, so that batches take about equal time. */
export class ShardCutter {
  #after: Key | undefined
  #objects: ShardObject[] = []
  #bytes = 0

  constructor(
    after: Key | undefined,
    readonly bounds: ShardBounds,
  ) {
    this.#after = after
  }

  /** Takes the next object in key order; returns the shard that it closed, if it closed one. */
  add(object: ListedObject): Shard | undefined {
    const large = object.size >= this.bounds.largeObjectBytes
    const bytes = large ? 0 : object.size
    const full =
      this.#objects.length >= this.bounds.batchObjects || (this.#objects.length > 0 && this.#bytes + bytes > this.bounds.batchBytes)
    const closed = full ? this.#close(this.#objects.at(-1)!.key) : undefined
    this.#objects.push({ ...object, large })
    this.#bytes += bytes
    return closed
  }

  /** The objects taken since the last cut, as a shard up to the last of them; undefined when there are none. */
  cut(): Shard | undefined {
    const last = this.#objects.at(-1)
    return last === undefined ? undefined : this.#close(last.key)
  }

  /** The last shard of the listing: it reaches to the end of the range, and may hold nothing. */
  end(upTo: Key | undefined): Shard {
    return this.#close(upTo)
  }

  #close(upTo: Key | undefined): Shard {
    const shard: Shard = { after: this.#after, upTo, listed: this.#objects.length, excluded: 0, objects: this.#objects }
    this.#after = upTo
    this.#objects = []
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
