import type { TaskState } from './definition'
import type { EngineOptions, InvokeOptions } from './engine'
import { StatesError, taskError } from './errors'
import { MAX_TIMER_SECONDS } from './fields'
import type { Work } from './run'
import { unlessStopped } from './scope'

/** A Task: calls its function, and ends the call with States.Timeout after TimeoutSeconds (none: no limit, as on AWS). */
export const callFunction =
  (state: TaskState, { invoke }: EngineOptions): Work =>
  async (input, run) => {
    const call = run.scope.open()
    const timed = () =>
      callLater(state.TimeoutSeconds, () =>
        call.stop(new StatesError('States.Timeout', `${state.Resource.Ref} took longer than ${state.TimeoutSeconds} s.`)),
      )
    let timer = timed()
    const waits = () => {
      clearTimeout(timer)
      return () => {
        if (!call.signal.aborted) timer = timed()
      }
    }
    try {
      return await unlessStopped(call.signal, answer(invoke, state.Resource.Ref, input, { signal: call.signal, waits }))
    } finally {
      clearTimeout(timer)
      call.close()
    }
  }

const answer = async (invoke: EngineOptions['invoke'], functionName: string, input: unknown, call: InvokeOptions): Promise<unknown> => {
  try {
    return await invoke(functionName, input, call)
  } catch (error) {
    throw taskError(error)
  }
}

/** @returns a timer to be cleared, or nothing where there is no limit. */
export const callLater = (seconds: number | undefined, call: () => void): NodeJS.Timeout | undefined =>
  seconds === undefined ? undefined : setTimeout(call, Math.min(seconds, MAX_TIMER_SECONDS) * 1000)
