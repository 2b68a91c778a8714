import { addLedger, balances, emptyLedger, shardBooks, unaccounted, type Ledger } from './ledger'
import type { DeadLetter } from './access'
import type { Key, KeyJson } from './keys'
import type { Evidence, Outcome, ReadProof } from './outcomes'
import { wider, type Span } from './phases'
import { extraRows, FailureSums, failureRows, notCarriedRows, type ExtraRow, type FailureRow, type NotCarriedRow } from './run-rows'
import { addKind, addSample, noneSampled, type Sampled } from './sampled'
import { coverageFaults, outcomeFaults, verdictFaults, type ShardTotals } from './shard-faults'
import { boundFromJson, boundToJson, listedIn, tilingFault, type ExcludedBy, type Shard } from './shards'
import { classOf, sizeClasses, type SizeClass } from './size-classes'
import { stateKeys } from './state-keys'
import { ThroughputMeter } from './throughput'
import { count, counted } from './units'
import { addVerdicts, noVerdicts, type Verdict, type VerdictCounts, type VerdictEvidence, type VerdictFile } from './verdicts'

/** What the state bucket has of one shard. */
export interface ShardFiles {
  /** as in `batches/<hash>` */
  name: string
  /** undefined: it cannot be read, and nobody knows which objects it held */
  shard: Shard | undefined
  /** lines of the batch's outcome files */
  small: Outcome[]
  /** lines of its large objects */
  large: Outcome[]
  /** without the lines of what only the destination has */
  verdicts: VerdictFile[]
  /** which of its files cannot be read, and why */
  faults: string[]
}

/** What one shard puts into the run's lists. */
export interface ShardRows {
  failures: FailureRow[]
  notCarried: NotCarriedRow[]
}

/** Faults that are named; of more only the number is told. */
const FAULTS_TOLD = 200

export interface SumsOptions {
  runId: string
  /** ms since 1970: a time that an outcome states is taken to lie between these, whatever the clock of its function said */
  startedAt: number
  now: number
  /** whether the run came to its verification, so that every object must have a verdict */
  verified: boolean
}

/** The sums of a run as they stand: what another call goes on with. */
export type RunSumsJson = ReturnType<RunSums['toJson']>

/**
 * Adds up a run, one shard at a time and in any order. What it holds does not grow with the number of objects, but for the bounds of each
 * shard and its dead letter: a few hundred bytes for a thousand objects.
 */
export class RunSums {
  ledger: Ledger = emptyLedger()
  verdicts: VerdictCounts = noVerdicts()
  copiedBytes = 0
  readonly evidence: Record<VerdictEvidence, number> = {
    etag: 0,
    'upload-record': 0,
    'source-etag': 0,
    'size-and-time': 0,
    'put-etag': 0,
    checksum: 0,
    reread: 0,
  }
  readonly proofs: Record<ReadProof | 'none', number> = { md5: 0, parts: 0, length: 0, none: 0 }
  readonly skippedBy: Record<Evidence | 'none', number> = { etag: 0, 'upload-record': 0, 'source-etag': 0, 'size-and-time': 0, none: 0 }
  readonly excludedBy: Record<ExcludedBy, number> = { include: 0, exclude: 0, size: 0, age: 0 }
  readonly totals: ShardTotals = { listed: 0, excluded: 0, bytes: 0, batches: 0, large: 0 }
  readonly sizes: SizeClass[] = sizeClasses()
  throughput = new ThroughputMeter()
  copying: Span | undefined
  verification: Span | undefined
  failures = new FailureSums()
  readonly extra: Sampled<ExtraRow> = noneSampled()
  readonly vanished: Sampled<ExtraRow> = noneSampled()
  readonly notCarried: Sampled<NotCarriedRow> & { what: Map<string, number> } = { ...noneSampled(), what: new Map() }
  readonly letters: DeadLetter[] = []
  /** whether the failures name every object that is not right: no shard is unreadable, and the verdicts of each are sound */
  complete = true
  readonly #faults: string[] = []
  #moreFaults = 0
  readonly #ranges: { after: Key | undefined; upTo: Key | undefined }[] = []
  readonly #options: SumsOptions

  constructor(options: SumsOptions) {
    this.#options = options
  }

  /** Plain data, of which `fromJson` makes the same sums. */
  toJson() {
    const { ledger, verdicts, copiedBytes, evidence, proofs, skippedBy, excludedBy, totals, sizes, extra, vanished, complete } = this
    return {
      ...{ ledger, verdicts, copiedBytes, evidence, proofs, skippedBy, excludedBy, totals, sizes, extra, vanished, complete },
      throughput: this.throughput.toJson(),
      copying: this.copying ?? null,
      verification: this.verification ?? null,
      failures: this.failures.toJson(),
      notCarried: { ...this.notCarried, what: [...this.notCarried.what] },
      letters: this.letters.map(({ shard, objects }): [shard: string, objects: number] => [shard, objects]),
      faults: this.#faults,
      moreFaults: this.#moreFaults,
      ranges: this.#ranges.map(({ after, upTo }): [after: KeyJson | null, upTo: KeyJson | null] => [boundToJson(after), boundToJson(upTo)]),
    }
  }

