import {
  DeadlinePassed,
  lambda,
  reconcile,
  StateBroken,
  StoreUnavailable,
  type DeadLetter,
  type Migration,
  type Report,
} from '@drayage/core'
import { tasks } from '../../functions/index'
import type { ObjectStore } from '../../layers/core/domain/object-store'
import { listNames, readJson, writeText } from '../../layers/core/domain/state-files'
import { shardOf, stateKeys, sumsKey, verdictsKey } from '../../layers/core/domain/state-keys'
import { judgeObjects } from '../../layers/core/transfer/judge-objects'
import { readShardFiles } from '../../layers/core/transfer/read-shard-files'
import { shardFromText } from '../../layers/core/domain/shards'
import { noVerdicts, verdictsToText, type VerdictFile } from '../../layers/core/domain/verdicts'
import { memoryStore, type MemoryStore } from '../support/memory-store'
import { fill, REQUEST, World } from './harness'

/** The books of a run are added up in as many turns as it takes, and say the same as in one. */

const RUN = 'run'
const keys = stateKeys(RUN)
const LISTS = [keys.failures, keys.failedKeys, keys.extra, keys.notCarried]
const at = new Date('2026-11-27T08:00:00Z')
const { signal } = new AbortController()

const copyOf = async (store: ObjectStore): Promise<MemoryStore> => {
  const copy = memoryStore()
  for await (const page of store.list({ prefix: Buffer.alloc(0) })) {
    for (const { key } of page) {
      const chunks: Buffer[] = []
      for await (const chunk of (await store.read(key)).body) chunks.push(chunk as Buffer)
      await copy.put(key, Buffer.concat(chunks))
    }
  }
  return copy
}

interface Finished {
  /** the state bucket of a run that came as far as its books */
  files: MemoryStore
  destination: ObjectStore
  migration: Migration
  /** files of its shards */
  shards: string[]
}

/** A run of 34 objects in shards of 5, two of them large. `sound`: without objects that cannot be read, extra ones, and such that lose something. */
const finished = async (sound: boolean): Promise<Finished> => {
  const inner = memoryStore()
  await fill(inner, 31, 2)
  const long = { metadata: { note: 'x'.repeat(2100) } }
  await inner.put(Buffer.from('object/00003'), Buffer.from('body'), { headers: sound ? { metadata: {} } : long })
  await inner.put(Buffer.from('object/é,"x"'), Buffer.from('body'))
  const source: ObjectStore = {
    ...inner,
    read: async (key, options) => {
      if (!sound && /\/000\d[57]$/.test(key.toString())) throw new StoreUnavailable('planted: 503')
      return inner.read(key, options)
    },
  }
  const world = new World({ source, faults: { reconcile: { error: 'SomeError' } } })
  for (let index = 0; index < (sound ? 0 : 9); index++)
    await world.destination.put(Buffer.from(`object/0000${index}/extra`), Buffer.from('x'))
  await world.run({ ...REQUEST, limits: { ...REQUEST.limits, batchObjects: 5 } }, RUN)
  const { value: migration } = await readJson<Migration>(world.state, keys.request)
  const files = world.state as MemoryStore
  return { files, destination: world.destination, migration, shards: await listNames(files, keys.batches) }
}

const [sick, sound] = [finished(false), finished(true)]

