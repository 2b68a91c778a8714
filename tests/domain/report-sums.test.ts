import fc from 'fast-check'
import { checkpointFromText, checkpointToText } from '../../layers/core/domain/checkpoint'
import { csvLine } from '../../layers/core/domain/csv'
import { StateBroken } from '../../layers/core/domain/errors'
import { keyToJson } from '../../layers/core/domain/keys'
import type { Outcome } from '../../layers/core/domain/outcomes'
import { phasesOf } from '../../layers/core/domain/phases'
import { failureLine, FAILURES_HEAD, FailureSums } from '../../layers/core/domain/run-rows'
import { RunSums, type ShardFiles } from '../../layers/core/domain/run-sums'
import { KINDS, OTHERS, SAMPLE } from '../../layers/core/domain/sampled'
import { isOutcome, totalsFaults } from '../../layers/core/domain/shard-faults'
import { classOf, sizeClasses } from '../../layers/core/domain/size-classes'
import { MAX_BUCKETS, ThroughputMeter } from '../../layers/core/domain/throughput'
import { noVerdicts, type VerdictFile } from '../../layers/core/domain/verdicts'
import { anyKey } from './arbitraries'

const START = Date.parse('2026-11-26T08:00:00Z')

describe('throughput', () => {
  const stretch = fc.record({
    from: fc.integer({ min: START, max: START + 30 * 86_400_000 }),
    ms: fc.integer({ min: 0, max: 86_400_000 }),
    bytes: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5e12 })),
  })

  test('no object and no byte is lost or doubled, in at most so many buckets, whatever comes in whatever order', () => {
    fc.assert(
      fc.property(fc.array(stretch, { minLength: 1, maxLength: 60 }), (stretches) => {
        const meter = new ThroughputMeter()
        for (const { from, ms, bytes } of stretches) meter.add({ from, to: from + ms, bytes })
        const { from, widthMs, buckets } = meter.result()!
        expect(buckets.length).toBeLessThanOrEqual(MAX_BUCKETS)
        expect(buckets.reduce((sum, { objects }) => sum + objects, 0)).toBe(stretches.length)
        expect(buckets.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(stretches.reduce((sum, { bytes }) => sum + bytes, 0))
        expect(buckets.every(({ bytes }) => Number.isSafeInteger(bytes) && bytes >= 0)).toBe(true)
        const ends = stretches.map((one) => one.from + one.ms)
        expect(from).toBeLessThanOrEqual(Math.min(...stretches.map((one) => one.from)))
        expect(from + widthMs * buckets.length).toBeGreaterThan(Math.max(...ends))
      }),
    )
  })

  test('goes on from its JSON as if it had not been away', () => {
    fc.assert(
      fc.property(fc.array(stretch, { maxLength: 30 }), fc.nat(30), (stretches, cut) => {
        const [whole, first] = [new ThroughputMeter(), new ThroughputMeter()]
        for (const { from, ms, bytes } of stretches) whole.add({ from, to: from + ms, bytes })
        for (const { from, ms, bytes } of stretches.slice(0, cut)) first.add({ from, to: from + ms, bytes })
        const second = ThroughputMeter.fromJson(JSON.parse(JSON.stringify(first.toJson())))
        for (const { from, ms, bytes } of stretches.slice(cut)) second.add({ from, to: from + ms, bytes })
        expect(second.result()).toEqual(whole.result())
        expect(second.toJson()).toEqual(whole.toJson())
      }),
    )
  })

  test('bytes are spread evenly over the time that they took', () => {
    const meter = new ThroughputMeter()
    meter.add({ from: START, to: START + 4000, bytes: 4000 })
    expect(meter.result()).toEqual({
      from: START,
      widthMs: 1000,
      buckets: [1000, 1000, 1000, 1000, 0].map((bytes, index) => ({ bytes, objects: index === 4 ? 1 : 0 })),
    })
    expect(new ThroughputMeter().result()).toBeUndefined()
  })
})

