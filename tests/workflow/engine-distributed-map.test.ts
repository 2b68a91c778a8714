import { startExecution, type Item } from '../../cli/local/engine'
import { isExceeded } from '../../cli/local/engine/tolerance'
import { bench, items, named, pause, until, type Bench, type Handlers } from './engine-support'

const definition = (fields = ''): string => `
StartAt: Copy
States:
  Copy:
    Type: Map
    Label: Copy
    ${fields}
    ItemReader:
      Resource: arn:aws:states:::s3:listObjectsV2
      Parameters: {Bucket: '#{StateBucket}', Prefix.$: $.prefix}
    ItemSelector: {key.$: $$.Map.Item.Value.Key, index.$: $$.Map.Item.Index, size.$: $$.Map.Item.Value.Size, parent.$: $$.Execution.Name, n.$: $.n}
    ItemProcessor:
      ProcessorConfig: {Mode: DISTRIBUTED, ExecutionType: STANDARD}
      StartAt: Turn
      States:
        Turn:
          Type: Task
          Resource: {Ref: turn}
          Parameters: {in.$: $, child.$: $$.Execution.Name, id.$: $$.Execution.Id}
          ResultPath: $.batch
          Retry: [{ErrorEquals: [Busy], MaxAttempts: 2}]
          Next: Turned
        Turned: {Type: Choice, Choices: [{Variable: $.batch.done, BooleanEquals: true, Next: Done}], Default: Turn}
        Done: {Type: Succeed, OutputPath: $.batch}
    ResultWriter:
      Resource: arn:aws:states:::s3:putObject
      Parameters: {Bucket: '#{StateBucket}', Prefix: map-runs}
    ResultPath: $.run
    Catch: [{ErrorEquals: [States.ALL], ResultPath: $.failure, Next: Caught}]
    End: true
  Caught: {Type: Task, Resource: {Ref: caught}, End: true}
`

const keys = (count: number): string[] => Array.from({ length: count }, (_, index) => `shards/${index}.jsonl`)
const tolerant = 'ToleratedFailurePercentage: 100'
const caught: Handlers = { caught: (event) => event }

const over = (count: number, fields: string, handlers: Handlers, more = {}): Bench =>
  bench(
    definition(fields),
    { ...caught, ...handlers },
    {
      listItems: async function* () {
        yield* items(keys(count))
      },
      ...more,
    },
  )
const run = (b: Bench) => b.run({ prefix: 'shards/', n: 7 })
const manifestOf = (b: Bench) => [...b.puts].find(([key]) => key.endsWith('/manifest.json'))?.[1]