/** A state bucket in which a run's books are still to be added up. */
const desk = async ({ files, migration }: Finished, segmentBytes?: number) => {
  const state = await copyOf(files)
  const letters: DeadLetter[] = []
  const deadLetters = { send: async (sent: readonly DeadLetter[]) => void letters.push(...sent), take: async () => 0 }
  const settings = () => Promise.reject(new Error('the embedded server has no settings'))
  /** One turn; `shards`: after how many its time is over. */
  const turn = (
    shards = Infinity,
    over: { state?: ObjectStore; signal?: AbortSignal; going?(): boolean } = {},
  ): Promise<Report | undefined> => {
    let left = shards
    return reconcile(migration, {}, { state, deadLetters, settings, signal, now: () => at, going: () => --left > 0, segmentBytes, ...over })
  }
  /** Turns until there is a report. */
  const toEnd = async (shards = Infinity): Promise<Report> => {
    for (let turns = 0; turns < 50; turns++) {
      const report = await turn(shards)
      if (report !== undefined) return report
    }
    throw new Error('the turns come to no end')
  }
  const bytes = async (name: string): Promise<string> => {
    const chunks: Buffer[] = []
    for await (const chunk of (await state.read(Buffer.from(name))).body) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).toString('latin1')
  }
  const result = async (report: Report) => ({ report, letters, lists: await Promise.all(LISTS.map(bytes)) })
  const checkpoints = async () => (await listNames(state, keys.sums)).filter((name) => name.endsWith('.json'))
  const opened = async () => (await state.listUploads(Buffer.alloc(0))).length
  return { state, letters, turn, toEnd, bytes, result, checkpoints, opened }
}

const inOneTurn = async (run: Finished) => {
  const one = await desk(run)
  return one.result((await one.turn())!)
}

/** A store in which something is done before a file is written, the first time. */
const before = (inner: ObjectStore, isIt: (name: string) => boolean, act: () => Promise<unknown>): ObjectStore => {
  let done = false
  return {
    ...inner,
    put: async (key, body, options) => {
      if (!done && isIt(key.toString())) {
        done = true
        await act()
      }
      return inner.put(key, body, options)
    },
  }
}

test('the run that all this is tried on has of everything', async () => {
  const { report, letters, lists } = await inOneTurn(await sick)
  expect(report).toMatchObject({ ledger: { listed: 34, failed: 6 }, notCarried: { count: 1 }, extra: { count: 9 }, faults: [] })
  expect(letters.length).toBeGreaterThan(2)
  expect((await sick).shards.length).toBeGreaterThan(6)
  expect(lists.map((list) => list.split('\n').length)).toEqual([8, 7, 11, 3])
  expect((await inOneTurn(await sound)).report).toMatchObject({ succeeded: true, outcome: 'verified' })
})

