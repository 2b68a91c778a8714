import { startExecution } from '../../cli/local/engine'
import { MAX_PAYLOAD_BYTES } from '../../cli/local/engine/size'
import { bench, named, pause, until, type Handlers } from './engine-support'

const machine = (states: string, start = 'A'): string => `StartAt: ${start}\nStates:\n${states.replace(/^/gm, '  ')}`
const one = (fields: string): string => machine(`A: {Type: Task, Resource: {Ref: a}, ${fields}}\nCaught: {Type: Pass, End: true}`)

describe('A Task', () => {
  it('is given its input and gives its answer, by function name', async () => {
    const b = bench(
      machine('A: {Type: Task, Resource: {Ref: a}, Parameters: {x.$: $.n, bucket: "#{StateBucket}"}, ResultPath: $.out, End: true}'),
      { a: ({ x }) => ({ doubled: x * 2 }) },
    )
    expect(await b.run({ n: 4 })).toEqual({ status: 'SUCCEEDED', output: { n: 4, out: { doubled: 8 } } })
    expect(b.calls).toEqual([{ name: 'a', event: { x: 4, bucket: 'state' } }])
  })

  it('sees the execution as on AWS', async () => {
    const b = bench(
      machine('A: {Type: Task, Resource: {Ref: a}, Parameters: {id.$: $$.Execution.Id, name.$: $$.Execution.Name}, End: true}'),
      { a: (event) => event },
    )
    const execution = startExecution(b.options, {}, 'my-run')
    expect(execution.id).toBe('arn:aws:states:local:000000000000:execution:drayage:my-run')
    expect((await execution.result).output).toEqual({ id: execution.id, name: 'my-run' })
  })

  it('answers null for undefined, as Lambda does', async () => {
    expect(await bench(one('End: true'), { a: () => undefined }).run()).toEqual({ status: 'SUCCEEDED', output: null })
  })

  it('fails the execution under the name of what it threw', async () => {
    expect(
      await bench(one('End: true'), {
        a: () => {
          throw named('NoSuchBucket', 'b is not there')
        },
      }).run(),
    ).toEqual({ status: 'FAILED', error: 'NoSuchBucket', cause: 'b is not there' })
  })

  it('is caught by name, with Error and Cause where ResultPath says', async () => {
    const b = bench(
      one('Catch: [{ErrorEquals: [Other], Next: A}, {ErrorEquals: [States.ALL], ResultPath: $.failure, Next: Caught}], End: true'),
      {
        a: () => {
          throw named('Broken', 'why')
        },
      },
    )
    expect(await b.run({ kept: 1 })).toEqual({ status: 'SUCCEEDED', output: { kept: 1, failure: { Error: 'Broken', Cause: 'why' } } })
  })

  it('is retried by name only, as often as MaxAttempts says', async () => {
    const retry = 'Retry: [{ErrorEquals: [Busy], MaxAttempts: 3}], End: true'
    const busy = bench(one(retry), {
      a: () => {
        throw named('Busy')
      },
    })
    expect((await busy.run()).error).toBe('Busy')
    expect(busy.count('a')).toBe(4)
    const other = bench(one(retry), {
      a: () => {
        throw named('Broken')
      },
    })
    expect((await other.run()).error).toBe('Broken')
    expect(other.count('a')).toBe(1)
    let turn = 0
    const mended = bench(one(retry), {
      a: () => {
        if (turn++ < 2) throw named('Busy')
        return 'well'
      },
    })
    expect(await mended.run()).toEqual({ status: 'SUCCEEDED', output: 'well' })
    expect(mended.states.filter((state) => state === 'retried A')).toHaveLength(2)
  })

  it('waits as IntervalSeconds, BackoffRate and MaxDelaySeconds say, put through retryIntervalMs', async () => {
    const at: number[] = []
    const b = bench(
      one('Retry: [{ErrorEquals: [Busy], IntervalSeconds: 1, BackoffRate: 3, MaxDelaySeconds: 4, MaxAttempts: 5}], End: true'),
      {
        a: () => {
          at.push(Date.now())
          throw named('Busy')
        },
      },
      { retryIntervalMs: (seconds) => seconds * 20 },
    )
    await b.run()
    const waits = at.slice(1).map((time, index) => time - at[index]!)
    ;[20, 60, 80, 80, 80].forEach((ms, index) => expect(waits[index]).toBeGreaterThanOrEqual(ms - 2))
    expect(waits[4]).toBeLessThan(1_000) // 1,620 ms without MaxDelaySeconds
  })

  it('with JitterStrategy FULL waits anything up to that', async () => {
    const at: number[] = []
    const b = bench(
      one('Retry: [{ErrorEquals: [Busy], IntervalSeconds: 1, BackoffRate: 1, MaxAttempts: 8, JitterStrategy: FULL}], End: true'),
      {
        a: () => {
          at.push(performance.now())
          throw named('Busy')
        },
      },
      { retryIntervalMs: () => 100 },
    )
    await b.run()
    const waits = at.slice(1).map((time, index) => time - at[index]!)
    expect(waits).toHaveLength(8)
    expect(Math.min(...waits)).toBeLessThan(90)
    expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(5)
  })
})

