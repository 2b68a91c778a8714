import { StateBroken } from './errors'
import type { Call, ObjectStore, PutOptions, UploadPart } from './object-store'

/** Reading and writing the state bucket's files through the store port. Names are ASCII, bodies UTF-8. */

const bytes = (name: string): Buffer => Buffer.from(name, 'latin1')

export interface StateFile<T> {
  value: T
  etag: string
}

/** The bytes of a file. Throws NoSuchObject. */
export const readBytes = async (state: ObjectStore, name: string, call: Call = {}): Promise<{ body: Buffer; etag: string }> => {
  const { body, info } = await state.read(bytes(name), call)
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk as Buffer)
  return { body: Buffer.concat(chunks), etag: info.etag }
}

/** A JSON file. Throws NoSuchObject; StateBroken if it is no JSON. */
export const readJson = async <T>(state: ObjectStore, name: string, call: Call = {}): Promise<StateFile<T>> => {
  const { body, etag } = await readBytes(state, name, call)
  try {
    return { value: JSON.parse(body.toString('utf8')) as T, etag }
  } catch {
    throw new StateBroken(`${name} in the state bucket is not JSON`)
  }
}

/** The names of all files under a prefix, in order. */
export const listNames = async (state: ObjectStore, prefix: string, call: Call = {}): Promise<string[]> => {
  const names: string[] = []
  for await (const page of state.list({ prefix: bytes(prefix) }, call)) for (const { key } of page) names.push(key.toString('latin1'))
  return names
}

/**
 * Whether a file is there. Asked by listing: a function that may read but not list is answered 403 for an absent key, and
 * "absent" must not be guessed from a refusal.
 */
export const exists = async (state: ObjectStore, name: string, call: Call = {}): Promise<boolean> => {
  for await (const page of state.list({ prefix: bytes(name), pageSize: 1 }, call)) return page[0]?.key.equals(bytes(name)) ?? false
  return false
}

/** A JSON file, or undefined when there is none. */
export const findJson = async <T>(state: ObjectStore, name: string, call: Call = {}): Promise<StateFile<T> | undefined> =>
  (await exists(state, name, call)) ? readJson<T>(state, name, call) : undefined

const TYPES: Record<string, string> = {
  json: 'application/json',
  jsonl: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8',
  html: 'text/html; charset=utf-8',
}

export const headersOf = (name: string) => ({
  contentType: TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream',
  metadata: {},
})

/** Throws PreconditionFailed if `ifMatch` or `ifNoneMatch` does not hold. Returns the ETag. */
export const writeText = async (
  state: ObjectStore,
  name: string,
  text: string,
  options: Pick<PutOptions, 'ifMatch' | 'ifNoneMatch' | 'signal'> = {},
): Promise<string> => (await state.put(bytes(name), Buffer.from(text, 'utf8'), { ...options, headers: headersOf(name) })).etag

export const writeJson = (
  state: ObjectStore,
  name: string,
  value: unknown,
  options: Pick<PutOptions, 'ifMatch' | 'ifNoneMatch' | 'signal'> = {},
): Promise<string> => writeText(state, name, `${JSON.stringify(value, null, 2)}\n`, options)

/** What ends the lines of a file: of a CSV file CRLF, as RFC 4180 has it. */
export const lineEnding = (name: string): string => (name.endsWith('.csv') ? '\r\n' : '\n')

/** From this many bytes on a text goes out as a part of an upload: a file of any length is written in bounded memory. */
export const PART_BYTES = 8 * 1024 * 1024

/** Writes lines as they come, at any length. An upload that fails half way is aborted: the file is whole or not there. */
export const writeLines = async (
  state: ObjectStore,
  name: string,
  lines: AsyncIterable<string> | Iterable<string>,
  call: Call = {},
): Promise<void> => {
  const key = bytes(name)
  const headers = headersOf(name)
  const ending = lineEnding(name)
  let waiting: string[] = []
  let length = 0
  let upload: string | undefined
  const parts: UploadPart[] = []
  const flush = async (id: string) => {
    const body = Buffer.from(waiting.join(''), 'utf8')
    const put = await state.putPart(key, id, parts.length + 1, body, call)
    parts.push({ number: parts.length + 1, ...put, size: body.length })
    waiting = []
    length = 0
  }
  try {
    for await (const line of lines) {
      waiting.push(line, ending)
      length += line.length + ending.length
      if (length < PART_BYTES) continue
      upload ??= await state.createUpload(key, { ...call, headers })
      await flush(upload)
    }
    if (upload === undefined) return void (await state.put(key, Buffer.from(waiting.join(''), 'utf8'), { ...call, headers }))
    if (length > 0) await flush(upload)
    await state.completeUpload(key, upload, parts, call)
  } catch (error) {
    if (upload !== undefined) await state.abortUpload(key, upload)
    throw error
  }
}
