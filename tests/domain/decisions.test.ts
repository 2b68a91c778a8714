import fc from 'fast-check'
import { looksLikeMd5, sameEtag } from '../../layers/core/domain/compare'
import { csvLine } from '../../layers/core/domain/csv'
import { estimate, rereadLine } from '../../layers/core/domain/estimate'
import { addLedger, balances, emptyLedger, shardBooks, unaccounted, type Ledger } from '../../layers/core/domain/ledger'
import { NO_TOTALS } from '../../layers/core/domain/listing'
import type { Migration } from '../../layers/core/domain/migration'
import { outcomeFromLine, outcomeToLine, type Outcome, type OutcomeName } from '../../layers/core/domain/outcomes'
import { causeOf, reasonOf, type ReportFacts } from '../../layers/core/domain/report'
import { rereadLooks } from '../../layers/core/domain/sample'
import { judge, noVerdicts, verdictsFromText, verdictsToText } from '../../layers/core/domain/verdicts'
import { emptyReport } from '../support/report'
import { utf8Key } from './arbitraries'

const MD5 = '"0123456789abcdef0123456789abcdef"'

test('the form of an MD5', () => {
  expect(looksLikeMd5(MD5)).toBe(true)
  expect(looksLikeMd5('"0123456789abcdef0123456789abcdef-3"')).toBe(false)
  expect(sameEtag('W/"x"', 'x')).toBe(true)
})

describe('verdicts: the rows of the table in verdicts.ts', () => {
  const key = Buffer.from('k')
  const object = { key, size: 5 }
  const outcome = (name: OutcomeName, etag?: string): Outcome => ({ key, outcome: name, bytes: 0, at: 0, ms: 0, etag })
  test.each([
    ['no outcome', undefined, { size: 5, etag: MD5 }, 'unaccounted'],
    ['failed', outcome('failed'), undefined, undefined],
    ['changed', outcome('changed'), undefined, undefined],
    ['nothing there', outcome('copied', MD5), undefined, 'missing'],
    ['size differs', outcome('copied', MD5), { size: 4, etag: MD5 }, 'different'],
    ['no ETag to compare', outcome('copied'), { size: 5, etag: MD5 }, 'unverifiable'],
    ['ETag differs', outcome('skipped', MD5), { size: 5, etag: '"x"' }, 'different'],
    ['an ETag that says nothing', outcome('copied', '""'), { size: 5, etag: '""' }, 'unverifiable'],
    ['right', outcome('copied', MD5), { size: 5, etag: MD5 }, undefined],
  ] as const)('%s', (_name, given, found, verdict) => expect(judge(object, given, found)?.verdict).toBe(verdict))
})

test('verdicts and outcomes come back from their files', () => {
  fc.assert(
    fc.property(utf8Key, (key) => {
      const outcome: Outcome = { key, outcome: 'failed', bytes: 0, at: 9, ms: 3, reason: 'AccessDenied', detail: 'a\nb' }
      expect(outcomeFromLine(outcomeToLine(outcome))).toEqual(outcome)
      expect(outcomeToLine(outcome)).not.toContain('\n')
      const file = {
        first: 0,
        next: 3,
        counts: noVerdicts(),
        evidence: { etag: 3 },
        at: 9,
        ms: 1,
        verdicts: [{ key, verdict: 'missing' as const, detail: 'd' }],
      }
      expect(verdictsFromText(verdictsToText(file), 'file')).toEqual(file)
    }),
  )
})

