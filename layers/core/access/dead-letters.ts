import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { DeadLetter, DeadLetters } from '../domain/access'
import { StoreRefused, StoreUnavailable } from '../domain/errors'
import { tell } from './aws-call'

/** Messages a batch, at most (Amazon SQS quotas). */
const BATCH = 10

/** Dead letters in an SQS queue. Throws StoreUnavailable or StoreRefused if any message of a batch was not taken; sending again may repeat some. */
export const sqsDeadLetters = (client: SQSClient, queueUrl: string): DeadLetters => ({
  async send(messages) {
    for (let from = 0; from < messages.length; from += BATCH) await sendBatch(client, queueUrl, messages.slice(from, from + BATCH))
  },
})

const sendBatch = async (client: SQSClient, queueUrl: string, messages: readonly DeadLetter[]): Promise<void> => {
  const entries = messages.map((message, index) => ({ Id: String(index), MessageBody: JSON.stringify(message) }))
  const { Failed: failed = [] } = await tell('sqs:SendMessageBatch', () =>
    client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries })),
  )
  if (failed.length === 0) return
  const code = failed[0]?.Code ?? 'UnknownError'
  const words = `sqs:SendMessageBatch: ${failed.length} of ${messages.length} dead letters were not taken: ${code}`
  throw failed.some(({ SenderFault }) => SenderFault) ? new StoreRefused(words, code, 200) : new StoreUnavailable(words)
}
