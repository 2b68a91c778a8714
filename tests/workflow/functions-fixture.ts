import { threadId } from 'node:worker_threads'
import { AccessNotOpened, CredentialsRefused, StoreUnavailable, type Grant, type Migration, type Step } from '@drayage/core'
import type { TaskFunction } from '../../functions/index'

/** Functions that behave, and that fail in each way a function can. Only the tests of the worker threads load them. */
const forever = (): Promise<never> => new Promise(() => undefined)

const task = <Event>(step: Step<Event, unknown>, shape: TaskFunction['shape'] = {}): TaskFunction => ({ step, shape })

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })))

export const tasks: Record<string, TaskFunction> = {
  echo: task(async (event, { deadline }) => ({ threadId, event, remainingMs: deadline.remainingMs() })),
  /** answers once the main thread says so */
  asks: task(async (question: string, { services }) => ({ threadId, answer: await services.executions.isRunning(question) })),
  exits: task(async () => process.exit(3)),
  exitsAfterwards: task(async () => void setTimeout(() => process.exit(3), 10)),
  throwsUncaught: task(async () => {
    setTimeout(() => {
      throw new TypeError('nobody catches this')
    })
    return forever()
  }),
  rejectsUnhandled: task(async () => {
    void Promise.reject(new RangeError('nobody handles this'))
    return forever()
  }),
  eats: task(async () => {
    const eaten: string[][] = []
    for (;;) eaten.push(Array.from({ length: 10_000 }, (_, index) => `${eaten.length} ${index}`))
  }),
  loops: task(async () => {
    for (;;);
  }),
  /** heeds no signal */
  hangs: task(async (question: string, { services }) => {
    await services.executions.isRunning(question)
    return forever()
  }),
  heeds: task(async (question: string, { services, deadline }) => {
    await services.executions.isRunning(question)
    await aborted(deadline.signal)
    const { name, message } = deadline.signal.reason as Error
    return { name, message, remainingMs: deadline.remainingMs() }
  }),
  fails: task(async () => {
    throw Object.assign(new StoreUnavailable('the store is away', { cause: new Error('the cause') }), { secret: 'fake-secret' })
  }),
  answersTooMuch: task(async () => 'x'.repeat(300_000)),
  answersWithoutShape: task(async () => ({ ready: true }), { done: 'boolean' }),
  answersNothing: task(async () => undefined),
  hears: task(async (objects: number, { services }) => {
    for (let index = 0; index < objects; index++) services.heard('copied', index)
    return {}
  }),
  /** which classes the errors of access have in a worker */
  confirms: task(async ({ grant, migration }: { grant: Grant; migration: Migration }, { services }) => {
    try {
      await services.access.confirm(grant, migration)
      return 'confirmed'
    } catch (error) {
      return [AccessNotOpened, CredentialsRefused, Error].find((known) => error instanceof known)?.name
    }
  }),
}
