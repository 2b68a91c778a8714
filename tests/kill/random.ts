import { createHash } from 'node:crypto'

/** Numbers that one seed repeats on every machine: bytes of SHA-256 over the seed and a counter. */
export class Random {
  #counter = 0

  constructor(readonly seed: string) {}

  /** 0 ≤ n < 1 */
  fraction(): number {
    return createHash('sha256').update(`${this.seed}/${this.#counter++}`).digest().readUInt32BE() / 2 ** 32
  }

  /** A whole number, both ends included. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.fraction() * (to - from + 1))
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  /** Throws RangeError when there is nothing to pick from. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('nothing to pick from')
    return items[this.whole(0, items.length - 1)]!
  }
}
