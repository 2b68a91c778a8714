import type { ByteString } from './byte-strings'

/** Keys a chunk holds before it is split: an insertion then moves at most 8 KiB of pointers. */
const CHUNK = 1024

/** The index of the first element not less than `key`. */
const lowerBound = (keys: readonly ByteString[], key: ByteString): number => {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as ByteString) < key) low = middle + 1
    else high = middle
  }
  return low
}

/** A set of keys in byte order, as sorted chunks: insertion and seek cost two binary searches. */
export class OrderedKeys {
  private readonly chunks: ByteString[][] = [[]]

  add(key: ByteString): void {
    const at = this.chunkOf(key)
    const chunk = this.chunks[at] as ByteString[]
    const place = lowerBound(chunk, key)
    if (chunk[place] === key) return
    chunk.splice(place, 0, key)
    if (chunk.length > CHUNK) this.chunks.splice(at + 1, 0, chunk.splice(CHUNK >>> 1))
  }

  delete(key: ByteString): void {
    const at = this.chunkOf(key)
    const chunk = this.chunks[at] as ByteString[]
    const place = lowerBound(chunk, key)
    if (chunk[place] !== key) return
    chunk.splice(place, 1)
    if (chunk.length === 0 && this.chunks.length > 1) this.chunks.splice(at, 1)
  }

  /** The keys not less than `key`, in order. `skipTo` given to `next` goes on from there. Not to be used across a change. */
  *from(key: ByteString): Generator<ByteString, void, ByteString | undefined> {
    let at = this.chunkOf(key)
    let place = lowerBound(this.chunks[at] as ByteString[], key)
    for (let chunk = this.chunks[at]; chunk;) {
      const found = chunk[place]
      if (found === undefined) {
        chunk = this.chunks[++at]
        place = 0
        continue
      }
      const skipTo = yield found
      if (skipTo === undefined) place += 1
      else {
        at = this.chunkOf(skipTo)
        chunk = this.chunks[at] as ByteString[]
        place = lowerBound(chunk, skipTo)
      }
    }
  }

  /** The last chunk that does not begin after `key`. */
  private chunkOf(key: ByteString): number {
    let low = 0
    let high = this.chunks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.chunks[middle]?.[0] as ByteString) <= key) low = middle
      else high = middle - 1
    }
    return low
  }
}
