import { fileURLToPath } from 'node:url'
import {
  findJson,
  logKeysFrom,
  stateKeys,
  wordsOf,
  type Closure,
  type Migration,
  type ObjectStore,
  type Reach,
  type Report,
} from '@drayage/core'
import type { RunEvent } from '../progress'
import type { LocalAccess } from './access'
import { copyOut, type ReportFiles } from './copy-out'
import { loadDefinition, startExecution, type ExecutionResult } from './engine/index'
import type { LocalExecutions } from './executions'
import { mainThread } from './functions/main-thread'
import { functionPool, type FunctionPool } from './functions/pool'
import { workerScript } from './functions/script'
import { heardAnswer } from './hearing'
import type { Home } from './home'
import { listItems } from './list-items'
import { openLog } from './logger'
import type { Prepared } from './prepare'
import { localSigner } from './signing-key'

const STATE_MACHINE = fileURLToPath(new URL('../../statemachines/migrate.asl.yml', import.meta.url))

const FUNCTIONS = new URL('../../functions/index.ts', import.meta.url)

/**
 * Requests at once of all workers together. On two cores against the embedded server 16, 32 and 64 take the same time for 12,000
 * objects, all of it CPU: more than 16 is for stores that are far away.
 */
const REQUESTS_AT_ONCE = 64

/** How long (ms) a stopped run's calls may take to notice it, before their workers are ended and Cleanup begins. */
const CALLS_END_MS = 10_000

export interface RunContext {
  home: Home
  state: ObjectStore
  stateBucket: string
  /** the state bucket with every right, for the functions */
  stateReach: Reach
  access: LocalAccess
  executions: LocalExecutions
  /** module of the functions; undefined: functions/index.ts */
  functions: URL | undefined
  /** worker threads for them */
  workers: number
  observe(event: RunEvent): void
}

/** How a run ended. */
export interface Ended {
  migration: Migration
  execution: ExecutionResult
  /** undefined: the run did not get as far as to write it */
  report: Report | undefined
  closure: Closure | undefined
  files: ReportFiles
  /** the functions' log */
  log: string
  /** ms from start to end */
  elapsedMs: number
  /** what failed after the execution had ended: closing it, or writing or copying out its report */
  afterwards: string[]
}

/**
 * Runs the state machine to its end, and closes it where it could not do that itself. Throws InvalidRequest before it begins when
 * log and report have no place in the state folder.
 */
export const runMigration = async (context: RunContext, { input, migration }: Prepared, signal: AbortSignal): Promise<Ended> => {
  const { home, state } = context
  const { runId } = migration
  const started = performance.now()
  const log = home.log(runId)
  const folder = home.report(runId)
  const { logger, close } = openLog(log)
  try {
    logger.info('the run begins', { run: runId })
    const withPool = await pools(context, log, (error, functionName) =>
      logger.error('a worker ended', {
        run: runId,
        function: functionName,
        error: error.name,
        detail: wordsOf(error, logKeysFrom(process.env)),
      }),
    )
    const execution = await withPool((functions) => execute(context, functions, { input, migration }, signal))
    logger.info(`the run has ended: ${execution.status}`, { run: runId, error: execution.error, detail: execution.cause })
    const afterwards =
      execution.status === 'SUCCEEDED' ? [] : await withPool((functions) => closeStopped(context, functions, migration, execution, signal))
    const keys = stateKeys(runId)
    const { files, problem } = await copyOut(state, runId, folder)
    if (problem !== undefined) afterwards.push(problem)
    return {
      migration,
      execution,
      report: (await findJson<Report>(state, keys.report))?.value,
      closure: (await findJson<Closure>(state, keys.closure))?.value,
      files,
      log,
      elapsedMs: performance.now() - started,
      afterwards,
    }
  } finally {
    close()
  }
}

type WithPool = <T>(work: (functions: FunctionPool) => Promise<T>) => Promise<T>

/** Gives a piece of work workers of its own, and ends them with it: nothing of a stopped execution goes on beside its Cleanup. */
const pools = async (
  { home, access, executions, stateBucket, stateReach, functions = FUNCTIONS, workers, observe }: RunContext,
  log: string,
  lost: (error: Error, functionName: string | undefined) => void,
): Promise<WithPool> => {
  const script = await workerScript(functions)
  return async (work) => {
    const pool = functionPool({
      script,
      size: workers,
      settings: { stateBucket, log, deadLetters: home.deadLetters, concurrency: Math.ceil(REQUESTS_AT_ONCE / workers) },
      mainThread: mainThread(access, executions, localSigner(home.signingKey), stateReach),
      hear: observe,
      lost,
    })
    try {
      return await work(pool)
    } finally {
      await pool.close()
    }
  }
}

const execute = async (
  context: RunContext,
  functions: FunctionPool,
  { input, migration }: Prepared,
  signal: AbortSignal,
): Promise<ExecutionResult> => {
  const { state, executions, observe } = context
  const execution = startExecution(
    {
      definition: loadDefinition(STATE_MACHINE),
      substitutions: { StateBucket: context.stateBucket },
      invoke: async (name, event, call) => {
        const answer = await functions.call(name, event, call)
        heardAnswer(name, answer, observe)
        return answer
      },
      listItems: (_bucket, prefix) => listItems(state, prefix),
      putResult: async (_bucket, key, body) => void (await state.put(Buffer.from(key, 'latin1'), Buffer.from(body, 'utf8'))),
      maxConcurrency: context.workers,
      onState: ({ state: name, phase, execution: of }) => {
        if (phase === 'entered' && of === 'main') observe({ kind: 'state', name })
      },
    },
    input,
    migration.runId,
  )
  executions.began(execution.id, execution.stop)
  signal.addEventListener('abort', execution.stop, { once: true })
  if (signal.aborted) execution.stop()
  const result = await execution.result
  signal.removeEventListener('abort', execution.stop)
  executions.ended(execution.id)
  await functions.settled(CALLS_END_MS)
  return result
}

/**
 * Whether the run's own Cleanup has closed all of it: the rule's looks once more then, which is no stage that anybody waits for. Only what
 * is shown depends on it: where it cannot be read, the stage is.
 */
const closedItself = async (state: ObjectStore, { runId }: Migration): Promise<boolean> => {
  const found = await findJson<Closure>(state, stateKeys(runId).closure).catch(() => undefined)
  return found?.value.complete === true
}

/**
 * What the closing rule does on AWS for an execution that was stopped or failed: it calls Cleanup, which finds nothing to do
 * after a run that closed itself. A stopped run is also given its report. Returns what of this failed.
 */
const closeStopped = async (
  { state, observe }: RunContext,
  functions: FunctionPool,
  migration: Migration,
  { status }: ExecutionResult,
  signal: AbortSignal,
): Promise<string[]> => {
  const failed: string[] = []
  const call = async (name: string, event: unknown): Promise<unknown> => {
    try {
      return await functions.call(name, event)
    } catch (error) {
      failed.push(`${name}: ${(error as Error).name}: ${(error as Error).message}`)
    }
  }
  if (!(await closedItself(state, migration))) observe({ kind: 'state', name: 'Cleanup' })
  await call('cleanup', { migration: { runId: migration.runId } })
  if (status === 'ABORTED' && (await findJson(state, stateKeys(migration.runId).request)) !== undefined) {
    const { name, message } = signal.reason as Error
    const event = { migration, failure: { Error: name, Cause: message } }
    let turn: unknown
    do turn = await call('reconcile', event)
    while ((turn as { more?: boolean } | undefined)?.more === true)
    await call('writeReport', event)
  }
  return failed
}
