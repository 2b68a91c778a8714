import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { RunEvent } from '../../progress'
import { bare, namedError, type FromWorker, type MainThread, type ToWorker, type WorkerSettings } from './protocol'

/** As serverless.yml gives the functions that copy: Lambda's longest time (ms). */
const TIMEOUT_MS = 900_000

/** A function's heap (MB): more than this is a fault, and ends its worker alone. Bodies are outside the heap. */
const HEAP_MB = 1024

/** And its young generation (MB): left to V8, garbage takes 25 MB more in each worker, for the same CPU time. */
const YOUNG_MB = 6

/** Two at the least, so that a call which only waits stops nobody. */
const LEAST = 2
/**
 * A worker is one core's work and costs 50 MB. Above this the one thread of the engine and the embedded server, and 64 requests
 * under way against a store that is far away, are the limit before the cores are.
 */
const MOST = 8

export const poolSize = (cores = availableParallelism()): number => Math.min(MOST, Math.max(LEAST, cores))

/** How a call is made, as the engine gives it. */
export interface CallOptions {
  /** aborts when nobody waits for the answer any more: the call's own signal then aborts too */
  signal?: AbortSignal
  /** told when the call waits for a worker; what it returns is called when a worker takes it */
  waits?(): () => void
}

export interface FunctionPool {
  /**
   * Calls a function as Lambda does: the event and the answer are JSON. Rejects with an Error of the name that the function
   * failed with; with Runtime.ExitError, Runtime.OutOfMemory or Sandbox.Timedout when its worker ended in the middle of the
   * call. The next call gets another worker.
   */
  call(functionName: string, event: unknown, options?: CallOptions): Promise<unknown>
  /** Waits until no call is under way, at most `ms`. */
  settled(ms: number): Promise<void>
  /** Ends every worker, also in the middle of a call. */
  close(): Promise<void>
}

export interface PoolOptions {
  /** of `workerScript` */
  script: URL
  settings: WorkerSettings
  mainThread: MainThread
  hear(event: RunEvent): void
  /** a worker ended by itself; `functionName`: whose call it took with it */
  lost(error: Error, functionName: string | undefined): void
  /** workers at once */
  size: number
  /** ms that a call may take */
  timeoutMs?: number
  heapMb?: number
}

interface Call {
  functionName: string
  event: string
  resolve(answer: unknown): void
  reject(error: unknown): void
  /** a worker takes it */
  begins(): void
}

interface Seat {
  worker: Worker
  ready: boolean
  /** undefined: idle */
  call: Call | undefined
  /** nobody waits for its call: it takes no place of another */
  left: boolean
  timer: NodeJS.Timeout | undefined
  /** why its worker ends, if that is known before it has ended */
  fault: Error | undefined
}

/**
 * Worker threads for functions, each with one call at a time as a Lambda environment has it, so that a worker which ends is one
 * failed call. They are started when they are needed and kept for the next call; calls wait in order while all are busy.
 */
