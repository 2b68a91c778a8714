import { DescribeExecutionCommand, IncludedData, StopExecutionCommand, type SFNClient } from '@aws-sdk/client-sfn'
import type { Executions } from '../domain/access'
import { answerOf, ask, doneBy } from './aws-call'

const UNKNOWN = ['ExecutionDoesNotExist']

/** Step Functions' executions, named by their ARNs. Their input and output, which may be encrypted for others, are not asked for. */
export const awsExecutions = (client: SFNClient): Executions => {
  const describe = (executionArn: string) =>
    ask('states:DescribeExecution', UNKNOWN, () =>
      client.send(new DescribeExecutionCommand({ executionArn, includedData: IncludedData.METADATA_ONLY })),
    )
  return {
    isRunning: async (executionArn) => (await describe(executionArn)).value?.status === 'RUNNING',
    async stop(executionArn) {
      const found = await describe(executionArn)
      if (found.refusal !== undefined) return answerOf(found.refusal)
      if (found.value.status !== 'RUNNING') return doneBy(`it had ended: ${found.value.status}`, found.value)
      const stopped = await ask('states:StopExecution', UNKNOWN, () =>
        client.send(
          new StopExecutionCommand({ executionArn, error: 'ClosedByCleanup', cause: 'Its access was ended by another call of cleanup.' }),
        ),
      )
      return stopped.refusal === undefined ? doneBy('stopped', stopped.value) : answerOf(stopped.refusal)
    },
  }
}
