import { threadId } from 'node:worker_threads'
import { AccessNotOpened } from '@drayage/core'
import { poolSize } from '../../cli/local/functions/pool'
import { loadDefinition } from '../../cli/local/engine/index'
import { bench as machine, pause } from './engine-support'
import { bench, failure, type Bench } from './functions-support'

let open: Bench[] = []
const opened = async (...options: Parameters<typeof bench>): Promise<Bench> => {
  const made = await bench(...options)
  open.push(made)
  return made
}
afterEach(async () => {
  for (const { remove } of open) await remove()
  open = []
})

interface Echo {
  threadId: number
  event: unknown
  remainingMs: number
}

describe('the workers', () => {
  it('run two calls at once in two threads, neither of them this one', async () => {
    const { pool, questions, answer } = await opened()
    const calls = ['a', 'b'].map((question) => pool.call('asks', question))
    await questions(2)
    answer()
    const threads = (await Promise.all(calls)).map((one) => (one as Echo).threadId)
    expect(new Set([...threads, threadId]).size).toBe(3)
  })

  it('take one call at a time, in order; a thread is kept for the next call', async () => {
    const { pool, questions, asked, answer } = await opened({ size: 1 })
    const calls = ['a', 'b', 'c'].map((question) => pool.call('asks', question))
    await questions(1)
    await pause(100)
    expect(asked).toEqual(['a'])
    answer()
    const threads = (await Promise.all(calls)).map((one) => (one as Echo).threadId)
    expect(asked).toEqual(['a', 'b', 'c'])
    expect(new Set(threads).size).toBe(1)
  })

  it('are as many as there are cores, two at the least and with an end', () => {
    expect([1, 2, 3, 8].map(poolSize)).toEqual([2, 2, 3, 8])
    expect(poolSize(512)).toBe(poolSize(64))
  })

  it('are given the event as JSON and answer in JSON', async () => {
    const { pool } = await opened()
    expect(await pool.call('echo', { at: new Date(0), gone: undefined, text: 'é' })).toMatchObject({
      event: { at: '1970-01-01T00:00:00.000Z', text: 'é' },
    })
    expect(await pool.call('echo', undefined)).toMatchObject({ event: null })
    expect(await pool.call('answersNothing', {})).toBeNull()
  })

  it('end with the pool, also in the middle of a call', async () => {
    const { pool, lost, questions } = await opened({ size: 1 })
    const [hanging, waiting] = [failure(pool.call('hangs', 'a')), failure(pool.call('echo', {}))]
    await questions(1)
    await pool.close()
    expect([(await hanging).name, (await waiting).name]).toEqual(['Runtime.ExitError', 'Runtime.ExitError'])
    expect(lost).toEqual([])
  })
})

describe('a worker that ends', () => {
  it.each([
    ['exits', 'Runtime.ExitError', 'the worker ended with exit code 3'],
    ['throwsUncaught', 'Runtime.ExitError', 'the worker ended over an error that nobody caught: TypeError: nobody catches this'],
    ['rejectsUnhandled', 'Runtime.ExitError', 'the worker ended over an error that nobody caught: RangeError: nobody handles this'],
    ['eats', 'Runtime.OutOfMemory', "the worker's heap reached its 64 MB"],
  ])('because its function %s is one failed call, %s', async (functionName, name, message) => {
    const { pool, lost, questions, answer } = await opened({ heapMb: 64 })
    const beside = pool.call('asks', 'beside')
    await questions(1)
    expect(await failure(pool.call(functionName, {}))).toMatchObject({ name, message })
    expect(lost).toEqual([{ name, message, functionName }])
    answer()
    expect(await beside).toMatchObject({ answer: true })
    expect(await pool.call('echo', { after: functionName })).toMatchObject({ event: { after: functionName } })
  })

  it('is ended when a call is over its time, also one that leaves no turn to anything else', async () => {
    const { pool, lost } = await opened({ size: 1, timeoutMs: 5000 })
    const error = { name: 'Sandbox.Timedout', message: 'loops did not end within 5000 ms' }
    expect(await failure(pool.call('loops', {}))).toMatchObject(error)
    expect(lost).toEqual([{ ...error, functionName: 'loops' }])
    expect(await pool.call('echo', 1)).toMatchObject({ event: 1 })
  })

  it('between two calls is replaced, and said to have ended', async () => {
    const { pool, lost } = await opened({ size: 1 })
    await pool.call('exitsAfterwards', {})
    while (lost.length === 0) await pause(10)
    expect(lost).toEqual([{ name: 'Runtime.ExitError', message: 'the worker ended with exit code 3', functionName: undefined }])
    expect(await pool.call('echo', 1)).toMatchObject({ event: 1 })
  })

  it('before it could take a call fails that call: no worker is started for it again and again', async () => {
    const { pool, lost } = await opened({ script: new URL('data:text/javascript,throw new SyntaxError("not a function")') })
    expect(await failure(pool.call('echo', {}))).toMatchObject({
      name: 'Runtime.ExitError',
      message: expect.stringContaining('not a function'),
    })
    expect(lost).toHaveLength(1)
  })

  it('does so under names that the state machine retries', () => {
    const retried = JSON.stringify(loadDefinition('statemachines/migrate.asl.yml')).match(/"ErrorEquals":\["StoreUnavailable"[^\]]*\]/g)
    expect(retried?.length).toBeGreaterThan(5)
    for (const list of retried!)
      for (const name of ['Runtime.ExitError', 'Runtime.OutOfMemory', 'Sandbox.Timedout']) expect(list).toContain(`"${name}"`)
  })
})

