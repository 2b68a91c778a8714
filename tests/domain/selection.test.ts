import { InvalidRequest } from '../../layers/core/domain/errors'
import { parseRequest } from '../../layers/core/domain/request'
import { excludedBy } from '../../layers/core/domain/selection'
import type { Selection } from '../../layers/core/domain/migration'

const NOW = new Date('2026-11-26T12:00:00.000Z')

const parse = (selection: object, source: object = {}) =>
  parseRequest(
    { source: { bucket: 'here', endpoint: 'embedded', ...source }, destination: { bucket: 'there', endpoint: 'embedded' }, selection },
    { runtime: 'local', runId: 'run', executionId: 'x:run', now: NOW },
  ).selection

const problems = (selection: object, source?: object): readonly string[] => {
  try {
    parse(selection, source)
    return []
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error
    return error.problems
  }
}

const object = (more: Partial<Parameters<typeof excludedBy>[1]> & { name?: string } = {}) => ({
  size: 100,
  lastModified: '2026-06-01T00:00:00.000Z',
  ...more,
  key: Buffer.from(more.name ?? 'a/b.csv'),
})

test.each<[string, object, ReturnType<typeof object>, ReturnType<typeof excludedBy>]>([
  ['nothing asked', {}, object(), undefined],
  ['an include that matches', { include: ['a/*'] }, object(), undefined],
  ['one of two that matches', { include: ['x', 'a/*'] }, object(), undefined],
  ['no include that matches', { include: ['x', 'b/*'] }, object(), 'include'],
  ['an exclude that matches', { exclude: ['**.csv'] }, object(), 'exclude'],
  ['an exclude that does not', { exclude: ['*.csv'] }, object(), undefined],
  ['an exclude beside an include: exclude wins', { include: ['a/**'], exclude: ['a/b*'] }, object(), 'exclude'],
  ['neither included nor left in: the include is named', { include: ['x'], exclude: ['a/b*'] }, object(), 'include'],
  ['exactly the least size', { minBytes: 100 }, object(), undefined],
  ['below it', { minBytes: 101 }, object(), 'size'],
  ['exactly the largest size', { maxBytes: 100 }, object(), undefined],
  ['above it', { maxBytes: 99 }, object(), 'size'],
  ['no bytes at most', { maxBytes: 0 }, object({ size: 0 }), undefined],
  ['modified at the first moment', { modifiedSince: '2026-06-01' }, object(), undefined],
  ['modified before it', { modifiedSince: '2026-06-01T00:00:00.001Z' }, object(), 'age'],
  ['modified before the last moment', { modifiedBefore: '2026-06-01T00:00:00.001Z' }, object(), undefined],
  ['modified at it', { modifiedBefore: '2026-06-01' }, object(), 'age'],
  ['in another zone', { modifiedBefore: '2026-06-01T02:00:00+02:00' }, object(), 'age'],
  ['younger than an age', { modifiedSince: '365d' }, object(), undefined],
  ['older than an age', { modifiedSince: '30d' }, object(), 'age'],
  ['size is looked at before age', { minBytes: 101, modifiedSince: '30d' }, object(), 'size'],
  ['a Last-Modified that is no date', { modifiedSince: '30d' }, object({ lastModified: 'yesterday' }), undefined],
  ['an absent key has no size and no age', { minBytes: 101, modifiedSince: '30d' }, object({ absent: true, size: 0 }), undefined],
  ['an absent key has a name', { exclude: ['a/**'] }, object({ absent: true }), 'exclude'],
  ['a delete marker has no size', { minBytes: 1 }, object({ deleteMarker: true, size: 0 }), undefined],
  ['a delete marker has an age', { modifiedSince: '30d' }, object({ deleteMarker: true, size: 0 }), 'age'],
])('%s', (_name, selection, one, by) => {
  expect(excludedBy(parse(selection), one)).toBe(by)
})

test('globs are parsed once per selection', () => {
  let asked = 0
  const selection: Selection = parse({ include: ['a/*'] })
  const counted = { ...selection, include: Object.assign([], { map: (...call: [never]) => (asked++, selection.include.map(...call)) }) }
  for (let index = 0; index < 10; index++) excludedBy(counted, object())
  expect(asked).toBe(1)
})

