import { BodyMismatch, NoSuchObject, ObjectChanged, PreconditionFailed, StoreRefused, StoreUnavailable } from '../../domain/errors'
import type { Key } from '../../domain/keys'
import type { ByteRange, Call, ObjectInfo, ReadObject, ReadOptions } from '../../domain/object-store'
import { byteCount, headerOf, objectInfo, type ReplyHeaders } from './headers'
import type { Http } from './http'
import { ObjectBody } from './object-body'

const bare = (etag: string): string => etag.replace(/^"|"$/g, '')

interface Extent {
  /** bytes of this reply */
  length: number
  /** bytes of the whole object */
  size: number
}

const contentRange = (headers: ReplyHeaders): { from: number; to: number; size: number } | undefined => {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headerOf(headers, 'content-range') ?? '')
  if (match === null) return undefined
  const [from, to, size] = match.slice(1).map(byteCount)
  return from === undefined || to === undefined || size === undefined ? undefined : { from, to, size }
}

/** What the reply's head says it will bring. A store that ignores the range, or brings another one, is a BodyMismatch. */
const extentOf = (what: string, status: number, headers: ReplyHeaders, range: ByteRange | undefined): Extent => {
  const announced = byteCount(headerOf(headers, 'content-length'))
  if (range === undefined) {
    if (status !== 200 || announced === undefined) throw new BodyMismatch(`${what}: a reply ${status} that gives no length of the object`)
    return { length: announced, size: announced }
  }
  const got = contentRange(headers)
  if (status !== 206 || got === undefined) throw new BodyMismatch(`${what}: a range was asked for and not answered (status ${status})`)
  const length = got.to - got.from + 1
  if (got.from !== range.from || got.to !== Math.min(range.to, got.size - 1) || (announced !== undefined && announced !== length)) {
    throw new BodyMismatch(`${what}: bytes ${range.from}-${range.to} were asked for, ${got.from}-${got.to} of ${got.size} answered`)
  }
  return { length, size: got.size }
}

/** GET. Throws NoSuchObject, ObjectChanged, and the store's other errors. */
export const readObject = async (http: Http, what: string, key: Key, { range, ifMatch, signal }: ReadOptions): Promise<ReadObject> => {
  // stores that decompress in flight (Google Cloud Storage, R2) do so unless told not to
  const headers: Record<string, string> = { 'accept-encoding': 'identity' }
  if (range !== undefined) headers['range'] = `bytes=${range.from}-${range.to}`
  if (ifMatch !== undefined) headers['if-match'] = ifMatch
  const reply = await http.send({ what, method: 'GET', key, headers, signal }).catch((error: unknown) => {
    if (error instanceof PreconditionFailed) throw new ObjectChanged(`${error.message}: no longer the object that was listed`)
    throw error
  })
  try {
    const { length, size } = extentOf(what, reply.status, reply.headers, range)
    const info = objectInfo(what, reply.headers, size)
    if (ifMatch !== undefined && bare(info.etag) !== bare(ifMatch)) {
      throw new ObjectChanged(`${what}: the store answered with another ETag than the one asked for`)
    }
    return { info, length, body: new ObjectBody(what, reply.body, length, (error) => http.explain(what, error, signal)) }
  } catch (error) {
    reply.body.on('error', () => undefined).destroy()
    throw error
  }
}

/** HEAD; undefined when there is no such object. A HEAD reply has no body, hence no code: a missing bucket looks the same. */
export const statObject = async (http: Http, what: string, key: Key, { signal }: Call): Promise<ObjectInfo | undefined> => {
  try {
    const reply = await http.send({ what, method: 'HEAD', key, headers: { 'accept-encoding': 'identity' }, signal })
    await http.gather(what, reply, 0, () => new StoreUnavailable(`${what}: a HEAD reply with a body`), signal)
    const size = byteCount(headerOf(reply.headers, 'content-length'))
    if (size === undefined) throw new StoreRefused(`${what}: the reply gives no length`, 'NoContentLength', reply.status)
    return objectInfo(what, reply.headers, size)
  } catch (error) {
    if (error instanceof NoSuchObject) return undefined
    throw error
  }
}
