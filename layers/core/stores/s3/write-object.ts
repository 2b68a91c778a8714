import { Readable } from 'node:stream'
import { BodyMismatch, NoSuchObject, PreconditionFailed, StoreUnavailable } from '../../domain/errors'
import type { Key } from '../../domain/keys'
import type { Body, PutOptions, PutResult } from '../../domain/object-store'
import { crc32Of, frame, FRAMED_PAYLOAD, framedHeaders, type Pace } from './aws-chunked'
import { headerOf, neededHeader, writeHeaders } from './headers'
import type { Http, HttpRequest, Reply } from './http'

/** Bytes of a reply to a write that are read: such replies are empty or a few lines. */
const REPLY_BYTES = 64 * 1024

/** A PUT: its address, its headers and whether it carries conditions. */
type Put = Pick<HttpRequest, 'what' | 'key' | 'query' | 'headers' | 'signal'>

const written = async (http: Http, { what, signal }: Put, reply: Reply): Promise<Omit<PutResult, 'crc32'>> => {
  await http.gather(what, reply, REPLY_BYTES, () => new StoreUnavailable(`${what}: the reply does not end`), signal)
  const versionId = headerOf(reply.headers, 'x-amz-version-id')
  return { etag: neededHeader(what, reply.headers, 'etag'), ...(versionId !== undefined && { versionId }) }
}

const putBuffer = async (http: Http, put: Put, body: Buffer): Promise<PutResult> => {
  const crc32 = crc32Of(body)
  const reply = await http.send({ ...put, method: 'PUT', headers: { ...put.headers, 'x-amz-checksum-crc32': crc32 }, body })
  return { ...(await written(http, put, reply)), crc32 }
}

/** Only the time in which the connection holds things up is counted: a slow source has time-outs of its own. */
const stallWatch = (ms: number, stalled: () => void): Pace & { end(): void } => {
  let timer: NodeJS.Timeout | undefined
  let ended = false
  const moved = (): void => clearTimeout(timer)
  return {
    waits: () => {
      moved()
      // a body that was given up may still hand over what it was reading
      if (!ended) timer = setTimeout(stalled, ms)
    },
    moved,
    end: () => {
      ended = true
      moved()
    },
  }
}

/** A PUT whose body is read while it is sent. The connection that stops taking bytes, or does not answer, is StoreUnavailable. */
const putStream = async (http: Http, put: Put, stream: AsyncIterable<Uint8Array>, size: number): Promise<PutResult> => {
  const { what, signal } = put
  const stuck = new AbortController()
  const pace = stallWatch(http.timeoutMs, () =>
    stuck.abort(new StoreUnavailable(`${what}: nothing moved on the connection for ${http.timeoutMs} ms`)),
  )
  const framed = frame(what, stream, size, pace)
  const both = signal === undefined ? stuck.signal : AbortSignal.any([signal, stuck.signal])
  try {
    const headers = { ...put.headers, ...framedHeaders(size, put.headers?.['content-encoding']) }
    const reply = await http.send({ ...put, method: 'PUT', headers, payloadHash: FRAMED_PAYLOAD, body: framed.body, signal: both })
    const result = await written(http, { ...put, signal: both }, reply)
    const crc32 = framed.crc32()
    if (crc32 === undefined) throw new StoreUnavailable(`${what}: the store answered before it had the whole body`)
    return { ...result, crc32 }
  } catch (error) {
    const failure = framed.failure()
    // one that was never begun holds a connection to its source until somebody ends it
    if (stream instanceof Readable) stream.destroy()
    throw failure === undefined ? error : failure.error
  } finally {
    pace.end()
  }
}

/** A stream of no bytes is sent as a body in memory: there is nothing to frame. */
const nothingOf = async (what: string, stream: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  for await (const chunk of stream) if (chunk.length > 0) throw new BodyMismatch(`${what}: the stream has more than its 0 bytes`)
  return Buffer.alloc(0)
}

/** PUT of an object or a part, with the CRC32 of what was sent. Throws BodyMismatch, and the reader's own errors unchanged. */
export const putBody = async (http: Http, put: Put, body: Body): Promise<PutResult> => {
  if (Buffer.isBuffer(body)) return putBuffer(http, put, body)
  if (body.size === 0) return putBuffer(http, put, await nothingOf(put.what, body.stream))
  return putStream(http, put, body.stream, body.size)
}

/** Throws PreconditionFailed also where the store answers 404 to an If-Match on an object that is not there, as Amazon S3 does. */
export const putObject = async (http: Http, what: string, key: Key, body: Body, options: PutOptions): Promise<PutResult> => {
  try {
    return await putBody(http, { what, key, headers: writeHeaders(what, options), signal: options.signal }, body)
  } catch (error) {
    if (error instanceof NoSuchObject && options.ifMatch !== undefined) throw new PreconditionFailed(error.message)
    throw error
  }
}
