import { carriedHash } from '../../layers/core/domain/carried'
import type { ObjectInfo } from '../../layers/core/domain/object-store'
import type { Outcome } from '../../layers/core/domain/outcomes'
import { checksumEvidence, judgeStored, listingEvidence } from '../../layers/core/domain/verdicts'

const key = Buffer.from('k')
const object = { key, size: 5 }
const stored: ObjectInfo = {
  size: 5,
  etag: '"e"',
  lastModified: '2026-11-26T08:00:00.000Z',
  headers: { contentType: 'text/plain', metadata: { a: '1' } },
  crc32: 'NhCmhg==',
}
const copied: Outcome = { key, outcome: 'copied', bytes: 5, at: 0, ms: 0, etag: '"e"', crc32: 'NhCmhg==', carried: carriedHash(stored) }
/** What a call that was lost has put, and the next one has found. */
const foundCopied = (evidence: Outcome['evidence']): Outcome => ({ ...copied, crc32: undefined, evidence })
const skipped = (evidence: Outcome['evidence']): Outcome => ({ key, outcome: 'skipped', bytes: 0, at: 0, ms: 0, etag: '"e"', evidence })

describe('what a HEAD says: the rows of the table in verdicts.ts', () => {
  test.each<[string, Outcome, ObjectInfo | undefined, string | undefined, RegExp?]>([
    ['right', copied, stored, undefined],
    ['nothing there any more', copied, undefined, 'missing'],
    ['another size by now', copied, { ...stored, size: 6 }, 'different', /^6 bytes at the destination, 5 at the source$/],
    ['another ETag by now', copied, { ...stored, etag: '"f"' }, 'different', /^ETag "f" at the destination, "e" when it was copied$/],
    ['no checksum of what was sent', { ...copied, crc32: undefined }, stored, 'unverifiable', /of what was sent/],
    ['no checksum there', copied, { ...stored, crc32: undefined }, 'unverifiable', /stores no checksum/],
    ['another checksum', copied, { ...stored, crc32: 'AAAAAA==' }, 'different', /^checksum AAAAAA== at the destination, NhCmhg== of what/],
    ['another class', copied, { ...stored, storageClass: 'GLACIER' }, 'different', /^metadata: /],
    ['other metadata', copied, { ...stored, headers: { contentType: 'text/plain', metadata: {} } }, 'different', /^metadata: /],
    ['no hash of what was carried', { ...copied, carried: undefined }, stored, 'unverifiable', /no hash is known of the headers/],
    ['found as copied for equal ETags', foundCopied('etag'), { ...stored, crc32: undefined }, undefined],
    ['found as copied by the kept ETag', foundCopied('source-etag'), stored, undefined],
    [
      'found as copied by the kept ETag, without a checksum',
      foundCopied('source-etag'),
      { ...stored, crc32: undefined },
      'unverifiable',
      /^copied by source-etag, and the destination stores no checksum; use reread$/,
    ],
    ['found as copied, with another class', foundCopied('etag'), { ...stored, storageClass: 'GLACIER' }, 'different', /^metadata: /],
    ['skipped for equal ETags', skipped('etag'), { ...stored, crc32: undefined }, undefined],
    ['skipped by its record', skipped('upload-record'), stored, undefined],
    ['skipped by the kept ETag', skipped('source-etag'), stored, undefined],
    [
      'skipped by its record, without a checksum',
      skipped('upload-record'),
      { ...stored, crc32: undefined },
      'unverifiable',
      /^skipped by upload/,
    ],
    ['skipped by size and time', skipped('size-and-time'), stored, 'unverifiable', /nothing to compare; use reread$/],
    ['skipped by nothing', skipped(undefined), stored, 'unverifiable', /use reread$/],
    ['skipped, and another by now', skipped('etag'), { ...stored, etag: '"f"' }, 'different', /when it was skipped$/],
  ])('%s', (_name, outcome, answer, verdict, detail = /./) => {
    const judged = judgeStored(object, outcome, answer)
    expect(judged?.verdict).toBe(verdict)
    if (judged !== undefined) expect(judged.detail).toMatch(detail)
  })

  test('what it rests on', () => {
    expect([copied, skipped('etag'), skipped('source-etag')].map(listingEvidence)).toEqual(['put-etag', 'etag', 'source-etag'])
    expect([copied, skipped('etag'), skipped('source-etag')].map(checksumEvidence)).toEqual(['checksum', 'etag', 'source-etag'])
    expect([foundCopied('etag'), foundCopied('source-etag')].map(checksumEvidence)).toEqual(['etag', 'source-etag'])
  })
})
