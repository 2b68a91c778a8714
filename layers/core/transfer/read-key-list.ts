import type { Readable } from 'node:stream'
import { keyListForm, keyOfLine, MAX_LIST_BYTES, MAX_LIST_KEYS, type KeyListForm } from '../domain/key-list'
import { keyToJson, MAX_KEY_BYTES, type Key } from '../domain/keys'
import type { Migration } from '../domain/migration'
import type { Call, ObjectStore } from '../domain/object-store'
import { exists, writeLines } from '../domain/state-files'
import { INPUTS, stateKeys } from '../domain/state-keys'
import { bytesText, count, counted } from '../domain/units'

/** Bad lines that are named, at most. */
const NAMED_LINES = 20

const LF = 0x0a

/** A line that is longer than this names no key, whatever its form: JSON escapes make six characters of one byte. */
const lineBytes = (longestKey: number): number => 6 * longestKey + 64

/**
 * The longest key, in bytes, of a run's own failures: one that Amazon S3 cannot hold is among them as its source listed it, and must not
 * keep the others from being tried again. No request could ask for a longer one.
 */
const MAX_LISTED_KEY_BYTES = 64 * 1024

/**
 * Keys one after the other in one buffer, so that a million of them are two objects and not two million. Measured with a million keys
 * of 250 bytes on a busy machine of two cores: read, sorted and written in 28 s, with 560 MB of memory, the test runner's included.
 */
class PackedKeys {
  readonly #bytes: Buffer
  readonly #ends = new Uint32Array(MAX_LIST_KEYS)
  #count = 0

