import { randomUUID } from 'node:crypto'
import { lambda, type Services } from '@drayage/core'
import type { Context } from 'aws-lambda'
import type { TaskFunction } from '../../../functions/index'
import type { FunctionCall } from './protocol'

/** What serverless.yml gives the functions that copy: the memory that buys one vCPU. */
const MEMORY_MB = '1769'

/** Calls a function as Lambda does: its event and its answer are JSON, and the context counts the time down. */
export const callAsLambda = async (
  tasks: Readonly<Record<string, TaskFunction>>,
  services: Services,
  { functionName, event, timeoutMs }: FunctionCall,
): Promise<string> => {
  const task = tasks[functionName]
  if (task === undefined) throw new Error(`the state machine names a function that does not exist: ${functionName}`)
  const answer = await lambda(task.step, task.shape, () => services)(JSON.parse(event), contextOf(functionName, timeoutMs))
  return JSON.stringify(answer ?? null)
}

const contextOf = (functionName: string, timeoutMs: number): Context => {
  const endsAt = performance.now() + timeoutMs
  const unused = () => {
    throw new Error('the callback style of Lambda handlers is not used')
  }
  return {
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:local:000000000000:function:${functionName}`,
    memoryLimitInMB: MEMORY_MB,
    awsRequestId: randomUUID(),
    logGroupName: functionName,
    logStreamName: 'local',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(0, endsAt - performance.now()),
    done: unused,
    fail: unused,
    succeed: unused,
  }
}
