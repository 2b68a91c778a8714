import { randomBytes } from 'node:crypto'

/** A run's name by default: readable, in order of time, and not given twice. */
export const newRunId = (now: Date): string => {
  const [date = '', time = ''] = now.toISOString().split('T')
  return `run-${date.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}-${randomBytes(2).toString('hex')}`
}
