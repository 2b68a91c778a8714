import { createHash } from 'node:crypto'
import { StateBroken } from './errors'
import type { Key } from './keys'

const hex = (bytes: string | Buffer, digits: number): string => createHash('sha256').update(bytes).digest('hex').slice(0, digits)

/** What names a run: an execution name of Step Functions, without the characters that have a meaning in a file or object name. */
export const RUN_ID = /^[A-Za-z0-9_-]{1,80}$/

/** The names of a run's files in the state bucket (DESIGN section 2). All ASCII: object keys stand inside the files, never in these names. */
export const stateKeys = (runId: string) => {
  const run = `runs/${runId}/`
  return {
    run,
    access: `${run}access.json`,
    request: `${run}request.json`,
    preflight: `${run}preflight.json`,
    /** the keys of a run over a list, sorted, one JSON key a line */
    keys: `${run}keys.jsonl`,
    cursor: `${run}cursor.json`,
    restore: `${run}restore.json`,
    shards: `${run}shards/`,
    batches: `${run}shards/batches/`,
    large: `${run}shards/large/`,
    outcomes: `${run}outcomes/`,
    verdicts: `${run}verdicts/`,
    /** how far the books are added up, if that took more than one call, and the rows of the lists until then */
    sums: `${run}sums/`,
    report: `${run}report.json`,
    reportHtml: `${run}report.html`,
    failures: `${run}failures.csv`,
    /** the keys of failures.csv, one JSON key a line: what a retry takes over */
    failedKeys: `${run}failures.jsonl`,
    extra: `${run}extra.csv`,
    notCarried: `${run}not-carried.csv`,
    baseline: `${run}baseline.json`,
    closure: `${run}closure.json`,
    /** both of the certificate's files begin like this */
    certificates: `${run}certificate.`,
    certificate: `${run}certificate.json`,
    certificateSignature: `${run}certificate.sig`,
  }
}

/** Key lists that operators put into the state bucket. */
export const INPUTS = 'inputs/'

export const PAIRS = 'pairs/'

export const pairKey = (pair: string): string => `${PAIRS}${pair}.json`

export const uploadKey = (pair: string, key: Key): string => `uploads/${pair}/${hex(key, 40)}.json`

/** A batch is named by the hash of its range's lower bound: a repeated ListSource comes to the shard that is there, and shards sort in no key order. */
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

/** Outcomes of one shard are files named by the index of their first object, verdicts by which turn wrote them: they list in order. */
export const outcomesPrefix = (runId: string, shard: string): string => `${stateKeys(runId).outcomes}${shard}/`

export const outcomesKey = (runId: string, shard: string, first: number): string =>
  `${outcomesPrefix(runId, shard)}${String(first).padStart(INDEX_DIGITS, '0')}.jsonl`

export const verdictsPrefix = (runId: string, shard: string): string => `${stateKeys(runId).verdicts}${shard}/`

export const verdictsKey = (runId: string, shard: string, turn: number): string =>
  `${verdictsPrefix(runId, shard)}${String(turn).padStart(INDEX_DIGITS, '0')}.jsonl`

/** The checkpoint that a turn of adding up ended with. */
export const sumsKey = (runId: string, turn: number): string => `${stateKeys(runId).sums}${String(turn).padStart(INDEX_DIGITS, '0')}.json`

/** Which turn's checkpoint a file below `sums/` is; undefined: it is none. */
export const turnOf = (key: string): number | undefined => {
  const match = /\/sums\/([0-9]{6})\.json$/.exec(key)
  return match ? Number(match[1]) : undefined
}

/** Rows of a list, named by the SHA-256 of their bytes: whoever writes them again writes the same. */
export const rowsKey = (runId: string, sha256: string): string => `${stateKeys(runId).sums}rows/${sha256}`

/** How far the mode reread has come inside large objects of a shard. It stands beside the shards' verdicts, not among them. */
export const rereadKey = (runId: string, shard: string): string => `${stateKeys(runId).verdicts}reread/${shard}.json`

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
