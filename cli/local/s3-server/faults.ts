import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ByteString } from './byte-strings'
import { parseRequest, queryOf, type Reply } from './request'
import { operationOf } from './routes'
import { document, element } from './xml'

/** How often a slow body moves on, in ms. */
const PACE_MS = 50

/** A request as a rule sees it, before its signature is looked at. */
export interface FaultyRequest {
  /** method, level and sub-resource, as in routes.ts: `GET object`, `GET bucket list-type`, `POST object uploadId` */
  operation: string
  bucket: string
  key: Buffer
  headers: IncomingHttpHeaders
  query(name: string): ByteString | undefined
}

/** One way to misbehave. Sizes and places are in bytes of the body as it is on the wire. */
export type Fault =
  /** Answered with an error and not done; done all the same with `acted`. With status 200 the error stands in the body, as after CopyObject. */
  | { kind: 'status'; status: number; code: string; retryAfterS?: number; acted?: true }
  /** The connection is reset without an answer and without the act, once the body is received with `received`. */
  | { kind: 'reset'; received?: true }
  /** Done, and the connection ends instead of the answer. */
  | { kind: 'lostAnswer' }
  /** The headers of the whole answer, its first bytes, and the end of the connection. */
  | { kind: 'cut'; after: number }
  /** The headers of the whole answer, its first bytes, and nothing more until the client goes away or the server closes. */
  | { kind: 'stall'; after: number }
  | { kind: 'slow'; bytesPerS: number }
  /** One byte of the answer's body is another one. */
  | { kind: 'corrupt'; at: number }
  /** One byte of the request's body is another one before the server verifies it. */
  | { kind: 'corruptRequest'; at: number }
  /** The ETag header of a good answer is another one. */
  | { kind: 'wrongEtag'; etag: string }
  /** XML that says something else: cut off, a token that repeats, a part's ETag. */
  | { kind: 'rewrite'; text: (xml: string) => string }
  /** Something happens before the request is served, or with `late` after it was and before it is answered. */
  | { kind: 'change'; act: () => Promise<unknown>; late?: true }
  /** The server's clock is off, for signatures and in what it says. */
  | { kind: 'skew'; ms: number }

/** Which requests meet a fault: of those that `when` picks, all but the first `skip`, of these every `every`-th, `times` at most. */
export interface FaultRule {
  when: (request: FaultyRequest) => boolean
  skip?: number
  every?: number
  times?: number
  fault: Fault
}

/** What the server gives to a fault: to do what is asked, by some clock, and to tell the client. */
export interface Exchange {
  message: IncomingMessage
  response: ServerResponse
  now: () => Date
  act(clock: () => Date): Promise<Reply>
  tell(reply: Reply): Promise<void>
}

type BodyFault = Extract<Fault, { kind: 'cut' | 'stall' | 'slow' | 'corrupt' }>

/**
 * Makes an S3 server misbehave, for tests. The server holds only this file's type: what does not import this file and hand an
 * instance to startEmbeddedS3 cannot have a fault. Of the rules that pick a request the first that strikes is the one that acts.
 */
export class Faults {
  private rules: { rule: FaultRule; picked: number; struck: number }[] = []
  /** What was really done, in order: a cut behind the body's end, or a wrong ETag where there is none, is not done and not here. */
  readonly done: { kind: Fault['kind']; operation: string; key: Buffer }[] = []

  /** The rules from here on, in place of those before; what was done is forgotten. */
  set(...rules: FaultRule[]): void {
    this.rules = rules.map((rule) => ({ rule, picked: 0, struck: 0 }))
    this.done.length = 0
  }

  /** Serves one request, with the fault that it meets if it does. Rejects where no answer is possible. */
  async meet(exchange: Exchange): Promise<void> {
    const { message, response, now, act, tell } = exchange
    const request = readable(message)
    const fault = request && this.faultFor(request)
    if (!fault) return tell(await act(now))
    const done = (): void => void this.done.push({ kind: fault.kind, operation: request.operation, key: request.key })
    switch (fault.kind) {
      case 'status':
        if (fault.acted) discard(await act(now))
        done()
        return tell(refusal(fault))
      case 'reset':
        if (fault.received) await new Promise((ended) => message.once('end', ended).once('close', ended).resume())
        done()
        return void message.socket.resetAndDestroy()
      case 'lostAnswer':
        discard(await act(now))
        done()
        return void message.socket.destroy()
      case 'corruptRequest':
        corruptRequest(message, fault.at, done)
        return tell(await act(now))
      case 'change': {
        const early = fault.late ? await act(now) : undefined
        await fault.act()
        done()
        return tell(early ?? (await act(now)))
      }
      case 'skew': {
        const clock = (): Date => new Date(now().getTime() + fault.ms)
        response.setHeader('date', clock().toUTCString())
        done()
        return tell(await act(clock))
      }
      case 'wrongEtag': {
        const reply = await act(now)
        if (reply.headers?.['etag'] === undefined) return tell(reply)
        done()
        return tell({ ...reply, headers: { ...reply.headers, etag: fault.etag } })
      }
      case 'rewrite': {
        const reply = await act(now)
        const body = typeof reply.body === 'string' ? fault.text(reply.body) : undefined
        if (body === undefined || body === reply.body) return tell(reply)
        done()
        return tell({ ...reply, body })
      }
      default:
        return tell(withBody(await act(now), message, (body) => altered(body, fault, response, done)))
    }
  }

