import { checkDefinition } from './check'
import { compile } from './compile'
import { executionId, type EngineOptions } from './engine'
import { ExecutionStopped, taskError } from './errors'
import { runProgram } from './run'
import { Scope } from './scope'
import { substitute } from './substitute'
import { callLater } from './task'

export { loadDefinition, parseDefinition } from './definition'
export type { StateMachineDefinition } from './definition'
export type { EngineOptions, Invoke, Item, StateEvent } from './engine'
export { UnsupportedDefinition } from './errors'

export interface ExecutionResult {
  status: 'SUCCEEDED' | 'FAILED' | 'ABORTED' | 'TIMED_OUT'
  output?: unknown
  error?: string
  cause?: string
}

export interface Execution {
  id: string
  name: string
  /** never rejects */
  result: Promise<ExecutionResult>
  /** Aborts the calls under way, begins no other, and settles `result` as ABORTED without waiting for a call that does not heed its signal. */
  stop(): void
}

/**
 * Starts an execution of the state machine on this machine.
 * @throws UnsupportedDefinition before anything has begun.
 */
export const startExecution = (options: EngineOptions, input: unknown, name: string): Execution => {
  checkDefinition(options.definition)
  const definition = substitute(options.definition, options.substitutions)
  const scope = new Scope()
  const timer = callLater(definition.TimeoutSeconds, () => scope.stop(new ExecutionStopped('TIMED_OUT')))
  const id = executionId(name)
  const run = { scope, context: { Execution: { Id: id, Name: name } }, execution: 'main' as const, onState: options.onState }
  const result = settled(runProgram(compile(definition, options), input, run)).finally(() => clearTimeout(timer))
  return { id, name, result, stop: () => scope.stop(new ExecutionStopped('ABORTED')) }
}

const settled = async (output: Promise<unknown>): Promise<ExecutionResult> => {
  try {
    return { status: 'SUCCEEDED', output: await output }
  } catch (error) {
    const { name, message } = taskError(error)
    if (error instanceof ExecutionStopped)
      return error.status === 'ABORTED' ? { status: 'ABORTED' } : { status: 'TIMED_OUT', error: name, cause: message }
    return { status: 'FAILED', error: name, cause: message }
  }
}
