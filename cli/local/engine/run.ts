import { ExecutionError, type StateMachine } from 'aws-local-stepfunctions'
import type { EngineOptions, StateEvent } from './engine'
import './polyfill'
import { unlessStopped, type Scope } from './scope'
import { asPayload, assertPayloadFits } from './size'

/** What a state's work needs to know of the execution that it is part of. */
export interface Run {
  scope: Scope
  context: { Execution: { Id: string; Name: string } }
  execution: StateEvent['execution']
  onState: EngineOptions['onState']
}

/** The work of a state that the library does not do itself. */
export interface Work {
  (input: unknown, run: Run): Promise<unknown>
}

/** A list of states made ready: for the library what it runs, beside it the work it hands to us by state name. */
export interface Program {
  machine: StateMachine
  works: ReadonlyMap<string, Work>
  /** the states' types as the file has them: to the library a Map is a Task */
  types: ReadonlyMap<string, string>
}

/**
 * Runs `program` to its end as one machine with a scope of its own.
 * @throws what failed it (StatesError, or the library's error with a Step Functions name), or the reason its scope was stopped.
 */
export const runProgram = async (program: Program, input: unknown, run: Run): Promise<unknown> => {
  run.scope.signal.throwIfAborted()
  const handlers = Object.fromEntries(
    [...program.works].map(([state, work]) => [state, (given: unknown) => perform(state, work, given, run)]),
  )
  const execution = program.machine.run(asJson(input), {
    context: run.context,
    overrides: { taskResourceLocalHandlers: handlers as Record<string, () => Promise<never>> },
  })
  run.scope.signal.addEventListener('abort', execution.abort, { once: true })
  const [ended, watched] = await Promise.allSettled([execution.result, watch(program, execution.eventLogs, run)])
  run.scope.signal.removeEventListener('abort', execution.abort)
  run.scope.signal.throwIfAborted()
  if (watched.status === 'rejected') throw watched.reason
  if (ended.status === 'fulfilled') return ended.value
  throw ended.reason instanceof ExecutionError ? ended.reason.cause : ended.reason
}

type Input = Parameters<StateMachine['run']>[0]
type Events = ReturnType<StateMachine['run']>['eventLogs']

const asJson = (value: unknown): Input => value as Input

const perform = async (state: string, work: Work, input: unknown, run: Run): Promise<never> => {
  await eventsSeen()
  run.scope.signal.throwIfAborted()
  assertPayloadFits(input, `The input of ${state}`)
  return asPayload(await unlessStopped(run.scope.signal, work(input, run)), `The result of ${state}`) as never
}

/**
 * The library reports a state's output and enters the next state without waiting for us. Before any work begins, the
 * event queue is let run empty, so that `watch` has stopped the run if that output was too large.
 */
const eventsSeen = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const watch = async (program: Program, events: Events, run: Run): Promise<void> => {
  for await (const event of events) {
    if (event.type === 'ExecutionStarted') holdToSize(event.input, 'The input of the execution', run)
    if (event.type === 'StateExited') holdToSize(event.state.output, `The output of ${event.state.name}`, run)
    const phase = PHASES[event.type]
    if (phase === undefined || run.onState === undefined || !('state' in event)) continue
    run.onState({
      state: event.state.name,
      type: program.types.get(event.state.name) ?? event.state.type,
      phase,
      ...('Error' in event ? { error: event.Error } : {}),
      execution: run.execution,
    })
  }
}

const PHASES: Readonly<Record<string, StateEvent['phase']>> = {
  StateEntered: 'entered',
  StateExited: 'exited',
  StateRetried: 'retried',
  StateFailed: 'failed',
}

const holdToSize = (value: unknown, what: string, run: Run): void => {
  try {
    assertPayloadFits(value, what)
  } catch (error) {
    run.scope.stop(error)
  }
}
