import fc from 'fast-check'
import { parseRequest } from '../../layers/core/domain/request'
import { requestOf, retryOf } from '../../layers/core/domain/request-of'
import type { Migration } from '../../layers/core/domain/migration'

const parse = (request: unknown, runId = 'run', now = new Date('2026-11-26T08:00:00.000Z')): Migration =>
  parseRequest(request, { runtime: 'local', runId, executionId: `x:${runId}`, now })

const lasts = ({ access, startedAt }: Migration): number => Date.parse(access.expiresAt) - Date.parse(startedAt)

/** All but what names the run and its times. */
const what = ({ runId: _run, executionId: _id, startedAt: _at, access: _access, shards: _shards, ...rest }: Migration) => rest

const BUCKETS = {
  source: { bucket: 'from-here', endpoint: 'embedded' },
  destination: { bucket: 'to-there', endpoint: 'embedded' },
} as const

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

const request = fc
  .record({
    prefix: optional(fc.constantFrom('', 'a/', 'a//b')),
    provider: optional(fc.constantFrom('minio', 'ceph', 'other')),
    kmsKey: optional(fc.constantFrom(null, 'arn:aws:kms:us-east-1:123456789012:key/abc')),
    selection: optional(
      fc.record(
        {
          include: fc.array(fc.constantFrom('a/**', '*.txt'), { maxLength: 2 }),
          minBytes: fc.nat(),
          modifiedBefore: fc.constantFrom('30d', '2026-01-01', '2026-01-01T10:00:00+02:00'),
        },
        { requiredKeys: [] },
      ),
    ),
    carry: optional(
      fc.record(
        {
          storageClass: fc.oneof(fc.constantFrom('keep', 'STANDARD', 'STANDARD_IA'), fc.constant({ '*': 'GLACIER_IR', COLD: 'STANDARD' })),
          tags: fc.boolean(),
          retention: fc.boolean(),
        },
        { requiredKeys: [] },
      ),
    ),
    mode: optional(fc.constantFrom('listing', 'checksum', 'reread')),
    cutover: optional(fc.boolean()),
    hours: optional(fc.double({ min: 0.001, max: 720, noNaN: true })),
    batchObjects: optional(fc.integer({ min: 1, max: 1000 })),
    regions: optional(fc.constantFrom([], ['us-east-1', 'eu-central-1'])),
  })
  .map(({ prefix, provider, kmsKey, mode, hours, batchObjects, regions, ...rest }) =>
    JSON.parse(
      JSON.stringify({
        source: { ...BUCKETS.source, prefix, provider },
        destination: { ...BUCKETS.destination, prefix: 'copies/', kmsKey },
        verification: { mode },
        access: { hours },
        limits: { batchObjects },
        residency: { regions },
        ...rest,
      }),
    ),
  )

test('a frozen migration as a request makes the same migration again', () => {
  fc.assert(
    fc.property(request, (asked) => {
      const migration = parse(asked)
      const again = parse(requestOf(migration), 'again', new Date('2027-03-01T11:22:33.444Z'))
      expect(what(again)).toEqual(what(migration))
      expect(lasts(again)).toBe(lasts(migration))
    }),
    { numRuns: 300 },
  )
})

test('what a request need not say is left out', () => {
  expect(requestOf(parse(BUCKETS))).toEqual({
    source: { ...BUCKETS.source, provider: 'embedded' },
    destination: BUCKETS.destination,
  })
  expect(requestOf(parse({ ...BUCKETS, access: { hours: 2 } }))).toMatchObject({ access: { hours: 2 } })
})

test('a retry selects the failures and nothing else, and keeps how objects are carried, mapped and verified', () => {
  const migration = parse(
    {
      source: { ...BUCKETS.source, prefix: 'a/' },
      destination: { ...BUCKETS.destination, prefix: 'b/', replaces: 'a/' },
      selection: { include: ['a/**'], minBytes: 5 },
      carry: { tags: true },
      cutover: true,
      verification: { mode: 'checksum' },
    },
    'first',
  )
  const retried = parse(retryOf(migration), 'second')
  expect(retried).toMatchObject({ carry: { tags: true }, verification: { mode: 'checksum' }, cutover: false, pair: migration.pair })
  expect(retried.destination).toEqual(migration.destination)
  expect(retried.selection).toEqual({ ...parse(BUCKETS).selection, failuresOf: 'first' })
})
