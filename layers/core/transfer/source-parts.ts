import { sameEtag } from '../domain/compare'
import { NoSuchObject, StoreRefused } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectInfo, ObjectStore } from '../domain/object-store'
import { canBeFollowed, guessedPartSize, partRange, partSizeOf, partsOfEtag } from '../domain/parts'
import { PROVIDERS } from '../domain/providers'
import type { UploadRecord } from '../domain/uploads'
import type { LargeObject } from './large-object'
import { inPool } from './pool'
import { withRetries } from './retries'

export type Cut = Pick<UploadRecord, 'partSize' | 'partsAsSource'>

/** HEADs of single parts side by side. */
const HEADS_AT_ONCE = 16

/**
 * What the source says of one part; undefined: it knows no parts, or answers with an ETag of the part (moto 5.2.1 does), which says nothing
 * of the object. Every read is pinned to the object's. Throws NoSuchObject.
 */
const statPart = async (object: LargeObject, part: number, source: ObjectStore, signal: AbortSignal): Promise<ObjectInfo | undefined> => {
  const found = await withRetries(() => source.stat(object.key, { versionId: object.versionId, part, signal }), signal).catch(
    (error: unknown) => {
      if (error instanceof StoreRefused) return 'refused' as const
      throw error
    },
  )
  if (found === 'refused') return undefined
  if (found === undefined) throw new NoSuchObject('the object is gone from the source')
  return found.parts === undefined || !sameEtag(found.etag, object.etag) ? undefined : found
}

/** Whether these parts of the source's object are as long as they are if all but the last have this size. */
const areOfSize = async (
  object: LargeObject,
  partSize: number,
  numbers: readonly number[],
  source: ObjectStore,
  signal: AbortSignal,
): Promise<boolean> => {
  let all = true
  const look = async (number: number): Promise<void> => {
    const { from, to } = partRange(object.size, partSize, number)
    const part = await statPart(object, number, source, signal)
    if (part?.size !== to - from + 1) all = false
  }
  await inPool(numbers, HEADS_AT_ONCE, look, () => all)
  return all
}

/**
 * How a large object is cut: as it was at the source, where its ETag says that it was made of parts and these can be put to the
 * destination again, so that the same ETag comes out there; otherwise as we like. The source's first, second and last part are
 * looked at, or, `thorough`, each of them: a store may hold parts of any sizes.
 */
export const cutOf = async (
  migration: Migration,
  object: LargeObject,
  { encryption }: ObjectInfo,
  thorough: boolean,
  { source, signal }: { source: ObjectStore; signal: AbortSignal },
): Promise<Cut> => {
  const { size, etag } = object
  const asWeLike = { partSize: partSizeOf(size) }
  const parts = partsOfEtag(etag)
  // under SSE-KMS the ETag says nothing of the bytes
  if (parts === undefined || encryption?.startsWith('aws:kms')) return asWeLike
  const first = await statPart(object, 1, source, signal)
  if (first?.parts !== parts) {
    const partSize = guessedPartSize(size, parts)
    return partSize === undefined ? asWeLike : { partSize, partsAsSource: 'guess' }
  }
  if (!canBeFollowed(size, first.size, parts)) return asWeLike
  const others = Array.from({ length: parts - 1 }, (_, index) => index + 2)
  const looked = thorough ? others : others.filter((number) => number === 2 || number === parts)
  if (!(await areOfSize(object, first.size, looked, source, signal))) return asWeLike
  return { partSize: first.size, partsAsSource: PROVIDERS[migration.source.provider].partsEtag ? 'exact' : 'guess' }
}
