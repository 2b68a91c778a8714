import fc from 'fast-check'
import { isRepresentable } from '../../layers/core/domain/destination-key'
import { AccessDenied, StateBroken, StoreRefused } from '../../layers/core/domain/errors'
import { keyToJson, type KeyJson } from '../../layers/core/domain/keys'
import type { KeyRange, ObjectStore } from '../../layers/core/domain/object-store'
import { parseRequest } from '../../layers/core/domain/request'
import { shardFromText, tilingFault } from '../../layers/core/domain/shards'
import { listNames, readBytes, writeLines } from '../../layers/core/domain/state-files'
import { stateKeys } from '../../layers/core/domain/state-keys'
import { listSource } from '../../layers/core/transfer/list-source'
import { listedKeys } from '../../layers/core/transfer/listed-keys'
import { keyListProblems, readKeyList, selectedKeysProblems } from '../../layers/core/transfer/read-key-list'
import { anyKey } from '../domain/arbitraries'
import { memoryStore } from '../support/memory-store'
import { fill, listAll, REQUEST, World } from './harness'

const NOT_UTF8 = Buffer.from([0x64, 0x2f, 0xff])

const put = async (store: ObjectStore, ...keys: (string | Buffer)[]): Promise<void> => {
  for (const key of keys) await store.put(Buffer.from(key), Buffer.from('body'))
}

const keysIn = async (store: ObjectStore): Promise<string[]> => (await listAll(store)).map((line) => line.split(' ')[0]!)

const requestWith = (selection: object, more: { source?: object; destination?: object } = {}) => ({
  ...REQUEST,
  source: { ...REQUEST.source, ...more.source },
  destination: { ...REQUEST.destination, ...more.destination },
  selection,
})

const parse = (request: unknown, runId: string) =>
  parseRequest(request, { runtime: 'local', runId, executionId: `x:${runId}`, now: new Date() })

/** A store that counts the calls of what looks at it. */
const counted = (inner: ObjectStore) => {
  const asked = { list: 0, stat: 0 }
  const store: ObjectStore = {
    ...inner,
    list: (...call) => (asked.list++, inner.list(...call)),
    stat: (...call) => (asked.stat++, inner.stat(...call)),
  }
  return { store, asked }
}

const listFile = (world: World, name: string, text: string | Buffer) => world.state.put(Buffer.from(`inputs/${name}`), Buffer.from(text))

const judged = async (world: World, run: string) => (await world.report(run)).verification.counts

const listing = async (world: World, run: string) => (await world.report(run)).listing