  /** Of what was parsed for this alone: the sums take it over. */
  static fromJson(json: RunSumsJson, options: SumsOptions): RunSums {
    const sums = new RunSums(options)
    const { throughput, copying, verification, failures, notCarried, letters, faults, moreFaults, ranges, ...figures } = json
    Object.assign(sums, figures)
    sums.throughput = ThroughputMeter.fromJson(throughput)
    sums.copying = copying ?? undefined
    sums.verification = verification ?? undefined
    sums.failures = new FailureSums(failures)
    Object.assign(sums.notCarried, notCarried, { what: new Map(notCarried.what) })
    for (const [shard, objects] of letters) sums.#addLetter(shard, objects)
    sums.#faults.push(...faults)
    sums.#moreFaults = moreFaults
    for (const [after, upTo] of ranges) sums.#ranges.push({ after: boundFromJson(after), upTo: boundFromJson(upTo) })
    return sums
  }

  /** Returns the rows that the shard puts into the run's lists. */
  add(files: ShardFiles): ShardRows {
    const { name, shard, small, large, verdicts } = files
    this.fault(...files.faults)
    if (shard === undefined) {
      this.complete = false
      return { failures: [], notCarried: [] }
    }
    const { ledger, outcomes, faults } = shardBooks(shard, name, [...small, ...large])
    this.ledger = addLedger(this.ledger, ledger)
    this.fault(...faults, ...outcomeFaults(shard, name, small, outcomes))
    if (!balances(ledger))
      this.fault(
        `${name}: ${count(unaccounted(ledger))} of ${counted(ledger.listed, 'object')} ${unaccounted(ledger) === 1 ? 'has' : 'have'} no outcome`,
      )
    const unsound = verdictFaults(shard, name, verdicts)
    this.fault(...unsound)
    if (this.#options.verified) this.fault(...coverageFaults(shard, name, verdicts))
    if (unsound.length > 0) this.complete = false
    this.#ranges.push({ after: shard.after, upTo: shard.upTo })
    this.#addShard(shard, outcomes)
    for (const file of verdicts) this.#addVerdicts(file)
    return this.#addRows(name, {
      failures: failureRows(shard.objects, outcomes, verdicts),
      notCarried: notCarriedRows(outcomes),
    })
  }

  /** What a verdict file says of objects that only the destination has. Returns their rows. */
  addStrangers(verdicts: readonly Verdict[]): ExtraRow[] {
    const rows = extraRows(verdicts)
    for (const row of rows) addSample(row.what === 'extra' ? this.extra : this.vanished, row)
    return rows
  }

  /** What is wrong beyond single shards: those must tile the key space. */
  close(): void {
    const tiling = tilingFault(this.#ranges)
    if (tiling !== undefined) this.mistrust(tiling)
  }

  /** A fault after which nobody knows whether an object is missing from the books. */
  mistrust(...faults: string[]): void {
    if (faults.length > 0) this.complete = false
    this.fault(...faults)
  }

  faults(): string[] {
    return this.#moreFaults === 0 ? this.#faults : [...this.#faults, `and ${this.#moreFaults} more`]
  }

  /** Something that is wrong and speaks against the run. */
  fault(...faults: string[]): void {
    for (const fault of faults) {
      if (this.#faults.length < FAULTS_TOLD) this.#faults.push(fault)
      else this.#moreFaults++
    }
  }

  #addShard({ objects, excluded }: Shard, outcomes: readonly (Outcome | undefined)[]): void {
    const { totals } = this
    totals.listed += listedIn({ objects, excluded })
    totals.excluded += excluded.length
    totals.batches += 1
    for (const [index, { size, large }] of objects.entries()) {
      totals.bytes += size
      if (large) totals.large += 1
      const sizeClass = classOf(this.sizes, size)
      sizeClass.objects += 1
      sizeClass.bytes += size
      const outcome = outcomes[index]
      if (outcome !== undefined) this.#addOutcome(outcome, sizeClass)
    }
    for (const { by } of excluded) this.excludedBy[by] += 1
  }

  #addOutcome(outcome: Outcome, sizeClass: SizeClass): void {
    const { bytes, ms, tries = 1 } = outcome
    sizeClass.ms += ms
    sizeClass.retries += Math.max(0, tries - 1)
    if (outcome.outcome === 'copied') {
      sizeClass.copied += 1
      this.proofs[outcome.proof ?? 'none'] += 1
    }
    if (outcome.outcome === 'skipped') this.skippedBy[outcome.evidence ?? 'none'] += 1
    this.copiedBytes += bytes
    const [from, to] = [this.#within(outcome.at - ms), this.#within(outcome.at)]
    this.throughput.add({ from, to, bytes })
    this.copying = wider(this.copying, from, to)
  }

  #within(at: number): number {
    const { startedAt, now } = this.#options
    return Math.min(Math.max(at, startedAt), Math.max(startedAt, now))
  }

  #addVerdicts({ counts, evidence, at, ms }: VerdictFile): void {
    this.verdicts = addVerdicts(this.verdicts, counts)
    for (const [name, count] of Object.entries(evidence)) this.evidence[name as VerdictEvidence] += count
    this.verification = wider(this.verification, this.#within(at - ms), this.#within(at))
  }

  #addRows(shard: string, rows: ShardRows): ShardRows {
    const { failures, notCarried } = rows
    for (const row of failures) this.failures.add(row)
    for (const row of notCarried) {
      addSample(this.notCarried, row)
      addKind(this.notCarried.what, row.what)
    }
    if (failures.length > 0) this.#addLetter(shard, failures.length)
    return rows
  }

  #addLetter(shard: string, objects: number): void {
    const { runId } = this.#options
    this.letters.push({ runId, shard, objects, failures: stateKeys(runId).failures })
  }
}
