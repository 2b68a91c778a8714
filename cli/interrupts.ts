import { setMaxListeners } from 'node:events'
import { Interrupted } from './interrupted'

export interface Interrupts {
  /** aborts at the first Ctrl-C (reason: Interrupted), or when something failed that nobody caught (reason: that) */
  signal: AbortSignal
  close(): void
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Listens for what ends a run early, so that it ends in Cleanup. `say` is given one line for the operator. */
export const interrupts = (say: (line: string) => void): Interrupts => {
  const controller = new AbortController()
  // Every request under way listens: the warning at eleven is about leaks, and none of these listeners outlives its request.
  setMaxListeners(0, controller.signal)
  const interrupt = () => {
    if (controller.signal.aborted) return say('Cleanup is under way: it ends the access that the run opened. Please let it finish.')
    say('Interrupted. Stopping the run and ending its access …')
    controller.abort(new Interrupted())
  }
  const crash = (error: unknown) => {
    say(`Something failed that nobody caught: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    if (!controller.signal.aborted) controller.abort(error)
  }
  for (const name of SIGNALS) process.on(name, interrupt)
  process.on('uncaughtException', crash).on('unhandledRejection', crash)
  return {
    signal: controller.signal,
    close: () => {
      for (const name of SIGNALS) process.off(name, interrupt)
      process.off('uncaughtException', crash).off('unhandledRejection', crash)
    },
  }
}