describe('filters', () => {
  test('what is left out is counted by reason, not copied, and not extra though the destination has it', async () => {
    const world = new World()
    await put(world.source, 'keep/a.csv', 'keep/b.csv', 'keep/tmp/c.csv', 'keep/d.txt', 'keep/e.csv', 'other')
    await world.source.put(Buffer.from('keep/big.csv'), Buffer.alloc(5000))
    await put(world.destination, 'keep/d.txt', 'keep/tmp/c.csv')
    const selection = { include: ['keep/**.csv'], exclude: ['keep/tmp/**'], maxBytes: 1000 }
    expect(await world.run(requestWith(selection), 'run')).toMatchObject({ status: 'SUCCEEDED' })
    const { ledger, excludedBy } = await world.report('run')
    expect(excludedBy).toEqual({ include: 2, exclude: 1, size: 1, age: 0 })
    expect(ledger).toMatchObject({ listed: 7, copied: 3, excluded: 4, balanced: true })
    expect(await judged(world, 'run')).toMatchObject({ verified: 3, extra: 0 })
    expect(await listing(world, 'run')).toMatchObject({
      listed: 7,
      excluded: 4,
      bytes: 3 * 'body'.length,
    })
    expect(await keysIn(world.destination)).toEqual(['keep/a.csv', 'keep/b.csv', 'keep/d.txt', 'keep/e.csv', 'keep/tmp/c.csv'])
  })

  test('what the source never had is extra all the same, beside what is left out', async () => {
    const world = new World()
    await put(world.source, 'a', 'b.tmp', 'c')
    await put(world.destination, 'b.tmp', 'b.tmp2', 'bb')
    await world.run(requestWith({ exclude: ['*.tmp'] }, {}), 'run')
    expect(await judged(world, 'run')).toMatchObject({ verified: 2, extra: 2 })
  })

  test('with a mapped prefix too', async () => {
    const world = new World()
    await put(world.source, 'old/a', 'old/b.tmp', 'beside')
    await put(world.destination, 'new/b.tmp', 'new/x')
    const mapped = { source: { prefix: 'old/' }, destination: { prefix: 'new/', replaces: 'old/' } }
    await world.run(requestWith({ exclude: ['**.tmp'] }, mapped), 'run')
    expect(await judged(world, 'run')).toMatchObject({ verified: 1, extra: 1 })
    expect(await keysIn(world.destination)).toEqual(['new/a', 'new/b.tmp', 'new/x'])
  })

  test('an age leaves out what is not in it', async () => {
    const source = memoryStore()
    await put(source, 'old', 'new')
    source.alter(Buffer.from('old'), { info: { lastModified: '2020-01-01T00:00:00.000Z' } })
    const world = new World({ source })
    expect(await world.run(requestWith({ modifiedBefore: '1d' }), 'run')).toMatchObject({ status: 'SUCCEEDED' })
    expect(await keysIn(world.destination)).toEqual(['old'])
    expect((await world.report('run')).excludedBy.age).toBe(1)
  })

  test('filters that let nothing through are a verified run over no object', async () => {
    const world = new World()
    await fill(world.source, 25, 1)
    expect(await world.run(requestWith({ include: ['nothing'] }), 'run')).toMatchObject({ status: 'SUCCEEDED' })
    expect((await world.report('run')).ledger).toMatchObject({ listed: 26, excluded: 26, copied: 0 })
    expect(await keysIn(world.destination)).toEqual([])
  })

  test('contradicting filters are refused before anything is created', async () => {
    const world = new World()
    const ended = await world.run(requestWith({ minBytes: 2, maxBytes: 1 }), 'run')
    expect(ended).toMatchObject({ status: 'FAILED', error: 'InvalidRequest', cause: expect.stringContaining('selection.maxBytes: 1 is') })
    expect(world.access.created).toEqual([])
    expect(await keysIn(world.state)).toEqual([])
  })
})