describe('turns', () => {
  test('that end behind any shard say the same as one, and send each letter once', async () => {
    const run = await sick
    const once = await inOneTurn(run)
    for (let shard = 1; shard <= run.shards.length; shard++) {
      const cut = await desk(run)
      expect(await cut.turn(shard)).toBeUndefined()
      expect(await cut.result((await cut.turn())!)).toEqual(once)
    }
  })

  test.each([1, 2, 3])('of %d shards each say the same as one', async (shards) => {
    for (const run of [await sick, await sound]) {
      const some = await desk(run)
      expect(await some.result(await some.toEnd(shards))).toEqual(await inOneTurn(run))
      expect(await some.checkpoints()).toHaveLength(Math.ceil(run.shards.length / shards) - (run.shards.length % shards === 0 ? 0 : 1))
    }
  })

  test('whose checkpoint was written and whose answer was lost are not made again', async () => {
    const run = await sick
    const one = await desk(run)
    const lost: ObjectStore = {
      ...one.state,
      put: async (key, body, options) => {
        const put = await one.state.put(key, body, options)
        if (key.toString() === sumsKey(RUN, 0)) throw Object.assign(new Error('planted'), { name: 'Sandbox.Timedout' })
        return put
      },
    }
    await expect(one.turn(3, { state: lost })).rejects.toThrow('planted')
    expect(await one.checkpoints()).toEqual([sumsKey(RUN, 0)])
    expect(await one.result(await one.toEnd(2))).toEqual(await inOneTurn(run))
  })

  test('whose rows were written and whose checkpoint was not are made again', async () => {
    const run = await sick
    const one = await desk(run)
    const act = () => Promise.reject(Object.assign(new Error('planted'), { name: 'Runtime.ExitError' }))
    await expect(one.turn(5, { state: before(one.state, (name) => name === sumsKey(RUN, 0), act) })).rejects.toThrow('planted')
    expect((await listNames(one.state, keys.sums)).length).toBeGreaterThan(0)
    expect(await one.checkpoints()).toEqual([])
    expect(await one.result(await one.toEnd(2))).toEqual(await inOneTurn(run))
  })

  test('of twins: the faster one’s checkpoint stands, also where it got less far, and the next goes on behind it', async () => {
    const run = await sick
    for (const [slow, fast] of [
      [4, 2],
      [2, 4],
    ] as const) {
      const one = await desk(run)
      const state = before(
        one.state,
        (name) => name === sumsKey(RUN, 0),
        () => one.turn(fast),
      )
      expect(await one.turn(slow, { state })).toBeUndefined()
      expect(JSON.parse(await one.bytes(sumsKey(RUN, 0)))).toMatchObject({ checkpoint: { shards: fast, last: run.shards[fast - 1] } })
      expect(await one.result(await one.toEnd(3))).toEqual(await inOneTurn(run))
    }
  })

  test('of a call that is made again behind its report send nothing again', async () => {
    const run = await sick
    const one = await desk(run)
    const report = await one.toEnd(3)
    expect(await one.toEnd(3)).toEqual(report)
    expect(await one.result(report)).toEqual(await inOneTurn(run))
  })

  test('end with what they have added up when their time is over in the middle of the next shard', async () => {
    const run = await sick
    const one = await desk(run)
    const ended = new AbortController()
    let added = 0
    let release = () => undefined as void
    const released = new Promise<void>((resolve) => (release = resolve))
    const hanging: ObjectStore = {
      ...one.state,
      read: async (key, options) => {
        if (key.toString() !== run.shards[2]) return one.state.read(key, options)
        await released
        ended.abort(new DeadlinePassed('planted'))
        throw ended.signal.reason
      },
    }
    const going = () => {
      if (++added === 2) release()
      return true
    }
    expect(await one.turn(Infinity, { state: hanging, signal: ended.signal, going })).toBeUndefined()
    expect(JSON.parse(await one.bytes(sumsKey(RUN, 0)))).toMatchObject({ checkpoint: { shards: 2 } })
    expect(await one.result(await one.toEnd())).toEqual(await inOneTurn(run))
  })

  test('lose no row where writing them is cut off and made again', async () => {
    const run = await sick
    const one = await desk(run)
    const ended = new AbortController()
    const act = async () => {
      ended.abort(new DeadlinePassed('planted'))
      throw ended.signal.reason
    }
    const state = before(one.state, (name) => name.startsWith(`${keys.sums}rows/`), act)
    expect(await one.turn(4, { state, signal: ended.signal })).toBeUndefined()
    expect(ended.signal.aborted).toBe(true)
    expect(await one.checkpoints()).toEqual([sumsKey(RUN, 0)])
    expect(await one.result(await one.toEnd())).toEqual(await inOneTurn(run))
  })

  test('that could not add up a shard throw what is tried again', async () => {
    const run = await sick
    const one = await desk(run)
    const ended = new AbortController()
    const hanging: ObjectStore = {
      ...one.state,
      read: async (key, options) => {
        if (!key.toString().startsWith(keys.shards)) return one.state.read(key, options)
        ended.abort(new DeadlinePassed('planted'))
        throw ended.signal.reason
      },
    }
    await expect(one.turn(Infinity, { state: hanging, signal: ended.signal })).rejects.toThrow(StoreUnavailable)
    expect(await one.checkpoints()).toEqual([])
  })
})