describe('time', () => {
  it('counts down from when a worker takes the call', async () => {
    const { pool, questions, answer } = await opened({ size: 1, timeoutMs: 60_000 })
    const first = pool.call('asks', 'a')
    await questions(1)
    const second = pool.call('echo', {})
    await pause(3000)
    answer()
    await first
    const { remainingMs } = (await second) as Echo
    expect(remainingMs).toBeLessThanOrEqual(60_000)
    expect(remainingMs).toBeGreaterThan(57_500)
  })

  it('aborts the signal 10 s before its end', async () => {
    const { pool, answer } = await opened({ timeoutMs: 10_300 })
    answer()
    const { name, remainingMs } = (await pool.call('heeds', 'a')) as { name: string; remainingMs: number }
    expect(name).toBe('DeadlinePassed')
    expect(remainingMs).toBeLessThan(10_100)
    expect(remainingMs).toBeGreaterThan(0)
  })

  it('of the state (TimeoutSeconds) does not run while a call waits for a worker', async () => {
    const { pool, questions, answer } = await opened({ size: 1 })
    const one = 'StartAt: A\nStates: {A: {Type: Task, Resource: {Ref: echo}, TimeoutSeconds: 1, End: true}}'
    const first = pool.call('asks', 'a')
    await questions(1)
    const waiting = machine(one, {}, { invoke: (name, event, call) => pool.call(name, event, call) }).run()
    const counting = machine(one, {}, { invoke: (name, event, { signal }) => pool.call(name, event, { signal }) }).run()
    expect(await counting).toMatchObject({ status: 'FAILED', error: 'States.Timeout' })
    await pause(500)
    answer()
    await first
    expect(await waiting).toMatchObject({ status: 'SUCCEEDED' })

    const hanging = machine(one.replace('echo', 'heeds'), {}, { invoke: (name, event, call) => pool.call(name, event, call) }).run()
    expect(await hanging).toMatchObject({ status: 'FAILED', error: 'States.Timeout' })
    await pool.settled(60_000)
  })
})

describe('a call that nobody waits for any more', () => {
  const stopped = () => Object.assign(new Error('the run was stopped'), { name: 'ExecutionAborted' })

  it("aborts its function's own signal, and takes no worker from the next call", async () => {
    const { pool, questions, answer } = await opened({ size: 1 })
    const stop = new AbortController()
    const heeding = pool.call('heeds', 'a', { signal: stop.signal })
    const hanging = failure(pool.call('hangs', 'b', { signal: stop.signal }))
    answer()
    await questions(1)
    stop.abort(stopped())
    expect(await heeding).toMatchObject({ name: 'ExecutionAborted', message: 'the run was stopped' })
    expect(await hanging).toMatchObject({ name: 'ExecutionAborted' })
    expect(await pool.call('echo', 1)).toMatchObject({ event: 1 })
  })

  it('does not hold up the next call although it heeds nothing; settled() waits for it, and not for ever', async () => {
    const { pool, questions, answer } = await opened({ size: 1 })
    const stop = new AbortController()
    const hanging = failure(pool.call('hangs', 'a', { signal: stop.signal }))
    answer()
    await questions(1)
    stop.abort(stopped())
    expect(await pool.call('echo', 1)).toMatchObject({ event: 1 })
    await pool.settled(100)
    await pool.close()
    expect((await hanging).name).toBe('Runtime.ExitError')
  })

  it('is not begun if it was stopped before', async () => {
    const { pool, asked } = await opened()
    await failure(pool.call('asks', 'a', { signal: AbortSignal.abort(stopped()) }))
    await pool.call('echo', {})
    expect(asked).toEqual([])
  })
})

describe('what crosses', () => {
  it('of an error is its name and message, and nothing else of it', async () => {
    const { pool } = await opened()
    const error = await failure(pool.call('fails', {}))
    expect(error).toMatchObject({ name: 'StoreUnavailable', message: 'the store is away' })
    expect(Object.keys(error)).toEqual(['name'])
    expect(error.cause).toBeUndefined()
  })

  it.each([
    ['answersTooMuch', 'BadAnswer', /300002 bytes long/],
    ['answersWithoutShape', 'BadAnswer', /done is not of type boolean/],
    ['nothingOfThisName', 'Error', /a function that does not exist: nothingOfThisName/],
  ])('%s fails with %s', async (functionName, name, message) => {
    const { pool } = await opened()
    expect(await failure(pool.call(functionName, {}))).toMatchObject({ name, message: expect.stringMatching(message) })
  })

  it('of what a function tells of itself is all of it, before its answer', async () => {
    const { pool, heard } = await opened()
    await pool.call('hears', 2500)
    expect(heard).toHaveLength(2500)
    expect(heard.at(-1)).toEqual({ kind: 'outcome', outcome: 'copied', bytes: 2499 })
  })

  it('of what the main thread refuses is the class that access promises, and of anything else the name', async () => {
    const refusing = (error: Error) => opened({}, () => Promise.reject(error))
    const about = { grant: { kind: 'key', name: 'drayage-1', purpose: 'a test' }, migration: { runId: 'run-1' } }
    expect(await (await refusing(new AccessNotOpened('no'))).pool.call('confirms', about)).toBe('AccessNotOpened')
    expect(await (await refusing(new TypeError('no'))).pool.call('confirms', about)).toBe('Error')
    expect(await (await opened()).pool.call('confirms', about)).toBe('confirmed')
  })
})