describe('the books', () => {
  const names: OutcomeName[] = ['copied', 'skipped', 'changed', 'failed']
  const object = (key: Buffer) => ({ key, size: 1, etag: 'e', lastModified: '', large: false })
  const objects = fc.uniqueArray(utf8Key, { selector: (key) => key.toString('latin1'), minLength: 1, maxLength: 30 })
  const shardOfKeys = (keys: Buffer[]) => ({
    after: undefined,
    upTo: undefined,
    excluded: [],
    objects: keys.map(object),
  })

  test('balance if every object has one outcome, whatever they are; and not with one removed, doubled or foreign', () => {
    fc.assert(
      fc.property(objects, fc.array(fc.constantFrom(...names), { minLength: 30, maxLength: 30 }), (keys, picks) => {
        const written = keys.map((key, at): Outcome => ({ key, outcome: picks[at]!, bytes: 0, at: 0, ms: 0 }))
        const books = shardBooks(shardOfKeys(keys), 's', written)
        expect(balances(books.ledger) && books.faults.length === 0).toBe(true)
        expect(unaccounted(shardBooks(shardOfKeys(keys), 's', written.slice(1)).ledger)).toBe(1)
        expect(shardBooks(shardOfKeys(keys), 's', [...written, written[0]!]).faults).toHaveLength(1)
        expect(
          shardBooks(shardOfKeys(keys), 's', [...written, { key: Buffer.from([255]), outcome: 'copied', bytes: 0, at: 0, ms: 0 }]).faults,
        ).toHaveLength(1)
      }),
    )
  })

  test('say the same of lines in the order of the objects, which are not looked up, as of lines that are', () => {
    const lines = fc.array(fc.tuple(fc.nat(29), fc.constantFrom(...names)), { maxLength: 40 })
    const flags = fc.array(fc.boolean(), { minLength: 30, maxLength: 30 })
    fc.assert(
      fc.property(objects, flags, lines, fc.integer({ min: 0, max: 3 }), (keys, large, picked, kind) => {
        const inOrder = [...keys.filter((_key, at) => !large[at]), ...keys.filter((_key, at) => large[at])]
        // all of them in order; some, in order; some in any order and doubled
        const named = [inOrder, inOrder.filter((_key, at) => at % 3 > 0), picked.map(([at]) => keys[at % keys.length]!), []][kind]!
        const written = named.map((key, at): Outcome => ({ key, outcome: picked[at]?.[1] ?? 'copied', bytes: at, at: 0, ms: 0 }))
        const shard = shardOfKeys(keys)
        shard.objects.forEach((one, at) => (one.large = large[at]!))
        const versions = { ...shard, objects: shard.objects.map((one) => ({ ...one, versionId: 'v' })) }
        const books = shardBooks(shard, 's', written)
        const looked = shardBooks(
          versions,
          's',
          written.map((line) => ({ ...line, versionId: 'v' })),
        )
        expect({ ...books, outcomes: books.outcomes.map((line) => line?.bytes) }).toEqual({
          ...looked,
          outcomes: looked.outcomes.map((line) => line?.bytes),
        })
      }),
    )
  })

  test('sums of balanced books balance', () => {
    const ledger = { listed: 3, copied: 1, skipped: 1, excluded: 0, changed: 0, failed: 1 }
    expect(balances(addLedger(ledger, addLedger(ledger, emptyLedger())))).toBe(true)
    expect(balances({ ...ledger, listed: 4 })).toBe(false)
  })
})

test('a key that a spreadsheet would run is disarmed', () => {
  expect(csvLine(['=cmd()', '+1', '-1', '@x', 'a,b', 'say "x"', 'two\nlines', 'plain'])).toBe(
    `'=cmd(),'+1,'-1,'@x,"a,b","say ""x""","two\nlines",plain`,
  )
})

test('the sentence of a verified run keeps quiet about nothing', () => {
  const facts = (change: Partial<ReportFacts>, ledger: Partial<Ledger> = {}): ReportFacts => ({
    migration: { dryRun: false, cutover: false } as Migration,
    ledger: { ...emptyLedger(), listed: 10, copied: 4, skipped: 6, ...ledger },
    verdicts: noVerdicts(),
    listing: emptyReport.listing,
    faults: [],
    stoppedBy: undefined,
    children: emptyReport.children,
    postflight: emptyReport.postflight,
    notCarried: 0,
    bySizeAndTime: 0,
    ...change,
  })
  expect(reasonOf(facts({}), [])).toBe('Verified: 10 listed, 4 copied, 6 already there.')
  expect(reasonOf(facts({ notCarried: 3, bySizeAndTime: 2 }, { excluded: 1 }), [])).toBe(
    'Verified: 10 listed, 4 copied, 6 already there, 1 excluded; 2 of them equal only by size and time; not carried: 3 (not-carried.csv).',
  )
  expect(reasonOf(facts({}, { copied: 0, skipped: 9, excluded: 1 }), [])).toBe(
    'Verified: nothing to copy, all 9 objects were already there, 1 excluded.',
  )
  expect(reasonOf(facts({ migration: { dryRun: false, cutover: true } as Migration, bySizeAndTime: 1 }, { copied: 0 }), [])).toMatch(
    /^Cut-over: nothing had to be copied, all 6 objects are there and verified; 1 of them equal only by size and time\.$/,
  )
  expect(
    reasonOf(facts({ migration: { dryRun: false, cutover: true } as Migration }, { listed: 2, copied: 0, skipped: 0, excluded: 2 }), []),
  ).toBe(
    'Cut-over: there was nothing to move: 2 listed, 0 copied, 0 already there, 2 excluded; the selection left out every object: is it right?',
  )
  expect(reasonOf(facts({}, { listed: 2, copied: 0, skipped: 0, excluded: 2 }), [])).toBe(
    'Verified: 2 listed, 0 copied, 0 already there, 2 excluded; the selection left out every object: is it right?',
  )
  const nothing = { listed: 0, copied: 0, skipped: 0 }
  const unseen = 'nothing was listed: are source.bucket and source.prefix right?'
  expect(reasonOf(facts({}, nothing), [])).toBe(`Verified: 0 listed, 0 copied, 0 already there; ${unseen}`)
  expect(reasonOf(facts({ migration: { dryRun: true, cutover: false } as Migration }, nothing), [])).toBe(
    `Dry run: 0 objects listed, nothing copied; ${unseen}`,
  )
  expect(reasonOf(facts({}, { listed: 1, copied: 0, skipped: 1 }), [])).toBe('Verified: nothing to copy, the 1 object was already there.')
  const children: ReportFacts['children'] = {
    failed: [{ fleet: 'VerifyBatches', error: 'AccessDenied', count: 12, cause: '403', shard: null }],
    unknown: [],
  }
  expect(reasonOf(facts({ children }), [])).toMatch(/^Verified/)
  expect(reasonOf(facts({ children }), ['1', '2', '3', '4', '5', '6'])).toBe(
    'VerifyBatches: 12 children ended with AccessDenied: 403; 1; 2; 3; 4; 5; 10 listed, 4 copied, 6 already there',
  )
})