  private faultFor(request: FaultyRequest): Fault | undefined {
    const struck = this.rules.find((state) => {
      const { when, skip = 0, every = 1, times = Infinity } = state.rule
      if (!when(request)) return false
      return ++state.picked > skip && (state.picked - skip) % every === 0 && state.struck < times
    })
    if (struck) struck.struck++
    return struck?.rule.fault
  }
}

/** Undefined for a request that no rule can be about: its path cannot be read. */
const readable = (message: IncomingMessage): FaultyRequest | undefined => {
  try {
    const request = parseRequest(message)
    const { bucket, key, headers } = request
    return { operation: operationOf(request), bucket, key: Buffer.from(key, 'latin1'), headers, query: (name) => queryOf(request, name) }
  } catch {
    return undefined
  }
}

const refusal = ({ status, code, retryAfterS }: Extract<Fault, { kind: 'status' }>): Reply => ({
  status,
  ...(retryAfterS === undefined ? {} : { headers: { 'retry-after': retryAfterS } }),
  body: document('Error', element('Code', code) + element('Message', 'A fault that was asked for.')).replace(/ xmlns="[^"]*"/, ''),
})

const discard = ({ body }: Reply): void => {
  if (body instanceof Readable) body.destroy()
}

const flipped = (chunk: Buffer, at: number): Buffer => {
  const copy = Buffer.from(chunk)
  copy[at] = (copy[at] as number) ^ 1
  return copy
}

/** The parser hands the body over piece by piece, after the headers: there the byte is changed. */
const corruptRequest = (message: IncomingMessage, at: number, done: () => void): void => {
  const push = message.push.bind(message)
  let seen = 0
  message.push = (chunk: Buffer | null) => {
    const place = at - seen
    seen += chunk?.length ?? 0
    if (chunk === null || place < 0 || place >= chunk.length) return push(chunk)
    done()
    return push(flipped(chunk, place))
  }
}

/** The same answer with another body; one that has none stays as it is. */
const withBody = (reply: Reply, { method }: IncomingMessage, change: (body: AsyncIterable<Buffer>) => AsyncIterable<Buffer>): Reply => {
  const bytes = typeof reply.body === 'string' ? Buffer.from(reply.body, 'utf8') : reply.body
  if (bytes === undefined || method === 'HEAD') return reply
  const whole = bytes instanceof Readable ? bytes : Readable.from([bytes])
  const body = Readable.from(change(whole), { objectMode: false, highWaterMark: 1 }).once('close', () => whole.destroy())
  const length = bytes instanceof Readable ? {} : { 'content-length': bytes.length }
  const type = typeof reply.body === 'string' ? { 'content-type': 'application/xml' } : {}
  return { ...reply, headers: { ...type, ...reply.headers, ...length }, body }
}

async function* altered(body: AsyncIterable<Buffer>, fault: BodyFault, response: ServerResponse, done: () => void): AsyncGenerator<Buffer> {
  const gone = new Promise((closed) => response.once('close', closed))
  const place = fault.kind === 'slow' ? 0 : fault.kind === 'corrupt' ? fault.at : fault.after
  let seen = 0
  for await (const chunk of body) {
    const at = place - seen
    seen += chunk.length
    const here = at >= 0 && at < chunk.length
    if (here && fault.kind !== 'cut' && fault.kind !== 'stall') done()
    if (fault.kind === 'slow') {
      const step = Math.max(1, Math.round((fault.bytesPerS * PACE_MS) / 1000))
      for (let from = 0; from < chunk.length && !response.destroyed; from += step) {
        yield chunk.subarray(from, from + step)
        await sleep(PACE_MS)
      }
    } else if (!here || fault.kind === 'corrupt') {
      yield here ? flipped(chunk, at) : chunk
    } else {
      if (at > 0) yield chunk.subarray(0, at)
      response.flushHeaders()
      while (response.writableLength > 0 && !response.destroyed) await sleep(1)
      done()
      if (fault.kind === 'stall') await gone
      throw new Error('a body that is not to be ended')
    }
  }
}
