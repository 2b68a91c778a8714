import { createHash, type Hash } from 'node:crypto'
import { carried, carriedHash } from '../domain/carried'
import { bareEtag, looksLikeMd5 } from '../domain/compare'
import { assertRepresentable, destinationKey } from '../domain/destination-key'
import { BodyMismatch, errorName, isOfTheSide, NoSuchObject, ObjectChanged } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ListedObject, ObjectInfo, ObjectStore, PutResult, ReadObject, Tag } from '../domain/object-store'
import type { Untimed } from '../domain/outcomes'
import { count, counted } from '../domain/units'
import { withRetries } from './retries'
import type { TagCarrier } from './tag-carrier'

/** Up to this size an object is copied from memory: one write for headers and body. Above, it is streamed. */
const BUFFERED_BYTES = 1024 * 1024

export interface Sides {
  source: ObjectStore
  destination: ObjectStore
  /** of this turn */
  tags: TagCarrier
  now(): Date
  signal: AbortSignal
}

/** An object as it was listed; of a run over all versions, one of them. */
type CopiedObject = ListedObject & { versionId?: string | undefined }

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
const copyOnce = async (migration: Migration, object: CopiedObject, sides: Sides): Promise<Untimed> => {
  const { source, destination, signal, now } = sides
  const key = destinationKey(migration, object.key)
  assertRepresentable(key)
  const { versionId } = object
  const write = async (tags: Tag[] | undefined): Promise<{ put: PutResult; outcome: Partial<Untimed> }> => {
    const read = await source.read(object.key, { ifMatch: object.etag || undefined, versionId, signal })
    try {
      if (read.info.size !== object.size)
        throw new ObjectChanged(`${counted(read.info.size, 'byte')} now, ${count(object.size)} when it was listed`)
      const { options, notCarried } = carried(read.info, migration, object.storageClass, now())
      const body = object.size <= BUFFERED_BYTES ? await buffered(read) : { stream: checked(read), size: object.size }
      if (Buffer.isBuffer(body) && body.length !== object.size)
        throw new BodyMismatch(`${counted(body.length, 'byte')} read of ${count(object.size)}`)
      const put = await destination.put(key, body, { ...options, ...(tags === undefined ? {} : { tags }), signal })
      const proof = expectedMd5(read.info) === undefined ? 'length' : 'md5'
      // the mode listing compares no headers
      const hash = migration.verification.mode === 'listing' ? undefined : carriedHash(options)
      return { put, outcome: { carried: hash, proof, notCarried } }
    } finally {
      read.body.destroy()
    }
  }
  const found = await sides.tags.find(object.key, versionId)
  const { written, notCarried } = await sides.tags.write(found, write)
  const { etag, crc32, versionId: destinationVersion } = written.put
  const lost = [...(written.outcome.notCarried ?? []), ...notCarried]
  return {
    ...{ key: object.key, versionId, outcome: 'copied', bytes: object.size, etag, crc32, destinationVersion },
    ...written.outcome,
    notCarried: lost.length > 0 ? lost : undefined,
  }
}

/**
 * The outcome of an object that could not be copied. Throws the error on if it is not the object's own: an aborted call, or
 * an error of a whole side.
 */
export const outcomeOfError = (
  { key, versionId }: { key: Buffer; versionId?: string | undefined },
  error: unknown,
  signal: AbortSignal,
): Untimed => {
  if (signal.aborted || isOfTheSide(error)) throw error
  const changed = error instanceof ObjectChanged || error instanceof NoSuchObject
  const detail = error instanceof Error ? error.message : 'an unknown error'
  return { key, versionId, outcome: changed ? 'changed' : 'failed', bytes: 0, reason: errorName(error), detail }
}

/**
 * Copies one object, with retries; an object that cannot be copied is a failed or changed outcome, never an exception. `written`: asked
 * before each further try, where a try whose answer was lost may have written what must not be written twice.
 */
export const copyObject = async (
  migration: Migration,
  object: CopiedObject,
  sides: Sides,
  written: () => Promise<Untimed | undefined> = () => Promise.resolve(undefined),
): Promise<Untimed> => {
  let tries = 0
  const attempt = async (): Promise<Untimed> => (tries++ > 0 ? await written() : undefined) ?? (await copyOnce(migration, object, sides))
  const withTries = (outcome: Untimed): Untimed => (tries > 1 ? { ...outcome, tries } : outcome)
  try {
    return withTries(await withRetries(attempt, sides.signal))
  } catch (error) {
    return withTries(outcomeOfError(object, error, sides.signal))
  }
}
