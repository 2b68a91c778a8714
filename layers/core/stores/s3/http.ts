import { buildConnector, Pool, type Dispatcher } from 'undici'
import type { CredentialProvider, Credentials } from '../../domain/access'
import { DrayageError, StoreUnavailable } from '../../domain/errors'
import type { Key } from '../../domain/keys'
import { assertHostAllowed } from './address-guard'
import type { Address } from './addressing'
import { connectionOptions, type Connection } from './connection'
import { readRefusal, refusalError, sentOf, transportError } from './error-map'
import { headerOf, type ReplyHeaders } from './headers'
import type { OwnerHeader } from './owner'
import { encodePath, encodeQueryValue } from './percent'
import { signerFor } from './sign'

/** Longest wait for a connection, ms. A host that is there answers in far less. */
const CONNECT_MS = 10_000
/** Room for reply headers, bytes: Ceph allows 16 KB of metadata, which is Node's default for all headers together. */
const HEADER_BYTES = 64 * 1024
/** Bytes of a refusal's body that are read: enough for its code, and no more of an HTML page. */
const REFUSAL_BYTES = 64 * 1024
/** A body in memory may take this long: slower than 64 bytes a ms (64 KB/s) is as good as stuck. */
const SLOWEST_BYTES_PER_MS = 64

export const UNSIGNED = 'UNSIGNED-PAYLOAD'

export interface HttpRequest {
  /** the operation, bucket and key, for messages */
  what: string
  /** DELETE only ever without a version: it makes a delete marker */
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  key?: Key | undefined
  query?: Record<string, Buffer | string> | undefined
  /** names in lower case */
  headers?: Record<string, string> | undefined
  payloadHash?: string | undefined
  /** a stream comes with its own `content-length` header, and its writer watches its pace */
  body?: Buffer | AsyncIterable<Uint8Array> | undefined
  signal?: AbortSignal | undefined
}

export interface Reply {
  status: number
  headers: ReplyHeaders
  body: Dispatcher.ResponseData['body']
}

export interface Http {
  /** Sends one signed request, once. A reply of 300 or more, or none, is a typed error; an aborted signal throws its reason. */
  send(request: HttpRequest): Promise<Reply>
  /** The whole body. Throws what `tooLong` makes of a body above `limit` bytes; StoreUnavailable if it does not come in time. */
  gather(what: string, reply: Reply, limit: number, tooLong: () => Error, signal: AbortSignal | undefined): Promise<Buffer>
  /** What a failed body or request is for callers: the signal's reason, a typed error, or the error itself if it is a fault of ours. */
  explain(what: string, error: unknown, signal: AbortSignal | undefined): unknown
  timeoutMs: number
  close(): Promise<void>
}

const queryText = (query: Record<string, Buffer | string>): string =>
  Object.keys(query)
    .sort()
    .map((name) => `${encodeQueryValue(name)}=${encodeQueryValue(query[name] as Buffer | string)}`)
    .join('&')

/** How often it is looked whether a reader has caught up with a reply whose connection has ended, ms. */
const CAUGHT_UP_MS = 20

/**
 * undici 7.30.2 asserts in a socket's `end` event that no body is held back, and so ends the process when a peer closes the
 * connection behind a reply that is read slowly (nodejs/undici#5360; mended in 8, which Node.js 20 cannot load). Here the end
 * waits until the reader has caught up: a whole reply is then whole, a cut one is the usual error.
 */
const patientConnector = (connection: Connection, options: buildConnector.BuildOptions): buildConnector.connector => {
  const made = { ...options, ...connectionOptions(connection), allowHalfOpen: true }
  const open = buildConnector(made as buildConnector.BuildOptions)
  return (target, opened) => {
    try {
      assertHostAllowed(target.hostname, connection.addresses)
    } catch (error) {
      return opened(error as Error, null)
    }
    open(target, (...[error, socket]) => {
      if (error !== null) return opened(error, null)
      const emit = socket.emit.bind(socket)
      const end = (): boolean => {
        if (socket.destroyed) return false
        try {
          return emit('end')
        } catch (thrown) {
          if ((thrown as { code?: unknown }).code !== 'ERR_ASSERTION') throw thrown
          setTimeout(end, CAUGHT_UP_MS).unref()
          return true
        }
      }
      socket.emit = (event: string | symbol, ...args: unknown[]) => (event === 'end' ? end() : emit(event, ...args))
      opened(null, socket)
    })
  }
}

