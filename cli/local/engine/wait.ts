import type { WaitState } from './definition'
import type { EngineOptions } from './engine'
import { runtimeError } from './errors'
import { MAX_TIMER_SECONDS } from './fields'
import type { Work } from './run'
import { unlessStopped } from './scope'
import { selector } from './select'

/** A Wait. Ours and not the library's, whose only way to shorten one in a test is a fixed time per state. */
export const wait = (state: WaitState, { waitMs = (seconds) => seconds * 1000 }: EngineOptions): Work => {
  const asked = selector(state.SecondsPath === undefined ? { seconds: state.Seconds } : { 'seconds.$': state.SecondsPath })
  return async (input, run) => {
    const { seconds } = (await asked(input, run.context)) as { seconds: number }
    if (!Number.isSafeInteger(seconds) || seconds < 0 || seconds > MAX_TIMER_SECONDS)
      throw runtimeError(`${state.SecondsPath} is no number of seconds from 0 to ${MAX_TIMER_SECONDS}.`)
    let timer: NodeJS.Timeout | undefined
    try {
      await unlessStopped(run.scope.signal, new Promise<void>((over) => (timer = setTimeout(over, waitMs(seconds)))))
    } finally {
      clearTimeout(timer)
    }
    return input
  }
}
