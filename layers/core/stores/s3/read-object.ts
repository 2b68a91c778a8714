import { BodyMismatch, NoSuchObject, ObjectChanged, PreconditionFailed, StoreRefused, StoreUnavailable } from '../../domain/errors'
import type { Key } from '../../domain/keys'
import type { ByteRange, ObjectInfo, ReadObject, ReadOptions, StatOptions, VersionCall } from '../../domain/object-store'
import { counted } from '../../domain/units'
import { byteCount, headerOf, objectInfo, type ReplyHeaders } from './headers'
import type { Http, HttpRequest, Reply } from './http'
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

/** The query that names a version. */
export const versionQuery = ({ versionId }: VersionCall): Record<string, string> => (versionId === undefined ? {} : { versionId })

/** 405 to a version that is named: it is a delete marker (Amazon S3 user guide, "Working with delete markers"), hence no object. */
export const noMarker =
  ({ versionId }: VersionCall) =>
  (error: unknown): never => {
    if (versionId !== undefined && error instanceof StoreRefused && error.status === 405) throw new NoSuchObject(error.message)
    throw error
  }

/** Neither the length of the object nor of a part of it. */
const isUnmeasured = ({ status, headers }: Pick<Reply, 'status' | 'headers'>): boolean =>
  status === 200 && headerOf(headers, 'content-length') === undefined

/**
 * A request for an object as it is stored. Google Cloud Storage and R2 unpack gzip unless it is accepted, and then give no length of it
 * (Google's "Transcoding of gzip-compressed files"; rclone#8137): they are asked once more, accepting it. Not at once, for other stores
 * pack what is not packed where it is accepted (rclone's `might_gzip`).
 */
const sendAsStored = async (http: Http, request: HttpRequest): Promise<Reply> => {
  const asking = (encoding: 'identity' | 'gzip') => http.send({ ...request, headers: { ...request.headers, 'accept-encoding': encoding } })
  const reply = await asking('identity')
  if (!isUnmeasured(reply)) return reply
  reply.body.on('error', () => undefined).destroy()
  return asking('gzip')
}

/** GET. Throws NoSuchObject, ObjectChanged, ObjectArchived, and the store's other errors. */
export const readObject = async (http: Http, what: string, key: Key, options: ReadOptions): Promise<ReadObject> => {
  const { range, ifMatch, signal } = options
  const headers: Record<string, string> = {}
  if (range !== undefined) headers['range'] = `bytes=${range.from}-${range.to}`
  if (ifMatch !== undefined) headers['if-match'] = ifMatch
  const request: HttpRequest = { what, method: 'GET', key, query: versionQuery(options), headers, signal }
  const reply = await sendAsStored(http, request).catch((error: unknown) => {
    if (error instanceof PreconditionFailed) throw new ObjectChanged(`${error.message}: no longer the object that was listed`)
    return noMarker(options)(error)
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

/**
 * HEAD; undefined when there is no such object. A HEAD reply has no body, hence no code: a missing bucket looks the same. Of a part
 * the length and, if asked for, the checksum are the part's; a store that knows no parts answers with the whole object.
 */
export const statObject = async (http: Http, what: string, key: Key, options: StatOptions): Promise<ObjectInfo | undefined> => {
  const { part, checksum = false, signal } = options
  const headers: Record<string, string> = checksum ? { 'x-amz-checksum-mode': 'ENABLED' } : {}
  const query = { ...versionQuery(options), ...(part !== undefined && { partNumber: String(part) }) }
  try {
    const reply = await sendAsStored(http, { what, method: 'HEAD', key, query, headers, signal }).catch(noMarker(options))
    await http.gather(what, reply, 0, () => new StoreUnavailable(`${what}: a HEAD reply with a body`), signal)
    const size = byteCount(headerOf(reply.headers, 'content-length'))
    if (size === undefined) throw new StoreRefused(`${what}: the reply gives no length`, 'NoContentLength', reply.status)
    const range = contentRange(reply.headers)
    if (range !== undefined && range.to - range.from + 1 !== size)
      throw new BodyMismatch(`${what}: ${counted(size, 'byte')} announced for bytes ${range.from}-${range.to}`)
    return objectInfo(what, reply.headers, size)
  } catch (error) {
    if (error instanceof NoSuchObject) return undefined
    throw error
  }
}
