import { DescribeExecutionCommand, StopExecutionCommand, type SFNClient } from '@aws-sdk/client-sfn'
import type { Executions } from '../domain/access'
import { ask } from './aws-call'

const UNKNOWN = ['ExecutionDoesNotExist']

/** Step Functions' executions, named by their ARNs. */
export const awsExecutions = (client: SFNClient): Executions => {
  const isRunning = async (executionArn: string): Promise<boolean> => {
    const { value } = await ask('states:DescribeExecution', UNKNOWN, () => client.send(new DescribeExecutionCommand({ executionArn })))
    return value?.status === 'RUNNING'
  }
  return {
    isRunning,
    async stop(executionArn) {
      if (!(await isRunning(executionArn))) return
      await ask('states:StopExecution', UNKNOWN, () =>
        client.send(
          new StopExecutionCommand({ executionArn, error: 'ClosedByCleanup', cause: 'Its access was ended by another call of cleanup.' }),
        ),
      )
    },
  }
}
