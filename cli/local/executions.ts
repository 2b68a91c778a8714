import type { Executions } from '@drayage/core'

/** The running executions of this process. */
export interface LocalExecutions extends Executions {
  began(executionId: string, stop: () => void): void
  ended(executionId: string): void
}

/**
 * A process has its state folder to itself (the embedded server locks it), so an execution that this process does not know
 * is one of a process that ended: it does not run.
 */
export const localExecutions = (): LocalExecutions => {
  const running = new Map<string, () => void>()
  return {
    began: (executionId, stop) => void running.set(executionId, stop),
    ended: (executionId) => void running.delete(executionId),
    isRunning: async (executionId) => running.has(executionId),
    stop: async (executionId) => {
      const stop = running.get(executionId)
      stop?.()
      return stop === undefined ? 'it does not run' : 'stopped'
    },
  }
}