/**
 * Keep-alive connections to one bucket's host. The request line is put together by hand: a URL class would resolve the `..` of
 * a key. Nothing is tried twice here; the callers do that.
 */
export const connect = (
  address: Address,
  region: string,
  credentials: CredentialProvider,
  timeoutMs: number,
  connection: Connection,
  owner: OwnerHeader = {},
): Http => {
  const pool = new Pool(address.origin, {
    connect: patientConnector(connection, { timeout: Math.min(CONNECT_MS, timeoutMs) }),
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxHeaderSize: HEADER_BYTES,
  })
  const sign = signerFor(region)

  const explain: Http['explain'] = (what, error, signal) =>
    signal?.aborted === true ? (signal.reason as unknown) : error instanceof DrayageError ? error : (transportError(what, error) ?? error)

  const gather: Http['gather'] = (what, { body }, limit, tooLong, signal) =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let length = 0
      const timer = setTimeout(() => body.destroy(new StoreUnavailable(`${what}: the reply did not end within ${timeoutMs} ms`)), timeoutMs)
      body.on('error', (error) => {
        clearTimeout(timer)
        reject(explain(what, error, signal) as Error)
      })
      body.on('end', () => {
        clearTimeout(timer)
        resolve(Buffer.concat(chunks, length))
      })
      body.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length > limit) body.destroy(tooLong())
        else chunks.push(chunk)
      })
    })

  /** A refusal whose body cannot be read to its end is still one: its status says enough. */
  const refusal = async ({ what, key, signal }: HttpRequest, reply: Reply, given: Credentials): Promise<Error> => {
    const tooLong = () => new StoreUnavailable(`${what}: the refusal does not end`)
    const xml = await gather(what, reply, REFUSAL_BYTES, tooLong, signal).catch(() => Buffer.alloc(0))
    signal?.throwIfAborted()
    const read = readRefusal(reply.status, (name) => headerOf(reply.headers, name), xml.toString('latin1'), sentOf(given))
    return refusalError(what, read, key !== undefined)
  }

  const send: Http['send'] = async (request) => {
    const { what, method, key, query, headers, payloadHash = UNSIGNED, body, signal } = request
    signal?.throwIfAborted()
    const path = key === undefined ? address.root || '/' : `${address.root}/${encodePath(key)}`
    const search = query === undefined ? '' : queryText(query)
    const given = await credentials()
    signal?.throwIfAborted()
    const signed = sign(
      { method, path, query: search, headers: { ...headers, ...owner, host: address.host }, payloadHash },
      given,
      new Date(),
    )
    const options: Dispatcher.RequestOptions = {
      method,
      path: search === '' ? path : `${path}?${search}`,
      headers: signed,
      signal: signal ?? null,
    }
    if (body !== undefined) options.body = body as Buffer
    // the time-out for headers runs while a body is still being sent
    if (Buffer.isBuffer(body)) options.headersTimeout = timeoutMs + body.length / SLOWEST_BYTES_PER_MS
    else if (body !== undefined) options.headersTimeout = 0

    const reply = await pool.request(options).then(
      ({ statusCode, headers: received, body: content }): Reply => ({ status: statusCode, headers: received, body: content }),
      (error: unknown) => {
        throw explain(what, error, signal)
      },
    )
    if (reply.status >= 300) throw await refusal(request, reply, given)
    return reply
  }

  return { send, gather, explain, timeoutMs, close: () => pool.destroy() }
}
