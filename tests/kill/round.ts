import type { S3Client } from '@aws-sdk/client-s3'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedS3 } from '../../cli/local/s3-server/index'
import { clientOf } from '../support/embedded-client'
import { createBucket, eachAtOnce, openUploads, putObject, removeObject } from './bucket'
import { applyTo, drawChange } from './changes'
import { logOf, run, type KillPlan } from './command'
import { bodyOf, corpus, type Model } from './corpus'
import { tryKeys } from './dead-keys'
import { holdersOf, inspect, type Violation } from './inspect'
import { judge, type Between } from './judge'
import { phaseOf, readObserved, type Seen } from './observed'
import { BUCKETS, PREFIX, SOURCE } from './places'
import { drawPlan, planText } from './plans'
import { Random } from './random'

/** One run of a round. */
export interface RunRecord {
  plan: KillPlan | undefined
  /** whether it was killed; a run can end before its moment has come */
  killed: boolean
  /** the state that it had reached */
  phase: string
  ms: number
}

export interface Round {
  runs: RunRecord[]
  changes: string[]
  adopted: number
  partsReused: number
  aborted: number
  locksTakenOver: number
  objects: number
  keysRefused: number
  violations: Violation[]
  /** where it can be looked at; undefined: it was in order, and is removed */
  kept: string | undefined
}

export interface RoundOptions {
  seed: string
  /** how long a run takes that nobody kills, about, from its first request, in ms */
  runMs: number
  /** kills of this round; 0: a run is only measured */
  kills: number
}

/** How often the source changes between two runs. */
const CHANGE_PROBABILITY = 0.4

const look = async (client: S3Client): Promise<Between> => ({
  uploads: (await Promise.all(BUCKETS.map((bucket) => openUploads(client, bucket)))).flat(),
  holders: await holdersOf(client),
})

/** One round under way: its state folder, what the source is to hold, and what is known of the uploads and keys of its runs. */
class Playing {
  readonly #random: Random
  readonly #state: string
  readonly #model: Model
  readonly #removed = new Set<string>()
  readonly #origins = new Map<string, number>()
  readonly #keyIds = new Set<string>()
  readonly #result: Round = {
    runs: [],
    changes: [],
    adopted: 0,
    partsReused: 0,
    aborted: 0,
    locksTakenOver: 0,
    objects: 0,
    keysRefused: 0,
    violations: [],
    kept: undefined,
  }
  #before: Between = { uploads: [], holders: new Map() }
  #version = 1

  constructor(
    private readonly folder: string,
    private readonly options: RoundOptions,
  ) {
    this.#random = new Random(options.seed)
    this.#state = join(folder, 'state')
    this.#model = corpus(this.#random)
  }

  async play(): Promise<Round> {
    await this.#opened(async (client) => {
      for (const bucket of BUCKETS) await createBucket(client, bucket)
      await eachAtOnce(this.#model, ([key, content]) => putObject(client, SOURCE, key, bodyOf(key, content)))
    })
    for (let attempt = 0; await this.#runOnce(attempt); attempt++);
    return this.#result
  }

  /** The embedded server over the state folder, as root, while no run is alive. */
  async #opened<T>(work: (client: S3Client, endpoint: string) => Promise<T>): Promise<T> {
    const server = await startEmbeddedS3({ directory: join(this.#state, 's3') })
    const client = clientOf(server.endpoint, server.root)
    try {
      return await work(client, server.endpoint)
    } finally {
      client.destroy()
      await server.close()
    }
  }

  /** Returns whether another run is to follow. */
  async #runOnce(attempt: number): Promise<boolean> {
    const name = `run-${attempt}`
    const plan = attempt < this.options.kills ? drawPlan(this.#random, this.options.runMs) : undefined
    const observed = join(this.folder, `${name}.observed.jsonl`)
    const end = await run({ folder: this.folder, state: this.#state, name, observed }, plan)
    const seen = readObserved(observed)
    for (const { keyId } of seen) if (keyId !== undefined) this.#keyIds.add(keyId)
    this.#result.runs.push({ plan, killed: end.code === null, phase: phaseOf(seen), ms: end.ms })
    if (end.hung || (end.code !== null && (end.code !== 0 || end.status !== 'verified'))) {
      const how = end.hung ? 'it did not end' : `exit code ${end.code}, ${end.status}: ${end.stderr}`
      this.#complain({ kind: 'run not verified', detail: `${name}: ${how}\n${logOf(this.#state, name)}` })
      return false
    }
    return this.#opened(async (client, endpoint) => {
      this.#judge(plan, seen, await look(client))
      if (end.code === null) {
        if (this.#random.chance(CHANGE_PROBABILITY)) await this.#change(client)
        return true
      }
      this.#complain(...(await inspect(client, { model: this.#model, removed: this.#removed, finalRun: name })))
      this.#complain(...(await tryKeys(endpoint, this.#keyIds)))
      this.#result.keysRefused = this.#keyIds.size
      this.#result.objects = this.#model.size
      return false
    })
  }

  #judge(plan: KillPlan | undefined, seen: readonly Seen[], after: Between): void {
    const facts = { before: this.#before, after, seen, model: this.#model, origins: this.#origins }
    const { violations, ...counts } = judge(facts)
    for (const count of Object.keys(counts) as (keyof typeof counts)[]) this.#result[count] += counts[count]
    const moment = plan === undefined ? 'not to be killed' : `to be killed: ${planText(plan)}`
    this.#complain(...violations.map(({ kind, detail }) => ({ kind, detail: `${detail} (a run ${moment})` })))
    for (const { uploadId, key } of after.uploads) {
      const content = this.#model.get(key.slice(PREFIX.length))
      if (content && !this.#origins.has(uploadId)) this.#origins.set(uploadId, content.version)
    }
    this.#before = after
  }

  async #change(client: S3Client): Promise<void> {
    const change = drawChange(this.#random, this.#model)
    applyTo(this.#model, change, ++this.#version)
    this.#result.changes.push(change.what)
    const content = this.#model.get(change.key)
    if (content) return putObject(client, SOURCE, change.key, bodyOf(change.key, content))
    this.#removed.add(change.key)
    return removeObject(client, SOURCE, change.key)
  }

  #complain(...violations: Violation[]): void {
    this.#result.violations.push(...violations)
  }
}

/**
 * A fresh source, runs that are killed, changes of the source between them, one run that is let end, and the inspection. The
 * folder is kept if anything is wrong. Throws when the round cannot be played on, as when the state folder cannot be opened.
 */
export const playRound = async (options: RoundOptions): Promise<Round> => {
  const folder = await mkdtemp(join(tmpdir(), 'drayage-kill-'))
  const round = await new Playing(folder, options).play().catch((error: unknown) => {
    throw new Error(`the round ${options.seed} broke off; its folder is ${folder}`, { cause: error })
  })
  if (round.violations.length > 0) return { ...round, kept: folder }
  await rm(folder, { recursive: true, force: true })
  return round
}
