import { createHash } from 'node:crypto'
import { StateBroken } from './errors'
import type { RunSumsJson } from './run-sums'

/** The rows so far of each list of a run: the hashes that name its segments, in order. */
export interface RowSegments {
  failures: string[]
  failedKeys: string[]
  extra: string[]
  notCarried: string[]
}

/** How far the books of a run are added up: what the next call goes on with. */
export interface Checkpoint {
  /** ms since 1970: when the first call began */
  began: number
  /** the shard file that was added last; those behind it in the listing's order are still to be added */
  last: string
  /** how many of that shard's verdict files have told what only the destination has; undefined: all of them, and it is added as a whole */
  told?: number | undefined
  /** how many shard files were added */
  shards: number
  sums: RunSumsJson
  rows: RowSegments
}

/** Of a form that this code does not know nothing is taken over. */
const VERSION = 1

const hashOf = (checkpoint: unknown): string => createHash('sha256').update(JSON.stringify(checkpoint)).digest('hex')

/** With the hash of what it says: what nobody can count again at a look is to be as it was written, or it is nothing. */
export const checkpointToText = (checkpoint: Checkpoint): string =>
  `${JSON.stringify({ version: VERSION, sha256: hashOf(checkpoint), checkpoint })}\n`

/** Throws StateBroken, with the file's name, for what is not a checkpoint as it was written. */
export const checkpointFromText = (text: string, name: string): Checkpoint => {
  let file: { version?: unknown; sha256?: unknown; checkpoint?: unknown } | null
  try {
    file = JSON.parse(text) as typeof file
  } catch {
    throw new StateBroken(`${name} is not JSON`)
  }
  if (file?.version !== VERSION || file.checkpoint === undefined || file.sha256 !== hashOf(file.checkpoint))
    throw new StateBroken(`${name} is not a checkpoint as it was written`)
  return file.checkpoint as Checkpoint
}
