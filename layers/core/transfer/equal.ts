import { carried } from '../domain/carried'
import type { UploadEvidence } from '../domain/compare'
import { destinationKey } from '../domain/destination-key'
import { equality, type Facts } from '../domain/equality'
import { AccessDenied } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ListedObject, ObjectStore } from '../domain/object-store'
import type { Evidence } from '../domain/outcomes'
import { withRetries } from './retries'

export interface ComparingTurn {
  source: ObjectStore
  /** the destination with the run's right to read */
  reading(): Promise<ObjectStore>
  now(): Date
  /** of the run's write probe, ISO 8601 by the destination's clock: see `writtenSince` */
  writingSince: string
  signal: AbortSignal
}

/**
 * What the equality of the listed object and of what the destination lists under its key rests on; undefined: copy it. HEADs are
 * asked for only where `equality` needs them: none if the ETags are equal, the copy is later, and no KMS key is asked for. A run over
 * what an earlier one failed takes nothing for equal: what is wrong there may have every sign of being right. Throws the stores' errors.
 */
export const equalBy = async (
  migration: Migration,
  object: ListedObject,
  found: ListedObject | undefined,
  record: UploadEvidence | undefined,
  { source, reading, now, writingSince, signal }: ComparingTurn,
): Promise<Evidence | undefined> => {
  if (migration.selection.failuresOf !== null) return undefined
  const askCopy = async (): Promise<Facts['copy']> => {
    const destination = await reading()
    try {
      return (await withRetries(() => destination.stat(destinationKey(migration, object.key), { signal }), signal)) ?? 'gone'
    } catch (error) {
      if (error instanceof AccessDenied) return 'unreadable'
      throw error
    }
  }
  const askOriginal = async (): Promise<Facts['original']> => {
    const info = await withRetries(() => source.stat(object.key, { signal }), signal)
    if (info === undefined) return 'gone'
    const { options } = carried(info, migration, object.storageClass, now())
    return { info, carried: options.headers ?? info.headers }
  }
  let facts: Facts = { source: object, found, writingSince, record, kmsKey: migration.destination.kmsKey }
  for (;;) {
    const answer = equality(facts)
    if (answer === 'copy') return undefined
    if (answer === 'ask-copy') facts = { ...facts, copy: await askCopy() }
    else if (answer === 'ask-original') facts = { ...facts, original: await askOriginal() }
    else return answer.equal
  }
}