describe('TimeoutSeconds', () => {
  it('aborts the call itself and is States.Timeout, even if the call does not heed its signal', async () => {
    let reason: unknown
    const deaf = bench(one('TimeoutSeconds: 1, Catch: [{ErrorEquals: [States.Timeout], ResultPath: $.failure, Next: Caught}], End: true'), {
      a: (_, signal) => new Promise(() => signal.addEventListener('abort', () => (reason = signal.reason))),
    })
    const began = Date.now()
    expect((await deaf.run()).output).toMatchObject({ failure: { Error: 'States.Timeout' } })
    expect(Date.now() - began).toBeGreaterThanOrEqual(998)
    expect(reason).toMatchObject({ name: 'States.Timeout' })
  })

  it('is retried by that name, each call with a signal of its own', async () => {
    let turn = 0
    const b = bench(one('TimeoutSeconds: 1, Retry: [{ErrorEquals: [States.Timeout]}], End: true'), {
      a: (_, signal) => (turn++ === 0 ? new Promise(() => undefined) : { aborted: signal.aborted }),
    })
    expect(await b.run()).toEqual({ status: 'SUCCEEDED', output: { aborted: false } })
  })

  it('of the definition ends the execution TIMED_OUT, uncaught', async () => {
    const text = one('Catch: [{ErrorEquals: [States.ALL], Next: Caught}], Retry: [{ErrorEquals: [States.ALL]}], End: true')
    const b = bench(`TimeoutSeconds: 1\n${text}`, { a: () => new Promise(() => undefined) })
    expect(await b.run()).toMatchObject({ status: 'TIMED_OUT', error: 'States.Timeout' })
    expect(b.count('a')).toBe(1)
  })

  it('longer than a timer of Node can wait does not fire at once', async () => {
    const b = bench(`TimeoutSeconds: 99999999\n${one('TimeoutSeconds: 99999999, End: true')}`, { a: () => pause(20) })
    expect(await b.run()).toEqual({ status: 'SUCCEEDED', output: null })
  })
})

describe('A Wait', () => {
  const waiting = (fields: string, over: Parameters<typeof bench>[2] = {}) =>
    bench(machine(`A: {Type: Wait, ${fields}, Next: B}\nB: {Type: Task, Resource: {Ref: b}, End: true}`), { b: (event) => event }, over)

  it('of Seconds or of SecondsPath waits so long, put through waitMs, and hands on its input', async () => {
    const asked: number[] = []
    const waitMs = (seconds: number) => (asked.push(seconds), 1)
    expect(await waiting('Seconds: 900', { waitMs }).run({ n: 7 })).toEqual({ status: 'SUCCEEDED', output: { n: 7 } })
    expect(await waiting('SecondsPath: $.n', { waitMs }).run({ n: 7 })).toEqual({ status: 'SUCCEEDED', output: { n: 7 } })
    expect(await waiting('SecondsPath: $.n, InputPath: $.in', { waitMs }).run({ in: { n: 8 } })).toMatchObject({ output: { n: 8 } })
    expect(asked).toEqual([900, 7, 8])
  })

  it('waits as long as it says where nothing shortens it', async () => {
    const began = Date.now()
    await waiting('SecondsPath: $.n').run({ n: 1 })
    expect(Date.now() - began).toBeGreaterThanOrEqual(998)
    expect((await waiting('SecondsPath: $.n').run({ n: 0 })).status).toBe('SUCCEEDED')
  })

  it.each([[{}], [{ n: '1' }], [{ n: 1.5 }], [{ n: -1 }], [{ n: null }]])(
    'over %j is States.Runtime, and nothing is called',
    async (input) => {
      const b = waiting('SecondsPath: $.n')
      expect(await b.run(input)).toMatchObject({ status: 'FAILED', error: 'States.Runtime' })
      expect(b.calls).toEqual([])
    },
  )

  it('that is stopped ends at once, and leaves no timer', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    const b = waiting('SecondsPath: $.n')
    const execution = startExecution(b.options, { n: 2_000_000 }, 'x')
    await until(() => b.states.includes('entered A') && timers() > before)
    execution.stop()
    expect(await execution.result).toEqual({ status: 'ABORTED' })
    await pause(5)
    expect(timers()).toBeLessThanOrEqual(before)
    expect(b.calls).toEqual([])
  })
})

