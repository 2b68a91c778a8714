import { isStillListed } from '../domain/compare'
import { destinationKey } from '../domain/destination-key'
import { BodyMismatch, ObjectChanged, StoreUnavailable } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { partRange, type PartGroup } from '../domain/parts'
import { count, counted } from '../domain/units'
import type { LargeObject } from './large-object'
import { inPool } from './pool'
import { withRetries } from './retries'

/** Parts under way at once: 5 MiB each at the least, streamed, so memory stays far below their size. */
const PARTS_AT_ONCE = 4

export interface PartsTurn {
  source: ObjectStore
  destination: ObjectStore
  signal: AbortSignal
  /** false: take no further part */
  going(): boolean
  /** whether what ended a turn that finished parts leaves the others to the next turn */
  mayGoOn(error: unknown): boolean
}

/**
 * One turn over some of an upload's parts: copies those that the destination does not have yet (it is asked, so that a lost call
 * costs no part twice), each by a ranged GET pinned to the listed ETag. Throws ObjectChanged if the source's object is
 * another one by now.
 */
export const copyParts = async (
  migration: Migration,
  object: LargeObject,
  upload: { uploadId: string; partSize: number; partGroup: PartGroup },
  turn: PartsTurn,
): Promise<{ done: boolean; parts: number; bytes: number }> => {
  const { uploadId, partSize, partGroup } = upload
  const { source, destination, signal, going, mayGoOn } = turn
  const key = destinationKey(migration, object.key)
  const present = new Map(
    (await withRetries(() => destination.listParts(key, uploadId, { signal }), signal)).map((part) => [part.number, part.size]),
  )
  const wanted: number[] = []
  for (let number = partGroup.first; number <= partGroup.last; number++) {
    const { from, to } = partRange(object.size, partSize, number)
    if (present.get(number) !== to - from + 1) wanted.push(number)
  }

  let parts = 0
  let bytes = 0
  const copyPart = async (number: number): Promise<void> => {
    const range = partRange(object.size, partSize, number)
    const size = range.to - range.from + 1
    const read = await source.read(object.key, { range, ifMatch: object.etag || undefined, versionId: object.versionId, signal })
    try {
      if (!isStillListed(object, read.info)) throw new ObjectChanged('the object is no longer the one that was listed')
      if (read.length !== size)
        throw new BodyMismatch(`part ${number}: the source offers ${counted(read.length, 'byte')} of ${count(size)}`)
      await destination.putPart(key, uploadId, number, { stream: read.body, size }, { signal })
      parts++
      bytes += size
    } finally {
      read.body.destroy()
    }
  }
  try {
    await inPool(wanted, PARTS_AT_ONCE, (number) => withRetries(() => copyPart(number), signal), going)
  } catch (error) {
    // Parts that were cut off are for the next turn; a call in which none was finished would only be repeated.
    if (parts === 0 || !mayGoOn(error)) throw error
  }
  if (parts === 0 && wanted.length > 0)
    throw new StoreUnavailable('the destination did not list the parts of the upload in the time that a call has')
  return { done: parts === wanted.length, parts, bytes }
}