test('ages and dates are frozen as times', () => {
  expect(parse({ modifiedSince: '30d', modifiedBefore: '2026-11-25T10:00:00+02:00' })).toMatchObject({
    modifiedSince: '2026-10-27T12:00:00.000Z',
    modifiedBefore: '2026-11-25T08:00:00.000Z',
  })
  expect(parse({ modifiedSince: '2024-02-29' }).modifiedSince).toBe('2024-02-29T00:00:00.000Z')
})

test.each<[string, object, object, string]>([
  [
    'sizes that cross',
    { minBytes: 2, maxBytes: 1 },
    {},
    'selection.maxBytes: 1 is below selection.minBytes (2), so no object is between them; swap them, or leave one out',
  ],
  [
    'times that cross',
    { modifiedSince: '1d', modifiedBefore: '2d' },
    {},
    'selection.modifiedBefore: 2d is not after selection.modifiedSince (1d), so no object is between them; swap them, or leave one out',
  ],
  [
    'times that meet',
    { modifiedSince: '2026-01-01', modifiedBefore: '2026-01-01T00:00:00Z' },
    {},
    'selection.modifiedBefore: 2026-01-01T00:00:00Z is not after selection.modifiedSince (2026-01-01), so no object is between them; swap them, or leave one out',
  ],
  [
    'a day that no calendar has',
    { modifiedSince: '2026-02-31' },
    {},
    'selection.modifiedSince: there is no moment 2026-02-31; correct the date or its time',
  ],
  [
    'a zone that is none',
    { modifiedBefore: '2026-01-01T10:00+99:99' },
    {},
    'selection.modifiedBefore: there is no moment 2026-01-01T10:00+99:99; correct the date or its time',
  ],
  [
    'a glob on both sides',
    { include: ['a/*', 'b'], exclude: ['a/*'] },
    {},
    'selection.exclude: "a/*" is included too; leave one of the two out',
  ],
  [
    'a glob that does not parse',
    { exclude: ['a/[b'] },
    {},
    'selection.exclude: glob "a/[b", column 3: a [ without its ]; close it, or quote it as \\[',
  ],
  [
    'an include beside the prefix',
    { include: ['logs/2026/*'] },
    { prefix: 'data/' },
    'selection.include: no key below source.prefix "data/" can match "logs/2026/*"; a glob is matched with whole keys, so begin it with the prefix',
  ],
  ['two lists', { keys: 'x.txt', failuresOf: 'run-1' }, {}, 'selection.keys: stands beside selection.failuresOf; leave one of the two out'],
  [
    'a filter beside the failures of a run',
    { failuresOf: 'run-1', minBytes: 0 },
    {},
    'selection.minBytes: stands beside selection.failuresOf, whose run has made its own selection; leave it out',
  ],
])('refused: %s', (_name, selection, source, problem) => {
  expect(problems(selection, source)).toEqual([problem])
})

test.each<[string, object, object]>([
  ['a glob shorter than the prefix', { include: ['d*'] }, { prefix: 'data/' }],
  ['a glob below the prefix', { include: ['data/x/*'] }, { prefix: 'data/' }],
  ['a glob that begins with anything', { include: ['**/x'] }, { prefix: 'data/' }],
  ['an exclude beside the prefix', { exclude: ['logs/*'] }, { prefix: 'data/' }],
  ['filters beside a list', { keys: 'x.jsonl', minBytes: 1, include: ['a*'], modifiedSince: '1d' }, {}],
  ['the longest age', { modifiedSince: '999999w' }, {}],
  ['one size', { minBytes: 5, maxBytes: 5 }, {}],
  ['an empty list of globs beside the failures of a run', { failuresOf: 'run-1', include: [] }, {}],
])('accepted: %s', (_name, selection, source) => {
  expect(problems(selection, source)).toEqual([])
})

test('every problem is named at once', () => {
  expect(problems({ minBytes: 2, maxBytes: 1, include: ['a['], exclude: ['b]'], modifiedSince: '2026-13-01' })).toHaveLength(4)
})