test('every size has one class, and the classes join without a gap', () => {
  const classes = sizeClasses()
  expect(classes[0]!.from).toBe(0)
  expect(classes.at(-1)!.to).toBeNull()
  for (const [index, { to }] of classes.slice(0, -1).entries()) expect(classes[index + 1]!.from).toBe(to)
  fc.assert(
    fc.property(fc.maxSafeNat(), (size) => {
      const { from, to } = classOf(classes, size)
      expect(from <= size && (to === null || size < to)).toBe(true)
    }),
  )
})

describe('a line of CSV', () => {
  /** As RFC 4180 reads it. */
  const cells = (line: string): string[] => {
    const read: string[] = ['']
    let quoted = false
    for (let at = 0; at < line.length; at++) {
      const character = line[at]!
      if (quoted && character === '"' && line[at + 1] === '"') read[read.length - 1]! += line[at++]!
      else if (character === '"') quoted = !quoted
      else if (character === ',' && !quoted) read.push('')
      else read[read.length - 1]! += character
    }
    return read
  }

  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '＝1', 'a,=1', 'a;=1', 'a"=1', 'a\n=1', 'a; -1', "=cmd|' /C calc'!A1"])(
    'makes no formula of %j',
    (field) => {
      const line = csvLine(['first', field])
      // Taken apart as a spreadsheet of any setting might do it, no piece begins like a formula.
      for (const piece of line.split(/[,;|\t"\r\n]/)) expect(piece).not.toMatch(/^\s*[=+\-@＝＋－＠]/)
      expect(cells(line)[1]!.replaceAll("'", '')).toBe(field.replaceAll("'", ''))
    },
  )

  test('and the same judge sees one that is not tamed', () => {
    expect('first,a;=1'.split(/[,;]/).some((piece) => /^=/.test(piece))).toBe(true)
  })

  test('is read back as it was, but for apostrophes', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 30 }), { minLength: 2, maxLength: 5 }), (fields) => {
        const read = cells(csvLine(fields))
        expect(read.map((field) => field.replaceAll("'", ''))).toEqual(fields.map((field) => field.replaceAll("'", '')))
      }),
    )
  })

  test('of a failure holds the exact bytes of any key, on one line', () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        const line = failureLine({ key: keyToJson(key), what: 'failed', reason: 'AccessDenied', detail: 'a\nb\u202ec' })
        expect(line).toContain(',a\\u000ab\\u202ec,')
        expect(Buffer.from(cells(line)[FAILURES_HEAD.split(',').indexOf('key_base64')]!, 'base64')).toEqual(key)
        expect(cells(line)[0]).not.toMatch(/[\u0000-\u001f\u202a-\u202e\u2066-\u2069\u200b]/)
      }),
    )
  })
})

test('failures are counted by what and reason, the most first, with a few keys of each', () => {
  const sums = new FailureSums()
  for (let index = 0; index < 30; index++)
    sums.add({ key: `k${index}`, what: index < 8 ? 'changed' : 'failed', reason: 'AccessDenied', detail: '' })
  expect(sums.all.count).toBe(30)
  expect(sums.all.sample).toHaveLength(SAMPLE)
  expect(sums.groups().map(({ what, count, keys }) => [what, count, keys.length])).toEqual([
    ['failed', 22, 5],
    ['changed', 8, 5],
  ])
})

test('phases are those that the files know of, in order, and none ends before it began', () => {
  expect(
    phasesOf({
      startedAt: START,
      preflightAt: START + 2000,
      listedAt: START + 1000,
      restored: false,
      copying: { from: START + 3000, to: START + 9000 },
      verification: undefined,
      adding: { from: START + 9500, to: START + 9600 },
    }).map(({ name, from, to }) => [name, Date.parse(from) - START, Date.parse(to) - START]),
  ).toEqual([
    ['access and preflight', 0, 2000],
    ['listing', 2000, 2000],
    ['copying', 3000, 9000],
    ['adding up', 9500, 9600],
  ])
})

test('a run that restored did so from its listing to its first copy', () => {
  const copying = { from: START + 3000, to: START + 9000 }
  const moments = { startedAt: START, preflightAt: START, listedAt: START + 1000, restored: true, verification: undefined }
  const restoring = (span: typeof copying | undefined) =>
    phasesOf({ ...moments, copying: span, adding: { from: START + 9500, to: START + 9600 } }).find(({ name }) => name === 'restoring')
  expect(restoring(copying)).toEqual({
    name: 'restoring',
    from: new Date(START + 1000).toISOString(),
    to: new Date(START + 3000).toISOString(),
  })
  expect(restoring(undefined)?.to).toBe(new Date(START + 9500).toISOString())
})

