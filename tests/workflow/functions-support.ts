import { join } from 'node:path'
import { functionPool, type FunctionPool, type PoolOptions } from '../../cli/local/functions/pool'
import type { MainThread } from '../../cli/local/functions/protocol'
import { workerScript } from '../../cli/local/functions/script'
import type { RunEvent } from '../../cli/progress'
import { scratch } from './cli-support'

export const module = (name: string): URL => new URL(name, import.meta.url)

export interface Bench {
  pool: FunctionPool
  heard: RunEvent[]
  lost: { name: string; message: string; functionName: string | undefined }[]
  /** the questions that functions have asked, in order */
  asked: string[]
  /** resolves when `count` questions have been asked */
  questions(count: number): Promise<void>
  /** answers every question, also those to come */
  answer(): void
  remove(): Promise<void>
}

/** A pool of the fixture's functions, with a main thread that answers when the test says so. */
export const bench = async (over: Partial<PoolOptions> = {}, confirm: MainThread['confirm'] = async () => undefined): Promise<Bench> => {
  const place = scratch()
  const heard: RunEvent[] = []
  const lost: Bench['lost'] = []
  const asked: string[] = []
  const waiting: { count: number; enough(): void }[] = []
  let answer!: () => void
  const answered = new Promise<void>((resolve) => (answer = resolve))
  const unasked = () => Promise.reject(new Error('not asked by the fixture'))
  const mainThread: MainThread = {
    ...{ create: unasked, suspend: unasked, remove: unasked, prove: unasked, endCredential: unasked, stop: unasked },
    ...{ reachSource: unasked, reachDestination: unasked, inventory: unasked, ownerOf: unasked, sign: unasked },
    confirm,
    reachState: async () => ({
      endpoint: 'http://127.0.0.1:9',
      region: 'us-east-1',
      credentials: { accessKeyId: 'EXAMPLE', secretAccessKey: 'fake-secret' },
    }),
    isRunning: async (question) => {
      asked.push(question)
      for (const { count, enough } of waiting) if (asked.length >= count) enough()
      await answered
      return true
    },
  }
  const pool = functionPool({
    script: await workerScript(module('functions-fixture.ts')),
    settings: { stateBucket: 'state-bucket', log: join(place.folder, 'log'), deadLetters: join(place.folder, 'letters'), concurrency: 1 },
    mainThread,
    hear: (event) => void heard.push(event),
    lost: ({ name, message }, functionName) => void lost.push({ name, message, functionName }),
    size: 2,
    ...over,
  })
  return {
    pool,
    heard,
    lost,
    asked,
    questions: (count) => new Promise((enough) => (asked.length >= count ? enough() : waiting.push({ count, enough }))),
    answer,
    remove: async () => {
      await pool.close()
      place.remove()
    },
  }
}

export const failure = (answer: Promise<unknown>): Promise<Error> =>
  answer.then(
    (value) => Promise.reject(new Error(`it answered ${JSON.stringify(value)}`)),
    (error: unknown) => error as Error,
  )
