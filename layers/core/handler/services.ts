import type { HeldSecret } from '../access/index'
import type { Access, DeadLetters, Executions } from '../domain/access'
import type { BucketSettings } from '../domain/bucket-settings'
import type { Migration } from '../domain/migration'
import type { Call, ObjectStore } from '../domain/object-store'
import type { OutcomeName } from '../domain/outcomes'
import type { DeployedStage } from '../domain/request'
import type { Signer } from '../domain/signature'
import type { Log } from './log'
import type { Metrics } from './metrics'

export interface Stage extends DeployedStage {
  /** whether the functions that touch the source stand in a VPC */
  vpc: boolean
}

/** What every function is given besides its event: the outside world, on AWS and on one machine. */
export interface Services {
  /** where the state machine runs: only the one-machine runtime takes endpoints and profiles in a request */
  runtime: 'aws' | 'local'
  /** undefined: one machine */
  stage?: Stage | undefined
  /** the state bucket */
  state: ObjectStore
  source(migration: Migration): Promise<ObjectStore>
  destination(migration: Migration, use: 'write' | 'read'): Promise<ObjectStore>
  /** the destination's settings, asked with the run's right to read */
  settings(migration: Migration, call: Call): Promise<BucketSettings>
  access: Access
  executions: Executions
  deadLetters: DeadLetters
  /** asks another function's `cleanup` to close a run */
  callCleanup(runId: string): Promise<void>
  /** the stage's stored credentials, from outside; [] where there are none of ours */
  heldSecrets(): Promise<HeldSecret[]>
  /** signs certificates; only Cleanup may */
  signer: Signer
  /** SHA-256 over the packaged functions; null: one machine, where nothing is packaged */
  bundleSha256: string | null
  logger: Log
  /** one machine: they go nowhere, for the report has the same figures */
  metrics: Metrics
  now(): Date
  /** requests under way at once in one function call */
  concurrency: number
  /** hears of each object as its outcome is known: progress displays and metrics */
  heard(outcome: OutcomeName, bytes: number): void
  /** one machine only: aborted when nobody waits for the call any more (the run was stopped, a branch failed); on AWS it runs on to its deadline */
  stopping?: AbortSignal | undefined
}

/** The time a call has left. */
export interface Deadline {
  /** ms until the function is stopped */
  remainingMs(): number
  /** aborts shortly before that */
  signal: AbortSignal
}

export interface StepCall {
  services: Services
  deadline: Deadline
}

/** The work of one Task state: its event in, a few counters and references out. */
export type Step<Event, Answer> = (event: Event, call: StepCall) => Promise<Answer>