describe('A Distributed Map', () => {
  it('gives each object to a child execution with a name and context of its own, and loops inside it', async () => {
    const heard: string[] = []
    const b = over(
      3,
      '',
      { turn: ({ in: { key } }) => ({ done: b.calls.filter((call) => call.event.in.key === key).length === 2, key }) },
      { onState: (event: any) => heard.push(`${event.execution} ${event.state} ${event.type}`) },
    )
    const result = await run(b)
    expect(result.status).toBe('SUCCEEDED')
    expect(b.count('turn')).toBe(6)
    expect(b.calls[0]?.event.in).toEqual({ key: 'shards/0.jsonl', index: 0, size: 1, parent: 'run-1', n: 7 })
    const names = new Set(b.calls.map((call) => call.event.child))
    expect(names.size).toBe(3)
    for (const { event } of b.calls) expect(event.id).toBe(`arn:aws:states:local:000000000000:execution:drayage/Copy:${event.child}`)
    expect(heard).toContain('main Copy Map')
    expect(heard).toContain('child Turn Task')
    expect(heard).not.toContain('main Turn Task')
  })

  it('asks the reader for the bucket and prefix that its Parameters give', async () => {
    const asked: unknown[] = []
    const b = over(
      0,
      '',
      {},
      {
        listItems: async function* (...given: unknown[]): AsyncGenerator<Item> {
          asked.push(given)
        },
      },
    )
    await run(b)
    expect(asked).toEqual([['state', 'shards/']])
  })

  it('is replaced by {MapRunArn, ResultWriterDetails}, and writes what its children gave below Prefix/<uuid>/', async () => {
    const b = over(4, tolerant, {
      turn: ({ in: { index } }) => {
        if (index === 2) throw named('Unreadable', 'why')
        return { done: true, index }
      },
    })
    const { run: mapRun } = (await run(b)).output as any
    expect(Object.keys(mapRun)).toEqual(['MapRunArn', 'ResultWriterDetails'])
    expect(mapRun.MapRunArn).toMatch(/^arn:aws:states:local:000000000000:mapRun:drayage\/Copy:[0-9a-f-]{36}$/)
    const folder = `map-runs/${mapRun.MapRunArn.split(':').at(-1)}`
    expect(mapRun.ResultWriterDetails).toEqual({ Bucket: 'state', Key: `${folder}/manifest.json` })
    expect([...b.puts.keys()].sort()).toEqual(
      ['FAILED_0.json', 'SUCCEEDED_0.json', 'manifest.json'].map((file) => `state/${folder}/${file}`),
    )
    const manifest = manifestOf(b)
    expect(manifest).toMatchObject({
      DestinationBucket: 'state',
      MapRunArn: mapRun.MapRunArn,
      ResultFiles: { PENDING: [], FAILED: [{ Key: `${folder}/FAILED_0.json` }] },
    })
    const succeeded = b.puts.get(`state/${folder}/SUCCEEDED_0.json`)
    expect(manifest.ResultFiles.SUCCEEDED).toEqual([
      { Key: `${folder}/SUCCEEDED_0.json`, Size: Buffer.byteLength(JSON.stringify(succeeded)) },
    ])
    expect(succeeded.map((child: any) => JSON.parse(child.Output).index).sort()).toEqual([0, 1, 3])
    expect(b.puts.get(`state/${folder}/FAILED_0.json`)).toMatchObject([
      { Status: 'FAILED', Error: 'Unreadable', Cause: 'why', Name: expect.any(String), Input: expect.stringContaining('shards/2.jsonl') },
    ])
  })

  it('over an empty prefix succeeds with an empty manifest', async () => {
    const b = over(0, '', {})
    expect((await run(b)).status).toBe('SUCCEEDED')
    expect(manifestOf(b).ResultFiles).toEqual({ SUCCEEDED: [], FAILED: [], PENDING: [] })
  })

  it('starts a result file anew when one holds a mebibyte', async () => {
    const b = over(30, '', { turn: () => ({ done: true, fill: 'x'.repeat(100_000) }) })
    await run(b)
    const files = manifestOf(b).ResultFiles.SUCCEEDED
    expect(files.length).toBeGreaterThanOrEqual(3)
    expect(new Set(files.map((file: any) => file.Key)).size).toBe(files.length)
    for (const file of files) expect(file.Size).toBeLessThan(1_400_000)
    expect(files.flatMap((file: any) => b.puts.get(`state/${file.Key}`))).toHaveLength(30)
  })

  it('retries inside a child by name', async () => {
    const b = over(2, '', {
      turn: ({ in: { index } }) => {
        if (index === 1 && b.count('turn') < 4) throw named('Busy')
        return { done: true }
      },
    })
    expect((await run(b)).status).toBe('SUCCEEDED')
    expect(b.count('turn')).toBe(4)
  })

  it('retried itself is a new Map Run with new children', async () => {
    let turn = 0
    const b = over(2, 'Retry: [{ErrorEquals: [States.ExceedToleratedFailureThreshold], MaxAttempts: 1}]', {
      turn: ({ in: { index } }) => {
        if (index === 1 && turn++ === 0) throw named('Broken')
        return { done: true }
      },
    })
    expect((await run(b)).output).not.toHaveProperty('failure')
    expect([...b.puts.keys()].filter((key) => key.endsWith('manifest.json'))).toHaveLength(2)
    expect(new Set(b.calls.map((call) => call.event.child)).size).toBe(4)
  })

  it('fails a child, and not the others, whose output is over 256 KiB or that meets States.Runtime', async () => {
    const b = over(4, tolerant, {
      turn: ({ in: { index } }) => (index === 1 ? { done: true, fill: 'x'.repeat(300_000) } : index === 2 ? {} : { done: true }),
    })
    expect((await run(b)).status).toBe('SUCCEEDED')
    const failed = [...b.puts].find(([key]) => key.includes('FAILED_0'))?.[1]
    expect(failed.map((child: any) => child.Error).sort()).toEqual(['States.DataLimitExceeded', 'States.Runtime'])
  })
})

