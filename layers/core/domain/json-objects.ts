import { StateBroken } from './errors'

/** What may come next between the objects of an array, and where it leads. */
const NEXT = {
  begin: { '[': 'first' },
  first: { '{': 'inside', ']': 'end' },
  behind: { ',': 'next', ']': 'end' },
  next: { '{': 'inside' },
  end: {},
} as const

type Place = keyof typeof NEXT | 'inside'

const [QUOTE, BACKSLASH, OPEN, CLOSE] = [...Buffer.from('"\\{}')] as [number, number, number, number]
const SPACES = [...Buffer.from(' \t\r\n')]

/**
 * A JSON array of objects, read as it comes: it holds one of them at a time. Only braces outside of texts are looked at, so that
 * scanning is cheap; each object is then parsed.
 */
export class JsonObjects {
  #place: Place = 'begin'
  #depth = 0
  #inText = false
  #escaped = false
  #pieces: Buffer[] = []
  #length = 0

  /** `most`: bytes of one object, at most. */
  constructor(private readonly most: number) {}

  /** The objects that end in this chunk. Throws StateBroken. */
  push(chunk: Buffer): unknown[] {
    const found: unknown[] = []
    let from = 0
    for (let at = 0; at < chunk.length; at++) {
      if (this.#place !== 'inside') {
        this.#step(chunk[at]!)
        from = at
      } else if (this.#ends(chunk[at]!)) {
        this.#keep(chunk.subarray(from, at + 1))
        found.push(this.#take())
      }
    }
    if (this.#place === 'inside') this.#keep(chunk.subarray(from))
    return found
  }

  /** Throws StateBroken if the array has not ended. */
  end(): void {
    if (this.#place !== 'end') throw new StateBroken('it ends before its array does')
  }

  #step(byte: number): void {
    if (SPACES.includes(byte) || this.#place === 'inside') return
    const next = (NEXT[this.#place] as Partial<Record<string, Place>>)[String.fromCharCode(byte)]
    if (next === undefined) throw new StateBroken('it is no JSON array of objects')
    this.#place = next
    this.#depth = 1
  }

  /** Whether the object ends with this byte. */
  #ends(byte: number): boolean {
    if (this.#escaped) this.#escaped = false
    else if (this.#inText && byte === BACKSLASH) this.#escaped = true
    else if (byte === QUOTE) this.#inText = !this.#inText
    else if (!this.#inText && byte === OPEN) this.#depth++
    else if (!this.#inText && byte === CLOSE) this.#depth--
    return this.#depth === 0
  }

  #keep(piece: Buffer): void {
    this.#length += piece.length
    if (this.#length > this.most) throw new StateBroken(`one of its objects is longer than ${this.most} bytes`)
    this.#pieces.push(piece)
  }

  #take(): unknown {
    const text = Buffer.concat(this.#pieces).toString('utf8')
    this.#pieces = []
    this.#length = 0
    this.#place = 'behind'
    try {
      return JSON.parse(text)
    } catch {
      throw new StateBroken('one of its objects is not JSON')
    }
  }
}
