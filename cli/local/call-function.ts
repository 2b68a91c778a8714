import { randomUUID } from 'node:crypto'
import { lambda, type Services } from '@drayage/core'
import type { Context } from 'aws-lambda'
import { tasks } from '../../functions/index'

/** As serverless.yml gives every function: Lambda's longest time (ms), and the memory that buys one vCPU. */
const TIMEOUT_MS = 900_000
const MEMORY_MB = '1769'

export interface FunctionCalls {
  /** Calls a function as Lambda does: the event and the answer are JSON, and the context counts the time down. */
  call(name: string, event: unknown): Promise<unknown>
  /** Waits until no call is under way, at most `ms`. */
  settled(ms: number): Promise<void>
}

/** The functions of the state machine, with these services around them. */
export const functionCalls = (services: Services): FunctionCalls => {
  const underWay = new Set<Promise<unknown>>()
  return {
    call: async (name, event) => {
      const task = tasks[name]
      if (task === undefined) throw new Error(`the state machine names a function that does not exist: ${name}`)
      const answer = lambda(task.step, task.shape, () => services)(asJson(event), contextOf(name))
      underWay.add(answer)
      try {
        return asJson(await answer)
      } finally {
        underWay.delete(answer)
      }
    },
    settled: async (ms) => {
      let timer: NodeJS.Timeout | undefined
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ms)
      })
      await Promise.race([Promise.allSettled([...underWay]), patience])
      clearTimeout(timer)
    },
  }
}

const asJson = (value: unknown): unknown => (value === undefined ? null : JSON.parse(JSON.stringify(value)))

const contextOf = (functionName: string): Context => {
  const endsAt = performance.now() + TIMEOUT_MS
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
