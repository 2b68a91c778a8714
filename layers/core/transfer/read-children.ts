import { ChildSums, type Children, type FailedChildren } from '../domain/children'
import { DrayageError, errorName, isRetryable, StateBroken } from '../domain/errors'
import { JsonObjects } from '../domain/json-objects'
import { failedFiles, fleetEnds, type FleetEnds } from '../domain/map-run'
import type { ObjectStore } from '../domain/object-store'
import { shortLine } from '../domain/one-line'
import { exists } from '../domain/state-files'
import { withRetries } from './retries'

const MIB = 1024 * 1024

/**
 * Bytes read of a fleet's FAILED files. A child's end takes some 3 KB, nearly all of it its migration: these hold 20,000, and take two
 * seconds. AWS lets one file grow to 5 GB.
 */
const MOST_BYTES = 64 * MIB

/** Bytes of one child's end: two payloads of 256 KiB, a cause of 32 KiB, all of it escaped. */
const MOST_CHILD = 2 * MIB

/** Bytes of a manifest, of some 120 a file. */
const MOST_MANIFEST = MIB

const MOST_FILES = 1000

const MORE_BYTES = `only the first ${MOST_BYTES} bytes of its failures were read`

const MOST_WHY = 500

interface Reading {
  runId: string
  state: ObjectStore
  signal: AbortSignal
}

/** Opens a file that may have expired. Throws StateBroken if it is not there. */
const open = async (name: string, { state, signal }: Reading) => {
  if (!(await exists(state, name, { signal }))) throw new StateBroken(`${name} is not there, or not any more`)
  return (await state.read(Buffer.from(name, 'latin1'), { signal })).body as AsyncIterable<Buffer>
}

const readManifest = async (name: string, reading: Reading): Promise<string[]> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of await open(name, reading)) {
    chunks.push(chunk)
    length += chunk.length
    if (length > MOST_MANIFEST) throw new StateBroken(`${name} is longer than ${MOST_MANIFEST} bytes`)
  }
  return failedFiles(name, Buffer.concat(chunks).toString('utf8'))
}

/** Some of the children, and why not all of them. */
interface Told {
  sums: ChildSums
  why?: string | undefined
}

const readFailed = async (name: string, most: number, reading: Reading): Promise<Told & { bytes: number }> => {
  const sums = new ChildSums(reading.runId)
  const objects = new JsonObjects(MOST_CHILD)
  let bytes = 0
  const body = await open(name, reading)
  try {
    for await (const chunk of body) {
      for (const record of objects.push(chunk.subarray(0, most - bytes))) sums.add(record)
      bytes += chunk.length
      if (bytes > most) return { sums, bytes: most, why: MORE_BYTES }
    }
    objects.end()
    return { sums, bytes }
  } catch (error) {
    if (!(error instanceof StateBroken)) throw error
    return { sums, bytes, why: `${name}: ${error.message}` }
  }
}

/** Words for what cannot be read. Throws what another call of Reconcile may do better. */
const whyNot = (error: unknown, { signal }: Reading): string => {
  if (signal.aborted || !(error instanceof DrayageError) || isRetryable(error)) throw error
  return error instanceof StateBroken ? error.message : `${errorName(error)}: ${error.message}`
}

const readFleet = async (manifest: string, reading: Reading): Promise<Told> => {
  const sums = new ChildSums(reading.runId)
  let why: string | undefined
  let left = MOST_BYTES
  try {
    const names = await withRetries(() => readManifest(manifest, reading), reading.signal)
    if (names.length > MOST_FILES) why = `only the first ${MOST_FILES} files of its failures were read`
    for (const name of names.slice(0, MOST_FILES)) {
      if (left === 0) {
        why ??= MORE_BYTES
        break
      }
      const told = await withRetries(() => readFailed(name, left, reading), reading.signal)
      sums.merge(told.sums)
      why ??= told.why
      left -= told.bytes
    }
  } catch (error) {
    why = whyNot(error, reading)
  }
  return { sums, why }
}

/**
 * Why children ended with an error, from the files that Step Functions wrote of them: names and numbers of all, the words and the shard
 * of one each. What cannot be read is said to be unknown, and is no fault: the books rest on the run's own files.
 */
export const readChildren = async (
  runId: string,
  ends: FleetEnds,
  state: ObjectStore,
  { signal }: { signal: AbortSignal },
): Promise<Children | null> => {
  const fleets = fleetEnds(ends)
  if (fleets === null) return null
  const failed: FailedChildren[] = []
  const unknown: Children['unknown'] = []
  for (const end of fleets) {
    const { fleet } = end
    const { sums, why } = 'why' in end ? { sums: undefined, why: end.why } : await readFleet(end.manifest, { runId, state, signal })
    failed.push(...(sums?.of(fleet) ?? []))
    if (why !== undefined) unknown.push({ fleet, why: shortLine(why, MOST_WHY) })
  }
  return { failed, unknown }
}
