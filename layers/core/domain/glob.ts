import { keyText, type Key } from './keys'

/**
 * Globs over whole keys; docs/guides/selection.md has the grammar, docs/decisions/globs-over-keys.md says why it is our own.
 * A glob becomes a small program whose states are followed side by side (K. Thompson, "Regular expression search algorithm",
 * CACM 1968): each character of a key is looked at once per state, whatever the glob.
 */
export interface Glob {
  readonly text: string
  /** what every key that it matches begins with */
  readonly literal: Characters
  readonly program: readonly Instruction[]
}

/** Takes one character and goes on behind it; or goes on at each of its forks at once. Behind the last one a key has matched. */
type Instruction = { takes(character: number): boolean; forks?: undefined } | { takes?: undefined; forks: readonly number[] }

/** The code points of a key; a byte that is no UTF-8 stands above the last one, so that no character of a glob is equal to it. */
export type Characters = Uint32Array

/** A glob that does not parse: `column` counts its characters from 1. */
export class GlobProblem extends Error {
  constructor(
    readonly column: number,
    problem: string,
  ) {
    super(problem)
  }
}

const SLASH = '/'.codePointAt(0)!

const STRAY = 0x110000

type Part =
  | { is: 'one'; takes(character: number): boolean; literal: string | undefined }
  | { is: 'any'; slash: boolean }
  | { is: 'either'; branches: Part[][] }

const notSlash = (character: number): boolean => character !== SLASH

/** Reads a glob from left to right. Every method starts at `at` and leaves it behind what it took. */
class GlobReader {
  private at = 0
  private readonly chars: string[]

  constructor(text: string) {
    this.chars = [...text]
  }

  whole(): Part[] {
    const parts = this.sequence(false)
    if (this.at < this.chars.length) this.refuse('a } with no { before it', 'quote it as \\}')
    return parts
  }

  private refuse(what: string, remedy: string, at = this.at): never {
    throw new GlobProblem(at + 1, `${what}; ${remedy}`)
  }

  /** Up to the end, to a `}`, or inside braces to a `,`. */
  private sequence(braced: boolean): Part[] {
    const parts: Part[] = []
    for (;;) {
      const char = this.chars[this.at]
      if (char === undefined || char === '}' || (braced && char === ',')) return parts
      parts.push(this.part(char))
    }
  }

  private part(char: string): Part {
    switch (char) {
      case '*':
        return this.stars()
      case '?':
        this.at++
        return { is: 'one', takes: notSlash, literal: undefined }
      case '[':
        return this.set()
      case '{':
        return this.either()
      case ']':
        return this.refuse('a ] with no [ before it', 'quote it as \\]')
      default:
        return this.itself()
    }
  }

  private stars(): Part {
    const slash = this.chars[this.at + 1] === '*'
    this.at += slash ? 2 : 1
    return { is: 'any', slash }
  }

  /** The next character, or the one that `\` quotes. */
  private character(): string {
    if (this.chars[this.at] === '\\') this.at++
    const char = this.chars[this.at]
    if (char === undefined) this.refuse('a \\ that quotes nothing', 'quote it as \\\\', this.at - 1)
    this.at++
    return char
  }

  private itself(): Part {
    const literal = this.character()
    const point = literal.codePointAt(0)
    return { is: 'one', takes: (unit) => unit === point, literal }
  }

  private set(): Part {
    const opened = this.at++
    const negated = this.chars[this.at] === '!'
    if (negated) this.at++
    if (this.chars[this.at] === '^') this.refuse('a set does not begin with ^', 'write [!…] for every other character, or quote it as \\^')
    const ranges: [from: number, to: number][] = []
    while (this.chars[this.at] !== ']') {
      if (this.chars[this.at] === undefined) this.refuse('a [ without its ]', 'close it, or quote it as \\[', opened)
      ranges.push(this.range())
    }
    if (ranges.length === 0) this.refuse('an empty set', 'name a character, or quote the [ as \\[', opened)
    this.at++
    const holds = (unit: number): boolean => ranges.some(([from, to]) => from <= unit && unit <= to)
    return { is: 'one', takes: (unit) => unit !== SLASH && holds(unit) !== negated, literal: undefined }
  }

