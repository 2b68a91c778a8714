import { setMaxListeners } from 'node:events'
import { Interrupted } from './interrupted'

export interface Interrupts {
  /** aborts at the first Ctrl-C (reason: Interrupted), or when something failed that nobody caught (reason: that) */
  signal: AbortSignal
  close(): void
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** What the operator is told at the first Ctrl-C and at every further one. */
export interface InterruptWords {
  first: string
  again: string
  /** once everything has ended; of a run it stands in the middle of the report's sentence too */
  ended: string
}

const RUN_WORDS: InterruptWords = {
  first: 'Interrupted. Stopping the run and ending its access …',
  again: 'Cleanup is under way: it ends the access that the run opened. Please let it finish.',
  ended: 'the run was interrupted by the operator',
}

/** Listens for what ends a command early, so that a run ends in Cleanup and a secret is not left half written. `say` is given one line. */
export const interrupts = (say: (line: string) => void, words: InterruptWords = RUN_WORDS): Interrupts => {
  const controller = new AbortController()
  // Every request under way listens: the warning at eleven is about leaks, and none of these listeners outlives its request.
  setMaxListeners(0, controller.signal)
  const interrupt = () => {
    if (controller.signal.aborted) return say(words.again)
    say(words.first)
    controller.abort(new Interrupted(words.ended))
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
