import { setMaxListeners } from 'node:events'
import middy, { type MiddlewareObj } from '@middy/core'
import type { Context } from 'aws-lambda'
import { BadAnswer, DeadlinePassed, errorName } from '../domain/errors'
import { awsServices } from './aws-services'
import type { Deadline, Services, Step, StepCall } from './services'
import { bareError, logKeysFrom, wordsOf } from './words'

/** Step Functions' limit of a Task's input and output, in bytes of UTF-8 (service quotas, "Maximum input or output size"). */
const PAYLOAD_BYTES = 262_144

/** Time kept for ending a call in order after its signal aborted, in ms: outcomes are still to be written. */
const MARGIN_MS = 10_000

/** What the state machine reads of an answer: a path in it, and its type. */
export type AnswerShape = Readonly<Record<string, 'boolean' | 'string' | 'integer' | 'array'>>

type Handler = (event: unknown, context: Pick<Context, 'functionName' | 'awsRequestId' | 'getRemainingTimeInMillis'>) => Promise<unknown>

type CallContext = Context & { drayage: StepCall }

const valueAt = (answer: unknown, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>(
      (value, step) =>
        typeof value === 'object' && value !== null ? Object.entries(value).find(([name]) => name === step)?.[1] : undefined,
      answer,
    )

const hasType = (value: unknown, type: AnswerShape[string]): boolean => {
  if (type === 'integer') return Number.isSafeInteger(value)
  return type === 'array' ? Array.isArray(value) : typeof value === type
}

/** Asserts what a Choice or a Path will read, and the 256 KiB: AWS ends an execution without Cleanup over either. */
const checkedAnswer = (shape: AnswerShape): MiddlewareObj => ({
  after: (request) => {
    for (const [path, type] of Object.entries(shape)) {
      if (!hasType(valueAt(request.response, path), type)) throw new BadAnswer(`the answer's ${path} is not of type ${type}`)
    }
    const bytes = Buffer.byteLength(JSON.stringify(request.response ?? null))
    if (bytes > PAYLOAD_BYTES) throw new BadAnswer(`the answer is ${bytes} bytes long; Step Functions takes ${PAYLOAD_BYTES}`)
  },
})

const runOf = (event: unknown): string | undefined => {
  const runId = valueAt(event, 'migration.runId') ?? valueAt(event, 'execution.name')
  return typeof runId === 'string' ? runId : undefined
}

/** The call's own services: its log lines carry its run, shard and function. */
const callServices = (services: Services, event: unknown, { functionName, awsRequestId }: Context): Services => {
  const shard = valueAt(event, 'shard')
  const context = { function: functionName, request: awsRequestId, run: runOf(event), shard: typeof shard === 'string' ? shard : undefined }
  return { ...services, logger: services.logger.with(context) }
}

/**
 * Gives a call its services and its deadline: shortly before Lambda would end it, what is under way is aborted with
 * DeadlinePassed. A failure is logged once, by name and words.
 */
const inContext = (services: () => Services): MiddlewareObj => {
  let timer: NodeJS.Timeout | undefined
  return {
    before: ({ event, context }) => {
      const passed = new AbortController()
      const remainingMs = () => context.getRemainingTimeInMillis()
      timer = setTimeout(() => passed.abort(new DeadlinePassed('the function had no time left')), Math.max(0, remainingMs() - MARGIN_MS))
      timer.unref()
      const { stopping } = services()
      const deadline: Deadline = { remainingMs, signal: stopping ? AbortSignal.any([passed.signal, stopping]) : passed.signal }
      // Every request under way listens to it, 32 and more at once: the warning at eleven is about leaks.
      setMaxListeners(0, deadline.signal)
      ;(context as CallContext).drayage = { services: callServices(services(), event, context), deadline }
    },
    after: () => clearTimeout(timer),
    onError: ({ error, context }) => {
      clearTimeout(timer)
      ;(context as Partial<CallContext>).drayage?.services.logger.error('the call failed', {
        error: errorName(error),
        detail: wordsOf(error, logKeysFrom(process.env)),
      })
    },
  }
}

/**
 * What leaves a function is a bare Error, so that no SDK error with a request inside gets out. On AWS it holds no key either, for
 * histories can be read by many: the log has the key.
 */
const bareErrors = (services: () => Services): MiddlewareObj => ({
  onError: (request) => {
    request.error = bareError(request.error, isLocal(services) ? logKeysFrom(process.env) : 'hash')
  },
})

/** A function whose services cannot be made is a deployed one. */
const isLocal = (services: () => Services): boolean => {
  try {
    return services().runtime === 'local'
  } catch {
    return false
  }
}

/**
 * Makes a Lambda handler of a step. What all functions share hangs on it: services, deadline and AbortSignal, log context,
 * error names, and the assertion of what the state machine reads.
 */
export const lambda = <Event, Answer>(
  step: Step<Event, Answer>,
  shape: AnswerShape = {},
  services: () => Services = awsServices,
): Handler => {
  // Made per call: a deadline is one call's own, and the one-machine runtime has many calls of one function under way.
  return async (event, context) => {
    const handler = middy<Event, Answer, Error, Context>()
      .use(bareErrors(services) as MiddlewareObj<Event, Answer>)
      .use(inContext(services) as MiddlewareObj<Event, Answer>)
      .use(checkedAnswer(shape) as MiddlewareObj<Event, Answer>)
      .handler((given, { drayage }: Context & Partial<CallContext>) => step(given, drayage!))
    return (await handler(event as Event, context as Context)) as unknown
  }
}
