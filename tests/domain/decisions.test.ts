import fc from 'fast-check'
import { carriedHeaders } from '../../layers/core/domain/carried-headers'
import { equalBy, looksLikeMd5, sameEtag } from '../../layers/core/domain/compare'
import { csvLine } from '../../layers/core/domain/csv'
import { estimate } from '../../layers/core/domain/estimate'
import { addLedger, balances, emptyLedger, shardBooks, unaccounted } from '../../layers/core/domain/ledger'
import { NO_TOTALS } from '../../layers/core/domain/listing'
import { outcomeFromLine, outcomeToLine, type Outcome, type OutcomeName } from '../../layers/core/domain/outcomes'
import { causeOf } from '../../layers/core/domain/report'
import { judge, noVerdicts, verdictsFromText, verdictsToText } from '../../layers/core/domain/verdicts'
import { utf8Key } from './arbitraries'

const MD5 = '"0123456789abcdef0123456789abcdef"'

describe('equal at the destination: the rows of the table in compare.ts', () => {
  const source = { size: 5, etag: MD5 }
  const record = { sourceEtag: MD5, destinationEtag: '"aaaa-2"' }
  test.each([
    ['nothing there', undefined, undefined, undefined],
    ['size differs', { size: 4, etag: MD5 }, undefined, undefined],
    ['ETags equal', { size: 5, etag: MD5 }, undefined, 'etag'],
    ['ETags equal but for quotes and case', { size: 5, etag: MD5.replaceAll('"', '').toUpperCase() }, undefined, 'etag'],
    ['ETags differ', { size: 5, etag: '"aaaa-2"' }, undefined, undefined],
    ['the upload record names both', { size: 5, etag: '"aaaa-2"' }, record, 'upload-record'],
    ['the record names another source ETag', { size: 5, etag: '"aaaa-2"' }, { ...record, sourceEtag: '"b"' }, undefined],
    ['the destination changed since the record', { size: 5, etag: '"cccc-2"' }, record, undefined],
    ['the record does not outweigh the size', { size: 4, etag: '"aaaa-2"' }, record, undefined],
  ] as const)('%s', (_name, found, kept, evidence) => expect(equalBy(source, found, kept)).toBe(evidence))

  test('two empty ETags prove nothing', () => expect(equalBy({ size: 5, etag: '' }, { size: 5, etag: '""' })).toBeUndefined())
})

test('the form of an MD5', () => {
  expect(looksLikeMd5(MD5)).toBe(true)
  expect(looksLikeMd5('"0123456789abcdef0123456789abcdef-3"')).toBe(false)
  expect(sameEtag('W/"x"', 'x')).toBe(true)
})

describe('verdicts: the rows of the table in verdicts.ts', () => {
  const key = Buffer.from('k')
  const object = { key, size: 5 }
  const outcome = (name: OutcomeName, etag?: string): Outcome => ({ key, outcome: name, bytes: 0, etag })
  test.each([
    ['no outcome', undefined, { size: 5, etag: MD5 }, 'unaccounted'],
    ['failed', outcome('failed'), undefined, undefined],
    ['changed', outcome('changed'), undefined, undefined],
    ['nothing there', outcome('copied', MD5), undefined, 'missing'],
    ['size differs', outcome('copied', MD5), { size: 4, etag: MD5 }, 'different'],
    ['no ETag to compare', outcome('copied'), { size: 5, etag: MD5 }, 'unverifiable'],
    ['ETag differs', outcome('skipped', MD5), { size: 5, etag: '"x"' }, 'different'],
    ['right', outcome('copied', MD5), { size: 5, etag: MD5 }, undefined],
  ] as const)('%s', (_name, given, found, verdict) => expect(judge(object, given, found)?.verdict).toBe(verdict))
})

test('verdicts and outcomes come back from their files', () => {
  fc.assert(
    fc.property(utf8Key, (key) => {
      const outcome: Outcome = { key, outcome: 'failed', bytes: 0, reason: 'AccessDenied', detail: 'a\nb' }
      expect(outcomeFromLine(outcomeToLine(outcome))).toEqual(outcome)
      expect(outcomeToLine(outcome)).not.toContain('\n')
      const file = { first: 0, next: 3, counts: noVerdicts(), verdicts: [{ key, verdict: 'missing' as const, detail: 'd' }] }
      expect(verdictsFromText(verdictsToText(file))).toEqual(file)
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
    listed: keys.length,
    excluded: 0,
    objects: keys.map(object),
  })

  test('balance if every object has one outcome, whatever they are; and not with one removed, doubled or foreign', () => {
    fc.assert(
      fc.property(objects, fc.array(fc.constantFrom(...names), { minLength: 30, maxLength: 30 }), (keys, picks) => {
        const written = keys.map((key, at): Outcome => ({ key, outcome: picks[at]!, bytes: 0 }))
        const books = shardBooks(shardOfKeys(keys), 's', written)
        expect(balances(books.ledger) && books.faults.length === 0).toBe(true)
        expect(unaccounted(shardBooks(shardOfKeys(keys), 's', written.slice(1)).ledger)).toBe(1)
        expect(shardBooks(shardOfKeys(keys), 's', [...written, written[0]!]).faults).toHaveLength(1)
        expect(
          shardBooks(shardOfKeys(keys), 's', [...written, { key: Buffer.from([255]), outcome: 'copied', bytes: 0 }]).faults,
        ).toHaveLength(1)
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

test('the words of a caught error, from a message and from Lambda’s JSON', () => {
  expect(causeOf({ Error: 'OverBudget', Cause: 'too dear' })).toBe('OverBudget: too dear')
  expect(causeOf({ Error: 'OverBudget', Cause: '{"errorMessage":"too dear","trace":["x"]}' })).toBe('OverBudget: too dear')
  expect(causeOf({ Error: 'OverBudget' })).toBe('OverBudget')
})

describe('headers that a copy carries', () => {
  const info = {
    size: 1,
    etag: MD5,
    lastModified: '2026-01-02T03:04:05.678Z',
    headers: { contentType: 'text/plain', metadata: { owner: 'me' } },
  }
  test('the original Last-Modified and ETag stand beside the user’s metadata', () => {
    expect(carriedHeaders(info)).toEqual({
      contentType: 'text/plain',
      metadata: { owner: 'me', mtime: '1767323045.678', 'source-etag': MD5.replaceAll('"', '') },
    })
  })
  test('an mtime that the object already has is left alone', () => {
    expect(carriedHeaders({ ...info, headers: { metadata: { mtime: '1' } } }).metadata).toMatchObject({ mtime: '1' })
  })
  test('where 2 KB leave no room, the user’s metadata goes alone', () => {
    const metadata = { big: 'x'.repeat(2040) }
    expect(carriedHeaders({ ...info, headers: { metadata } }).metadata).toEqual(metadata)
  })
})

test('a million objects of 100 KiB cost about what PUTs cost', () => {
  const found = estimate({ ...NO_TOTALS, listed: 1_000_000, bytes: 1_000_000 * 102_400, batches: 1000 }, { batches: 50, largeObjects: 10 })
  expect(found.putRequests).toBe(1_000_000)
  expect(found.costUsd).toBeGreaterThan(5)
  expect(found.costUsd).toBeLessThan(8)
  expect(found.durationSeconds).toBeGreaterThan(100)
})
