/** Numbers as people read them. Bytes are decimal: 1 MB = 1,000,000 bytes, as stores bill them. */

export const count = (value: number): string => Math.round(value).toLocaleString('en-US')

/** A number with its word, which 1 has in the singular. `many`: where the plural is not just an s more, or a verb goes with it. */
export const counted = (value: number, one: string, many = `${one}s`): string => {
  const text = count(value)
  return `${text} ${text === '1' ? one : many}`
}

const UNITS = ['byte', 'kB', 'MB', 'GB', 'TB', 'PB']

export const bytesText = (value: number): string => {
  let unit = 0
  let scaled = value
  while (scaled >= 999.95 && unit < UNITS.length - 1) {
    scaled /= 1000
    unit++
  }
  return unit === 0 ? counted(scaled, 'byte') : `${scaled.toFixed(1)} ${UNITS[unit]}`
}

/** ms as m:ss, from an hour on h:mm:ss. */
export const durationText = (ms: number): string => {
  const seconds = Math.max(0, Math.round(ms / 1000))
  const two = (value: number) => String(value).padStart(2, '0')
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes}:${two(seconds % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`
}

/** ms with its units, for a page where runs of a second stand beside runs of days: `0.3 s`, `35 s`, `1 min 32 s`, `40 h 05 min`. */
export const spanText = (ms: number): string => {
  if (ms <= 0) return '0 s'
  if (ms < 9950) return `${(Math.max(ms, 50) / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`
  const minutes = Math.round(seconds / 60)
  return `${count(Math.floor(minutes / 60))} h ${String(minutes % 60).padStart(2, '0')} min`
}