export const functionPool = (options: PoolOptions): FunctionPool => {
  const { script, settings, mainThread, hear, lost, size, timeoutMs = TIMEOUT_MS, heapMb = HEAP_MB } = options
  const seats = new Set<Seat>()
  const queue: Call[] = []
  const underWay = new Set<Promise<unknown>>()

  const post = ({ worker }: Seat, message: ToWorker): void => worker.postMessage(message)

  const start = (): Seat => {
    const worker = new Worker(script, {
      workerData: settings,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: YOUNG_MB },
    })
    const seat: Seat = { worker, ready: false, call: undefined, left: false, timer: undefined, fault: undefined }
    seats.add(seat)
    worker.on('message', (message: FromWorker) => receive(seat, message))
    worker.on('error', (error) => (seat.fault ??= faultOf(error, heapMb)))
    worker.on('exit', (code) => ended(seat, code))
    return seat
  }

  /** A call's time runs from here; for one that waits for its worker's modules it runs again from when they are loaded. */
  const limit = (seat: Seat, { functionName }: Call): void => {
    clearTimeout(seat.timer)
    seat.timer = setTimeout(() => {
      seat.fault = namedError({ name: 'Sandbox.Timedout', message: `${functionName} did not end within ${timeoutMs} ms` })
      void seat.worker.terminate()
    }, timeoutMs)
  }

  const give = (seat: Seat, call: Call): void => {
    seat.call = call
    limit(seat, call)
    if (seat.ready) handOver(seat, call)
  }

  const handOver = (seat: Seat, call: Call): void => {
    const { functionName, event } = call
    call.begins()
    limit(seat, call)
    post(seat, { kind: 'call', functionName, event, timeoutMs })
  }

  const next = (): void => {
    while (queue.length > 0) {
      const idle = [...seats].find(({ call, fault }) => call === undefined && fault === undefined)
      if (idle === undefined && [...seats].filter(({ left }) => !left).length >= size) return
      give(idle ?? start(), queue.shift()!)
    }
  }

  const dismiss = (seat: Seat): Promise<unknown> => {
    seats.delete(seat)
    clearTimeout(seat.timer)
    return seat.worker.terminate()
  }

  /** Its call is over: it takes the next one, unless calls that were left have made more workers than there should be. */
  const free = (seat: Seat): void => {
    clearTimeout(seat.timer)
    seat.call = undefined
    seat.left = false
    if (seats.size > size) void dismiss(seat)
    next()
  }

  const receive = (seat: Seat, message: FromWorker): void => {
    // It is being ended: its call has failed already, or nobody waits for anything of it.
    if (seat.fault !== undefined || !seats.has(seat)) return
    switch (message.kind) {
      case 'ready':
        seat.ready = true
        if (seat.call !== undefined) handOver(seat, seat.call)
        return
      case 'answer':
        seat.call?.resolve(JSON.parse(message.answer))
        return free(seat)
      case 'failed':
        seat.call?.reject(namedError(message.error))
        return free(seat)
      case 'heard':
        return message.events.forEach(hear)
      case 'ask':
        return void tell(seat, message)
    }
  }

  const tell = async (seat: Seat, { id, question, about }: Extract<FromWorker, { kind: 'ask' }>): Promise<void> => {
    try {
      post(seat, { kind: 'told', id, answer: await (mainThread[question] as (...about: unknown[]) => Promise<unknown>)(...about) })
    } catch (error) {
      post(seat, { kind: 'refused', id, error: bare(error) })
    }
  }

  const ended = (seat: Seat, code: number): void => {
    clearTimeout(seat.timer)
    if (!seats.delete(seat)) return
    const { call, fault = exitError(`the worker ended with exit code ${code}`) } = seat
    lost(fault, call?.functionName)
    call?.reject(fault)
    next()
  }

  const leave = (call: Call, reason: unknown): void => {
    const seat = [...seats].find((one) => one.call === call)
    if (seat?.ready === true) {
      seat.left = true
      post(seat, { kind: 'stop', reason: bare(reason) })
      next()
      return
    }
    if (queue.includes(call)) queue.splice(queue.indexOf(call), 1)
    call.reject(reason)
    if (seat !== undefined) free(seat)
  }

  const callFunction = (functionName: string, event: unknown, { signal, waits }: CallOptions): Promise<unknown> =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const begins = waits?.() ?? (() => undefined)
      const onAbort = () => leave(call, signal?.reason)
      const over = () => signal?.removeEventListener('abort', onAbort)
      const call: Call = {
        functionName,
        event: JSON.stringify(event ?? null),
        begins,
        resolve: (answer) => {
          over()
          resolve(answer)
        },
        reject: (error) => {
          over()
          reject(error as Error)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      queue.push(call)
      next()
    })

  return {
    call: async (functionName, event, callOptions = {}) => {
      const answer = callFunction(functionName, event, callOptions)
      underWay.add(answer)
      try {
        return await answer
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
    close: async () => {
      const over = exitError('the pool was closed')
      for (const call of queue.splice(0)) call.reject(over)
      for (const { call } of seats) call?.reject(over)
      await Promise.all([...seats].map(dismiss))
    },
  }
}

const exitError = (message: string): Error => namedError({ name: 'Runtime.ExitError', message })

const faultOf = (error: unknown, heapMb: number): Error => {
  if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY')
    return namedError({ name: 'Runtime.OutOfMemory', message: `the worker's heap reached its ${heapMb} MB` })
  return exitError(`the worker ended over an error that nobody caught: ${String(error)}`)
}