describe('the sums of a run', () => {
  const object = (name: string, size = 10) => ({ key: Buffer.from(name), size, etag: '"e"', lastModified: '', large: false })
  const outcome = (name: string, change: Partial<Outcome> = {}): Outcome => ({
    key: Buffer.from(name),
    outcome: 'copied',
    bytes: 10,
    at: START + 1000,
    ms: 500,
    etag: '"e"',
    proof: 'md5',
    ...change,
  })
  const verdict = (objects: number, change: Partial<VerdictFile> = {}): VerdictFile => ({
    first: 0,
    next: objects,
    counts: { ...noVerdicts(), verified: objects },
    evidence: { 'put-etag': objects },
    at: START + 3000,
    ms: 100,
    verdicts: [],
    ...change,
  })
  const files = (change: Partial<ShardFiles> = {}): ShardFiles => ({
    name: 'batches/s',
    shard: {
      after: undefined,
      upTo: undefined,
      objects: [object('a'), object('b'), object('c')],
      excluded: [{ key: Buffer.from('x'), by: 'size' }],
    },
    small: [outcome('a'), outcome('b'), outcome('c')],
    large: [],
    verdicts: [verdict(3)],
    faults: [],
    ...change,
  })
  const sumsOf = (...shards: ShardFiles[]) => {
    const sums = new RunSums({ runId: 'run', startedAt: START, now: START + 10_000, verified: true })
    const rows = shards.map((shard) => sums.add(shard))
    sums.close()
    return { sums, rows }
  }

  test('of a sound shard', () => {
    const { sums, rows } = sumsOf(files())
    expect(sums.faults()).toEqual([])
    expect(sums.complete).toBe(true)
    expect(sums.ledger).toEqual({ listed: 4, copied: 3, skipped: 0, excluded: 1, changed: 0, failed: 0 })
    expect(sums.totals).toEqual({ listed: 4, excluded: 1, bytes: 30, batches: 1, large: 0 })
    expect(sums).toMatchObject({ copiedBytes: 30, proofs: { md5: 3 }, evidence: { 'put-etag': 3 }, excludedBy: { size: 1 } })
    expect(rows).toEqual([{ failures: [], notCarried: [] }])
    expect(sums.letters).toEqual([])
  })

  test.each<[string, Partial<ShardFiles>, RegExp]>([
    ['an outcome is missing', { small: [outcome('a'), outcome('b')] }, /batches\/s: 1 of 4 objects has no outcome/],
    ['an outcome in the middle is missing', { small: [outcome('a'), outcome('c')] }, /not stand in the order/],
    ['an outcome is doubled', { small: [outcome('a'), outcome('b'), outcome('c'), outcome('c')] }, /two outcomes/],
    ['an outcome is of another object', { small: [outcome('a'), outcome('b'), outcome('d')] }, /does not list/],
    ['an outcome counts other bytes', { small: [outcome('a'), outcome('b'), outcome('c', { bytes: 9 })] }, /1 outcome counts other bytes/],
    ['there is no verdict', { verdicts: [] }, /batches\/s: its verdicts cover 0 of 3/],
    ['verdicts end among what only the destination has', { verdicts: [verdict(3, { behind: Buffer.from('x') })] }, /not all that the dest/],
    ['verdicts do not cover all', { verdicts: [verdict(2)] }, /cover 2 of 3/],
    [
      'verdicts do not count their lines',
      { verdicts: [verdict(3, { counts: { ...noVerdicts(), verified: 2, missing: 1 } })] },
      /counts of its verdicts/,
    ],
    ['a file cannot be read', { shard: undefined, faults: ['batches/s: gone'] }, /batches\/s: gone/],
    ['the range ends early', { shard: { ...files().shard!, upTo: Buffer.from('z') } }, /no shard begins where another ends/],
  ])('%s: a fault that says where', (_name, change, words) => {
    expect(sumsOf(files(change)).sums.faults().join('\n')).toMatch(words)
  })

  test('each object that is not right is one row, and its shard one dead letter', () => {
    const { sums, rows } = sumsOf(
      files({
        small: [outcome('a', { outcome: 'failed', bytes: 0, reason: 'AccessDenied', detail: '403' }), outcome('b')],
        verdicts: [
          verdict(3, {
            counts: { ...noVerdicts(), notExpected: 1, missing: 1, unaccounted: 1, extra: 1 },
            evidence: {},
            verdicts: [
              { key: Buffer.from('b'), verdict: 'missing', detail: 'not listed' },
              { key: Buffer.from('c'), verdict: 'unaccounted', detail: 'no outcome' },
            ],
          }),
        ],
      }),
    )
    expect(rows[0]!.failures.map(({ key, what }) => [key, what])).toEqual([
      ['a', 'failed'],
      ['c', 'unaccounted'],
      ['b', 'missing'],
    ])
    expect(sums.addStrangers([{ key: Buffer.from('bb'), verdict: 'extra', detail: 'only there' }])).toEqual([
      { key: 'bb', what: 'extra', detail: 'only there' },
    ])
    expect(sums.letters).toEqual([{ runId: 'run', shard: 'batches/s', objects: 3, failures: 'runs/run/failures.csv' }])
    expect(sums).toMatchObject({ extra: { count: 1 }, vanished: { count: 0 } })
  })

  test('names that each object has for itself are told apart only so far, and none is lost', () => {
    const what = (index: number) => ({ what: `tag ${index}`, reason: 'no room' })
    const many = Array.from({ length: 3 * KINDS }, (_, index) => outcome(`k${index}`, { notCarried: [what(0), what(index)] }))
    const objects = many.map(({ key }) => ({ ...object(''), key }))
    const { sums } = sumsOf(files({ shard: { ...files().shard!, objects }, small: many, verdicts: [verdict(many.length)] }))
    expect(sums.notCarried.count).toBe(6 * KINDS)
    expect([...sums.notCarried.what.values()].reduce((sum, value) => sum + value, 0)).toBe(6 * KINDS)
    expect(sums.notCarried.what.size).toBe(KINDS + 1)
    expect(sums.notCarried.what.get('tag 0')).toBe(3 * KINDS + 1)
    expect(sums.notCarried.what.get(OTHERS)).toBe(2 * KINDS)
  })

  test('go on from their JSON, behind any shard, as if they had not been away', () => {
    const names = ['copied', 'failed', 'changed', 'skipped'] as const
    const drawn = fc.record({
      kinds: fc.array(fc.constantFrom(...names, undefined), { minLength: 1, maxLength: 4 }),
      from: anyKey,
      readable: fc.integer({ min: 0, max: 9 }).map((digit) => digit > 0),
      extra: fc.boolean(),
      at: fc.nat(9000),
    })
    const shardOf = ({
      kinds,
      from,
      readable,
      at,
    }: {
      kinds: (Outcome['outcome'] | undefined)[]
      from: Buffer
      readable: boolean
      at: number
    }) => {
      if (!readable) return files({ shard: undefined, faults: ['batches/s: gone'] })
      const keys = kinds.map((_kind, index) => Buffer.concat([from, Buffer.from([index])]))
      const small = kinds.flatMap((kind, index) => {
        const bytes = kind === 'copied' ? 10 : 0
        const more = index === 0 ? { notCarried: [{ what: `tag ${at}`, reason: 'no room' }] } : { reason: `Reason${at % 3}` }
        return kind === undefined
          ? []
          : [outcome('', { ...more, key: keys[index]!, outcome: kind, bytes, at: START + at, evidence: 'etag' })]
      })
      const objects = keys.map((key) => ({ ...object(''), key }))
      return files({ shard: { after: from, upTo: keys.at(-1), objects, excluded: [] }, small, verdicts: [verdict(0)] })
    }
    let [failed, cutInside] = [0, 0]
    fc.assert(
      fc.property(fc.array(drawn, { minLength: 1, maxLength: 8 }), fc.nat(8), (shards, cut) => {
        const options = { runId: 'run', startedAt: START, now: START + 10_000, verified: true }
        const [whole, first] = [new RunSums(options), new RunSums(options)]
        const add = (sums: RunSums, some: typeof shards) =>
          some.map((shard) => [
            sums.add(shardOf(shard)),
            shard.extra && sums.addStrangers([{ key: shard.from, verdict: 'extra', detail: 'only there' }]),
          ])
        const rows = add(whole, shards)
        const before = add(first, shards.slice(0, cut))
        const second = RunSums.fromJson(JSON.parse(JSON.stringify(first.toJson())), options)
        expect([...before, ...add(second, shards.slice(cut))]).toEqual(rows)
        for (const sums of [whole, second]) sums.close()
        expect(second).toEqual(whole)
        expect(second.toJson()).toEqual(whole.toJson())
        expect([second.faults(), second.failures.groups(), second.throughput.result()]).toEqual([
          ...[whole.faults(), whole.failures.groups(), whole.throughput.result()],
        ])
        if (whole.failures.all.count > 0) failed++
        if (cut > 0 && cut < shards.length) cutInside++
      }),
    )
    // of 100
    expect(failed).toBeGreaterThan(0)
    expect(cutInside).toBeGreaterThan(0)
  })

  test.each<[string, object, boolean]>([
    ['as written', {}, true],
    ['of several tries', { tries: 3 }, true],
    ['of no kind', { outcome: 'lost' }, false],
    ['without bytes', { bytes: undefined }, false],
    ['of less than no bytes', { bytes: -1 }, false],
    ['of half a byte', { bytes: 0.5 }, false],
    ['of bytes in words', { bytes: '10' }, false],
    ['of more bytes than can be counted', { bytes: 2 ** 53 }, false],
    ['of no time', { at: null }, false],
    ['before 1970', { at: -1 }, false],
    ['of an endless time', { ms: Infinity }, false],
    ['of no number', { ms: NaN }, false],
    ['of half a try', { tries: 1.5 }, false],
    ['of null tries', { tries: null }, false],
  ])('an outcome line %s is one that can be added up: %#', (_name, change, sound) => {
    expect(isOutcome({ ...outcome('a'), ...change } as Outcome)).toBe(sound)
  })

  test('a checkpoint comes back as it was written, or is none', () => {
    const { sums } = sumsOf(files(), files({ shard: undefined, faults: ['batches/s: gone'] }))
    const rows = { failures: ['a'], failedKeys: [], extra: ['b', 'c'], notCarried: [] }
    const checkpoint = { began: START, last: 'runs/run/shards/batches/s.jsonl', shards: 2, sums: sums.toJson(), rows }
    const text = checkpointToText(checkpoint)
    expect(checkpointFromText(text, 'name')).toEqual(JSON.parse(JSON.stringify(checkpoint)))
    for (let at = 0; at < text.trimEnd().length; at++) {
      const altered = `${text.slice(0, at)}${text[at] === '1' ? '2' : '1'}${text.slice(at + 1)}`
      expect(() => checkpointFromText(altered, 'name')).toThrow(StateBroken)
      expect(() => checkpointFromText(text.slice(0, at), 'name')).toThrow(/^name is /)
    }
  })

  test('times that a clock got wrong stay within the run', () => {
    const { sums } = sumsOf(files({ small: [outcome('a', { at: 0, ms: 1e12 }), outcome('b', { at: 8e15 }), outcome('c')] }))
    expect(sums.copying).toEqual({ from: START, to: START + 10_000 })
    expect(sums.throughput.result()!.buckets.length).toBeLessThan(15)
  })

  test('thousands of faults are told as some and a number', () => {
    const { sums } = sumsOf(...Array.from({ length: 1000 }, (_, index) => files({ shard: undefined, faults: [`shard ${index}`] })))
    expect(sums.faults().length).toBeLessThan(300)
    expect(sums.faults().at(-1)).toMatch(/^and \d+ more$/)
  })

  test('shards and listing must count the same', () => {
    const told = { listed: 4, excluded: 1, bytes: 30, batches: 1, large: 0 }
    expect(totalsFaults(told, told)).toEqual([])
    for (const name of Object.keys(told) as (keyof typeof told)[])
      expect(totalsFaults(told, { ...told, [name]: told[name] + 1 })).toEqual([expect.stringContaining(name)])
  })
})
