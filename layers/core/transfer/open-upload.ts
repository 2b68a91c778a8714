import { createHash } from 'node:crypto'
import { standOf } from '../domain/archived'
import { carried, carriedHash, optionsHash } from '../domain/carried'
import { isStillListed, sameEtag, saysNothing, type Told } from '../domain/compare'
import { destinationKey } from '../domain/destination-key'
import { NoSuchObject, NoSuchUpload, ObjectChanged } from '../domain/errors'
import type { Key } from '../domain/keys'
import type { Migration } from '../domain/migration'
import type { ObjectInfo, ObjectStore, Tag } from '../domain/object-store'
import { partSizeOf } from '../domain/parts'
import { count, counted } from '../domain/units'
import { begunSince, madeAnotherEtag, type UploadRecord } from '../domain/uploads'
import type { LargeObject } from './large-object'
import { withRetries } from './retries'
import { cutOf } from './source-parts'
import type { TagCarrier } from './tag-carrier'
import { writeRecord } from './upload-record'

export interface OpenTurn {
  state: ObjectStore
  source: ObjectStore
  destination: ObjectStore
  /** of this turn */
  tags: TagCarrier
  signal: AbortSignal
  now(): Date
  /** see `UploadRecord` */
  stood?: Told | undefined
}

const stillOpen = async (store: ObjectStore, key: Key, uploadId: string, signal: AbortSignal): Promise<boolean> => {
  try {
    await store.listParts(key, uploadId, { signal })
    return true
  } catch (error) {
    if (error instanceof NoSuchUpload) return false
    throw error
  }
}

/** Aborts what was created under this key after an announcement whose call did not live to write the id down. */
const abortAnnounced = async (key: Key, { openedAt }: UploadRecord, { destination, signal }: OpenTurn): Promise<void> => {
  for (const upload of await destination.listUploads(key, { signal }))
    if (upload.key.equals(key) && begunSince(upload, openedAt)) await destination.abortUpload(key, upload.uploadId, { signal })
}

/**
 * Whether an upload was begun for this object as it is. For a version also whether this run began it: Amazon S3 gives a version its place
 * by when its upload was begun, and behind one of an earlier run anything may have been written since. So too where the ETag says
 * nothing: the parts of an earlier run may be of other bytes.
 */
const isFor = (record: UploadRecord, { versionId, etag }: LargeObject, runId: string): boolean =>
  record.versionId === versionId &&
  ((versionId === undefined && !saysNothing(etag)) || record.runId === runId) &&
  sameEtag(record.sourceEtag, etag)

/** An open upload that can be gone on with, or undefined. One that cannot is aborted first: its record is about to be replaced. */
const adopted = async (
  { runId }: Migration,
  record: UploadRecord | undefined,
  key: Key,
  object: LargeObject,
  options: string,
  turn: OpenTurn,
): Promise<UploadRecord | undefined> => {
  const { destination, signal } = turn
  if (record?.state !== 'open') return undefined
  if (record.uploadId === null) {
    await abortAnnounced(key, record, turn)
    return undefined
  }
  if (!(await stillOpen(destination, key, record.uploadId, signal))) return undefined
  const cutAlike = record.partsAsSource !== undefined || record.partSize === partSizeOf(object.size)
  if (isFor(record, object, runId) && cutAlike && record.options === options) return record
  await destination.abortUpload(key, record.uploadId, { signal })
  return undefined
}

/** The one byte of the part that tells how the destination makes ETags. */
const PROBE = Buffer.from('d')

/**
 * Whether the destination's ETag of a part is its MD5: under SSE-KMS it only looks like one, and a bucket may encrypt by default
 * without saying so. The part has number 1, and the real one, which is never so short, takes its place.
 */
const answersMd5 = async (migration: Migration, key: Key, uploadId: string, { destination, signal }: OpenTurn): Promise<boolean> => {
  if (migration.destination.kmsKey !== null) return false
  const { etag } = await withRetries(() => destination.putPart(key, uploadId, 1, PROBE, { signal }), signal)
  return sameEtag(etag, createHash('md5').update(PROBE).digest('hex'))
}

