import {
  parseDefinition,
  startExecution,
  type EngineOptions,
  type ExecutionResult,
  type Item,
  type StateMachineDefinition,
} from '../../cli/local/engine'

export type Handler = (event: any, signal: AbortSignal) => unknown
export type Handlers = Record<string, Handler>

/** An error under a name of Step Functions' or of ours, as a function would throw it. */
export const named = (name: string, message = `a planted ${name}`): Error => Object.assign(new Error(message), { name })

export const items = (keys: Iterable<string>): Item[] =>
  [...keys].map((Key) => ({ Key, Size: 1, Etag: '"e"', LastModified: 1_700_000_000, StorageClass: 'STANDARD' }))

export interface Bench {
  options: EngineOptions
  calls: { name: string; event: any }[]
  count(name: string): number
  puts: Map<string, any>
  states: string[]
  run(input?: unknown): Promise<ExecutionResult>
}

export const bench = (definition: StateMachineDefinition | string, handlers: Handlers, over: Partial<EngineOptions> = {}): Bench => {
  const calls: Bench['calls'] = []
  const puts: Bench['puts'] = new Map()
  const states: string[] = []
  const options: EngineOptions = {
    definition: typeof definition === 'string' ? parseDefinition(definition) : definition,
    substitutions: { StateBucket: 'state' },
    invoke: async (name, event, { signal }) => {
      calls.push({ name, event })
      const handler = handlers[name]
      if (!handler) throw new Error(`no handler ${name}`)
      return handler(event, signal)
    },
    listItems: async function* () {
      yield* items([])
    },
    putResult: async (bucket, key, body) => void puts.set(`${bucket}/${key}`, JSON.parse(body)),
    maxConcurrency: 100,
    retryIntervalMs: () => 0,
    onState: ({ state, phase }) => void states.push(`${phase} ${state}`),
    ...over,
  }
  return {
    options,
    calls,
    puts,
    states,
    count: (name) => calls.filter((call) => call.name === name).length,
    run: (input = {}) => startExecution(options, input, 'run-1').result,
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Resolves when `test` holds; fails after `ms`. */
export const until = async (test: () => boolean, ms = 30_000): Promise<void> => {
  const end = Date.now() + ms
  while (!test()) {
    if (Date.now() > end) throw new Error('did not come true')
    await pause(2)
  }
}
