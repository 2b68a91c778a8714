import fc from 'fast-check'
import { bareEtag, looksLikeMd5 } from '../../layers/core/domain/compare'
import { equality, type Equality, type Facts } from '../../layers/core/domain/equality'
import type { ObjectInfo } from '../../layers/core/domain/object-store'

const [A, B] = ['"0123456789abcdef0123456789abcdef"', '"fedcba9876543210fedcba9876543210"']
const [PARTS, OTHER_PARTS] = ['"0123456789abcdef0123456789abcdef-2"', '"fedcba9876543210fedcba9876543210-3"']
const [EARLY, LATE, LATER] = ['2026-01-01T00:00:00.500Z', '2026-02-01T00:00:00.500Z', '2026-03-01T00:00:00.500Z']
const [KEY, OTHER_KEY] = ['arn:aws:kms:us-east-1:123456789012:key/one', 'arn:aws:kms:us-east-1:123456789012:key/two']
const record = { sourceEtag: A, destinationEtag: PARTS }

const listed = (etag: string, lastModified: string, size = 5) => ({ size, etag, lastModified })

interface Sketch {
  /** metadata and content type */
  headers?: Record<string, string>
  type?: string
  encryption?: string
  kmsKey?: string
}

const info = (etag: string, { headers = {}, type, encryption, kmsKey }: Sketch = {}): ObjectInfo => ({
  size: 5,
  etag,
  lastModified: LATE,
  headers: { metadata: headers, ...(type === undefined ? {} : { contentType: type }) },
  ...(encryption === undefined ? {} : { encryption }),
  ...(kmsKey === undefined ? {} : { kmsKey }),
})

/** The source's object, as a HEAD shows it and as a copy would carry it. */
const original = (etag: string, sketch: Sketch = {}): Facts['original'] => {
  const found = info(etag, sketch)
  return { info: found, carried: { ...found.headers, metadata: { mtime: '9', 'source-etag': bareEtag(etag), ...found.headers.metadata } } }
}

const KEPT_A = { 'source-etag': bareEtag(A) }
const kept = (etag: string) => ({ 'source-etag': bareEtag(etag) })
const under = (kmsKey: string): Sketch => ({ encryption: 'aws:kms', kmsKey })
const equal = (evidence: string): Equality => ({ equal: evidence }) as Equality
const old = { source: listed(A, EARLY), kmsKey: null, writingSince: LATER }
const newer = { source: listed(A, LATE), kmsKey: null, writingSince: LATER }