describe('a list of keys', () => {
  test('only its keys are migrated, each once, by one HEAD at the source, whatever else is at either side', async () => {
    const source = memoryStore()
    await fill(source, 30, 1)
    await put(source, '//', 'é', 'a\nb')
    const { store, asked } = counted(source)
    const world = new World({ source: store })
    await put(world.destination, 'object/00000x', 'object/00003', 'z')
    await listFile(world, 'keys.txt', ['object/00007', 'large/0', 'é', '//', 'object/00003', 'object/00007', ''].join('\n'))
    expect(await world.run(requestWith({ keys: 'keys.txt' }), 'run')).toMatchObject({ status: 'SUCCEEDED' })
    const { ledger } = await world.report('run')
    expect(ledger).toMatchObject({ listed: 5, copied: 5, balanced: true })
    expect(await judged(world, 'run')).toMatchObject({ verified: 5, extra: 0 })
    expect((await keysIn(world.destination)).map((key) => Buffer.from(key, 'latin1').toString())).toEqual(
      ['//', 'large/0', 'object/00000x', 'object/00003', 'object/00007', 'z', 'é'].sort((a, b) =>
        Buffer.compare(Buffer.from(a), Buffer.from(b)),
      ),
    )
    // one more for the large object, when its upload is begun; the source's listing is asked for by Preflight alone
    expect(asked).toEqual({ stat: 6, list: 2 })

    expect(await world.run(requestWith({ keys: 'keys.txt' }), 'again')).toMatchObject({ status: 'SUCCEEDED' })
    expect((await world.report('again')).ledger).toMatchObject({ listed: 5, skipped: 5 })
  })

  test('keys of any bytes come from JSON lines, and are sorted as bytes', async () => {
    const world = new World()
    await put(world.source, 'a\nb', '\uffff', '😀', NOT_UTF8, 'not named')
    const keys: Buffer[] = [NOT_UTF8, ...['😀', 'a\nb', '\uffff'].map((key) => Buffer.from(key))]
    await writeLines(
      world.state,
      'inputs/keys.jsonl',
      keys.map((key) => JSON.stringify(keyToJson(key))),
    )
    await world.run(requestWith({ keys: 'keys.jsonl' }), 'run')
    const sorted = (await world.text(stateKeys('run').keys)).trimEnd().split('\n')
    expect(sorted.map((line) => JSON.parse(line) as KeyJson)).toEqual(['a\nb', { base64: NOT_UTF8.toString('base64') }, '\uffff', '😀'])
    expect((await world.report('run')).ledger).toMatchObject({ listed: 4, copied: 3, failed: 1 })
  })

  test('a key that the source does not have is changed, and the run not verified; the others are there', async () => {
    const world = new World()
    await put(world.source, 'a', 'c')
    await put(world.destination, 'gone')
    await listFile(world, 'keys.txt', 'a\ngone\nc\n')
    expect(await world.run(requestWith({ keys: 'keys.txt', minBytes: 1 }), 'run')).toMatchObject({ status: 'FAILED' })
    const { ledger, failures } = await world.report('run')
    expect(ledger).toMatchObject({ listed: 3, copied: 2, changed: 1, balanced: true })
    expect(await judged(world, 'run')).toMatchObject({ verified: 2, notExpected: 1 })
    expect(failures.sample).toEqual([
      expect.objectContaining({ key: 'gone', reason: 'NoSuchObject', detail: 'the list names it, and the source has no such object' }),
    ])
  })

  test.each(['current', 'all'] as const)(
    'a key that the source takes for no name is changed like one that it does not have, and ends no run (versions: %s)',
    async (versions) => {
      const source = memoryStore({ versions: true })
      await put(source, 'a', 'z')
      const refused = (key: Buffer | undefined): void => {
        if (key?.includes('..')) throw new StoreRefused('400 XMinioInvalidObjectName', 'XMinioInvalidObjectName', 400)
      }
      const world = new World({
        destination: memoryStore({ versions: true }),
        source: {
          ...source,
          stat: async (key, ...more) => (refused(key), source.stat(key, ...more)),
          list: (query, call) => (refused(query.prefix), source.list(query, call)),
          listVersions: (query, call) => (refused(query.prefix), source.listVersions(query, call)),
        },
      })
      await listFile(world, 'keys.txt', 'a\nb/../c\nz\n')
      const request = { ...requestWith({ keys: 'keys.txt' }), carry: { versions } }
      expect(await world.run(request, 'run')).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
      const { ledger, failures } = await world.report('run')
      expect(ledger).toMatchObject({ listed: 3, copied: 2, changed: 1, balanced: true })
      expect(failures.sample).toEqual([expect.objectContaining({ key: 'b/../c', reason: 'NoSuchObject' })])
    },
  )

  test('a key that may not be looked at is a failure of its own', async () => {
    const source = memoryStore()
    await put(source, 'a', 'shut', 'z')
    const shut = (key: Buffer) => key.equals(Buffer.from('shut')) && Promise.reject(new AccessDenied('403 Forbidden'))
    const world = new World({
      source: {
        ...source,
        stat: (key, ...more) => shut(key) || source.stat(key, ...more),
        read: (key, ...more) => shut(key) || source.read(key, ...more),
      },
    })
    await listFile(world, 'keys.txt', 'a\nshut\nz\n')
    expect(await world.run(requestWith({ keys: 'keys.txt' }), 'run')).toMatchObject({ status: 'FAILED' })
    expect((await world.report('run')).ledger).toMatchObject({ listed: 3, copied: 2, failed: 1, balanced: true })
  })

  test('a listing that runs out of time goes on at the next key of the list', async () => {
    const source = memoryStore()
    await fill(source, 400)
    const state = memoryStore()
    const keys = Array.from({ length: 400 }, (_, index) => `object/${String(index).padStart(5, '0')}`)
    await state.put(Buffer.from('inputs/keys.txt'), Buffer.from(`${[...keys].reverse().join('\n')}\n`))
    const migration = parse({ ...requestWith({ keys: 'keys.txt' }), limits: { batchObjects: 70 } }, 'run')
    expect(await readKeyList(migration, state, {})).toEqual([])
    const turn = { state, source, now: () => new Date(), signal: new AbortController().signal, going: () => false }
    let turns = 1
    while ((await listSource(migration, turn)).more) turns++
    expect(turns).toBeGreaterThan(2)
    const shards = await listNames(state, stateKeys('run').batches)
    const read = await Promise.all(shards.map(async (name) => shardFromText((await readBytes(state, name)).body.toString(), name)))
    expect(tilingFault(read)).toBeUndefined()
    expect(read.flatMap(({ objects }) => objects.map(({ key }) => key.toString())).sort()).toEqual(keys)
  })

  test('a list over many reads is whole, and one that was altered is refused', async () => {
    const state = memoryStore()
    const keys = Array.from({ length: 40_000 }, (_, index) => `${'k'.repeat(40)}/${String(index).padStart(6, '0')}`)
    await writeLines(
      state,
      'keys',
      keys.map((key) => JSON.stringify(key)),
    )
    const read = async (range: KeyRange = {}) => {
      const found: string[] = []
      for await (const key of listedKeys(state, 'keys', range, {})) found.push(key.toString())
      return found
    }
    expect((await state.stat(Buffer.from('keys')))!.size).toBeGreaterThan(1_500_000)
    expect(await read()).toEqual(keys)
    expect(await read({ after: Buffer.from(keys[9]!), upTo: Buffer.from(keys[12]!) })).toEqual(keys.slice(10, 13))
    for (const text of ['"a"\n"b"', '"b"\n"a"\n', '"a"\n"a"\n', 'a\n', '5\n']) {
      await state.put(Buffer.from('keys'), Buffer.from(text))
      await expect(read()).rejects.toThrow(StateBroken)
    }
  })
})