  /** `bytes` of all keys together, at most: no key is longer than the line that names it. */
  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafe(bytes)
  }

  #start(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!
  }

  add(key: Key): void {
    const start = this.#start(this.#count)
    key.copy(this.#bytes, start)
    this.#ends[this.#count++] = start + key.length
  }

  /** In byte order, each key once. */
  *sorted(): Generator<Key> {
    const bytes = this.#bytes
    const order = Uint32Array.from({ length: this.#count }, (_, index) => index)
    order.sort((a, b) => bytes.compare(bytes, this.#start(b), this.#ends[b], this.#start(a), this.#ends[a]))
    let last: Key | undefined
    for (const index of order) {
      const key = bytes.subarray(this.#start(index), this.#ends[index])
      if (last?.equals(key) !== true) yield key
      last = key
    }
  }
}

/** A list of keys as it is read: `name` stands in problems, as in `selection.keys: inputs/x.txt`. */
export interface KeyList {
  name: string
  form: KeyListForm
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>
  /** bytes of a key, at most; what Amazon S3 takes */
  longestKey?: number
  /** what to do with one that is too long */
  shorten?: string
}

/** Gives every key to `take` and returns what is wrong, a line per problem: the first bad lines, and how many more there are. */
const checkLines = async (
  { name, form, chunks, longestKey = MAX_KEY_BYTES, shorten = 'cut it into lists for several runs' }: KeyList,
  sourcePrefix: string,
  take: (key: Key) => void,
): Promise<string[]> => {
  const prefix = Buffer.from(sourcePrefix, 'utf8')
  const longestLine = lineBytes(longestKey)
  const problems: string[] = []
  let bad = 0
  let lines = 0
  let keys = 0
  let size = 0
  /** pieces of a line whose end has not come yet, and how long it is so far */
  let open: Buffer[] = []
  let openBytes = 0

  const refuse = (number: number, problem: string): void => {
    if (++bad <= NAMED_LINES) problems.push(`${name} line ${number}: ${problem}`)
  }
  const close = (): void => {
    const number = ++lines
    const key =
      openBytes > longestLine
        ? `is ${count(openBytes)} bytes long, and no key is longer than ${count(longestKey)}; correct it`
        : keyOfLine(Buffer.concat(open), form, number === 1, prefix, longestKey)
    if (typeof key === 'string') refuse(number, key)
    else if (++keys <= MAX_LIST_KEYS) take(key)
    open = []
    openBytes = 0
  }

  for await (const chunk of chunks) {
    size += chunk.length
    if (size > MAX_LIST_BYTES) return [`${name}: is over ${bytesText(MAX_LIST_BYTES)}; ${shorten}`]
    for (let at = 0; at < chunk.length;) {
      const end = chunk.indexOf(LF, at)
      const piece = chunk.subarray(at, end === -1 ? undefined : end)
      openBytes += piece.length
      if (openBytes <= longestLine) open.push(piece)
      if (end === -1) break
      close()
      at = end + 1
    }
    if (keys > MAX_LIST_KEYS) return [`${name}: names over ${count(MAX_LIST_KEYS)} keys; ${shorten}`]
  }
  if (openBytes > 0) refuse(lines + 1, 'does not end in a line feed, so the list may have been cut off; end it with one')
  if (bad > NAMED_LINES) problems.push(`${name}: ${counted(bad - NAMED_LINES, 'more bad line')}`)
  return lines === 0 && bad === 0 ? [`${name}: is empty; name a key, or leave it out`] : problems
}

const nothing = (): void => undefined

/** What is wrong with a list, a line per problem; [] for one that can be used. */
export const keyListProblems = (list: KeyList, sourcePrefix: string): Promise<string[]> => checkLines(list, sourcePrefix, nothing)

const WHOLE_AGAIN = 'run its whole request again: what is equal is skipped'

/** The file of the state bucket that names a run's keys, and what is wrong if it is not there or empty; undefined: the run is not over a list. */
const fileOf = ({
  selection: { keys, failuresOf },
}: Migration): ({ file: string; field: string; absent: string; empty: string } & Pick<KeyList, 'longestKey' | 'shorten'>) | undefined => {
  if (keys !== null)
    return {
      file: `${INPUTS}${keys}`,
      field: 'selection.keys',
      absent: `selection.keys: there is no ${INPUTS}${keys} in the state bucket; put it there, or correct the name`,
      empty: `selection.keys: ${INPUTS}${keys}: is empty; name a key, or leave it out`,
    }
  if (failuresOf !== null)
    return {
      file: stateKeys(failuresOf).failedKeys,
      field: 'selection.failuresOf',
      absent: `selection.failuresOf: there is no run ${failuresOf} with failures in the state bucket; correct the name, or leave it out`,
      empty: `selection.failuresOf: nothing failed in the run ${failuresOf}, or it does not know all that is missing (failures.complete in its report.json says which); if it does not, ${WHOLE_AGAIN}`,
      longestKey: MAX_LISTED_KEY_BYTES,
      shorten: WHOLE_AGAIN,
    }
  return undefined
}

async function* chunksOf(body: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of body) yield chunk as Buffer
}

/** Checks the list of a keyed run, and gives its keys to what `into` makes for a list of so many bytes. */
const checkSelected = async (
  migration: Migration,
  state: ObjectStore,
  call: Call,
  into: (bytes: number) => (key: Key) => void,
): Promise<string[]> => {
  const named = fileOf(migration)
  if (named === undefined) return []
  const { file, field, absent, empty, ...limits } = named
  if (!(await exists(state, file, call))) return [absent]
  const { body, length } = await state.read(Buffer.from(file, 'latin1'), call)
  if (length === 0) {
    body.destroy()
    return [empty]
  }
  const list = {
    name: `${field}: ${file}`,
    form: keyListForm(file)!,
    chunks: chunksOf(body),
    ...limits,
  }
  return checkLines(list, migration.source.prefix, into(Math.min(length, MAX_LIST_BYTES)))
}

/** What is wrong with the list that a request names, a line per problem; [] for none, or if it names none. Only reads. */
export const selectedKeysProblems = (migration: Migration, state: ObjectStore, call: Call): Promise<string[]> =>
  checkSelected(migration, state, call, () => nothing)

/**
 * Checks every line of a keyed run's list and writes its keys in byte order, each once, into the run's keys.jsonl. Returns what is
 * wrong, a line per problem: then nothing is written. A run over the source's own listing has no list, and no problem with it.
 */
export const readKeyList = async (migration: Migration, state: ObjectStore, call: Call): Promise<string[]> => {
  let keys: PackedKeys | undefined
  const problems = await checkSelected(migration, state, call, (bytes) => {
    const packed = (keys = new PackedKeys(bytes))
    return (key) => packed.add(key)
  })
  if (keys !== undefined && problems.length === 0) await writeLines(state, stateKeys(migration.runId).keys, jsonLines(keys), call)
  return problems
}

function* jsonLines(keys: PackedKeys): Generator<string> {
  for (const key of keys.sorted()) yield JSON.stringify(keyToJson(key))
}