/** The table of equality.ts, row by row. */
const ROWS: [row: string, facts: Facts, answer: Equality][] = [
  ['nothing there', { ...old, found: undefined }, 'copy'],
  ['size differs', { ...old, found: listed(A, LATE, 4) }, 'copy'],
  ['size differs, whatever the record says', { ...old, found: listed(PARTS, LATE, 4), record }, 'copy'],
  ['ETags equal, the copy later', { ...old, found: listed(A, LATE) }, equal('etag')],
  ['ETags equal but for quotes and case', { ...old, found: listed(bareEtag(A).toUpperCase(), LATE) }, equal('etag')],
  ['ETags equal, written since the run began', { ...old, found: listed(A, LATER), writingSince: LATE }, 'copy'],
  ['ETags equal, written in the unit of time in which it began', { ...old, found: listed(A, LATE), writingSince: LATE }, 'copy'],
  ['ETags equal, written at a time that is none', { ...old, found: listed(A, '') }, 'copy'],
  ['the record names both, written since the run began', { ...old, found: listed(PARTS, LATE), record, writingSince: LATE }, 'copy'],
  ['ETags equal, in the same second', { ...old, found: listed(A, EARLY) }, 'ask-copy'],
  ['the record names both', { ...old, found: listed(PARTS, LATE), record }, equal('upload-record')],
  [
    'the record names another source ETag',
    { ...old, found: listed(PARTS, LATE), record: { ...record, sourceEtag: B }, copy: info(PARTS, { headers: kept(B) }) },
    'copy',
  ],
  [
    'the copy was replaced since the record',
    { ...old, found: listed(OTHER_PARTS, LATE), record, copy: info(OTHER_PARTS, { headers: kept(B) }) },
    'copy',
  ],

  ['the source is newer: the copy is asked', { ...newer, found: listed(A, EARLY) }, 'ask-copy'],
  ['and has gone', { ...newer, found: listed(A, EARLY), copy: 'gone' }, 'copy'],
  ['and is another by now', { ...newer, found: listed(A, EARLY), copy: info(B) }, 'copy'],
  ['and may not be read', { ...newer, found: listed(A, EARLY), copy: 'unreadable' }, 'copy'],
  [
    'and is there: the source is asked',
    { ...newer, found: listed(A, EARLY), copy: info(A, { headers: { ...KEPT_A, mtime: '9' } }) },
    'ask-original',
  ],
  ['and the source has gone', { ...newer, found: listed(A, EARLY), copy: info(A), original: 'gone' }, 'copy'],
  ['and the source is another by now', { ...newer, found: listed(A, EARLY), copy: info(A), original: original(B) }, 'copy'],
  [
    'and its headers are the same',
    {
      ...newer,
      found: listed(A, EARLY),
      copy: info(A, { headers: { x: '1', mtime: '1' }, type: 'text/x' }),
      original: original(A, { headers: { x: '1' }, type: 'text/x' }),
    },
    equal('etag'),
  ],
  [
    'and has a type, which differs',
    { ...newer, found: listed(A, EARLY), copy: info(A, { type: 'text/x' }), original: original(A, { type: 'text/y' }) },
    'copy',
  ],
  [
    'and has no type, and the copy the one for none',
    { ...newer, found: listed(A, EARLY), copy: info(A, { type: 'binary/octet-stream' }), original: original(A) },
    equal('etag'),
  ],
  ['and has more metadata', { ...newer, found: listed(A, EARLY), copy: info(A), original: original(A, { headers: { x: '1' } }) }, 'copy'],
  [
    'and has another mtime of its own',
    { ...newer, found: listed(A, EARLY), copy: info(A, { headers: { mtime: '1' } }), original: original(A, { headers: { mtime: '2' } }) },
    'copy',
  ],
  [
    'a recorded upload, with the same headers',
    { ...newer, found: listed(PARTS, EARLY), record, copy: info(PARTS), original: original(A) },
    equal('upload-record'),
  ],

  ['ETags differ: the copy is asked', { ...old, found: listed(B, LATE) }, 'ask-copy'],
  ['two plain MD5s, no kept ETag', { ...old, found: listed(B, LATE), copy: info(B) }, 'copy'],
  ['two plain MD5s, another kept ETag', { ...old, found: listed(B, LATE), copy: info(B, { headers: kept(B) }) }, 'copy'],
  [
    'two MD5s, this kept ETag: is the source under KMS?',
    { ...old, found: listed(B, LATE), copy: info(B, { headers: KEPT_A }) },
    'ask-original',
  ],
  ['it is not', { ...old, found: listed(B, LATE), copy: info(B, { headers: KEPT_A }), original: original(A) }, 'copy'],
  [
    'it is',
    { ...old, found: listed(B, LATE), copy: info(B, { headers: KEPT_A }), original: original(A, { encryption: 'aws:kms' }) },
    equal('source-etag'),
  ],
  [
    'the copy is under KMS and keeps this ETag',
    { ...old, found: listed(B, LATE), copy: info(B, { headers: KEPT_A, encryption: 'aws:kms:dsse' }) },
    equal('source-etag'),
  ],
  [
    'parts, and the copy keeps this ETag',
    { ...old, source: listed(PARTS, EARLY), found: listed(B, LATE), copy: info(B, { headers: kept(PARTS) }) },
    equal('source-etag'),
  ],
  [
    'parts, and the copy keeps this ETag of an older object: the source is asked',
    { ...newer, source: listed(PARTS, LATE), found: listed(B, EARLY), copy: info(B, { headers: kept(PARTS) }) },
    'ask-original',
  ],
  [
    'parts, and the copy keeps another ETag',
    { ...old, source: listed(PARTS, EARLY), found: listed(B, LATE), copy: info(B, { headers: KEPT_A }) },
    'copy',
  ],
  [
    'parts, no kept ETag, the copy later',
    { ...old, source: listed(PARTS, EARLY), found: listed(B, LATE), copy: info(B) },
    equal('size-and-time'),
  ],
  ['parts, no kept ETag, the copy not later', { ...newer, source: listed(PARTS, LATE), found: listed(B, EARLY), copy: info(B) }, 'copy'],
  [
    'the copy is under KMS, no kept ETag',
    { ...old, found: listed(B, LATE), copy: info(B, { encryption: 'aws:kms' }) },
    equal('size-and-time'),
  ],
  [
    'the source lists no ETag',
    { ...old, source: listed('', EARLY), found: listed(B, LATE), copy: info(B, { headers: KEPT_A }) },
    equal('size-and-time'),
  ],
  ['neither lists an ETag', { ...old, source: listed('', EARLY), found: listed('""', LATE), copy: info('""') }, equal('size-and-time')],
  ['two MD5s, unreadable', { ...old, found: listed(B, LATE), copy: 'unreadable' }, 'copy'],
  [
    'two MD5s, unreadable, the run writes under KMS',
    { ...old, kmsKey: KEY, found: listed(B, LATE), copy: 'unreadable' },
    equal('size-and-time'),
  ],
  ['parts, unreadable', { ...old, found: listed(PARTS, LATE), copy: 'unreadable' }, equal('size-and-time')],
  ['parts, unreadable, the copy not later', { ...newer, found: listed(PARTS, EARLY), copy: 'unreadable' }, 'copy'],
  ['a KMS key is asked for, and the ETags are equal: the copy is asked', { ...old, kmsKey: KEY, found: listed(A, LATE) }, 'ask-copy'],
  ['and is not encrypted with it', { ...old, kmsKey: KEY, found: listed(A, LATE), copy: info(A) }, 'copy'],
  ['and is, though its ETag is the MD5', { ...old, kmsKey: KEY, found: listed(A, LATE), copy: info(A, under(KEY)) }, equal('etag')],
  ['and may not be read', { ...old, kmsKey: KEY, found: listed(A, LATE), copy: 'unreadable' }, equal('etag')],
  ['the record names both, and a KMS key is asked for', { ...old, kmsKey: KEY, found: listed(PARTS, LATE), record }, 'ask-copy'],
  [
    'and the copy is under it',
    { ...old, kmsKey: KEY, found: listed(PARTS, LATE), record, copy: info(PARTS, under(KEY)) },
    equal('upload-record'),
  ],
  [
    'and the copy is under another one',
    { ...old, kmsKey: KEY, found: listed(PARTS, LATE), record, copy: info(PARTS, under(OTHER_KEY)) },
    'copy',
  ],
  [
    'a kept source ETag, under the key that is asked for',
    { ...old, kmsKey: KEY, found: listed(B, LATE), copy: info(B, { ...under(KEY), headers: KEPT_A }) },
    equal('source-etag'),
  ],
  [
    'a kept source ETag, under another key',
    { ...old, kmsKey: KEY, found: listed(B, LATE), copy: info(B, { ...under(OTHER_KEY), headers: KEPT_A }) },
    'copy',
  ],
  ['a time that is none', { ...old, source: listed(PARTS, ''), found: listed(B, LATE), copy: info(B) }, 'copy'],
]

