import { isNativeError } from 'node:util/types'
import type { Access, Credentials, Executions, Migration, Signer } from '@drayage/core'
import type { RunEvent } from '../../progress'

/** What a worker is started with: names and numbers. Credentials are asked for when they are needed. */
export interface WorkerSettings {
  stateBucket: string
  /** file that the functions' log lines are added to */
  log: string
  /** file that dead letters are added to */
  deadLetters: string
  /** objects under way at once in one call */
  concurrency: number
}

/** Where a bucket is, with credentials for now. */
export interface Reached {
  endpoint: string | undefined
  region: string
  credentials: Credentials
}

/**
 * What is in one place for all workers and stays on the main thread: the embedded server's keys, the operator's credentials, the
 * executions, the key that signs certificates. Questions and answers cross as structured clones; of an error only its name and message do.
 */
export interface MainThread
  extends
    Pick<Access, 'create' | 'confirm' | 'suspend' | 'remove' | 'prove' | 'inventory' | 'ownerOf' | 'endCredential'>,
    Pick<Executions, 'isRunning' | 'stop'>,
    Pick<Signer, 'sign'> {
  reachState(): Promise<Reached>
  reachSource(migration: Migration): Promise<Reached>
  reachDestination(migration: Migration, use: 'write' | 'read'): Promise<Reached>
}

/** An error as Step Functions sees it, and all of it that leaves a worker. */
export interface BareError {
  name: string
  message: string
}

/** A call as Lambda gives it. */
export interface FunctionCall {
  functionName: string
  /** JSON */
  event: string
  /** ms, from when the worker receives it */
  timeoutMs: number
}

export type ToWorker =
  | ({ kind: 'call' } & FunctionCall)
  /** nobody waits for the call's answer any more */
  | { kind: 'stop'; reason: BareError }
  | { kind: 'told'; id: number; answer: unknown }
  | { kind: 'refused'; id: number; error: BareError }

export type FromWorker =
  /** its modules are loaded: it takes calls */
  | { kind: 'ready' }
  /** JSON */
  | { kind: 'answer'; answer: string }
  | { kind: 'failed'; error: BareError }
  | { kind: 'ask'; id: number; question: keyof MainThread; about: unknown[] }
  | { kind: 'heard'; events: RunEvent[] }

export const bare = (error: unknown): BareError =>
  error instanceof Error || isNativeError(error)
    ? { name: error.name, message: error.message }
    : { name: 'UnknownError', message: String(error) }

export const namedError = ({ name, message }: BareError): Error => Object.assign(new Error(message), { name })
