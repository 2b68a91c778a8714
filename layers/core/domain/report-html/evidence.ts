import type { Report } from '../report'
import { count } from '../units'
import { escape, share, table } from './markup'

const MODES: Record<Report['verification']['mode'], string> = {
  listing: "the destination's own listing: size, and the ETag that its PUT answered",
  checksum: "the destination's own listing, and for each object the checksum that it stores, and its headers",
  reread: 'both sides read again and compared',
}

/** Verdicts whose name does not say all. */
const VERDICTS: Partial<Record<keyof Report['verification']['counts'], string>> = {
  notExpected: 'not expected: failed or changed',
  extra: 'extra: never at the source',
  vanished: 'vanished: no longer at the source',
}

const RESTS: Record<keyof Report['verification']['evidence'], string> = {
  reread: 'both sides read again, byte by byte',
  checksum: 'the checksum that the destination stores, and the headers',
  'put-etag': 'the ETag that its own PUT answered, listed by the destination',
  etag: "an ETag equal to the source's",
  'upload-record': 'the record of the upload that made it',
  'source-etag': "the source's ETag, kept in the object's metadata",
  'size-and-time': 'size and time only',
}

const PROOFS: Record<keyof Report['proofs'], string> = {
  md5: "the source's own MD5",
  parts: 'the ETag that the same parts make',
  length: 'their number only: the source gives no digest of its bytes',
  none: 'not said',
}

const SKIPS: Record<keyof Report['skippedBy'], string> = {
  etag: RESTS.etag,
  'upload-record': RESTS['upload-record'],
  'source-etag': RESTS['source-etag'],
  'size-and-time': 'only the same size, and not older',
  none: 'not said',
}

const counted = <K extends string>(caption: string, counts: Record<K, number>, words: Record<K, string>): string => {
  const rows = (Object.keys(words) as K[]).filter((name) => counts[name] > 0)
  const all = rows.reduce((sum, name) => sum + counts[name], 0)
  return all === 0
    ? ''
    : table(
        caption,
        ['by', 'objects', 'share'],
        rows.map((name) => [words[name], count(counts[name]), share(counts[name], all)]),
        'figures',
      )
}

/** What verification said, and what that rests on. */
export const verification = ({ verification: { mode, sample, counts, evidence } }: Report): string => {
  const names = ['verified', 'notExpected', 'missing', 'different', 'unverifiable', 'unaccounted', 'extra', 'vanished'] as const
  const rate = mode === 'reread' && sample < 1 ? `, of a sample of ${share(sample, 1)}` : ''
  return `<p>Mode <b>${escape(mode)}</b>: ${escape(MODES[mode])}${rate}.</p>${table(
    'Verdicts',
    ['verdict', 'objects'],
    names.map((name) => [VERDICTS[name] ?? name, count(counts[name])]),
    'figures',
  )}${counted('What the verified rest on', evidence, RESTS)}`
}

/** What copies and skips rest on. */
export const evidence = ({ proofs, skippedBy }: Report): string =>
  `${counted('Copied: the bytes that were read were compared with', proofs, PROOFS)}${counted('Skipped: equal by', skippedBy, SKIPS)}`
