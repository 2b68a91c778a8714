import { fileURLToPath } from 'node:url'
import { findJson, stateKeys, type Certificate, type Migration, type ObjectStore, type Report, type Services } from '@drayage/core'
import type { RunEvent } from '../progress'
import type { LocalAccess } from './access'
import { functionCalls } from './call-function'
import { copyOut, type ReportFiles } from './copy-out'
import { deadLettersIn } from './dead-letters'
import { loadDefinition, startExecution, type ExecutionResult } from './engine/index'
import type { LocalExecutions } from './executions'
import { heardAnswer, hearing } from './hearing'
import type { Home } from './home'
import { listItems } from './list-items'
import { openLog } from './logger'
import type { Prepared } from './prepare'
import type { LocalStores } from './stores'

const STATE_MACHINE = fileURLToPath(new URL('../../statemachines/migrate.asl.yml', import.meta.url))

/**
 * Batches, verifiers and large objects side by side, and requests at once in each. On two cores against the embedded server 16, 32
 * and 64 in all take the same 15 s for 12,000 objects, all of it CPU: more than 16 is for stores that are far away.
 */
const MAP_CONCURRENCY = 4
const REQUESTS_AT_ONCE = 16

/** How long (ms) a stopped run's calls may take to notice it, before Cleanup begins without them: their rights end first. */
const CALLS_END_MS = 10_000

export interface RunContext {
  home: Home
  state: ObjectStore
  stateBucket: string
  access: LocalAccess
  executions: LocalExecutions
  stores: LocalStores
  observe(event: RunEvent): void
}

/** How a run ended. */
export interface Ended {
  migration: Migration
  execution: ExecutionResult
  /** undefined: the run did not get as far as to write it */
  report: Report | undefined
  certificate: Certificate | undefined
  files: ReportFiles
  /** the functions' log */
  log: string
  /** ms from start to end */
  elapsedMs: number
  /** what failed after the execution had ended: closing it, or writing its report */
  afterwards: string[]
}

/** Runs the state machine to its end, and closes it where it could not do that itself. */
export const runMigration = async (context: RunContext, { input, migration }: Prepared, signal: AbortSignal): Promise<Ended> => {
  const { home, state } = context
  const { runId } = migration
  const started = performance.now()
  const log = home.log(runId)
  const { logger, close } = openLog(log)
  const services = servicesOf(context, logger)
  try {
    logger.info('the run begins', { run: runId, migration })
    const execution = await execute(context, services, { input, migration }, signal)
    logger.info('the run has ended', { run: runId, execution })
    const afterwards = execution.status === 'SUCCEEDED' ? [] : await closeStopped(context, services, migration, execution, signal)
    const keys = stateKeys(runId)
    return {
      migration,
      execution,
      report: (await findJson<Report>(state, keys.report))?.value,
      certificate: (await findJson<Certificate>(state, keys.certificate))?.value,
      files: await copyOut(state, runId, home.report(runId)),
      log,
      elapsedMs: performance.now() - started,
      afterwards,
    }
  } finally {
    close()
  }
}

const servicesOf = ({ home, state, access, executions, stores, observe }: RunContext, logger: Services['logger']): Services => ({
  runtime: 'local',
  state,
  source: async (migration) => hearing(await stores.source(migration), observe),
  destination: stores.destination,
  access,
  executions,
  deadLetters: deadLettersIn(home.deadLetters),
  callCleanup: () => Promise.reject(new Error('only the sweep calls Cleanup, and one machine has none')),
  runsWithRoles: async () => [],
  logger,
  now: () => new Date(),
  concurrency: REQUESTS_AT_ONCE,
  heard: (outcome, bytes) => observe({ kind: 'outcome', outcome, bytes }),
})

const execute = async (
  context: RunContext,
  services: Services,
  { input, migration }: Prepared,
  signal: AbortSignal,
): Promise<ExecutionResult> => {
  const { state, executions, observe } = context
  const stopping = new AbortController()
  const functions = functionCalls({ ...services, stopping: stopping.signal })
  const execution = startExecution(
    {
      definition: loadDefinition(STATE_MACHINE),
      substitutions: { StateBucket: context.stateBucket },
      invoke: async (name, event) => {
        const answer = await functions.call(name, event)
        heardAnswer(name, answer, observe)
        return answer
      },
      listItems: (_bucket, prefix) => listItems(state, prefix),
      putResult: async (_bucket, key, body) => void (await state.put(Buffer.from(key, 'latin1'), Buffer.from(body, 'utf8'))),
      maxConcurrency: MAP_CONCURRENCY,
      onState: ({ state: name, phase, execution: of }) => {
        if (phase === 'entered' && of === 'main') observe({ kind: 'state', name })
      },
    },
    input,
    migration.runId,
  )
  const stop = () => {
    stopping.abort(signal.reason)
    execution.stop()
  }
  executions.began(execution.id, execution.stop)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  const result = await execution.result
  signal.removeEventListener('abort', stop)
  executions.ended(execution.id)
  await functions.settled(CALLS_END_MS)
  return result
}

/**
 * What the closing rule does on AWS for an execution that was stopped or failed: it calls Cleanup, which finds nothing to do
 * after a run that closed itself. A stopped run is also given its report. Returns what of this failed.
 */
const closeStopped = async (
  { state, observe }: RunContext,
  services: Services,
  migration: Migration,
  { status }: ExecutionResult,
  signal: AbortSignal,
): Promise<string[]> => {
  const functions = functionCalls(services)
  const failed: string[] = []
  const call = async (name: string, event: unknown) => {
    try {
      await functions.call(name, event)
    } catch (error) {
      failed.push(`${name}: ${(error as Error).name}: ${(error as Error).message}`)
    }
  }
  observe({ kind: 'state', name: 'Cleanup' })
  await call('cleanup', { migration: { runId: migration.runId } })
  if (status === 'ABORTED' && (await findJson(state, stateKeys(migration.runId).request)) !== undefined) {
    const { name, message } = signal.reason as Error
    const event = { migration, failure: { Error: name, Cause: message } }
    await call('reconcile', event)
    await call('writeReport', event)
  }
  return failed
}
