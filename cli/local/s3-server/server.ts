import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { authenticate } from './auth'
import { readSmallBody } from './body'
import type { Buckets } from './buckets'
import { textOf } from './byte-strings'
import { S3Error } from './errors'
import type { Faults } from './faults'
import type { KeyRing } from './key-ring'
import { parseRequest, queryOf, type Reply, type S3Request } from './request'
import { routeOf, type Route } from './routes'
import { document, element } from './xml'

const RUN = randomBytes(4).toString('hex').toUpperCase()
let requests = 0

const subjectOf = (request: S3Request, { subject }: Route): string | undefined =>
  subject === 'key' ? request.key : subject === 'prefix' ? (queryOf(request, 'prefix') ?? '') : undefined

const answer = async (message: IncomingMessage, buckets: Buckets, ring: KeyRing, now: () => Date): Promise<Reply> => {
  const request = parseRequest(message)
  const { key, payload } = authenticate(request, ring, now().getTime())
  const route = routeOf(request)
  const stillAllowed = (): void => ring.authorise(key, route.need, request.bucket, subjectOf(request, route))
  stillAllowed()
  const small = route.streams
    ? Buffer.alloc(0)
    : await readSmallBody(request, payload, queryOf(request, 'uploadId') === undefined ? 'of the body' : 'of the object')
  return route.handle({
    request,
    buckets,
    bucket: () => buckets.get(request.bucket),
    payload,
    small,
    now: () => Math.floor(now().getTime() / 1000) * 1000,
    stillAllowed,
    may: (need, bucket, subject) => ring.authorise(key, need, bucket, subject),
  })
}

const errorReply = (error: unknown, message: IncomingMessage, requestId: string, headers: NonNullable<Reply['headers']> = {}): Reply => {
  // what nobody foresaw (a full disk, a missing body) is told to the client: they are on one machine
  const known = error instanceof S3Error ? error : new S3Error('InternalError', error instanceof Error ? error.message : String(error))
  const resource = (message.url ?? '').split('?')[0] ?? ''
  const inner =
    element('Code', known.code) +
    element('Message', known.message) +
    element('Resource', textOf(resource)) +
    element('RequestId', requestId)
  return { status: known.status, headers, body: document('Error', inner).replace(/ xmlns="[^"]*"/, '') }
}

const send = async (reply: Reply, message: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> => {
  const { body, headers = {}, status } = reply
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body
  const length =
    headers['content-length'] ?? (bytes instanceof Readable || status === 204 || status === 304 ? undefined : (bytes?.length ?? 0))
  response.writeHead(status, {
    'x-amz-request-id': requestId,
    ...(typeof body === 'string' && body !== '' ? { 'content-type': 'application/xml' } : {}),
    ...headers,
    ...(length === undefined ? {} : { 'content-length': length }),
  })
  if (message.method === 'HEAD' || bytes === undefined) response.end()
  else if (bytes instanceof Readable) await pipeline(bytes, response)
  else response.end(bytes)
}

const serve = async (
  message: IncomingMessage,
  response: ServerResponse,
  buckets: Buckets,
  ring: KeyRing,
  now: () => Date,
  faults: Faults | undefined,
): Promise<void> => {
  const requestId = `${RUN}${(requests++).toString(16).toUpperCase().padStart(8, '0')}`
  const act = async (clock: () => Date): Promise<Reply> => {
    const reply = await answer(message, buckets, ring, clock).catch((error: unknown) => errorReply(error, message, requestId))
    return reply.error ? errorReply(reply.error, message, requestId, reply.headers) : reply
  }
  const tell = (reply: Reply): Promise<void> => send(reply, message, response, requestId)
  try {
    if (faults) await faults.meet({ message, response, now, act, tell })
    else await tell(await act(now))
  } catch {
    // the client went away, or a stored body ended early: no answer is possible but to cut the connection, which the client sees
    response.destroy()
  }
}

export interface RunningServer {
  /** on 127.0.0.1 */
  port: number
  /** Cuts the connections and returns once no request is under way. */
  stop(): Promise<void>
}

/** Serves on 127.0.0.1 and this port; 0: one that the system chooses. Throws what listening throws, such as EADDRINUSE. */
export const startServer = async (
  buckets: Buckets,
  ring: KeyRing,
  now: () => Date,
  wanted: number,
  faults: Faults | undefined,
): Promise<RunningServer> => {
  const underWay = new Set<Promise<void>>()
  const server: Server = createServer({ requestTimeout: 0, keepAliveTimeout: 0 }, (message, response) => {
    const work: Promise<void> = serve(message, response, buckets, ring, now, faults).finally(() => underWay.delete(work))
    underWay.add(work)
  })
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(wanted, '127.0.0.1', listening))
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    stop: async () => {
      const closed = new Promise<void>((done) => server.close(() => done()))
      server.closeAllConnections()
      await Promise.all([closed, ...underWay])
    },
  }
}
