/** Buckets of a chart, at most: as many as a page is wide enough to show apart. */
export const MAX_BUCKETS = 120

/** Narrowest bucket, in ms. */
const FINEST_MS = 1000

/** Work that was done in a stretch of time. */
export interface Stretch {
  /** ms since 1970 */
  from: number
  to: number
  bytes: number
}

export interface Throughput {
  /** ms since 1970: where the first bucket begins */
  from: number
  /** ms: all buckets are equally wide */
  widthMs: number
  buckets: { objects: number; bytes: number }[]
}

/** A meter as it stands: its width in ms, the numbers of its first and last bucket, and the buckets by their numbers. */
export interface ThroughputJson {
  widthMs: number
  first: number
  last: number
  buckets: [number: number, objects: number, bytes: number][]
}

/**
 * Work over time, in at most MAX_BUCKETS buckets whatever comes in whatever order: when it no longer fits, buckets are joined two by
 * two. An object counts where it was done; its bytes are spread evenly over its stretch. No object and no byte is lost or doubled.
 */
export class ThroughputMeter {
  #widthMs = FINEST_MS
  /** by the bucket's number, counted from 1970 in widths */
  #buckets = new Map<number, { objects: number; bytes: number }>()
  #first = Infinity
  #last = -Infinity

  add({ from, to, bytes }: Stretch): void {
    this.#makeRoom(Math.min(from, to), to)
    this.#at(this.#number(to)).objects += 1
    if (bytes === 0) return
    const first = this.#number(Math.min(from, to))
    const last = this.#number(to)
    let spent = 0
    for (let number = first; number <= last; number++) {
      const share = number === last || to <= from ? 1 : ((number + 1) * this.#widthMs - from) / (to - from)
      const until = Math.round(bytes * share)
      this.#at(number).bytes += until - spent
      spent = until
    }
  }

  /** null: nothing was done. */
  toJson(): ThroughputJson | null {
    if (this.#buckets.size === 0) return null
    const buckets = [...this.#buckets].map(([number, { objects, bytes }]): ThroughputJson['buckets'][number] => [number, objects, bytes])
    return { widthMs: this.#widthMs, first: this.#first, last: this.#last, buckets }
  }

  static fromJson(json: ThroughputJson | null): ThroughputMeter {
    const meter = new ThroughputMeter()
    if (json === null) return meter
    meter.#widthMs = json.widthMs
    meter.#first = json.first
    meter.#last = json.last
    meter.#buckets = new Map(json.buckets.map(([number, objects, bytes]) => [number, { objects, bytes }]))
    return meter
  }

  /** undefined: nothing was done. */
  result(): Throughput | undefined {
    if (this.#buckets.size === 0) return undefined
    const buckets = Array.from({ length: this.#last - this.#first + 1 }, (_, index) => ({
      ...(this.#buckets.get(this.#first + index) ?? { objects: 0, bytes: 0 }),
    }))
    return { from: this.#first * this.#widthMs, widthMs: this.#widthMs, buckets }
  }

  #number(ms: number): number {
    return Math.floor(ms / this.#widthMs)
  }

  #at(number: number): { objects: number; bytes: number } {
    const there = this.#buckets.get(number)
    if (there !== undefined) return there
    const bucket = { objects: 0, bytes: 0 }
    this.#buckets.set(number, bucket)
    return bucket
  }

  #makeRoom(from: number, to: number): void {
    this.#first = Math.min(this.#first, this.#number(from))
    this.#last = Math.max(this.#last, this.#number(to))
    while (this.#last - this.#first >= MAX_BUCKETS) {
      const finer = this.#buckets
      this.#buckets = new Map()
      this.#widthMs *= 2
      for (const [number, { objects, bytes }] of finer) {
        const bucket = this.#at(Math.floor(number / 2))
        bucket.objects += objects
        bucket.bytes += bytes
      }
      this.#first = Math.floor(this.#first / 2)
      this.#last = Math.floor(this.#last / 2)
    }
  }
}