test('the words of a caught error, from a message and from Lambda’s JSON', () => {
  expect(causeOf({ Error: 'OverBudget', Cause: 'too dear' })).toBe('OverBudget: too dear')
  expect(causeOf({ Error: 'OverBudget', Cause: '{"errorMessage":"too dear","trace":["x"]}' })).toBe('OverBudget: too dear')
  expect(causeOf({ Error: 'OverBudget' })).toBe('OverBudget')
})

const plan = (keys: string | null = null, verification: Migration['verification'] = { mode: 'listing', sample: 1 }, tags = false) => ({
  verification,
  carry: { storageClass: 'STANDARD' as const, tags, retention: false, versions: 'current' as const },
  selection: {
    include: [],
    exclude: [],
    minBytes: null,
    maxBytes: null,
    modifiedSince: null,
    modifiedBefore: null,
    keys,
    failuresOf: null,
  },
  limits: { batches: 50, largeObjects: 10 },
  restore: { tier: 'Bulk' as const },
})

test('a million objects of 100 KiB cost about what PUTs cost', () => {
  const totals = { ...NO_TOTALS, listed: 1_000_000, bytes: 1_000_000 * 102_400, batches: 1000 }
  const found = estimate(totals, plan())
  expect(found.putRequests).toBe(1_000_000)
  expect(found.costUsd).toBeGreaterThan(5)
  expect(found.costUsd).toBeLessThan(8)
  expect(found.durationSeconds).toBeGreaterThan(100)
})

test('what is excluded costs nothing to copy; a key of a list is asked for by itself', () => {
  const few = { ...NO_TOTALS, listed: 1_000_000, excluded: 999_000, bytes: 1000, batches: 101 }
  expect(estimate(few, plan()).putRequests).toBe(1000)
  expect(estimate(few, plan()).durationSeconds).toBeLessThan(100)
  const list = { ...NO_TOTALS, listed: 100_000, bytes: 1000, batches: 100 }
  expect(estimate(list, plan('keys.txt')).costUsd).toBeGreaterThan(estimate(list, plan()).costUsd)
})

describe('what reading again costs', () => {
  const MIB = 1024 * 1024
  const totals = { ...NO_TOTALS, listed: 1_000_100, excluded: 100, bytes: 1_000_000 * MIB, batches: 1000 }
  const reread = (sample: number, tags = false) => estimate(totals, plan(null, { mode: 'reread', sample }, tags))
  const copied = estimate(totals, plan())

  test('a GET a side for each object, and one more for each further range; the source’s bytes once more; time and money', () => {
    expect(reread(1).reread).toEqual({ objects: 1_000_000, requests: 1_000_000 + 1_000_000 / 16, bytes: 1_000_000 * MIB })
    expect(reread(1, true).reread!.requests).toBe(2_000_000 + 1_000_000 / 16)
    // a verifier of its own for as many shards as copiers: as long once more
    expect(reread(1).durationSeconds).toBeCloseTo(2 * copied.durationSeconds, -1)
    const gets = ((1_000_000 + 1_000_000 / 16) / 1000) * 0.0004
    expect(reread(1).costUsd - copied.costUsd).toBeGreaterThan(gets)
  })

  test('at the rate of the sample', () => {
    expect(reread(0.01).reread).toEqual({ objects: 10_000, requests: 10_000 + 10_000 / 16, bytes: 10_000 * MIB })
    expect(reread(0.01).durationSeconds).toBeLessThan(1.02 * copied.durationSeconds + 1)
    expect(reread(0.01).costUsd).toBeLessThan(reread(1).costUsd)
  })

  test('as people are told', () => {
    expect(rereadLine({ objects: 10_000, requests: 10_625, bytes: 10_485_760_000 })).toBe(
      'Verification reads 10,000 objects again: 10.5 GB more leave the source, by up to 10,625 GET requests, and as many are read at the destination',
    )
  })

  test('nothing where the mode reads nothing again, or there is nothing to read', () => {
    expect(copied.reread).toBeNull()
    expect(estimate(totals, plan(null, { mode: 'checksum', sample: 1 })).reread).toBeNull()
    expect(estimate(NO_TOTALS, plan(null, { mode: 'reread', sample: 1 })).reread).toEqual({ objects: 0, requests: 0, bytes: 0 })
  })

  test('never fewer requests than objects of these sizes take', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 100 * MIB })), (sizes) => {
        const listed = { ...NO_TOTALS, listed: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0), batches: 1 }
        const { requests } = estimate(listed, plan(null, { mode: 'reread', sample: 1 })).reread!
        const taken = sizes.reduce((sum, size) => sum + rereadLooks({ size }), 0)
        expect(requests).toBeGreaterThanOrEqual(taken)
        expect(requests).toBeLessThanOrEqual(taken + sizes.length)
      }),
    )
  })
})
