import { isNativeError } from 'node:util/types'
import { DrayageError } from '../../../layers/core/domain/errors'

/** The definition uses something that this engine does not run as AWS does. `state` is a state's name, or `definition`. */
export class UnsupportedDefinition extends DrayageError {
  constructor(
    readonly state: string,
    readonly field: string,
    reason: string,
  ) {
    super(`${state}.${field}: ${reason}`)
  }
}

/**
 * An error as Step Functions sees it: by name. Both flags are read by aws-local-stepfunctions; those that States.ALL does
 * not match on AWS (States.Runtime, States.DataLimitExceeded) are neither retried nor caught here.
 */
export class StatesError extends Error {
  constructor(
    override readonly name: string,
    message: string,
    readonly isRetryable = true,
    readonly isCatchable = true,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** Whatever was thrown under its own name, as Step Functions takes a function's error by its name. */
export const taskError = (error: unknown): StatesError =>
  error instanceof Error || isNativeError(error)
    ? new StatesError(error.name, error.message, true, true, { cause: error })
    : new StatesError('Lambda.Unknown', String(error))

/** @returns States.Runtime, which no Retry and no Catch matches. */
export const runtimeError = (message: string): StatesError => new StatesError('States.Runtime', message, false, false)

/** Why everything under way ends although nothing of it failed. Never matched by a Retry or Catch. */
export class ExecutionStopped extends StatesError {
  constructor(readonly status: 'ABORTED' | 'TIMED_OUT') {
    super(
      status === 'ABORTED' ? 'ExecutionAborted' : 'States.Timeout',
      `The execution was ${status === 'ABORTED' ? 'stopped' : 'over its time'}.`,
      false,
      false,
    )
  }
}

/** What the neighbours of a failed branch or iteration are stopped with: not its own error, which their Catch could match. */
export const stopWith = (error: unknown): StatesError =>
  error instanceof ExecutionStopped
    ? error
    : new StatesError('ExecutionStopped', `Stopped because another branch or iteration failed with ${taskError(error).name}.`, false, false)