describe('a list that cannot be used is refused before anything is listed or copied', () => {
  const refused = async (selection: object, prepare: (world: World) => Promise<unknown> = async () => undefined, more = {}) => {
    const world = new World()
    await put(world.source, 'a', 'b')
    await prepare(world)
    const ended = await world.run(requestWith(selection, more), 'run')
    expect(ended).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    const report = await world.report('run')
    expect(report.stoppedBy).toMatch(/^PreflightFailed: /)
    expect(world.called('listSource')).toBe(0)
    expect(await keysIn(world.destination)).toEqual([])
    expect(await listNames(world.state, stateKeys('run').keys)).toEqual([])
    return report.preflight!.problems
  }
  const withList = (name: string, text: string | Buffer) => (world: World) => listFile(world, name, text)

  test('every bad line is named', async () => {
    expect(await refused({ keys: 'x.txt' }, withList('x.txt', 'a\n\nb\r\n'))).toEqual([
      'selection.keys: inputs/x.txt line 2: is empty; leave it out',
      expect.stringMatching(/^selection\.keys: inputs\/x\.txt line 3: ends in a carriage return; /),
    ])
    expect(await refused({ keys: 'x.jsonl' }, withList('x.jsonl', '"a"\nb\n'))).toEqual([
      expect.stringMatching(/^selection\.keys: inputs\/x\.jsonl line 2: is no JSON key; /),
    ])
    expect(await refused({ keys: 'x.txt' }, withList('x.txt', 'p/a\nb\n'), { source: { prefix: 'p/' } })).toEqual([
      expect.stringMatching(/^selection\.keys: inputs\/x\.txt line 2: names a key that does not begin with source\.prefix; /),
    ])
  })

  test('the first twenty, and how many more', async () => {
    const problems = await refused({ keys: 'x.txt' }, withList('x.txt', '\n'.repeat(50)))
    expect(problems).toHaveLength(21)
    expect(problems[19]).toBe('selection.keys: inputs/x.txt line 20: is empty; leave it out')
    expect(problems[20]).toBe('selection.keys: inputs/x.txt: 30 more bad lines')
  })

  test.each<[string, string | Buffer, RegExp]>([
    ['cut off', 'a\nb', /^selection\.keys: inputs\/x\.txt line 2: does not end in a line feed, so the list may have been cut off/],
    ['empty', '', /^selection\.keys: inputs\/x\.txt: is empty; name a key/],
    ['one endless line', Buffer.alloc(300_000, 'a'), /^selection\.keys: inputs\/x\.txt line 1: does not end in a line feed/],
    [
      'a line without end',
      Buffer.alloc(300_000, 'a').fill('\n', 299_999),
      /line 1: is 299,999 bytes long, and no key is longer than 1,024/,
    ],
  ])('%s', async (_name, text, problem) => {
    expect(await refused({ keys: 'x.txt' }, withList('x.txt', text))).toEqual([expect.stringMatching(problem)])
  })

  test('a list that is not there, a run that is not there', async () => {
    expect(await refused({ keys: 'x.txt' })).toEqual([
      'selection.keys: there is no inputs/x.txt in the state bucket; put it there, or correct the name',
    ])
    expect(await refused({ failuresOf: 'earlier' })).toEqual([
      'selection.failuresOf: there is no run earlier with failures in the state bucket; correct the name, or leave it out',
    ])
  })

  test('over a million keys, over 256 MiB', async () => {
    const many = { name: 'list', form: 'txt' as const, chunks: [Buffer.alloc(2_000_002, 'a\n')] }
    expect(await keyListProblems(many, '')).toEqual(['list: names over 1,000,000 keys; cut it into lists for several runs'])
    expect(await keyListProblems({ ...many, chunks: [Buffer.alloc(2_000_000, 'a\n')] }, '')).toEqual([])
    const wide = Array<Buffer>(258).fill(Buffer.alloc(1024 * 1024, `${'a'.repeat(1023)}\n`))
    expect(await keyListProblems({ ...many, chunks: wide }, '')).toEqual(['list: is over 268.4 MB; cut it into lists for several runs'])
    expect(await keyListProblems({ ...many, chunks: wide.slice(0, 256) }, '')).toEqual([])
  })
})

