import { createHash, type Hash } from 'node:crypto'
import { carriedHeaders } from '../domain/carried-headers'
import { bareEtag, looksLikeMd5 } from '../domain/compare'
import { assertRepresentable, destinationKey } from '../domain/destination-key'
import {
  BodyMismatch,
  CredentialsRefused,
  EndpointUnreachable,
  errorName,
  NoSuchBucket,
  NoSuchObject,
  ObjectChanged,
} from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ListedObject, ObjectInfo, ObjectStore, ReadObject } from '../domain/object-store'
import type { Outcome } from '../domain/outcomes'
import { withRetries } from './retries'

/** Up to this size an object is copied from memory: one write for headers and body. Above, it is streamed. */
const BUFFERED_BYTES = 1024 * 1024

export interface Sides {
  source: ObjectStore
  destination: ObjectStore
  signal: AbortSignal
}

/** The MD5 that a body must have, where the source's ETag is one: a single PUT, and no KMS, under which it only looks like one. */
const expectedMd5 = ({ etag, encryption }: ObjectInfo): string | undefined =>
  looksLikeMd5(etag) && !encryption?.startsWith('aws:kms') ? bareEtag(etag).toLowerCase() : undefined

const checkMd5 = (hash: Hash, expected: string): void => {
  if (hash.digest('hex') !== expected) throw new BodyMismatch("the bytes read do not have the MD5 that is the object's ETag at the source")
}

/** The body as it is read, ending in an error instead of its last chunk if its MD5 is not the expected one. */
async function* checked({ body, info }: ReadObject): AsyncGenerator<Buffer> {
  const expected = expectedMd5(info)
  const hash = expected === undefined ? undefined : createHash('md5')
  let held: Buffer | undefined
  for await (const chunk of body) {
    hash?.update(chunk as Buffer)
    if (held) yield held
    held = chunk as Buffer
  }
  if (hash) checkMd5(hash, expected!)
  if (held) yield held
}

const buffered = async (read: ReadObject): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of checked(read)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** One GET pinned to the listed ETag, one PUT with a checksum that the destination must find again. */
const copyOnce = async (migration: Migration, object: ListedObject, { source, destination, signal }: Sides): Promise<Outcome> => {
  const key = destinationKey(migration, object.key)
  assertRepresentable(key)
  const read = await source.read(object.key, { ifMatch: object.etag || undefined, signal })
  try {
    if (read.info.size !== object.size) throw new ObjectChanged(`${read.info.size} bytes now, ${object.size} when it was listed`)
    const body = object.size <= BUFFERED_BYTES ? await buffered(read) : { stream: checked(read), size: object.size }
    if (Buffer.isBuffer(body) && body.length !== object.size) throw new BodyMismatch(`${body.length} bytes read of ${object.size}`)
    const { etag, crc32 } = await destination.put(key, body, { headers: carriedHeaders(read.info), signal })
    return { key: object.key, outcome: 'copied', bytes: object.size, etag, crc32 }
  } finally {
    read.body.destroy()
  }
}

/** Errors of a whole side: every further object would meet them too, so they end the call and are no object's outcome. */
const isOfTheSide = (error: unknown): boolean =>
  error instanceof CredentialsRefused || error instanceof NoSuchBucket || error instanceof EndpointUnreachable

/**
 * The outcome of an object that could not be copied. Throws the error on if it is not the object's own: an aborted call, or
 * an error of a whole side.
 */
export const outcomeOfError = (object: { key: Buffer }, error: unknown, signal: AbortSignal): Outcome => {
  if (signal.aborted || isOfTheSide(error)) throw error
  const changed = error instanceof ObjectChanged || error instanceof NoSuchObject
  const detail = error instanceof Error ? error.message : 'an unknown error'
  return { key: object.key, outcome: changed ? 'changed' : 'failed', bytes: 0, reason: errorName(error), detail }
}

/** Copies one object, with retries; an object that cannot be copied is a failed or changed outcome, never an exception. */
export const copyObject = async (migration: Migration, object: ListedObject, sides: Sides): Promise<Outcome> => {
  try {
    return await withRetries(() => copyOnce(migration, object, sides), sides.signal)
  } catch (error) {
    return outcomeOfError(object, error, sides.signal)
  }
}
