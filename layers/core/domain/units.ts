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