test('a list is read the same wherever its chunks are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.constant(Buffer.alloc(0)), anyKey), { maxLength: 10 }),
      fc.array(fc.nat({ max: 20 }), { maxLength: 20 }),
      async (keys, cuts) => {
        const text = Buffer.concat(keys.map((key) => Buffer.concat([key, Buffer.from('\n')])))
        const chunks: Buffer[] = []
        let at = 0
        for (const cut of cuts) chunks.push(text.subarray(at, (at = Math.min(text.length, at + cut))))
        chunks.push(text.subarray(at))
        const list = { name: 'list', form: 'txt' as const }
        expect(await keyListProblems({ ...list, chunks }, '')).toEqual(await keyListProblems({ ...list, chunks: [text] }, ''))
      },
    ),
  )
})

describe('the failures of an earlier run', () => {
  test('over a million are not cut into lists by anybody: the whole request does it', async () => {
    const world = new World()
    await world.state.put(Buffer.from(stateKeys('earlier').failedKeys), Buffer.alloc(4 * 1_000_001, '"a"\n'))
    expect(await selectedKeysProblems(parse(requestWith({ failuresOf: 'earlier' }), 'run'), world.state, {})).toEqual([
      'selection.failuresOf: runs/earlier/failures.jsonl: names over 1,000,000 keys; run its whole request again: what is equal is skipped',
    ])
  })

  test('are all that is migrated', async () => {
    const world = new World()
    await fill(world.source, 20)
    const failed = ['object/00003', 'object/00017']
    await writeLines(
      world.state,
      stateKeys('earlier').failedKeys,
      failed.map((key) => JSON.stringify(key)),
    )
    expect(await world.run(requestWith({ failuresOf: 'earlier' }), 'run')).toMatchObject({ status: 'SUCCEEDED' })
    expect((await world.report('run')).ledger).toMatchObject({ listed: 2, copied: 2 })
    expect(await keysIn(world.destination)).toEqual(failed)
  })
})