test.each(ROWS)('%s', (_row, facts, answer) => expect(equality(facts)).toEqual(answer))

describe('whatever the facts', () => {
  const etag = fc.constantFrom(A, B, PARTS, OTHER_PARTS, '', '"opaque"')
  const when = fc.constantFrom(EARLY, LATE, EARLY, LATE, '')
  const object = (of = etag) => fc.record({ size: fc.constant(5), etag: of, lastModified: when })
  const sketch = (encryption: fc.Arbitrary<string>, keptEtag = etag) =>
    fc.record(
      {
        headers: fc.record(
          { 'source-etag': keptEtag.map(bareEtag), mtime: fc.constantFrom('1', '2'), x: fc.constantFrom('1', '2') },
          { requiredKeys: [] },
        ),
        encryption,
        kmsKey: fc.constantFrom(KEY, OTHER_KEY),
      },
      { requiredKeys: ['headers'] },
    ) as fc.Arbitrary<Sketch>
  const any = fc.constantFrom('AES256', 'aws:kms', 'aws:kms:dsse')
  const head = (encryption = any, of = etag) => fc.tuple(of, sketch(encryption)).map(([its, drawn]) => info(its, drawn))
  const source = (encryption = any, of = etag) => fc.tuple(of, sketch(encryption)).map(([its, drawn]) => original(its, drawn))
  const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
  const upload = fc.record({ sourceEtag: etag, destinationEtag: etag })
  /** Mostly of the object that was listed: one that was replaced meanwhile is another matter, and hides the rest. */
  const headOf = (found: Facts['found']) => head(any, fc.oneof({ weight: 4, arbitrary: fc.constant(found?.etag ?? A) }, etag))
  const facts = (given: { [Name in keyof Facts]?: fc.Arbitrary<Facts[Name]> } = {}): fc.Arbitrary<Facts> =>
    (given.found ?? object()).chain((found) =>
      fc.record({
        source: object(),
        record: maybe(upload),
        kmsKey: fc.constantFrom(null, KEY),
        writingSince: fc.constant(LATER),
        copy: maybe(fc.oneof({ weight: 5, arbitrary: headOf(found) }, fc.constantFrom('gone' as const, 'unreadable' as const))),
        original: maybe(fc.oneof({ weight: 5, arbitrary: source() }, fc.constant('gone' as const))),
        ...given,
        found: fc.constant(found),
      }),
    ) as fc.Arbitrary<Facts>
  const isEqual = (answer: Equality): boolean => typeof answer === 'object'
  const always = (arbitrary: fc.Arbitrary<Facts>, hold: (given: Facts, answer: Equality) => void) =>
    fc.assert(
      fc.property(arbitrary, (given) => hold(given, equality(given))),
      { numRuns: 1000 },
    )

  test('an object that is not there or has another size is copied', () => {
    const other = fc.constantFrom(undefined, listed(A, LATE, 4), listed(PARTS, LATE, 6))
    always(facts({ found: other }), (_given, answer) => expect(answer).toBe('copy'))
  })

  test('an object that was written since the run began is copied', () => {
    const begun = fc.constantFrom(EARLY, LATE)
    always(facts({ writingSince: begun }), ({ found, writingSince }, answer) => {
      if (Date.parse(found!.lastModified) >= Date.parse(writingSince)) expect(answer).toBe('copy')
    })
  })

  test('two MD5s that differ are never equal, unless a record or KMS explains it', () => {
    const plain = fc.constantFrom('AES256')
    const copy = maybe(fc.oneof(head(plain, fc.constant(B)), fc.constant('unreadable' as const)))
    const given = facts({
      source: object(fc.constant(A)),
      found: object(fc.constant(B)),
      record: fc.constant(undefined),
      kmsKey: fc.constant(null),
      copy,
      original: maybe(source(plain, fc.constant(A))),
    })
    always(given, (_given, answer) => expect(isEqual(answer)).toBe(false))
  })

  test('a copy that keeps another source ETag is never equal by itself', () => {
    const copy = fc
      .tuple(etag, sketch(any, fc.constantFrom(B, PARTS)))
      .map(([its, drawn]) => info(its, { ...drawn, headers: { 'source-etag': bareEtag(B), ...drawn.headers } }))
    const given = facts({
      source: object(fc.constant(A)),
      found: object(fc.constantFrom(B, PARTS, '')),
      record: fc.constant(undefined),
      copy,
    })
    always(given, (_given, answer) => expect(answer).toBe('copy'))
  })

  test('what can be read and is not under the KMS key that is asked for is never equal', () => {
    let seen = 0
    always(facts({ kmsKey: fc.constant(KEY) }), ({ copy }, answer) => {
      if (!isEqual(answer) || copy === 'unreadable') return
      seen++
      expect(copy).toMatchObject({ kmsKey: KEY })
    })
    expect(seen).toBeGreaterThan(0)
  })

  test('each HEAD is asked for once at most, and then there is an answer', () => {
    always(facts(), ({ copy, original: from }, answer) => {
      if (copy !== undefined) expect(answer).not.toBe('ask-copy')
      if (from !== undefined) expect(answer).not.toBe('ask-original')
      if (answer === 'ask-original') expect(typeof copy).toBe('object')
    })
  })

  test('size and time are the evidence only of ETags that cannot be compared, and of a copy that is later', () => {
    let seen = 0
    always(facts({ record: fc.constant(undefined) }), ({ source: from, found, kmsKey, copy }, answer) => {
      if (typeof answer === 'string' || answer.equal !== 'size-and-time') return
      seen++
      expect(Date.parse(found!.lastModified)).toBeGreaterThan(Date.parse(from.lastModified))
      const bothMd5 = looksLikeMd5(from.etag) && looksLikeMd5(found!.etag)
      if (bothMd5) expect(kmsKey !== null || (typeof copy === 'object' && copy.encryption?.startsWith('aws:kms'))).toBe(true)
    })
    expect(seen).toBeGreaterThan(0)
  })
})
