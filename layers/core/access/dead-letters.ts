import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type BatchResultErrorEntry,
  type Message,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import type { DeadLetter, DeadLetters } from '../domain/access'
import { StoreRefused, StoreUnavailable } from '../domain/errors'
import { tell } from './aws-call'

/** Messages a batch, and an answer, at most (Amazon SQS quotas). */
const BATCH = 10

/**
 * How long (s) a message that was looked at stays hidden, so that the next answer has others. What is not ours is given back at the end,
 * and by this at the latest.
 */
const HIDDEN_SECONDS = 300

/** Long polling asks all of the queue's servers; a short poll may answer with nothing although there is something. */
const WAIT_SECONDS = 1

/** Answers that are taken, at most: 10,000 messages. A queue that holds more of other runs keeps some of ours, and nothing is lost. */
const ANSWERS = 1000

/**
 * Dead letters in an SQS queue. Throws StoreUnavailable or StoreRefused if any message of a batch was not taken; sending again may
 * repeat some. `take` may be told of a message twice, and counts it once.
 */
export const sqsDeadLetters = (client: () => SQSClient, queueUrl: () => string): DeadLetters => ({
  async send(messages) {
    for (const batch of inBatches(messages)) await sendBatch(client(), queueUrl(), batch)
  },

  async take(runId, { signal } = {}) {
    const taken = new Set<string>()
    const others = new Map<string, Message>()
    try {
      for (let answers = 0; answers < ANSWERS; answers++) {
        signal?.throwIfAborted()
        const messages = await receive(client(), queueUrl())
        if (messages.length === 0) break
        const ours = messages.filter((message) => isOf(message, runId))
        for (const message of messages) if (!ours.includes(message)) others.set(idOf(message), message)
        await forget(client(), queueUrl(), ours)
        for (const message of ours) taken.add(idOf(message))
      }
    } finally {
      // What cannot be given back comes back by itself: that ours are gone is no less true, and an error of theirs is not hidden.
      await giveBack(client(), queueUrl(), [...others.values()]).catch(() => undefined)
    }
    return taken.size
  },
})

const inBatches = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / BATCH) }, (_, index) => items.slice(index * BATCH, (index + 1) * BATCH))

const idOf = ({ MessageId: id }: Message): string => id ?? ''

/** A message of another kind is nobody's here: it is left alone. */
const isOf = ({ Body: body }: Message, runId: string): boolean => {
  try {
    return (JSON.parse(body ?? '') as Partial<DeadLetter> | null)?.runId === runId
  } catch {
    return false
  }
}

const receive = async (client: SQSClient, queueUrl: string): Promise<Message[]> => {
  const { Messages: messages = [] } = await tell('sqs:ReceiveMessage', () =>
    client.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: BATCH,
        VisibilityTimeout: HIDDEN_SECONDS,
        WaitTimeSeconds: WAIT_SECONDS,
      }),
    ),
  )
  return messages
}

const sendBatch = async (client: SQSClient, queueUrl: string, messages: readonly DeadLetter[]): Promise<void> => {
  const entries = messages.map((message, index) => ({ Id: String(index), MessageBody: JSON.stringify(message) }))
  const { Failed: failed } = await tell('sqs:SendMessageBatch', () =>
    client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries })),
  )
  checkAll('sqs:SendMessageBatch', 'dead letters were not taken', messages.length, failed)
}

const forget = async (client: SQSClient, queueUrl: string, messages: readonly Message[]): Promise<void> => {
  for (const batch of inBatches(messages)) {
    const entries = batch.map(({ ReceiptHandle: handle }, index) => ({ Id: String(index), ReceiptHandle: handle }))
    const { Failed: failed } = await tell('sqs:DeleteMessage', () =>
      client.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries })),
    )
    checkAll('sqs:DeleteMessage', 'dead letters were not removed', batch.length, failed)
  }
}

const giveBack = async (client: SQSClient, queueUrl: string, messages: readonly Message[]): Promise<void> => {
  for (const batch of inBatches(messages)) {
    const entries = batch.map(({ ReceiptHandle: handle }, index) => ({ Id: String(index), ReceiptHandle: handle, VisibilityTimeout: 0 }))
    await tell('sqs:ChangeMessageVisibility', () =>
      client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries: entries })),
    )
  }
}

const checkAll = (call: string, words: string, all: number, failed: readonly BatchResultErrorEntry[] = []): void => {
  if (failed.length === 0) return
  const code = failed[0]?.Code ?? 'UnknownError'
  const text = `${call}: ${failed.length} of ${all} ${words}: ${code}`
  throw failed.some(({ SenderFault }) => SenderFault) ? new StoreRefused(text, code, 200) : new StoreUnavailable(text)
}
