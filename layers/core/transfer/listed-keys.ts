import { StateBroken } from '../domain/errors'
import { compareKeys, keyFromJson, type Key, type KeyJson } from '../domain/keys'
import type { Call, KeyRange, ObjectStore } from '../domain/object-store'

/** Bytes of one ranged read: nothing stays open while the keys are worked on, however long that takes. */
const READ_BYTES = 1024 * 1024

const LF = 0x0a

/** The lines of a file, without their line feeds, in bounded memory. Throws StateBroken if it does not end with a whole line. */
async function* linesOf(state: ObjectStore, name: string, call: Call): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  let ifMatch: string | undefined
  for (let from = 0, size = 1; from < size; from += READ_BYTES) {
    const range = { from, to: from + READ_BYTES - 1 }
    const { body, info } = await state.read(Buffer.from(name, 'latin1'), { ...call, range, ifMatch })
    ifMatch = info.etag
    size = info.size
    const chunks = [rest]
    for await (const chunk of body) chunks.push(chunk as Buffer)
    const bytes = Buffer.concat(chunks)
    let at = 0
    for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, at)) {
      yield bytes.subarray(at, end)
      at = end + 1
    }
    rest = Buffer.from(bytes.subarray(at))
  }
  if (rest.length > 0) throw new StateBroken(`${name} does not end with a whole line`)
}

/** The keys of a run's sorted list that lie in a range. Throws StateBroken if a line is no key or the keys are not in order. */
export async function* listedKeys(state: ObjectStore, name: string, { after, upTo }: KeyRange, call: Call): AsyncGenerator<Key> {
  let last: Key | undefined
  for await (const line of linesOf(state, name, call)) {
    const key = keyOf(line, name)
    if (last !== undefined && compareKeys(last, key) >= 0) throw new StateBroken(`${name}: its keys are not in order`)
    last = key
    if (after !== undefined && compareKeys(key, after) <= 0) continue
    if (upTo !== undefined && compareKeys(key, upTo) > 0) return
    yield key
  }
}

const keyOf = (line: Buffer, name: string): Key => {
  try {
    return keyFromJson(JSON.parse(line.toString('utf8')) as KeyJson)
  } catch {
    throw new StateBroken(`${name}: a line is no JSON key`)
  }
}
