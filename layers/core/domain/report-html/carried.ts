import type { Report } from '../report'
import { shownKey } from '../run-rows'
import { count } from '../units'
import { escape, table } from './markup'

/** What the copies do not have of their source. */
export const notCarried = ({ notCarried: { count: all, what, sample }, files }: Report): string =>
  all === 0
    ? ''
    : `${table(
        'By what was left behind',
        ['what', 'objects'],
        Object.entries(what).map(([name, value]) => [name, count(value)]),
        'figures',
      )}${table(
        `The first ${count(sample.length)} of ${count(all)}`,
        ['key', 'outcome', 'what', 'reason'],
        sample.map((row) => [shownKey(row.key), row.outcome, row.what, row.reason]),
      )}<p>All of them stand in <code>${escape(files.notCarried)}</code>.</p>`

/** What only the destination has. */
export const extras = ({ extra, vanished, files }: Report): string => {
  const all = extra.count + vanished.count
  return all === 0
    ? ''
    : `<p>${count(extra.count)} that the source never had, and ${count(vanished.count)} that an earlier run put there and the source no longer has. Nothing is deleted.</p>${table(
        'The first of each',
        ['key', 'what', 'detail'],
        [...extra.sample, ...vanished.sample].map(({ key, what, detail }) => [shownKey(key), what, detail]),
      )}<p>All of them stand in <code>${escape(files.extra)}</code>.</p>`
}
