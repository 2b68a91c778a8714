import { NoSuchObject, StateBroken } from '../domain/errors'
import type { Call, ObjectStore } from '../domain/object-store'
import type { Outcome } from '../domain/outcomes'
import type { ShardFiles } from '../domain/run-sums'
import { isOutcome, isVerdictFile } from '../domain/shard-faults'
import { shardFromText } from '../domain/shards'
import { withoutStrangers, type VerdictFile } from '../domain/verdicts'
import { readBytes } from '../domain/state-files'
import { largeName, shardOf } from '../domain/state-keys'
import { LARGE_AT_ONCE, readOutcomes } from './outcome-files'
import { readAhead } from './read-ahead'
import { withRetries } from './retries'
import { readVerdicts } from './verify-batch'

const isBroken = (error: unknown): error is Error =>
  error instanceof StateBroken || error instanceof NoSuchObject || error instanceof SyntaxError

const allSound = <T>(lines: T[], isSound: (line: T) => boolean, what: string): T[] => {
  if (!lines.every(isSound)) throw new StateBroken(what)
  return lines
}

/** A shard's verdict files without what only the destination has. */
const readJudged = async (state: ObjectStore, runId: string, shard: string, call: Call): Promise<VerdictFile[]> => {
  const files: VerdictFile[] = []
  for await (const file of readVerdicts(state, runId, shard, call)) {
    allSound([file], isVerdictFile, 'a verdict file does not count verdicts')
    files.push(withoutStrangers(file))
  }
  return files
}

/** What was read, or what stands in its place and why. */
interface Read<T> {
  value: T
  fault?: string
}

/**
 * What the state bucket has of one shard. A file that is gone or is not what it must be is a fault that names the shard, and no
 * exception: a report is written for every run. What cannot be read counts as not written, so that its objects are unaccounted for.
 * Each file is tried again for itself: one answer of thousands that is lost does not begin the shard again.
 */
export const readShardFiles = async (
  runId: string,
  file: string,
  state: ObjectStore,
  call: { signal: AbortSignal },
): Promise<ShardFiles> => {
  const faults: string[] = []
  let name = file
  const orFault = async <T>(read: () => Promise<T>, instead: T): Promise<Read<T>> => {
    try {
      return { value: await withRetries(read, call.signal) }
    } catch (error) {
      if (!isBroken(error)) throw error
      return { value: instead, fault: `${name}: ${error.message}` }
    }
  }
  const taken = <T>({ value, fault }: Read<T>): T => {
    if (fault !== undefined) faults.push(fault)
    return value
  }
  const outcomesOf = (shard: string): Promise<Read<Outcome[]>> =>
    orFault(
      async () => allSound(await readOutcomes(state, runId, shard, call), isOutcome, `an outcome line of ${shard} is not an outcome`),
      [],
    )
  const shard = taken(
    await orFault(async () => {
      name = shardOf(runId, file)
      return shardFromText((await readBytes(state, file, call)).body.toString('utf8'), file)
    }, undefined),
  )
  if (shard === undefined) return { name, shard, small: [], large: [], verdicts: [], faults }
  const large: Outcome[] = []
  const names = shard.objects.filter((object) => object.large).map(({ key }) => largeName(key))
  for await (const read of readAhead(names, LARGE_AT_ONCE, outcomesOf)) large.push(...taken(read))
  return {
    name,
    shard,
    small: taken(await outcomesOf(name)),
    large,
    verdicts: taken(await orFault(() => readJudged(state, runId, name, call), [])),
    faults,
  }
}