describe('What States.ALL does not match', () => {
  const everything = 'Retry: [{ErrorEquals: [States.ALL]}], Catch: [{ErrorEquals: [States.ALL], Next: Caught}]'
  const text = (bytes: number): string => 'x'.repeat(bytes)

  it('States.Runtime: a path that leads nowhere', async () => {
    const b = bench(one(`Parameters: {x.$: $.nothing}, ${everything}, End: true`), { a: () => 1 })
    expect(await b.run()).toMatchObject({ status: 'FAILED', error: 'States.Runtime' })
    expect(b.calls).toEqual([])
  })

  it.each([
    ['exactly the limit', MAX_PAYLOAD_BYTES - 2, 'SUCCEEDED'],
    ['one byte more', MAX_PAYLOAD_BYTES - 1, 'FAILED'],
  ])('a result of %s', async (_, bytes, status) => {
    const b = bench(one(`${everything}, End: true`), { a: () => text(bytes) })
    expect((await b.run()).status).toBe(status)
    expect(b.count('a')).toBe(1)
  })

  it('States.DataLimitExceeded counts bytes of UTF-8, not characters', async () => {
    const b = bench(one(`${everything}, End: true`), { a: () => 'é'.repeat(MAX_PAYLOAD_BYTES / 2) })
    expect(await b.run()).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' })
  })

  it('States.DataLimitExceeded: the input of the execution', async () => {
    const b = bench(one(`${everything}, InputPath: $.n, End: true`), { a: () => 1 })
    expect(await b.run({ n: 1, fill: text(MAX_PAYLOAD_BYTES) })).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' })
    expect(b.calls).toEqual([])
    expect((await b.run({ n: 1 })).status).toBe('SUCCEEDED')
  })

  it('States.DataLimitExceeded: a state that grew past it by ResultPath; the next call is not begun although its own input is small', async () => {
    const grown = (bytes: number) =>
      bench(
        machine(
          `A: {Type: Task, Resource: {Ref: a}, ResultPath: $.a, ${everything}, Next: B}\nB: {Type: Task, Resource: {Ref: b}, InputPath: $.n, ${everything}, End: true}\nCaught: {Type: Pass, End: true}`,
        ),
        { a: () => text(bytes), b: () => 'b ran' },
      )
    const over = grown(150_000)
    expect(await over.run({ n: 1, fill: text(150_000) })).toMatchObject({
      status: 'FAILED',
      error: 'States.DataLimitExceeded',
      cause: expect.stringContaining('output of A'),
    })
    expect(over.count('b')).toBe(0)
    const under = grown(50_000)
    expect(await under.run({ n: 1, fill: text(150_000) })).toEqual({ status: 'SUCCEEDED', output: 'b ran' })
  })

  it('States.DataLimitExceeded: the last state', async () => {
    const b = bench(machine('A: {Type: Pass, Parameters: {a.$: $.fill, b.$: $.fill}, End: true}'), {})
    expect((await b.run({ fill: text(150_000) })).error).toBe('States.DataLimitExceeded')
  })

  it.each(['States.DataLimitExceeded', 'States.Runtime'])('%s out of a branch is not caught by the Parallel either', async (error) => {
    const inner = error === 'States.Runtime' ? 'InputPath: $.nothing, ' : ''
    const b = bench(
      machine(
        `A:\n  Type: Parallel\n  Branches: [{StartAt: B, States: {B: {Type: Task, Resource: {Ref: b}, ${inner}End: true}}}]\n  Catch: [{ErrorEquals: [States.ALL], Next: Caught}]\n  End: true\nCaught: {Type: Pass, End: true}`,
      ),
      { b: () => text(300_000) },
    )
    expect(await b.run()).toMatchObject({ status: 'FAILED', error })
  })
})

