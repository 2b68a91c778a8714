import { GetExecutionHistoryCommand } from '@aws-sdk/client-sfn'
import { unreadable, type Ends, type Scenario } from '../moto/scenarios'
import { callOfRule } from './moto-closing-rule'
import { executionArn, MACHINE_ARN, REGION, REQUEST, type Cloud, type Deployment, type Held } from './moto-cloud'
import { inLocalEngine, type Ended, type Interpreter } from './moto-interpreters'
import { STACK } from './moto-stack'

/** Everything about a run's end that two interpreters can be asked to agree on. */
export interface End extends Ended {
  reason: string | undefined
  ledger: object | undefined
  arrived: string[]
  /** how often each function was called */
  calls: Record<string, number>
  /** what existed of the run's access when a task was first called */
  during: Record<string, Held>
  /** what existed when the execution had ended, and after all that follows it */
  left: Held
  finally: Held
  closedBy: Ends['closedBy']
  closure: { complete: boolean; observed: string[] } | undefined
  /** what is wrong with the certificate, or that there is none; undefined: it holds */
  certificate: string | undefined
  /** calls of functions that began after the execution had ended by itself or was stopped */
  calledAfterwards: string[]
  /** messages in the queue of dead letters that runs have sent */
  letters: number
}

const OBSERVED = ['preflight', 'copyBatch', 'verifyBatch']

const isClosed = ({ write, verify, schedule, uploads, locked }: Held): boolean => !write && !verify && !schedule && uploads === 0 && !locked

const countOf = (calls: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const call of [...calls].sort()) counts[call] = (counts[call] ?? 0) + 1
  return counts
}

const pause = (ms: number): Promise<void> => new Promise((later) => setTimeout(later, ms))

/** Waits until no function is under way: a stopped execution does not wait for its last calls. */
const settled = async (deployment: Deployment): Promise<void> => {
  while (deployment.underWay > 0) await pause(50)
}

/** What EventBridge does at the end of an execution: calls `cleanup`, if the deployed rule says so. Says whether it did. */
const followRule = async (deployment: Deployment, runId: string, status: string): Promise<boolean> => {
  const detail = { executionArn: executionArn(runId), stateMachineArn: MACHINE_ARN, status }
  const call = await callOfRule(deployment.cloud.moto, REGION, `${STACK}-closing`, detail)
  if (call === undefined) return false
  if (!call.function.endsWith(`:function:${STACK}-cleanup`)) throw new Error(`the closing rule calls ${call.function}`)
  await deployment.invoke('cleanup', call.event)
  return true
}

/** Runs one scenario in one interpreter, on a stack that is deployed for it, and lets follow what follows a run's end on AWS. */
export const runScenario = async (
  cloud: Cloud,
  interpret: Interpreter,
  scenario: Scenario,
  runId: string,
): Promise<{ end: End; history: string; deployment: Deployment }> => {
  const deployment = await cloud.deploy()
  deployment.runId = runId
  for (const { environment } of deployment.functions.values()) Object.assign(environment, scenario.environment)
  const { small = 12, large = [6], archived = 0, request, faults = {}, readings = {}, refuses, stopIn, again, retries, hastened } = scenario
  await deployment.fill(small, large, archived)
  const before = `${runId}-before`
  if (again || retries !== undefined) {
    cloud.door.refuses = retries === undefined ? undefined : unreadable(retries).what
    const first = await inLocalEngine(deployment, { ...REQUEST, credentials: { after: 'expiry' } }, before, false)
    const { status } = await first.ended
    if (status !== (retries === undefined ? 'SUCCEEDED' : 'FAILED')) throw new Error(`the run before ended as ${status}`)
    if (retries !== undefined && (await deployment.letters()) !== 1) throw new Error('the run before left no dead letter')
    cloud.door.refuses = undefined
    deployment.calls = []
  }
  deployment.faults = faults
  deployment.readings = readings
  if (refuses?.from === undefined) cloud.door.refuses = refuses?.what
  const during: Record<string, Held> = {}
  deployment.before = async (task) => {
    if (OBSERVED.includes(task)) during[task] = await deployment.held(runId)
    if (task === refuses?.from) cloud.door.refuses = refuses.what
    if (task === stopIn) await running.stop()
  }

  const running = await interpret(
    deployment,
    { ...REQUEST, ...request, ...(retries === undefined ? {} : { selection: { failuresOf: before } }) },
    runId,
    hastened === true,
  )
  const ended = await running.ended
  await settled(deployment)
  const calls = deployment.calls
  deployment.calls = []
  if (stopIn !== undefined) await pause(500)
  const left = await deployment.held(runId)
  const calledAfterwards = [...deployment.calls]
  const history = await historyOf(deployment, runId)

  let closedBy: Ends['closedBy'] = calls.includes('cleanup') ? 'cleanup' : 'nothing was opened'
  const ruled = await followRule(deployment, runId, ended.status)
  if (!isClosed(left)) {
    closedBy = 'closing rule'
    if (!ruled || !isClosed(await deployment.held(runId))) {
      closedBy = 'sweep'
      deployment.faults = {}
      cloud.door.refuses = undefined
      const swept = await deployment.invoke('sweep', {})
      if (swept.failed) throw new Error(`sweep: ${swept.payload}`)
    }
  }
  const [report, closure] = await Promise.all([deployment.report(runId), deployment.closure(runId)])
  const end: End = {
    ...ended,
    reason: report?.reason,
    ledger: report?.ledger,
    arrived: await deployment.arrived(),
    calls: countOf(calls),
    during,
    left,
    finally: await deployment.held(runId),
    closedBy,
    closure: closure && {
      complete: closure.complete,
      observed: closure.steps.flatMap(({ step, observations }) =>
        observations.map(({ kind, call, closed }) => `${step} ${kind} ${call} ${closed ? 'closed' : 'open'}`),
      ),
    },
    certificate: await deployment.certificateFault(runId),
    calledAfterwards,
    letters: await deployment.letters(),
  }
  return { end, history, deployment }
}

/** The execution's whole history, where the interpreter is moto's; its children's are in it. */
const historyOf = async ({ sfn }: Deployment, runId: string): Promise<string> => {
  try {
    return JSON.stringify(await sfn.send(new GetExecutionHistoryCommand({ executionArn: executionArn(runId) })))
  } catch (error) {
    if ((error as Error).name === 'ExecutionDoesNotExist') return ''
    throw error
  }
}