/**
 * Throws ObjectArchived for an object that cannot be read. The class alone does not say so: what Amazon S3 archives under a name, another
 * store may keep readable under it (Ceph's classes have any name). So one byte is asked for, as small objects are asked for.
 */
const assertReadable = async (object: LargeObject, { source, signal }: OpenTurn): Promise<void> => {
  const options = { range: { from: 0, to: 0 }, ifMatch: object.etag || undefined, versionId: object.versionId, signal }
  const { body } = await withRetries(() => source.read(object.key, options), signal)
  body.destroy()
}

/** The source's object as it is now. Throws NoSuchObject; ObjectChanged if it is not the listed one; ObjectArchived if it cannot be read. */
const asListed = async (object: LargeObject, turn: OpenTurn): Promise<ObjectInfo> => {
  const { source, signal } = turn
  const info = await withRetries(() => source.stat(object.key, { versionId: object.versionId, signal }), signal)
  if (info === undefined) throw new NoSuchObject('the object is gone from the source')
  if (!isStillListed(object, info)) throw new ObjectChanged('the object is no longer the one that was listed')
  // parts are cut by the listed size: of a longer object they would be its beginning, and nobody would miss the rest
  if (info.size !== object.size) throw new ObjectChanged(`${counted(info.size, 'byte')} now, ${count(object.size)} when it was listed`)
  if (standOf(info) !== 'readable') await assertReadable(object, turn)
  return info
}

/**
 * Goes on with an upload that is open, or announces one, creates it, and writes down what is known of it. `earlier`: the record that
 * stands under the object's key. Throws ObjectChanged, NoSuchObject, ObjectArchived and the stores' errors.
 */
export const openUpload = async (
  migration: Migration,
  object: LargeObject,
  earlier: UploadRecord | undefined,
  turn: OpenTurn,
): Promise<{ uploadId: string; partSize: number }> => {
  const { state, tags: carrier, destination, signal } = turn
  const key = destinationKey(migration, object.key)
  const write = (record: Omit<UploadRecord, 'key'>) => writeRecord(state, migration, object.key, record, { signal })
  const info = await asListed(object, turn)
  const { options, notCarried } = carried(info, migration, object.storageClass, turn.now())
  const tags = await carrier.find(object.key, object.versionId)
  const hash = optionsHash({ ...options, tags: tags.tags })

  const kept = await withRetries(() => adopted(migration, earlier, key, object, hash, turn), signal)
  if (kept !== undefined) {
    await write({ ...kept, runId: migration.runId, destinationEtag: null, stood: turn.stood })
    return { uploadId: kept.uploadId!, partSize: kept.partSize }
  }
  const thorough = earlier !== undefined && madeAnotherEtag(earlier) && sameEtag(earlier.sourceEtag, object.etag)
  const cut = await cutOf(migration, object, info, thorough, turn)
  const announced = {
    versionId: object.versionId,
    runId: migration.runId,
    state: 'open' as const,
    uploadId: null,
    sourceEtag: object.etag,
    destinationEtag: null,
    ...cut,
    openedAt: turn.now().toISOString(),
    stood: turn.stood,
    options: hash,
    carried: carriedHash(options),
    notCarried: [...notCarried, ...tags.notCarried],
  }
  await write(announced)
  const create = (written: Tag[] | undefined) => destination.createUpload(key, { ...options, tags: written, signal })
  const begun = await carrier.write(tags, create)
  const uploadId = begun.written
  const comparable = cut.partsAsSource !== 'exact' || (await answersMd5(migration, key, uploadId, turn))
  const parts = comparable ? cut : { partSize: partSizeOf(object.size), partsAsSource: undefined }
  await write({ ...announced, ...parts, uploadId, notCarried: [...notCarried, ...begun.notCarried] })
  return { uploadId, partSize: parts.partSize }
}
