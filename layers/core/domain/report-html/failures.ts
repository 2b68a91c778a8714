import type { Report } from '../report'
import { shownKey } from '../run-rows'
import { count } from '../units'
import { escape, table } from './markup'

/** Characters of an example, at most: a key of 1,024 bytes would be all that is seen. The list below has it whole. */
const EXAMPLE = 80

const shortened = (text: string): string => (text.length > EXAMPLE ? `${text.slice(0, EXAMPLE)}…` : text)

/** What is not right: by reason, and the first of them. */
export const failures = ({ failures: { count: all, complete, sample, reasons }, files, outcome, runId }: Report): string => {
  const partly =
    complete || outcome === 'estimated'
      ? ''
      : '<p class="bad">The lists may not name every object: the source was not listed to its end, or a file of the run cannot be read. Run the request again; what is equal is skipped.</p>'
  if (all === 0) return partly
  const retry = complete ? ` Once the cause is mended, <code>${escape(`drayage retry ${runId}`)}</code> takes just these.` : ''
  const groups = table(
    'By reason',
    ['objects', 'what', 'reason', 'for example'],
    reasons.map(({ what, reason, count: objects, keys }) => [
      count(objects),
      what,
      reason,
      keys.map((key) => shortened(shownKey(key))).join('\n'),
    ]),
  )
  const rows = table(
    `The first ${count(sample.length)} of ${count(all)}`,
    ['key', 'what', 'reason', 'detail'],
    sample.map(({ key, versionId, what, reason, detail }) => [
      `${shownKey(key)}${versionId === undefined ? '' : ` (version ${versionId})`}`,
      what,
      reason,
      detail,
    ]),
  )
  return `${groups}${rows}<p>All of them stand in <code>${escape(files.failures)}</code>.${retry}</p>${partly}`
}