describe('stop()', () => {
  const looping = machine(
    'A: {Type: Task, Resource: {Ref: a}, Retry: [{ErrorEquals: [States.ALL], MaxAttempts: 1000}], Catch: [{ErrorEquals: [States.ALL], Next: Caught}], Next: A}\nCaught: {Type: Task, Resource: {Ref: caught}, End: true}',
  )

  it('aborts the call under way, begins no other, and settles at once although the call is deaf', async () => {
    let signal: AbortSignal | undefined
    const b = bench(looping, {
      a: (_, given) => {
        signal = given
        return b.count('a') < 3 ? {} : new Promise(() => undefined)
      },
      caught: () => 1,
    })
    const execution = startExecution(b.options, {}, 'x')
    await until(() => b.count('a') === 3)
    execution.stop()
    expect(await execution.result).toEqual({ status: 'ABORTED' })
    expect(signal?.aborted).toBe(true)
    await pause(50)
    expect(b.calls).toHaveLength(3)
  })

  it('does not become a retry or a catch when the call throws because of it', async () => {
    const b = bench(looping, {
      a: (_, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      caught: () => 1,
    })
    const execution = startExecution(b.options, {}, 'x')
    await until(() => b.count('a') === 1)
    execution.stop()
    expect(await execution.result).toEqual({ status: 'ABORTED' })
    await pause(50)
    expect(b.calls).toHaveLength(1)
  })

  it('in the wait before a retry begins no call', async () => {
    const b = bench(
      looping,
      {
        a: () => {
          throw named('Busy')
        },
      },
      { retryIntervalMs: () => 60_000 },
    )
    const execution = startExecution(b.options, {}, 'x')
    await until(() => b.count('a') === 1)
    await pause(10)
    execution.stop()
    expect(await execution.result).toEqual({ status: 'ABORTED' })
    await pause(30)
    expect(b.calls).toHaveLength(1)
  })

  it('before the first call, in a Wait, and after the end', async () => {
    const b = bench(looping, { a: () => ({}) })
    const first = startExecution(b.options, {}, 'x')
    first.stop()
    expect(await first.result).toEqual({ status: 'ABORTED' })
    expect(b.calls).toEqual([])
    const wait = startExecution(bench(machine('A: {Type: Wait, Seconds: 3600, End: true}'), {}).options, {}, 'x')
    await pause(10)
    wait.stop()
    expect(await wait.result).toEqual({ status: 'ABORTED' })
    const done = startExecution(bench(one('End: true'), { a: () => 1 }).options, {}, 'x')
    expect(await done.result).toEqual({ status: 'SUCCEEDED', output: 1 })
    done.stop()
    expect(await done.result).toEqual({ status: 'SUCCEEDED', output: 1 })
  })
})

describe('A Parallel', () => {
  const two = machine(`A:
  Type: Parallel
  ResultPath: $.both
  Branches:
    - {StartAt: B, States: {B: {Type: Task, Resource: {Ref: b}, Next: B2}, B2: {Type: Pass, End: true}}}
    - {StartAt: C, States: {C: {Type: Task, Resource: {Ref: c}, Retry: [{ErrorEquals: [States.ALL]}], Catch: [{ErrorEquals: [States.ALL], Next: C}], Next: C2}, C2: {Type: Choice, Choices: [{Variable: $.done, BooleanEquals: false, Next: C}], Default: C3}, C3: {Type: Succeed}}}
  Catch: [{ErrorEquals: [States.ALL], ResultPath: $.failure, Next: Caught}]
  End: true
Caught: {Type: Task, Resource: {Ref: caught}, End: true}`)

  it('gives each branch the input and their outputs in order', async () => {
    const b = bench(two, {
      b: async (event) => {
        await pause(15)
        return { b: event.n }
      },
      c: (event) => ({ c: event.n, done: true }),
    })
    expect(await b.run({ n: 1 })).toEqual({ status: 'SUCCEEDED', output: { n: 1, both: [{ b: 1 }, { c: 1, done: true }] } })
  })

  it('whose branch fails goes to its Catch, and the neighbour makes no further call', async () => {
    let signal: AbortSignal | undefined
    const handlers: Handlers = {
      b: async () => {
        await until(() => b.count('c') > 3)
        throw named('BranchBroken')
      },
      c: async (_, given) => {
        signal = given
        await pause(2)
        return { done: b.count('c') > 200 }
      },
      caught: async (event) => {
        await pause(40)
        return event
      },
    }
    const b = bench(two, handlers)
    expect((await b.run({ n: 1 })).output).toMatchObject({ failure: { Error: 'BranchBroken', Cause: 'a planted BranchBroken' } })
    expect(signal?.aborted).toBe(true)
    const names = b.calls.map((call) => call.name)
    expect(names.slice(names.indexOf('caught'))).toEqual(['caught'])
  })

  it('ends by a Fail inside it under the name of that Fail', async () => {
    const b = bench(
      machine('A: {Type: Parallel, Branches: [{StartAt: F, States: {F: {Type: Fail, Error: Told, CausePath: $.why}}}], End: true}'),
      {},
    )
    expect(await b.run({ why: 'so' })).toEqual({ status: 'FAILED', error: 'Told', cause: 'so' })
  })
})

describe('An inline Map', () => {
  const over = (fields: string): string =>
    machine(
      `A:\n  Type: Map\n  ItemsPath: $.list\n  ItemSelector: {item.$: $$.Map.Item.Value, index.$: $$.Map.Item.Index, name.$: $$.Execution.Name, n.$: $.n}\n  ${fields}\n  ItemProcessor: {StartAt: B, States: {B: {Type: Task, Resource: {Ref: b}, End: true}}}\n  Catch: [{ErrorEquals: [States.ALL], ResultPath: $.failure, Next: Caught}]\n  End: true\nCaught: {Type: Task, Resource: {Ref: caught}, End: true}`,
    )
  const peak = (expected: number) => {
    let now = 0
    let most = 0
    return {
      most: () => most,
      handler: async (event: any) => {
        most = Math.max(most, ++now)
        await until(() => most >= expected)
        await pause(3)
        now--
        return event.index
      },
    }
  }

  it.each([
    ['MaxConcurrency: 3', 100, 3],
    ['MaxConcurrencyPath: $.n', 100, 5],
    ['MaxConcurrency: 0', 100, 40],
    ['MaxConcurrency: 70', 100, 40],
    ['MaxConcurrency: 30', 8, 8],
  ])('with %s on a machine of %d keeps %d going, and its outputs in order', async (fields, maxConcurrency, most) => {
    const p = peak(most)
    const list = Array.from({ length: 90 }, (_, index) => `i${index}`)
    const b = bench(over(fields), { b: p.handler }, { maxConcurrency })
    expect((await b.run({ list, n: 5 })).output).toEqual(list.map((_, index) => index))
    expect(p.most()).toBe(most)
    expect(b.calls[7]?.event).toEqual({ item: 'i7', index: 7, name: 'run-1', n: 5 })
  })

  it('gives [] for []', async () => {
    expect((await bench(over('MaxConcurrency: 2'), {}).run({ list: [], n: 1 })).output).toEqual([])
  })

  it('whose iteration fails begins none of those that waited, and is caught', async () => {
    const signals: AbortSignal[] = []
    const b = bench(over('MaxConcurrency: 2'), {
      b: async ({ index }, signal) => {
        signals[index] = signal
        if (index === 2) return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        await pause(3)
        if (index === 3) throw named('PartBroken')
        return index
      },
      caught: async (event) => {
        await pause(40)
        return event
      },
    })
    const list = Array.from({ length: 50 }, (_, index) => index)
    expect((await b.run({ list, n: 1 })).output).toMatchObject({ failure: { Error: 'PartBroken' } })
    expect(b.count('b')).toBe(4)
    expect(signals.map((signal) => signal.aborted)).toEqual([false, false, true, false])
    expect(b.calls.at(-1)?.name).toBe('caught')
  })

  it.each([
    ['$.list is no list', { list: 7, n: 1 }],
    ['$.list is not there', { n: 1 }],
    ['$.n is no integer', { list: [], n: 'x' }],
  ])('where %s is States.Runtime, uncaught', async (_, input) => {
    expect(await bench(over('MaxConcurrencyPath: $.n'), {}).run(input)).toMatchObject({ status: 'FAILED', error: 'States.Runtime' })
  })
})

describe('onState', () => {
  it('hears every state by its own type, in order', async () => {
    const heard: string[] = []
    const b = bench(
      machine(
        'A: {Type: Parallel, Branches: [{StartAt: B, States: {B: {Type: Task, Resource: {Ref: b}, Retry: [{ErrorEquals: [Busy]}], End: true}}}], Next: Z}\nZ: {Type: Succeed}',
      ),
      {
        b: () => {
          if (b.count('b') < 2) throw named('Busy')
          return 1
        },
      },
      {
        onState: (event) => void heard.push([event.phase, event.state, event.type, event.error ?? '', event.execution].join(' ')),
      },
    )
    await b.run()
    expect(heard).toEqual([
      'entered A Parallel  main',
      'entered B Task  main',
      'failed B Task Busy main',
      'retried B Task  main',
      'exited B Task  main',
      'exited A Parallel  main',
      'entered Z Succeed  main',
      'exited Z Succeed  main',
    ])
  })
})
