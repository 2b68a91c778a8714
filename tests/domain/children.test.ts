import fc from 'fast-check'
import { childrenLines, ChildSums, mainReasons, type Children } from '../../layers/core/domain/children'
import { StateBroken } from '../../layers/core/domain/errors'
import { JsonObjects } from '../../layers/core/domain/json-objects'
import { failedFiles, fleetEnds } from '../../layers/core/domain/map-run'
import { KINDS } from '../../layers/core/domain/sampled'
import { HOSTILE_KEYS } from '../support/report-page'

const SHARD = `batches/${'ab'.repeat(20)}`
const input = JSON.stringify({ migration: { secretAccessKey: 'fake' }, shard: `runs/run/shards/${SHARD}.jsonl` })
const child = (Error: string | undefined, Cause?: string, Input: unknown = input) => ({ Status: 'FAILED', Error, Cause, Input, Name: 'x' })

const sumsOf = (records: readonly unknown[], runId = 'run') => {
  const sums = new ChildSums(runId)
  for (const record of records) sums.add(record)
  return sums.of('VerifyBatches')
}

describe('an array of objects, as it comes', () => {
  const read = (bytes: Buffer, cuts: readonly number[], most = 1_000_000): unknown[] => {
    const objects = new JsonObjects(most)
    const found: unknown[] = []
    let from = 0
    for (const cut of [...cuts.map((one) => one % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
      found.push(...objects.push(bytes.subarray(from, cut)))
      from = cut
    }
    objects.end()
    return found
  }
  const texts = fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', 'é', '😀', '\n', 'a', '\u0000') })
  const object = fc.dictionary(fc.oneof(texts, fc.string()), fc.oneof(texts, fc.jsonValue()))

  test('is what JSON.parse makes of all of it, wherever it is cut and however it is spaced', () => {
    fc.assert(
      fc.property(fc.array(object, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 12 }), fc.nat(3), (given, cuts, indent) => {
        const text = JSON.stringify(given, null, indent)
        expect(read(Buffer.from(text), cuts)).toEqual(JSON.parse(text))
      }),
    )
  })

  test.each([
    ['', 'it ends before its array does'],
    ['[{"a":1}', 'it ends before its array does'],
    ['[{"a":"}', 'it ends before its array does'],
    ['{}', 'it is no JSON array of objects'],
    ['[1]', 'it is no JSON array of objects'],
    ['[{"a":1}{"b":1}]', 'it is no JSON array of objects'],
    ['[{"a":1},]', 'it is no JSON array of objects'],
    ['[]x', 'it is no JSON array of objects'],
    ['[{a:1}]', 'one of its objects is not JSON'],
    ['[{"a":1]}]', 'one of its objects is not JSON'],
    [`[{"a":"${'x'.repeat(100)}"}]`, 'one of its objects is longer than 50 bytes'],
  ])('%s: %s', (text, why) => {
    expect(() => read(Buffer.from(text), [], 50)).toThrow(new StateBroken(why))
    expect(() => read(Buffer.from(text), [3, 7, 20], 50)).toThrow(new StateBroken(why))
  })
})

describe('children that ended with an error', () => {
  test('are counted by name, the most frequent first, with the words and the shard of one', () => {
    const lambda = JSON.stringify({ errorType: 'AccessDenied', errorMessage: '403 AccessDenied', trace: ['at x.js:1'] })
    expect(sumsOf([child('StateBroken', 'half a shard'), child('AccessDenied', lambda), child('AccessDenied', 'others')])).toEqual([
      { fleet: 'VerifyBatches', error: 'AccessDenied', count: 2, cause: '403 AccessDenied', shard: SHARD },
      { fleet: 'VerifyBatches', error: 'StateBroken', count: 1, cause: 'half a shard', shard: SHARD },
    ])
  })

  test('files are added up', () => {
    const [one, other] = [new ChildSums('run'), new ChildSums('run')]
    one.add(child('A', 'first'))
    other.add(child('A', 'second'))
    other.add(child('B'))
    one.merge(other)
    expect(one.of('CopyBatches').map(({ error, count, cause }) => [error, count, cause])).toEqual([
      ['A', 2, 'first'],
      ['B', 1, ''],
    ])
  })

  test('one that was aborted has no error: its status is told', () => {
    expect(sumsOf([{ Status: 'ABORTED' }])).toEqual([{ fleet: 'VerifyBatches', error: 'ABORTED', count: 1, cause: '', shard: null }])
  })

  test.each([
    [null],
    [5],
    ['x'],
    [[]],
    [{}],
    [{ Status: 'SUCCEEDED' }],
    [{ Status: 'FAILED', Error: 5 }],
    [{ Status: 'FAILED', Cause: {} }],
  ])('%j is none', (record) => expect(() => sumsOf([record])).toThrow(StateBroken))

  test.each([
    ['another run', JSON.stringify({ shard: `runs/other/shards/${SHARD}.jsonl` })],
    ['words', JSON.stringify({ shard: '<script>' })],
    ['half a text', input.slice(0, 40)],
    ['null', 'null'],
    ['nothing', undefined],
  ])('a shard is only one of the run: %s', (_name, given) =>
    expect(sumsOf([{ ...child('A'), Input: given }])).toMatchObject([{ error: 'A', shard: null }]),
  )

  test('nothing else of the input, and nothing that acts or grows, gets out', () => {
    const hostile = HOSTILE_KEYS.map((key) => child(key.toString(), `${key.toString()}\u001b[2J\n${'x'.repeat(40_000)}`))
    const many = Array.from({ length: 50_000 }, (_, index) => child(`E${index}`, 'y'.repeat(2000)))
    const found = sumsOf([...hostile, ...many])
    expect(found).toHaveLength(KINDS + 1)
    expect(found[0]).toMatchObject({ error: 'others', count: hostile.length + many.length - KINDS })
    expect(found.reduce((sum, { count }) => sum + count, 0)).toBe(hostile.length + many.length)
    const text = JSON.stringify(found)
    expect(text).not.toMatch(/secretAccessKey|fake/)
    expect(found.flatMap(({ error, cause }) => [error, cause]).join('')).not.toMatch(/[\u0000-\u001f\u200b\u202e]/)
    expect(text.length).toBeLessThan(KINDS * 1400)
  })
})

describe('what is said of them', () => {
  const children: Children = {
    failed: [
      { fleet: 'CopyBatches', error: 'StateBroken', count: 1, cause: '', shard: null },
      { fleet: 'VerifyBatches', error: 'AccessDenied', count: 1200, cause: 'z'.repeat(1000), shard: SHARD },
      { fleet: 'VerifyBatches', error: 'States.Timeout', count: 2, cause: '', shard: null },
    ],
    unknown: [{ fleet: 'CopyLargeObjects', why: 'its manifest is gone' }],
  }

  test('in the one sentence: the main error of each fleet, shortened', () => {
    expect(mainReasons(children)).toEqual([
      'CopyBatches: 1 child ended with StateBroken',
      `VerifyBatches: 1,200 children ended with AccessDenied: ${'z'.repeat(300)}… (700 characters more)`,
    ])
    expect(mainReasons(null)).toEqual([])
  })

  test('line by line: all of it', () => {
    expect(childrenLines(children)).toEqual([
      'CopyBatches: 1 child ended with StateBroken',
      `VerifyBatches: 1,200 children ended with AccessDenied: ${'z'.repeat(1000)} (for example ${SHARD})`,
      'VerifyBatches: 2 children ended with States.Timeout',
      'CopyLargeObjects: how all of its children ended is not known: its manifest is gone',
    ])
    expect(childrenLines(null)).toEqual([])
  })
})

describe('where it stands', () => {
  const run = (id: string) => ({ MapRunArn: 'x', ResultWriterDetails: { Bucket: 'b', Key: `map-runs/${id}/manifest.json` } })

  test.each<[string, Parameters<typeof fleetEnds>[0], unknown]>([
    ['no fleet was at its end', {}, null],
    [
      'nothing large',
      { copying: [run('a'), {}], verifying: run('b') },
      [
        { fleet: 'CopyBatches', manifest: 'map-runs/a/manifest.json' },
        { fleet: 'VerifyBatches', manifest: 'map-runs/b/manifest.json' },
      ],
    ],
    [
      'ended by an error, and verification not reached',
      { copying: [{ Error: 'States.ItemReaderFailed', Cause: 'x' }, {}] },
      [
        { fleet: 'CopyBatches', why: 'States.ItemReaderFailed ended it' },
        { fleet: 'VerifyBatches', why: 'it did not come to its end' },
      ],
    ],
    [
      'a result that leads elsewhere',
      { copying: [{}, {}], verifying: run('../runs/run') },
      [{ fleet: 'VerifyBatches', why: 'the state machine names no results of it' }],
    ],
    [
      'something else',
      { copying: [5, null], verifying: 'x' },
      [
        { fleet: 'CopyBatches', why: 'the state machine names no results of it' },
        { fleet: 'CopyLargeObjects', why: 'the state machine names no results of it' },
        { fleet: 'VerifyBatches', why: 'the state machine names no results of it' },
      ],
    ],
  ])('%s', (_name, ends, expected) => expect(fleetEnds(ends)).toEqual(expected))

  const NAME = 'map-runs/a/manifest.json'
  const manifest = (files: object) => JSON.stringify({ ResultFiles: { FAILED: [], PENDING: [], SUCCEEDED: [], ...files } })

  test('a manifest names the files of its own Map Run, and no others', () => {
    const files = ['map-runs/a/FAILED_0.json', 'map-runs/a/FAILED_12.json'].map((Key) => ({ Key, Size: 3 }))
    expect(failedFiles(NAME, manifest({ FAILED: files }))).toEqual(files.map(({ Key }) => Key))
    expect(failedFiles(NAME, manifest({ SUCCEEDED: [{ Key: 'map-runs/a/SUCCEEDED_0.json' }] }))).toEqual([])
    for (const Key of ['map-runs/b/FAILED_0.json', 'map-runs/a/SUCCEEDED_0.json', 'map-runs/a/../FAILED_0.json', 'runs/run/access.json'])
      expect(() => failedFiles(NAME, manifest({ FAILED: [{ Key }] }))).toThrow('names a file that is none of its own')
    expect(() => failedFiles(NAME, manifest({ PENDING: files }))).toThrow('names children that were never begun')
    expect(() => failedFiles(NAME, manifest({}))).toThrow('names no results')
  })
})