describe('Concurrency', () => {
  it.each([
    ['MaxConcurrency: 3', 100, 3],
    ['MaxConcurrencyPath: $.n', 100, 7],
    ['MaxConcurrency: 0', 12, 12],
    ['MaxConcurrency: 1000', 5, 5],
  ])('of %s on a machine of %d is %d, and the reader is never read further ahead', async (fields, maxConcurrency, most) => {
    let now = 0
    let peak = 0
    let read = 0
    let ended = 0
    let ahead = 0
    const listItems = async function* () {
      for (const item of items(keys(60))) {
        ahead = Math.max(ahead, ++read - ended)
        yield item
      }
    }
    const b = over(
      60,
      fields,
      {
        turn: async () => {
          peak = Math.max(peak, ++now)
          await until(() => peak >= most)
          await pause(2)
          now--
          ended++
          return { done: true }
        },
      },
      { listItems, maxConcurrency },
    )
    expect((await run(b)).status).toBe('SUCCEEDED')
    expect(peak).toBe(most)
    expect(ahead).toBeLessThanOrEqual(most + 1)
  })
})

describe('Tolerance', () => {
  it.each([
    // failed, total, tolerance, exceeded
    [0, 10, {}, false],
    [1, 10, {}, true],
    [1, undefined, {}, true],
    [1, undefined, { percentage: 0 }, true],
    [1, undefined, { percentage: 1 }, false],
    [10, 10, { percentage: 100 }, false],
    [5, 10, { percentage: 50 }, false],
    [6, 10, { percentage: 50 }, true],
    [3, undefined, { count: 3 }, false],
    [4, undefined, { count: 3 }, true],
    [4, 10, { count: 3, percentage: 100 }, true],
    [3, 4, { count: 3, percentage: 50 }, true],
  ])('%d failed of %s with %j: %s', (failed, total, tolerance, expected) => expect(isExceeded(failed, total, tolerance)).toBe(expected))

  const failing = (from: number): Handlers => ({
    turn: async ({ in: { index } }) => {
      await pause(1)
      if (index >= from) throw named('Broken')
      return { done: true }
    },
  })

  it.each([
    ['ToleratedFailurePercentage: 50', 10, false],
    ['ToleratedFailurePercentage: 50', 9, true],
    ['ToleratedFailureCount: 10', 10, false],
    ['ToleratedFailureCount: 9', 10, true],
    ['ToleratedFailurePercentagePath: $.n', 19, false],
    ['ToleratedFailurePercentagePath: $.n', 18, true],
    ['ToleratedFailureCountPath: $.n', 13, false],
    ['ToleratedFailureCountPath: $.n', 12, true],
    ['', 20, false],
    ['', 19, true],
  ])('%s with failures from the %dth of 20 on: exceeded %s', async (fields, from, exceeded) => {
    const b = over(20, fields, failing(from))
    const result = await run(b)
    expect(result.status).toBe('SUCCEEDED')
    expect((result.output as any).failure?.Error).toBe(exceeded ? 'States.ExceedToleratedFailureThreshold' : undefined)
    expect(manifestOf(b)).toBeDefined()
  })

  it('once exceeded, children under way are waited for and none is begun', async () => {
    let underWay = 0
    const b = over(500, 'MaxConcurrency: 4', {
      turn: async ({ in: { index } }) => {
        underWay++
        await pause(index === 5 ? 1 : 8)
        underWay--
        if (index === 5) throw named('Broken')
        return { done: true }
      },
      caught: (event) => ({ ...event, underWay }),
    })
    expect((await run(b)).output).toMatchObject({ underWay: 0, failure: { Error: 'States.ExceedToleratedFailureThreshold' } })
    expect(b.count('turn')).toBeLessThan(15)
  })

  it.each(['0.5', '101', '-1', '"5"', 'null'])('by path of %s is States.Runtime, before any child', async (value) => {
    const b = over(3, 'ToleratedFailurePercentagePath: $.n', failing(3))
    expect(await b.run({ prefix: 'p', n: JSON.parse(value) })).toMatchObject({ status: 'FAILED', error: 'States.Runtime' })
    expect(b.calls).toEqual([])
  })
})

