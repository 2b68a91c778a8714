import { csvLine } from './csv'
import { keyFromJson, keyToJson, printableKey, type Key, type KeyJson } from './keys'
import { onOneLine } from './one-line'
import type { Outcome, OutcomeName } from './outcomes'
import { addSample, noneSampled, type Sampled } from './sampled'
import { objectId, type ShardObject } from './shards'
import { isExpected, isOfStranger, type Verdict, type VerdictFile } from './verdicts'

/** The rows of failures.csv, extra.csv and not-carried.csv. */

interface Named {
  key: KeyJson
  /** the source's version; undefined: the run is over current objects */
  versionId?: string | undefined
}

/** An object that is not right: its outcome says so, or its verdict, or it has none. */
export interface FailureRow extends Named {
  /** failed, changed, unaccounted, unverified, or a verdict's name */
  what: string
  reason: string
  detail: string
}

/** An object that only the destination has. */
export interface ExtraRow extends Named {
  what: 'extra' | 'vanished'
  detail: string
}

/** Something of a source's object that its copy does not have. */
export interface NotCarriedRow extends Named {
  outcome: OutcomeName
  what: string
  reason: string
}

const named = ({ key, versionId }: { key: Key; versionId?: string | undefined }): Named =>
  versionId === undefined ? { key: keyToJson(key) } : { key: keyToJson(key), versionId }

/** What is not right in a shard: each object once, by its outcome first. What verification did not come to is not known to be right. */
export const failureRows = (
  objects: readonly ShardObject[],
  outcomes: readonly (Outcome | undefined)[],
  files: readonly VerdictFile[],
): FailureRow[] => {
  const rows = new Map<string, FailureRow>()
  const judged = files.at(-1)?.next ?? 0
  objects.forEach((object, index) => {
    const outcome = outcomes[index]
    if (outcome === undefined)
      rows.set(objectId(object), {
        ...named(object),
        what: 'unaccounted',
        reason: 'NoOutcome',
        detail: 'listed, and no outcome was written',
      })
    else if (outcome.outcome === 'failed' || outcome.outcome === 'changed')
      rows.set(objectId(object), {
        ...named(object),
        what: outcome.outcome,
        reason: outcome.reason ?? '',
        detail: outcome.detail ?? '',
      })
    else if (isExpected(outcome) && index >= judged)
      rows.set(objectId(object), {
        ...named(object),
        what: 'unverified',
        reason: 'NoVerdict',
        detail: `${outcome.outcome}, and verification did not come to it`,
      })
  })
  for (const verdict of files.flatMap(({ verdicts }) => verdicts)) {
    if (rows.has(objectId(verdict))) continue
    rows.set(objectId(verdict), { ...named(verdict), what: verdict.verdict, reason: 'Verification', detail: verdict.detail })
  }
  return [...rows.values()]
}

export const extraRows = (verdicts: readonly Verdict[]): ExtraRow[] =>
  verdicts.filter(isOfStranger).map((verdict) => ({ ...named(verdict), what: verdict.verdict as ExtraRow['what'], detail: verdict.detail }))

export const notCarriedRows = (outcomes: readonly (Outcome | undefined)[]): NotCarriedRow[] =>
  outcomes.flatMap((outcome) =>
    (outcome?.notCarried ?? []).map(({ what, reason }) => ({ ...named(outcome!), outcome: outcome!.outcome, what, reason })),
  )

/** A key as people are shown it: on one line, and with what would turn or hide letters as its escape. */
export const shownKey = (key: KeyJson): string => onOneLine(printableKey(keyFromJson(key)))

/** The key's exact bytes and the version stand in every row, after what is for eyes: a store's message is text of strangers, as a key is. */
const line = ({ key, versionId }: Named, cells: readonly string[]): string =>
  csvLine([shownKey(key), ...cells.map(onOneLine), keyFromJson(key).toString('base64'), versionId ?? ''])

const head = (...cells: string[]): string => csvLine(['key', ...cells, 'key_base64', 'version_id'])

export const FAILURES_HEAD = head('what', 'reason', 'detail')
export const failureLine = (row: FailureRow): string => line(row, [row.what, row.reason, row.detail])

export const EXTRA_HEAD = head('what', 'detail')
export const extraLine = (row: ExtraRow): string => line(row, [row.what, row.detail])

export const NOT_CARRIED_HEAD = head('outcome', 'what', 'reason')
export const notCarriedLine = (row: NotCarriedRow): string => line(row, [row.outcome, row.what, row.reason])

/** Failures that have the same name and reason. */
export interface FailureGroup {
  what: string
  reason: string
  count: number
  /** the first keys */
  keys: KeyJson[]
}

/** Keys shown of a group. */
const KEYS_OF_A_GROUP = 5

/** The sums of failures as they stand. */
export interface FailureSumsJson {
  all: Sampled<FailureRow>
  groups: FailureGroup[]
}

const nameOf = ({ what, reason }: Pick<FailureRow, 'what' | 'reason'>): string => JSON.stringify([what, reason])

/** Failures as a report shows them: how many, the first, and how many of each kind. Reasons are names of errors, of which there are few. */
export class FailureSums {
  readonly all: Sampled<FailureRow>
  readonly #groups: Map<string, FailureGroup>

  constructor({ all, groups }: FailureSumsJson = { all: noneSampled(), groups: [] }) {
    this.all = all
    this.#groups = new Map(groups.map((group) => [nameOf(group), group]))
  }

  add(row: FailureRow): void {
    addSample(this.all, row)
    const { key, what, reason } = row
    const name = nameOf(row)
    const group = this.#groups.get(name) ?? { what, reason, count: 0, keys: [] }
    this.#groups.set(name, group)
    group.count++
    if (group.keys.length < KEYS_OF_A_GROUP) group.keys.push(key)
  }

  /** The groups stand in the order in which they were met. */
  toJson(): FailureSumsJson {
    return { all: this.all, groups: [...this.#groups.values()] }
  }

  /** The largest first. */
  groups(): FailureGroup[] {
    return [...this.#groups.values()].sort((a, b) => b.count - a.count)
  }
}
