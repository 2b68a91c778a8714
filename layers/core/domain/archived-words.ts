import type { ArchivedReport } from './restore-file'
import { bytesText, count, counted } from './units'

const hoursText = (hours: number): string => (hours < 1 ? counted(Math.ceil(hours * 60), 'minute') : counted(hours, 'hour'))

/** What a report says of the source's archived objects, for people: one line a fact. `dryRun`: nothing was to be restored yet. */
export const archivedLines = (found: ArchivedReport, dryRun: boolean): string[] => {
  const { byClass, requested, tier, days, estimateHours, estimateHoursAtMost, asked, restored, notNeeded, refused } = found
  const lines = Object.entries(byClass)
    .filter(([, { objects }]) => objects > 0)
    .map(([name, { objects, bytes }]) => {
      const maybe = name === 'INTELLIGENT_TIERING' ? ', of which the listing does not say how many are archived' : ''
      return `${name}: ${counted(objects, 'object')}, ${bytesText(bytes)}${maybe}`
    })
  if (!requested)
    lines.push('restore.archived is not asked for: an archived object that has not been restored by other means is a failed outcome')
  if (!requested || dryRun) {
    if (estimateHours === null) lines.push(`restore.tier ${tier} does not restore DEEP_ARCHIVE`)
    else
      lines.push(
        `restoring by ${tier} takes up to ${hoursText(Math.max(estimateHours, estimateHoursAtMost ?? 0))}${found.objects > 0 ? `; the restored copies stay ${counted(days, 'day')}` : ''}; what the source's provider charges for it is not in the estimate`,
      )
    return lines
  }
  lines.push(`${count(restored)} of ${count(asked)} restored, ${counted(notNeeded, 'was', 'were')} at the destination already`)
  for (const [name, many] of Object.entries(refused)) lines.push(`${count(many)} could not be restored: ${name}`)
  return lines
}