describe('Reader and writer', () => {
  it('a listing that breaks is States.ItemReaderFailed, after the children under way', async () => {
    let ended = 0
    const listItems = async function* () {
      yield* items(keys(3))
      throw named('SourceListingBroken', 'a token twice')
    }
    const b = over(
      0,
      tolerant,
      {
        turn: async () => {
          await pause(5)
          ended++
          return { done: true }
        },
        caught: (event) => ({ ...event, ended }),
      },
      { listItems },
    )
    expect((await run(b)).output).toMatchObject({
      ended: 3,
      failure: { Error: 'States.ItemReaderFailed', Cause: expect.stringContaining('SourceListingBroken: a token twice') },
    })
  })

  it.each(['SUCCEEDED_0', 'manifest'])('a failing put of %s is States.ResultWriterFailed', async (file) => {
    const putResult = async (_: string, key: string) => {
      if (key.includes(file)) throw named('AccessDenied')
    }
    const b = over(40, 'MaxConcurrency: 2', { turn: () => ({ done: true, fill: 'x'.repeat(150_000) }) }, { putResult })
    expect((await run(b)).output).toMatchObject({
      failure: { Error: 'States.ResultWriterFailed', Cause: expect.stringContaining('AccessDenied') },
    })
    if (file === 'SUCCEEDED_0') expect(b.count('turn')).toBeLessThan(20)
  })
})

describe('stop()', () => {
  it('aborts the children and their calls, begins no other, reads no further, writes nothing', async () => {
    const returned: AbortSignal[] = []
    const hanging: AbortSignal[] = []
    let read = 0
    const listItems = async function* () {
      for (const item of items(keys(1_000))) {
        read++
        yield item
      }
    }
    const b = over(
      0,
      'MaxConcurrency: 6',
      {
        turn: async (_, signal) => {
          if (b.calls.length > 40) {
            hanging.push(signal)
            await new Promise((resolve) => signal.addEventListener('abort', resolve))
          } else {
            returned.push(signal)
            await pause(3)
          }
          return { done: b.calls.length % 2 === 0 }
        },
      },
      { listItems },
    )
    const execution = startExecution(b.options, { prefix: 'p', n: 1 }, 'x')
    await until(() => hanging.length === 6)
    execution.stop()
    const [calls, reads] = [b.calls.length, read]
    expect(await execution.result).toEqual({ status: 'ABORTED' })
    expect(hanging.every((signal) => signal.aborted)).toBe(true)
    expect(returned.some((signal) => signal.aborted)).toBe(false)
    await pause(60)
    expect(b.calls).toHaveLength(calls)
    expect(read).toBeLessThanOrEqual(reads + 1)
    expect(b.puts.size).toBe(0)
  })

  it('settles although the listing hangs, and a late item begins nothing', async () => {
    let release = (): void => undefined
    const listItems = async function* () {
      await new Promise<void>((resolve) => (release = resolve))
      yield* items(keys(5))
    }
    const b = over(0, '', { turn: () => ({ done: true }) }, { listItems })
    const execution = startExecution(b.options, { prefix: 'p', n: 1 }, 'x')
    await pause(20)
    execution.stop()
    expect(await execution.result).toEqual({ status: 'ABORTED' })
    release()
    await pause(30)
    expect(b.calls).toEqual([])
    expect(b.puts.size).toBe(0)
  })
})
