/** Ages and bounds of credentials in words. */

const DAY_MS = 24 * 60 * 60 * 1000
const HOUR_MS = 60 * 60 * 1000

export const spanText = (ms: number): string => {
  const [size, name] = ms >= 2 * DAY_MS ? [DAY_MS, 'days'] : [HOUR_MS, 'hours']
  return `${Math.floor(ms / size)} ${name}`
}

export const expiryText = (expiresAt: string | null, now: Date): string => {
  if (expiresAt === null || Number.isNaN(Date.parse(expiresAt))) return 'unknown'
  const left = Date.parse(expiresAt) - now.getTime()
  return left <= 0 ? `expired ${expiresAt}` : `${expiresAt} (in ${spanText(left)})`
}

export interface Place {
  bucket: string
  prefix: string
  /** the prefix is longer than what is shown */
  cut?: true | undefined
}

export const placeText = ({ bucket, prefix, cut }: Place): string => `${bucket}/${prefix}${cut ? '…' : ''}*`

export const boundsLines = ({ source, destination }: { source: Place; destination: Place }): string[] => [
  `From       ${placeText(source)}`,
  `To         ${placeText(destination)}`,
]
