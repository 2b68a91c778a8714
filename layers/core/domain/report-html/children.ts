import { unknownLine } from '../children'
import type { Report } from '../report'
import { count } from '../units'
import { list, table } from './markup'

/** Why shards were not copied or verified: the children of the fleets that ended with an error. */
export const children = ({ children: found }: Report): string => {
  if (found === null) return ''
  const failed = table(
    'By fleet and error, with the words of one of them',
    ['children', 'fleet', 'error', 'cause', 'for example'],
    found.failed.map(({ fleet, error, count: many, cause, shard }) => [count(many), fleet, error, cause, shard ?? 'not known']),
  )
  const unknown = found.unknown.map(unknownLine)
  return `${found.failed.length === 0 ? '' : failed}${unknown.length === 0 ? '' : list(unknown)}`
}