describe('a checkpoint', () => {
  const BROKEN: [string, (text: string) => string][] = [
    ['no JSON', (text) => text.slice(0, 100)],
    ['empty', () => ''],
    ['null', () => 'null'],
    ['of another form', (text) => text.replace('"version":1', '"version":2')],
    ['with another figure', (text) => text.replace(/"copied":(\d+)/, (_all, copied) => `"copied":${Number(copied) + 1}`)],
    ['that says it went further', (text) => text.replace(/"last":"[^"]*"/, '"last":"runs/run/shards/batches/z"')],
  ]
  test.each(BROKEN)('that is broken (%s) is a fault, and what it had is added up again', async (_name, spoil) => {
    const run = await sound
    const { report: once, lists } = await inOneTurn(run)
    for (const turns of [1, 3]) {
      const one = await desk(run)
      for (let turn = 0; turn < turns; turn++) await one.turn(2)
      const name = sumsKey(RUN, turns - 1)
      const text = await one.bytes(name)
      expect(spoil(text)).not.toBe(text)
      await writeText(one.state, name, spoil(text))
      const report = await one.toEnd(2)
      expect(report).toMatchObject({ succeeded: false, ledger: once.ledger, verification: once.verification, failures: { complete: true } })
      expect(report.faults).toEqual([expect.stringContaining(name)])
      expect((await one.result(report)).lists).toEqual(lists)
    }
  })

  const brokenThrice = async () => {
    const run = await sound
    const one = await desk(run)
    for (let turn = 0; turn < 3; turn++) {
      expect(await one.turn(1)).toBeUndefined()
      await writeText(one.state, sumsKey(RUN, turn), '{}')
    }
    return { run, one, told: [2, 1, 0].map((turn) => expect.stringContaining(`${sumsKey(RUN, turn)} is not a checkpoint`) as string) }
  }

  test('is broken three times: the turns do not go round for ever, and the next one ends with a report', async () => {
    const { run, one, told } = await brokenThrice()
    const report = (await one.turn())!
    const { report: once, lists } = await inOneTurn(run)
    expect(report).toMatchObject({
      succeeded: false,
      outcome: 'not-verified',
      ledger: once.ledger,
      failures: { complete: true },
      faults: told,
    })
    expect((await one.result(report)).lists).toEqual(lists)
  })

  test('is broken three times, and the shards are more than one turn adds up: the report says how many it did', async () => {
    const { run, one, told } = await brokenThrice()
    const report = (await one.turn(2))!
    expect(report).toMatchObject({ succeeded: false, outcome: 'not-verified', failures: { complete: false }, listing: { complete: true } })
    expect(report.faults.slice(0, 4)).toEqual([...told, `there are ${run.shards.length} shards, and 2 were added up`])
    expect(await one.bytes(keys.failedKeys)).toBe('')
  })

  test.each([0, 1, 2])('that is taken away (the %d. of 3): what it had is there, and a gap is a fault', async (taken) => {
    const run = await sound
    const { report: once, lists } = await inOneTurn(run)
    const one = await desk(run)
    for (let turn = 0; turn < 3; turn++) await one.turn(1)
    one.state.drop(Buffer.from(sumsKey(RUN, taken)))
    const report = await one.toEnd(1)
    expect(report).toMatchObject({ ledger: once.ledger, verification: once.verification })
    expect((await one.result(report)).lists).toEqual(lists)
    // the last one leaves no gap: it is as if that turn had not been
    expect(report.faults).toEqual(taken === 2 ? [] : [`${sumsKey(RUN, taken)} is gone`])
    expect(report.succeeded).toBe(taken === 2)
  })

  test('that goes while it is read is a fault, and what it had is added up again', async () => {
    const run = await sound
    const one = await desk(run)
    await one.turn(2)
    const going: ObjectStore = {
      ...one.state,
      read: async (key, options) => {
        if (key.toString() === sumsKey(RUN, 0)) one.state.drop(key)
        return one.state.read(key, options)
      },
    }
    const report = (await one.turn(Infinity, { state: going }))!
    expect(report).toMatchObject({ succeeded: false, ledger: (await inOneTurn(run)).report.ledger })
    expect(report.faults).toEqual([expect.stringContaining(`${sumsKey(RUN, 0)} is gone`)])
  })

  test('whose number is the highest that there can be is no reason to go round for ever', async () => {
    const one = await desk(await sound)
    await writeText(one.state, sumsKey(RUN, 999_999), '{}')
    expect(await one.turn(1)).toMatchObject({ succeeded: false, faults: expect.arrayContaining([expect.stringContaining('999999.json')]) })
  })
})

describe('a shard', () => {
  test('that shows only when the turns are past it: not verified, and no retry may rest on the failures', async () => {
    const run = await sound
    const one = await desk(run)
    const hiding: ObjectStore = {
      ...one.state,
      async *list(query, call) {
        for await (const page of one.state.list(query, call)) yield page.filter(({ key }) => key.toString() !== run.shards[0])
      },
    }
    await one.turn(3, { state: hiding })
    const report = await one.toEnd()
    expect(report).toMatchObject({ succeeded: false, failures: { complete: false } })
    expect(report.faults.join('\n')).toMatch(/there are 7 shards, and 6 were added up\n.*no shard begins/s)
  })

  test.each([
    ['behind the last one', 'f'.repeat(40)],
    ['before it', '0'.repeat(40)],
  ])('that a late twin adds, and that sorts %s: not verified', async (_where, hash) => {
    const run = await sound
    const one = await desk(run)
    await one.turn(3)
    await writeText(one.state, `${keys.batches}${hash}.jsonl`, await one.bytes(run.shards[0]!))
    const report = await one.toEnd()
    expect(report).toMatchObject({ succeeded: false, failures: { complete: false } })
    expect(report.faults.length).toBeGreaterThan(0)
  })

  test.each([0, 4])('that is taken away between turns (the %d. in order): not verified', async (index) => {
    const run = await sound
    const one = await desk(run)
    await one.turn(3)
    one.state.drop(Buffer.from(run.shards[index]!))
    expect(await one.toEnd()).toMatchObject({ succeeded: false, failures: { complete: false } })
  })
})

describe('lists longer than a call holds', () => {
  const SEGMENT = 300
  const segmentsOf = (state: ObjectStore) => listNames(state, `${keys.sums}rows/`)

  test.each([1, 3, Infinity])('are the same, in turns of %d shards', async (shards) => {
    const run = await sick
    const one = await desk(run, SEGMENT)
    const sizes: number[] = []
    const { putPart } = one.state
    one.state.putPart = async (key, upload, number, body, call) => {
      if (key.toString() === keys.failures) sizes.push((body as Buffer).length)
      return putPart(key, upload, number, body, call)
    }
    expect(await one.result(await one.toEnd(shards))).toEqual(await inOneTurn(run))
    expect((await segmentsOf(one.state)).length).toBeGreaterThan(2)
    expect(sizes.length).toBeGreaterThan(1)
    // S3 takes no small part but the last
    expect(sizes.slice(0, -1).filter((size) => size < SEGMENT)).toEqual([])
    expect(await one.opened()).toBe(0)
  })

  test('are joined in a turn of their own where they are very many', async () => {
    const run = await sick
    const one = await desk(run, 1)
    const segments = async (): Promise<number> => {
      const { checkpoint } = JSON.parse(await one.bytes(sumsKey(RUN, 0))) as { checkpoint: { rows: Record<string, string[]> } }
      return Object.values(checkpoint.rows).flat().length
    }
    const few = (await one.turn())!
    expect(await one.checkpoints()).toEqual([])
    expect(await one.result(few)).toEqual(await inOneTurn(run))
    const many = await desk({ ...run, files: await withRows(run, 80) }, 1)
    expect(await many.turn()).toBeUndefined()
    one.bytes = many.bytes
    expect(await segments()).toBeGreaterThan(64)
    expect((await many.turn())!.extra.count).toBe(89)
  })

  test.each(['putPart', 'completeUpload'] as const)('are whole or not there, and leave no upload, when %s fails', async (verb) => {
    const run = await sick
    const one = await desk(run, SEGMENT)
    await one.turn(5)
    const failing: ObjectStore = { ...one.state, [verb]: () => Promise.reject(new StateBroken('planted')) }
    await expect(one.turn(Infinity, { state: failing })).rejects.toThrow('planted')
    expect(await listNames(one.state, keys.failures)).toEqual([])
    expect(await one.opened()).toBe(0)
    expect(await one.result(await one.toEnd())).toEqual(await inOneTurn(run))
  })

  test.each<[string, (state: MemoryStore, name: string) => unknown, RegExp]>([
    ['altered', (state, name) => state.alter(Buffer.from(name), { bytes: Buffer.from('another') }), /is not what was written there/],
    ['cut off', (state, name) => state.alter(Buffer.from(name), { bytes: Buffer.from('{') }), /is not what was written there/],
    ['empty', (state, name) => state.alter(Buffer.from(name), { bytes: Buffer.alloc(0) }), /is not what was written there/],
    ['gone', (state, name) => state.drop(Buffer.from(name)), /is gone/],
  ])('are not made of a segment that is %s: the report is written and says which', async (_how, spoil, words) => {
    const run = await sick
    const { report: once, lists } = await inOneTurn(run)
    for (const [index, list] of (['failures', 'failedKeys', 'extra', 'notCarried'] as const).entries()) {
      const one = await desk(run, SEGMENT)
      await one.turn(5)
      const { checkpoint } = JSON.parse(await one.bytes(sumsKey(RUN, 0))) as { checkpoint: { rows: Record<typeof list, string[]> } }
      const segment = `${keys.sums}rows/${checkpoint.rows[list][0]!}`
      spoil(one.state, segment)
      const report = (await one.turn())!
      const ofFailures = list === 'failures' || list === 'failedKeys'
      expect(report).toMatchObject({ succeeded: false, outcome: 'not-verified', ledger: once.ledger, failures: { complete: !ofFailures } })
      expect(report.faults).toEqual([expect.stringMatching(words)])
      expect(report.faults[0]).toContain(segment)
      expect(report.faults[0]).toContain(keys[list])
      // a list is whole or not there; keys that a retry may not rest on are none
      for (const [at, name] of LISTS.entries()) {
        if (ofFailures && name === keys.failedKeys) expect(await one.bytes(name)).toBe('')
        else if (at === index) expect(await listNames(one.state, name)).toEqual([])
        else expect(await one.bytes(name)).toBe(lists[at])
      }
      expect(one.letters.length).toBe(once.deadLetters.sent)
      expect(await one.opened()).toBe(0)
    }
  })
})

describe('a shard in whose range only the destination has more than a turn adds up', () => {
  const SHARD = 2
  const FILES = 9

  /** 40 more of them in its range, in verdict files of 5 behind its own. */
  const many = async () => {
    const run = await sick
    const files = await copyOf(run.files)
    const shard = shardOf(RUN, run.shards[SHARD]!)
    const { next, at, ms } = JSON.parse((await (await desk(run)).bytes(verdictsKey(RUN, shard, 0))).split('\n')[0]!) as VerdictFile
    const verdicts = (file: number) =>
      Array.from({ length: 5 }, (_, index) => ({ key: Buffer.from(`z${file}${index}`), verdict: 'extra' as const, detail: 'only there' }))
    const write = (file: number) => {
      const counts = { ...noVerdicts(), extra: 5 }
      const text = verdictsToText({ first: next, next, counts, evidence: {}, at, ms, verdicts: verdicts(file) })
      return writeText(files, verdictsKey(RUN, shard, file), text)
    }
    for (let file = 1; file < FILES; file++) await write(file)
    return { run: { ...run, files }, name: (file: number) => verdictsKey(RUN, shard, file) }
  }
  const standings = async ({ checkpoints, bytes }: Awaited<ReturnType<typeof desk>>) => {
    const texts = await Promise.all((await checkpoints()).map(bytes))
    return texts.map((text) => (JSON.parse(text) as { checkpoint: { last: string; told?: number } }).checkpoint)
  }

  test.each([1, 2, 3, 8])('is added up in turns that end after %d files, and says the same as in one', async (some) => {
    const { run } = await many()
    const once = await inOneTurn(run)
    expect(once.report).toMatchObject({ extra: { count: 49 }, verification: { counts: { extra: 49 } }, faults: [] })
    const one = await desk(run, 300)
    expect(await one.result(await one.toEnd(some))).toEqual(once)
    const amid = (await standings(one)).filter(({ told }) => told !== undefined)
    expect(amid.length).toBeGreaterThan(0)
    for (const { last } of amid) expect(last).toBe(run.shards[SHARD])
    if (some === 1) expect(amid.map(({ told }) => told)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  test('loses no row where the checkpoint amid it is cut off and made again', async () => {
    const { run } = await many()
    const one = await desk(run, 300)
    for (let turn = 0; turn < SHARD; turn++) await one.turn(1)
    const ended = new AbortController()
    let over = false
    const state = before(
      one.state,
      (name) => over && name.startsWith(`${keys.sums}rows/`),
      async () => {
        ended.abort(new DeadlinePassed('planted'))
        throw ended.signal.reason
      },
    )
    let left = 3
    const going = () => !(over = --left === 0)
    expect(await one.turn(Infinity, { state, signal: ended.signal, going })).toBeUndefined()
    expect(ended.signal.aborted).toBe(true)
    expect((await standings(one)).at(-1)).toMatchObject({ told: 3 })
    expect(await one.result(await one.toEnd())).toEqual(await inOneTurn(run))
  })

  test('is added up again where the checkpoint amid it is broken, which is a fault', async () => {
    const { run } = await many()
    const once = await inOneTurn(run)
    const one = await desk(run, 300)
    for (let turn = 0; turn < SHARD + 3; turn++) await one.turn(1)
    await writeText(one.state, (await one.checkpoints()).at(-1)!, '{}')
    const report = await one.toEnd(1)
    const { extra, ledger } = once.report
    expect(report).toMatchObject({ succeeded: false, extra, ledger, faults: [expect.stringContaining(sumsKey(RUN, SHARD + 2))] })
    expect((await one.result(report)).lists).toEqual(once.lists)
  })

  test.each<[string, (state: MemoryStore, name: string) => unknown, RegExp]>([
    ['gone', (state, name) => state.drop(Buffer.from(name)), /only 44 of the 49/],
    ['cut off', (state, name) => state.alter(Buffer.from(name), { bytes: Buffer.from('{"first":') }), /000006\.jsonl.*only 44 of the 49/s],
  ])('of whose verdict files one is %s between two turns: a fault', async (_how, spoil, words) => {
    const { run, name } = await many()
    const one = await desk(run, 300)
    for (let turn = 0; turn < SHARD + 3; turn++) await one.turn(1)
    expect((await standings(one)).at(-1)).toMatchObject({ told: 3 })
    spoil(one.state, name(6))
    const report = await one.toEnd(1)
    expect(report).toMatchObject({ succeeded: false, outcome: 'not-verified', extra: { count: 44 } })
    expect(report.faults.join('\n')).toMatch(words)
  })
})

/** The run's files with as many more objects that only the destination has. */
const withRows = async ({ files, shards }: Finished, count: number): Promise<MemoryStore> => {
  const copy = await copyOf(files)
  const verdicts = await listNames(copy, keys.verdicts)
  const name = verdicts.find((verdict) => verdict.includes('batches') && shards.length > 0)!
  const chunks: Buffer[] = []
  for await (const chunk of (await copy.read(Buffer.from(name))).body) chunks.push(chunk as Buffer)
  const [header, ...lines] = Buffer.concat(chunks).toString().trimEnd().split('\n')
  const file = JSON.parse(header!) as { counts: { extra: number } }
  file.counts.extra += count
  const more = Array.from({ length: count }, (_, index) => JSON.stringify({ key: `zz${index}`, verdict: 'extra', detail: 'only there' }))
  await writeText(copy, name, `${[JSON.stringify(file), ...lines, ...more].join('\n')}\n`)
  return copy
}

describe('the outcomes of large objects', () => {
  /** Counts how many of their folders are listed at once. */
  const counting = (inner: ObjectStore) => {
    const under = { now: 0, most: 0, reads: [] as string[] }
    const state: ObjectStore = {
      ...inner,
      read: async (key, options) => {
        under.reads.push(key.toString())
        return inner.read(key, options)
      },
      async *list(query, call) {
        const isLarge = query.prefix.toString().startsWith(`${keys.outcomes}large/`)
        if (isLarge) under.most = Math.max(under.most, ++under.now)
        await new Promise((resolve) => setImmediate(resolve))
        yield* inner.list(query, call)
        if (isLarge) under.now--
      },
    }
    return { state, under }
  }
  const shardOfLarge = async ({ state, bytes }: { state: ObjectStore; bytes(name: string): Promise<string> }) => {
    for (const name of await listNames(state, keys.batches)) if ((await bytes(name)).includes('"large":true')) return name
    throw new Error('no shard has large objects')
  }

  test('are read side by side by who adds up, each tried again for itself', async () => {
    const one = await desk(await sound)
    const name = await shardOfLarge(one)
    const { state, under } = counting(one.state)
    let lost = 0
    const busy: ObjectStore = {
      ...state,
      read: async (key, options) => {
        if (key.toString().includes('/outcomes/large/') && lost++ === 0) throw new StoreUnavailable('planted: 503')
        return state.read(key, options)
      },
    }
    expect(await readShardFiles(RUN, name, busy, { signal })).toEqual(await readShardFiles(RUN, name, one.state, { signal }))
    expect(lost).toBeGreaterThan(1)
    expect(under.most).toBe(2)
    expect(under.reads.filter((read) => read === name)).toHaveLength(1)
  })

  test('and by who verifies', async () => {
    const run = await sound
    const one = await desk(run)
    const name = await shardOfLarge(one)
    const { state, under } = counting(one.state)
    const whole = shardFromText(await one.bytes(name), name)
    const shard = name.slice(keys.shards.length, -'.jsonl'.length)
    const turn = { state, destination: run.destination, signal }
    const judged: unknown[] = []
    for await (const one of judgeObjects(run.migration, shard, whole, { first: 0 }, turn))
      judged.push(one.index !== undefined && one.expected?.outcome.outcome)
    expect(judged).toEqual(whole.objects.map(() => 'copied'))
    expect(under.most).toBe(2)
  })
})

test('the state machine goes back to Reconcile until the books are added up', async () => {
  /** A world whose Reconcile has time for one shard a call. */
  class Short extends World {
    override async call(name: string, event: unknown): Promise<unknown> {
      if (name !== 'reconcile') return super.call(name, event)
      this.calls.push(name)
      const { step, shape } = tasks.reconcile!
      let asked = 0
      // the wrapper asks, then hasTime; whoever asks later is told that less is left than a call keeps back
      const getRemainingTimeInMillis = () => (++asked <= 2 ? 900_000 : 30_000)
      const context = { functionName: name, awsRequestId: 'test', getRemainingTimeInMillis }
      return lambda(step, shape, () => this.services)(JSON.parse(JSON.stringify(event)), context)
    }
  }
  const world = new Short()
  await fill(world.source, 40)
  expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'SUCCEEDED', output: { report: { more: false, succeeded: true } } })
  const shards = (await listNames(world.state, keys.batches)).length
  expect(shards).toBeGreaterThan(3)
  expect(world.called('reconcile')).toBe(shards + 1)
  expect(await world.report(RUN)).toMatchObject({ outcome: 'verified', ledger: { listed: 40, copied: 40 }, listing: { batches: shards } })
  expect(world.metrics.filter(([name]) => name === 'ObjectsTransferred')).toHaveLength(1)
})

test('a turn that fails behind others ends a run that says so', async () => {
  const world = new World({ faults: { reconcile: { answer: { more: true, succeeded: false, reason: 'not to their end' }, times: 1 } } })
  await fill(world.source, 3)
  const { call } = world
  world.call = async (name, event) => {
    if (name === 'reconcile' && world.called('reconcile') === 1) throw Object.assign(new Error('planted'), { name: 'StateBroken' })
    return call.call(world, name, event)
  }
  expect(await world.run(REQUEST, RUN)).toMatchObject({ status: 'FAILED', error: 'NotVerified', cause: 'not to their end' })
  expect(world.called('cleanup')).toBe(1)
})
