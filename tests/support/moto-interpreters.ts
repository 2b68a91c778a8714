import { CreateStateMachineCommand, DescribeExecutionCommand, StartExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn'
import { startExecution } from '../../cli/local/engine/index'
import { listItems } from '../../cli/local/list-items'
import { definition } from '../workflow/harness'
import { MOTO_ACCOUNT } from './moto'
import { executionArn, MACHINE_ARN, type Deployment } from './moto-cloud'

/** How an execution ended. */
export interface Ended {
  status: string
  error: string | undefined
  cause: string | undefined
}

export interface Running {
  ended: Promise<Ended>
  stop(): Promise<void>
}

export interface Interpreter {
  (deployment: Deployment, request: unknown, runId: string, hastened: boolean): Promise<Running>
}

/** Retries without their growing pauses: 1 s at most, five times in a row. */
const withoutPauses = (text: string): string =>
  text.replace(/("IntervalSeconds": ?)\d+/g, '$11').replace(/("BackoffRate": ?)[\d.]+/g, '$11')

/** Longest execution, ms. */
const PATIENCE_MS = 120_000

/**
 * moto's interpreter. A machine that moto's CloudFormation made does not execute, so it is made through the API, under the same
 * name and from the definition that the stack has, which `change` may spoil.
 */
export const inMotoWith =
  (change: (definition: string) => string): Interpreter =>
  async ({ sfn, definition: deployed }, request, runId, hastened) => {
    const { stateMachineArn } = await sfn.send(
      new CreateStateMachineCommand({
        name: MACHINE_ARN.slice(MACHINE_ARN.lastIndexOf(':') + 1),
        roleArn: `arn:aws:iam::${MOTO_ACCOUNT}:role/drayage-dev-migrate`,
        definition: change(hastened ? withoutPauses(deployed) : deployed),
      }),
    )
    const { executionArn: arn } = await sfn.send(
      new StartExecutionCommand({ stateMachineArn, name: runId, input: JSON.stringify(request) }),
    )
    const ended = async (): Promise<Ended> => {
      for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await new Promise((later) => setTimeout(later, 100))) {
        const { status, error, cause } = await sfn.send(new DescribeExecutionCommand({ executionArn: arn }))
        if (status !== 'RUNNING') return { status: status!, error, cause: wordsOf(cause) }
      }
      throw new Error(`the execution still runs after ${PATIENCE_MS} ms`)
    }
    return { ended: ended(), stop: async () => void (await sfn.send(new StopExecutionCommand({ executionArn: arn }))) }
  }

export const inMoto = inMotoWith((deployed) => deployed)

/** The cause of a failed Task is Lambda's whole answer. */
const wordsOf = (cause: string | undefined): string | undefined => {
  try {
    return (JSON.parse(cause!) as { errorMessage: string }).errorMessage
  } catch {
    return cause
  }
}

/** The engine of the one-machine runtime, over the same functions and the same services. */
export const inLocalEngine: Interpreter = async (deployment, request, runId) => {
  const { state, stack } = deployment
  const execution = startExecution(
    {
      definition: definition(),
      substitutions: { StateBucket: stack.outputs.StateBucketName! },
      invoke: async (task, event) => {
        // The functions ask Step Functions about executions by their ARN.
        const given = JSON.parse(JSON.stringify(event).replaceAll(execution.id, executionArn(runId))) as unknown
        const { payload, failed } = await deployment.invoke(task, given)
        const answer = JSON.parse(payload) as { errorType: string; errorMessage: string }
        if (failed) throw Object.assign(new Error(answer.errorMessage), { name: answer.errorType })
        return answer
      },
      listItems: (_bucket, prefix) => listItems(state, prefix),
      putResult: async (_bucket, key, body) => void (await state.put(Buffer.from(key), Buffer.from(body))),
      maxConcurrency: 4,
      retryIntervalMs: () => 1,
    },
    request,
    runId,
  )
  return {
    ended: execution.result.then(({ status, error, cause }) => ({ status, error, cause })),
    stop: async () => execution.stop(),
  }
}
