/** Numbers as people read them. Bytes are decimal: 1 MB = 1,000,000 bytes, as stores bill them. */

export const count = (value: number): string => Math.round(value).toLocaleString('en-US')

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB']

export const bytesText = (value: number): string => {
  let unit = 0
  let scaled = value
  while (scaled >= 999.95 && unit < UNITS.length - 1) {
    scaled /= 1000
    unit++
  }
  return `${unit === 0 ? count(scaled) : scaled.toFixed(1)} ${UNITS[unit]}`
}

/** ms as m:ss, from an hour on h:mm:ss. */
export const durationText = (ms: number): string => {
  const seconds = Math.max(0, Math.round(ms / 1000))
  const two = (value: number) => String(value).padStart(2, '0')
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes}:${two(seconds % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`
}
