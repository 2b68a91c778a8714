import { createHash } from 'node:crypto'
import { NoSuchObject, StateBroken } from '../domain/errors'
import type { ObjectStore, UploadPart } from '../domain/object-store'
import { headersOf, lineEnding, PART_BYTES, readBytes } from '../domain/state-files'
import { rowsKey } from '../domain/state-keys'
import { readAhead } from './read-ahead'
import { withRetries } from './retries'

/** Segments that are read at once, while one goes out again. */
const SEGMENTS_AHEAD = 2

/**
 * A list of any length that several calls write one after the other, in bounded memory. Until its end it is segments: files named by
 * what is in them, so that neither a twin nor a turn that is done again can put fewer rows in the place of more.
 */
export interface RowList {
  add(line: string): Promise<void>
  /** Writes what it holds as a segment too. Returns all of them: what a later call goes on with. */
  pause(call: { signal: AbortSignal }): Promise<string[]>
  /** How many segments there are. */
  segments(): number
  /**
   * The list is there once this has returned; whole, or not at all. Returns what is wrong, and then it is not there: a segment is gone,
   * or is not what its name says.
   */
  end(): Promise<string[]>
}

export interface RowListOptions {
  signal: AbortSignal
  /** bytes from which on lines are written as a segment, and a segment is a part: at least 5 MiB, of which Amazon S3 takes 10,000 */
  segmentBytes?: number | undefined
}

const hashOf = (body: Buffer): string => createHash('sha256').update(body).digest('hex')

/** `before`: the segments of earlier calls. */
export const rowList = (
  state: ObjectStore,
  runId: string,
  name: string,
  before: readonly string[],
  { signal, segmentBytes = PART_BYTES }: RowListOptions,
): RowList => {
  const key = Buffer.from(name, 'latin1')
  const headers = headersOf(name)
  const ending = lineEnding(name)
  const segments = [...before]
  const broken: string[] = []
  let waiting: string[] = []
  let length = 0

  const held = (): Buffer => Buffer.from(waiting.join(''), 'utf8')
  const writeSegment = async (call: { signal: AbortSignal }) => {
    const body = held()
    const hash = hashOf(body)
    const segment = rowsKey(runId, hash)
    const options = { ...call, headers: headersOf(segment) }
    await withRetries(() => state.put(Buffer.from(segment, 'latin1'), body, options), call.signal)
    segments.push(hash)
    // only now: a pause that was cut off is made again
    waiting = []
    length = 0
  }
  const readSegment = async (hash: string): Promise<Buffer> => {
    const segment = rowsKey(runId, hash)
    const notWhole = (why: string, options?: ErrorOptions): StateBroken => {
      broken.push(`${segment} ${why}, so ${name} was not written`)
      return new StateBroken(`${segment} ${why}`, options)
    }
    const { body } = await withRetries(() => readBytes(state, segment, { signal }), signal).catch((error: unknown) => {
      throw error instanceof NoSuchObject ? notWhole('is gone', { cause: error }) : error
    })
    if (hashOf(body) !== hash) throw notWhole('is not what was written there')
    return body
  }
  const join = async (upload: string) => {
    const parts: UploadPart[] = []
    let gathered: Buffer[] = []
    let size = 0
    const flush = async () => {
      const body = Buffer.concat(gathered)
      const number = parts.length + 1
      parts.push({ number, size, ...(await withRetries(() => state.putPart(key, upload, number, body, { signal }), signal)) })
      gathered = []
      size = 0
    }
    const gather = async (body: Buffer) => {
      gathered.push(body)
      size += body.length
      if (size >= segmentBytes) await flush()
    }
    for await (const body of readAhead(segments, SEGMENTS_AHEAD, readSegment)) await gather(body)
    if (length > 0) await gather(held())
    if (size > 0) await flush()
    await state.completeUpload(key, upload, parts, { signal })
  }

  return {
    async add(line) {
      waiting.push(line, ending)
      length += line.length + ending.length
      if (length >= segmentBytes) await writeSegment({ signal })
    },
    async pause(call) {
      if (length > 0) await writeSegment(call)
      return segments
    },
    segments: () => segments.length,
    async end() {
      if (segments.length === 0) {
        await state.put(key, held(), { signal, headers })
        return []
      }
      const upload = await state.createUpload(key, { signal, headers })
      try {
        await join(upload)
        return []
      } catch (error) {
        await state.abortUpload(key, upload)
        if (broken.length === 0 || !(error instanceof StateBroken)) throw error
        return broken
      }
    },
  }
}