  private range(): [from: number, to: number] {
    const began = this.at
    const from = this.character().codePointAt(0)!
    const isRange = this.chars[this.at] === '-' && this.chars[this.at + 1] !== ']'
    if (isRange) this.at++
    const to = isRange ? this.character().codePointAt(0)! : from
    if (to < from) this.refuse('a range that runs backwards', 'begin it with the smaller character', began)
    if (from === SLASH && to === SLASH) this.refuse('a / in a set', 'a set never matches it; write it outside', began)
    return [from, to]
  }

  private either(): Part {
    const opened = this.at
    const branches: Part[][] = []
    do {
      this.at++
      branches.push(this.sequence(true))
    } while (this.chars[this.at] === ',')
    if (this.chars[this.at] === undefined) this.refuse('a { without its }', 'close it, or quote it as \\{', opened)
    if (branches.length === 1)
      this.refuse('braces around one alternative', 'add another after a comma, or quote them as \\{ and \\}', opened)
    this.at++
    return { is: 'either', branches }
  }
}

const compile = (parts: readonly Part[], program: Instruction[]): void => {
  for (const part of parts) {
    if (part.is === 'one') program.push(part)
    else if (part.is === 'any') {
      const loop = program.length
      program.push({ forks: [loop + 1, loop + 3] }, { takes: part.slash ? () => true : notSlash }, { forks: [loop] })
    } else {
      const begins: number[] = []
      const ends: number[] = []
      const fork = program.push({ forks: begins }) - 1
      for (const branch of part.branches) {
        begins.push(program.length)
        compile(branch, program)
        ends.push(program.push({ forks: [] }) - 1)
      }
      program[fork] = { forks: begins }
      for (const end of ends) program[end] = { forks: [program.length] }
    }
  }
}

const literalOf = (parts: readonly Part[]): Characters => {
  const texts: string[] = []
  for (const part of parts) {
    if (part.is !== 'one' || part.literal === undefined) break
    texts.push(part.literal)
  }
  return charactersOf(Buffer.from(texts.join(''), 'utf8'))
}

/** Throws GlobProblem. */
export const parseGlob = (text: string): Glob => {
  if (!text.isWellFormed()) throw new GlobProblem(1, 'half of a surrogate pair; write it as UTF-8')
  const parts = new GlobReader(text).whole()
  const program: Instruction[] = []
  compile(parts, program)
  return { text, literal: literalOf(parts), program }
}

/** The length of the UTF-8 character that begins here; 1 for a byte that begins none. */
const characterBytes = (key: Key, at: number): number => {
  const lead = key[at]!
  const length = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1
  return length > 1 && keyText(key.subarray(at, at + length)) !== undefined ? length : 1
}

export const charactersOf = (key: Key): Characters => {
  const found = new Uint32Array(key.length)
  let count = 0
  for (let at = 0; at < key.length;) {
    const byte = key[at]!
    const length = byte < 0x80 ? 1 : characterBytes(key, at)
    found[count++] = byte < 0x80 ? byte : length === 1 ? STRAY + byte : key.toString('utf8', at, at + length).codePointAt(0)!
    at += length
  }
  return found.subarray(0, count)
}

/** Whether one begins with all of the other. */
export const beginsWith = (characters: Characters, beginning: Characters): boolean =>
  characters.length >= beginning.length && beginning.every((character, at) => character === characters[at])

/**
 * Whether a glob matches a whole key. At most one step per instruction, and per character one more: `tally` counts them, so that a
 * test can hold the bound. A key of 70 bytes takes some 20 µs.
 */
export const matchesGlob = ({ program, literal }: Glob, characters: Characters, tally = { steps: 0 }): boolean => {
  if (!beginsWith(characters, literal)) return false
  /** the round in which an instruction was reached last: each is reached once a round */
  const reached = new Uint32Array(program.length + 1)
  let takers = new Uint16Array(program.length)
  let next = new Uint16Array(program.length)
  let count = 0
  let ends = false
  const reach = (index: number, round: number): void => {
    if (reached[index] === round) return
    reached[index] = round
    tally.steps++
    const instruction = program[index]
    if (instruction === undefined) ends = true
    else if (instruction.forks === undefined) next[count++] = index
    else for (const fork of instruction.forks) reach(fork, round)
  }
  reach(0, 1)
  for (let at = 0; at < characters.length; at++) {
    ;[takers, next] = [next, takers]
    const waiting = count
    count = 0
    ends = false
    for (let one = 0; one < waiting; one++) {
      const index = takers[one]!
      if (program[index]!.takes!(characters[at]!)) reach(index + 1, at + 2)
    }
    if (count === 0 && !ends) return false
  }
  return ends
}
