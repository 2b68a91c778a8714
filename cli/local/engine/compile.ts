import { StateMachine } from 'aws-local-stepfunctions'
import { isDistributed, type Machine, type ParallelState, type Retrier, type State, type TaskState } from './definition'
import { mapDistributed } from './distributed-map'
import type { EngineOptions } from './engine'
import { MAX_TIMER_SECONDS } from './fields'
import { mapInline } from './inline-map'
import { runBranches } from './parallel'
import type { Program, Work } from './run'
import { callFunction } from './task'
import { wait } from './wait'

type LibraryDefinition = ConstructorParameters<typeof StateMachine>[0]

/**
 * Makes a list of states ready to run, and with it every list inside. To the library each Task, Parallel, Map and Wait becomes a
 * Task whose work is ours; InputPath, Parameters, ResultSelector, ResultPath, OutputPath, Retry and Catch stay the library's.
 */
export const compile = (machine: Machine, options: EngineOptions): Program => {
  const states = Object.entries(machine.States)
  const works = states.flatMap(([name, state]): [string, Work][] => {
    const work = workOf(name, state, options)
    return work === undefined ? [] : [[name, work]]
  })
  const definition = {
    StartAt: machine.StartAt,
    States: Object.fromEntries(states.map(([name, state]) => [name, forLibrary(state, options)])),
  }
  return {
    machine: new StateMachine(definition as LibraryDefinition, { validationOptions: { noValidate: true } }),
    works: new Map(works),
    types: new Map(states.map(([name, state]) => [name, state.Type])),
  }
}

const workOf = (name: string, state: State, options: EngineOptions): Work | undefined => {
  if (state.Type === 'Task') return callFunction(state, options)
  if (state.Type === 'Wait') return wait(state, options)
  if (state.Type === 'Parallel') return runBranches(state.Branches.map((branch) => compile(branch, options)))
  if (state.Type !== 'Map') return undefined
  const processor = compile(state.ItemProcessor, options)
  return isDistributed(state) ? mapDistributed(name, state, processor, options) : mapInline(state, processor, options)
}

const LEFT_TO_THE_LIBRARY = ['InputPath', 'ResultSelector', 'ResultPath', 'OutputPath', 'Retry', 'Catch', 'Next', 'End']

const forLibrary = (state: State, options: EngineOptions): unknown => {
  if (state.Type === 'Choice' || state.Type === 'Pass' || state.Type === 'Succeed' || state.Type === 'Fail') return state
  const kept = state.Type === 'Map' ? LEFT_TO_THE_LIBRARY : [...LEFT_TO_THE_LIBRARY, 'Parameters']
  const fields = Object.entries(state as TaskState | ParallelState).filter(([field]) => kept.includes(field))
  const retry = 'Retry' in state ? state.Retry : undefined
  return {
    ...Object.fromEntries(fields),
    ...(retry === undefined ? {} : { Retry: retry.map((retrier) => retimed(retrier, options)) }),
    Type: 'Task',
    Resource: 'local',
    // The library gives a Task 60 s if it does not say; ours time themselves, and a Map or a Parallel has no limit.
    TimeoutSeconds: MAX_TIMER_SECONDS,
  }
}

const retimed = (retrier: Retrier, { retryIntervalMs }: EngineOptions): Retrier => {
  if (retryIntervalMs === undefined) return retrier
  const seconds = (given: number): number => retryIntervalMs(given) / 1000
  return {
    ...retrier,
    IntervalSeconds: seconds(retrier.IntervalSeconds ?? 1),
    ...(retrier.MaxDelaySeconds === undefined ? {} : { MaxDelaySeconds: seconds(retrier.MaxDelaySeconds) }),
  }
}