test('prefixes are added, stripped and replaced by copiers and verifiers alike, large objects included', async () => {
  for (const [run, destination, there] of [
    ['added', { prefix: 'copies/' }, 'copies/old/'],
    ['stripped', { replaces: 'old/' }, ''],
    ['replaced', { prefix: 'new/', replaces: 'old/' }, 'new/'],
  ] as const) {
    const world = new World()
    await put(world.source, 'old/a', 'old//b', 'beside')
    await world.source.put(Buffer.from('old/large'), Buffer.alloc(6 * 1024 * 1024))
    expect(await world.run(requestWith({}, { source: { prefix: 'old/' }, destination }), run)).toMatchObject({ status: 'SUCCEEDED' })
    expect(await keysIn(world.destination)).toEqual(['/b', 'a', 'large'].map((key) => there + key))
    expect(await judged(world, run)).toMatchObject({ verified: 3, extra: 0 })
  }
})

test('Cleanup finds the open upload of a key whose prefix was replaced, and aborts it', async () => {
  const world = new World({ faults: { copyPartGroup: { error: 'StoreRefused' }, completeUpload: { error: 'StoreRefused' } } })
  await world.source.put(Buffer.from('old/large'), Buffer.alloc(6 * 1024 * 1024))
  const created: string[] = []
  const { createUpload } = world.destination
  world.destination.createUpload = (key, ...more) => (created.push(key.toString()), createUpload(key, ...more))
  const replaced = { source: { prefix: 'old/' }, destination: { prefix: 'new/', replaces: 'old/' } }
  expect(await world.run(requestWith({}, replaced), 'run')).toMatchObject({ status: 'FAILED' })
  expect(created).toContain('new/large')
  expect(await world.destination.listUploads(Buffer.alloc(0))).toEqual([])
  expect(await world.observations('run')).toContainEqual(
    expect.objectContaining({ kind: 'uploads', answer: 'no upload of this run is open; 1 aborted' }),
  )
})

test.each(['current', 'all'] as const)(
  'shards that end at keys which no destination can hold, before one that takes none of them to begin a listing (%s)',
  async (versions) => {
    const world = new World({ source: memoryStore({ versions: true }), destination: memoryStore({ versions: true }) })
    const many = (letter: string) => Array.from({ length: 9 }, (_, index) => `${letter}${index}`)
    await put(world.source, ...many('a'), 'b'.repeat(1024), ...many('c'), Buffer.from('d\xff', 'latin1'), ...many('e'))
    const { list, listVersions } = world.destination
    const listable = ({ after }: KeyRange): void => {
      if (after !== undefined && !isRepresentable(after)) throw new StoreRefused('400 on a list', 'InvalidArgument', 400)
    }
    world.destination.list = (query, call) => (listable(query), list(query, call))
    world.destination.listVersions = (query, call) => (listable(query), listVersions(query, call))
    const request = { ...requestWith({}, { destination: { prefix: 'copies/' } }), carry: { versions } }
    for (const [run, outcome] of [
      ['first', 'copied'],
      ['second', 'skipped'],
    ] as const) {
      await world.run(request, run)
      const report = await world.report(run)
      expect(report).toMatchObject({ ledger: { listed: 29, [outcome]: 27, failed: 2, balanced: true }, listing: { batches: 3 } })
      expect(report.verification.counts).toMatchObject({ verified: 27, notExpected: 2, extra: 0, vanished: 0 })
    }
  },
)

test('the one key that is all prefix cannot be stripped: a failed outcome, and the others are there', async () => {
  const world = new World()
  await put(world.source, 'old/', 'old/a')
  const stripped = { source: { prefix: 'old/' }, destination: { replaces: 'old/' } }
  expect(await world.run(requestWith({}, stripped), 'run')).toMatchObject({ status: 'FAILED' })
  const { ledger, failures } = await world.report('run')
  expect(ledger).toMatchObject({ listed: 2, copied: 1, failed: 1 })
  expect(failures.sample).toEqual([expect.objectContaining({ key: 'old/', reason: 'KeyNotRepresentable' })])
})
