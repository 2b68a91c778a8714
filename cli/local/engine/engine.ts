import type { StateMachineDefinition } from './definition'

/**
 * Calls the function `functionName`, as in `Resource: {Ref: copyBatch}`.
 * @throws an Error whose `name` Step Functions would take for the error's name.
 */
export interface Invoke {
  (functionName: string, event: unknown, call: InvokeOptions): Promise<unknown>
}

export interface InvokeOptions {
  /** aborts when nobody waits for the answer any more */
  signal: AbortSignal
  /** The call waits for its turn, which no call on AWS does: TimeoutSeconds runs only from when the function returned is called. */
  waits(): () => void
}

/** An object as the s3:listObjectsV2 reader gives it. `Size` in bytes, `LastModified` in seconds since 1970. */
export interface Item {
  Key: string
  Size: number
  Etag: string
  LastModified: number
  StorageClass: string
}

export interface StateEvent {
  state: string
  type: string
  phase: 'entered' | 'exited' | 'retried' | 'failed'
  error?: string
  execution: 'main' | 'child'
}

export interface EngineOptions {
  definition: StateMachineDefinition
  substitutions: { StateBucket: string }
  invoke: Invoke
  /** the ItemReader's s3:listObjectsV2, in the store's order */
  listItems(bucket: string, prefix: string): AsyncIterable<Item>
  /** the ResultWriter's s3:putObject */
  putResult(bucket: string, key: string, body: string): Promise<void>
  /** this machine's cap over a Map's own MaxConcurrency */
  maxConcurrency: number
  onState?(event: StateEvent): void
  /** ms to wait for what the file calls `seconds`: its IntervalSeconds and MaxDelaySeconds are put through this */
  retryIntervalMs?(seconds: number): number
  /** ms that a Wait takes of `seconds`; left out: as many as they are */
  waitMs?(seconds: number): number
}

/** Where the executions of this engine seem to run, so that names look as on AWS. */
const PLACE = 'arn:aws:states:local:000000000000'
export const MACHINE_NAME = 'drayage'

export const executionId = (name: string): string => `${PLACE}:execution:${MACHINE_NAME}:${name}`
export const childId = (label: string, name: string): string => `${PLACE}:execution:${MACHINE_NAME}/${label}:${name}`
export const mapRunId = (label: string, name: string): string => `${PLACE}:mapRun:${MACHINE_NAME}/${label}:${name}`
export const childMachineId = (label: string): string => `${PLACE}:stateMachine:${MACHINE_NAME}/${label}`
