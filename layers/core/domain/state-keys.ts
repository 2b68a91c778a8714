import { createHash } from 'node:crypto'
import { StateBroken } from './errors'
import type { Key } from './keys'

const hex = (bytes: string | Buffer, digits: number): string => createHash('sha256').update(bytes).digest('hex').slice(0, digits)

/** The names of a run's files in the state bucket (DESIGN section 2). All ASCII: object keys stand inside the files, never in these names. */
export const stateKeys = (runId: string) => {
  const run = `runs/${runId}/`
  return {
    run,
    access: `${run}access.json`,
    request: `${run}request.json`,
    preflight: `${run}preflight.json`,
    cursor: `${run}cursor.json`,
    shards: `${run}shards/`,
    batches: `${run}shards/batches/`,
    large: `${run}shards/large/`,
    outcomes: `${run}outcomes/`,
    verdicts: `${run}verdicts/`,
    report: `${run}report.json`,
    reportHtml: `${run}report.html`,
    failures: `${run}failures.csv`,
    baseline: `${run}baseline.json`,
    closure: `${run}closure.json`,
    /** both of the certificate's files begin like this */
    certificates: `${run}certificate.`,
    certificate: `${run}certificate.json`,
    certificateSignature: `${run}certificate.sig`,
  }
}

export const PAIRS = 'pairs/'

export const pairKey = (pair: string): string => `${PAIRS}${pair}.json`

export const uploadKey = (pair: string, key: Key): string => `uploads/${pair}/${hex(key, 40)}.json`

/** A batch is named by the hash of its range's lower bound: a repeated ListSource writes the same shard again, and shards sort in no key order. */
export const batchName = (after: Key | undefined): string => `batches/${hex(after ?? 'from the beginning', 40)}`

export const largeName = (key: Key): string => `large/${hex(key, 40)}`

const ENDINGS = { batches: '.jsonl', large: '.json' } as const

export const shardKey = (runId: string, shard: string): string =>
  `${stateKeys(runId).shards}${shard}${shard.startsWith('large/') ? ENDINGS.large : ENDINGS.batches}`

/**
 * The shard that a Map item's key names: `batches/<hash>` or `large/<hash>`.
 * Throws StateBroken for anything else under the prefix, such as a folder marker.
 */
export const shardOf = (runId: string, key: string): string => {
  const { shards } = stateKeys(runId)
  const match = /^((batches|large)\/[0-9a-f]{40})(\.jsonl?)$/.exec(key.startsWith(shards) ? key.slice(shards.length) : '')
  if (!match || match[3] !== ENDINGS[match[2] as 'batches' | 'large']) throw new StateBroken(`${key} is no shard of the run ${runId}`)
  return match[1]!
}

const INDEX_DIGITS = 6

/** Outcomes and verdicts of one shard are files named by the index of their first object, so that they list in order. */
export const outcomesPrefix = (runId: string, shard: string): string => `${stateKeys(runId).outcomes}${shard}/`

export const outcomesKey = (runId: string, shard: string, first: number): string =>
  `${outcomesPrefix(runId, shard)}${String(first).padStart(INDEX_DIGITS, '0')}.jsonl`

export const verdictsPrefix = (runId: string, shard: string): string => `${stateKeys(runId).verdicts}${shard}/`

export const verdictsKey = (runId: string, shard: string, first: number): string =>
  `${verdictsPrefix(runId, shard)}${String(first).padStart(INDEX_DIGITS, '0')}.jsonl`

/** The index in such a file's name. Throws StateBroken. */
export const firstIndex = (key: string): number => {
  const match = /\/([0-9]{6})\.jsonl$/.exec(key)
  if (!match) throw new StateBroken(`${key} is not named by the index of its first object`)
  return Number(match[1])
}

/**
 * The run that `cleanup` is asked to close: a run id, or the execution's ARN as the closing rule passes it, whose last
 * segment is the run id. Run ids hold no colon.
 */
export const runIdOf = (runIdOrArn: string): string => runIdOrArn.slice(runIdOrArn.lastIndexOf(':') + 1)
