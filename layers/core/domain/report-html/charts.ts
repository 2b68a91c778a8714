import type { PhaseTime } from '../phases'
import type { SizeClass } from '../size-classes'
import type { Throughput } from '../throughput'
import { bytesText, count, spanText } from '../units'
import { escape, share, table } from './markup'

/**
 * Charts are shapes in a field of WIDTH by HEIGHT that is stretched to the page; their words stand beside them in HTML, so that they
 * stay legible on any screen. What they show also stands in their description, or in a table.
 */
const WIDTH = 1200
const HEIGHT = 100

const svg = (title: string, description: string, shapes: string, kind = ''): string =>
  `<svg${kind === '' ? '' : ` class="${kind}"`} viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img"><title>${escape(title)}</title><desc>${escape(description)}</desc>${shapes}</svg>`

const rounded = (value: number): string => String(Math.round(value * 10) / 10)

const bar = (x: number, width: number, height: number, kind: string): string =>
  `<rect class="${kind}" x="${rounded(x)}" y="${rounded(HEIGHT - height)}" width="${rounded(Math.max(width, 0))}" height="${rounded(height)}"/>`

/** Bars of values from the left to the right; one that is not 0 is never too low to be seen. */
const bars = (values: readonly number[], gap: number): string => {
  const highest = Math.max(...values)
  const width = WIDTH / values.length
  return values
    .map((value, index) => (value === 0 ? '' : bar(index * width, width - gap, Math.max(1.5, (value / highest) * HEIGHT), 'bar')))
    .join('')
}

const timeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`

/**
 * A chart with what its height and its width stand for. The axes are words for eyes: the chart's description says the same to who hears it.
 */
const plot = (chart: string, high: readonly string[], wide: readonly string[], kind: string): string => {
  const words = (texts: readonly string[]): string => texts.map((text) => `<span>${escape(text)}</span>`).join('')
  return `<div class="plot"><div class="high" aria-hidden="true">${words(high)}</div>${chart}<div class="${kind}" aria-hidden="true">${words(wide)}</div></div>`
}

/** The highest, half of it, and nothing. */
const heights = (highest: number, text: (value: number) => string): string[] => [text(highest), text(highest / 2), text(0)]

const HALF = `<path class="half" d="M0 ${HEIGHT / 2}H${WIDTH}"/>`

/** Begin, middle and end of a time: by the clock, or by day and clock. */
const clockTexts = (from: number, to: number): string[] =>
  [from, (from + to) / 2, to].map((ms) =>
    to - from < 86_400_000 ? new Date(ms).toISOString().slice(11, 19) : new Date(ms).toISOString().slice(5, 16).replace('T', ' '),
  )

/** Objects and bytes a second, over time. */
export const throughputChart = ({ from, widthMs, buckets }: Throughput): string => {
  const seconds = widthMs / 1000
  const to = from + widthMs * buckets.length
  const chart = (title: string, of: (bucket: Throughput['buckets'][number]) => number, text: (perSecond: number) => string) => {
    const values = buckets.map((bucket) => of(bucket) / seconds)
    const most = Math.max(...values)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const words = `at most ${text(most)}, ${text(mean)} on average`
    const shape = svg(
      title,
      `${title} from ${timeText(from)} to ${timeText(to)}: ${words}`,
      HALF + bars(values, buckets.length > 60 ? 1 : 2),
    )
    return `<figure><figcaption><b>${title}</b>: ${words}</figcaption>${plot(shape, heights(most, text), clockTexts(from, to), 'wide')}</figure>`
  }
  const objects = chart(
    'Objects a second',
    (bucket) => bucket.objects,
    (value) => `${value < 10 ? rounded(value) : count(value)}/s`,
  )
  // A delta run that found everything there has copied no byte: an axis from nothing to nothing says less than no chart.
  const bytes = buckets.every((bucket) => bucket.bytes === 0)
    ? ''
    : chart(
        'Bytes a second',
        (bucket) => bucket.bytes,
        (value) => `${bytesText(Math.round(value))}/s`,
      )
  return `${objects}${bytes}<p class="dim">From ${timeText(from)} to ${timeText(to)}; one bar is ${spanText(widthMs)}.</p>`
}

const boundText = (bytes: number): string => {
  const units = ['bytes', 'KiB', 'MiB', 'GiB']
  let unit = 0
  for (; bytes >= 1024 && unit < units.length - 1; unit++) bytes /= 1024
  return `${bytes} ${units[unit]}`
}

const className = ({ from, to }: SizeClass): string =>
  to === null ? `${boundText(from)} and more` : from === 0 ? `under ${boundText(to)}` : `${boundText(from)} to ${boundText(to)}`

/** How large the objects are, and what each size cost. */
export const sizesChart = (sizes: readonly SizeClass[]): string => {
  const objects = sizes.reduce((sum, one) => sum + one.objects, 0)
  if (objects === 0) return ''
  const bytes = sizes.reduce((sum, one) => sum + one.bytes, 0)
  const ms = sizes.reduce((sum, one) => sum + one.ms, 0)
  const shape = svg(
    'Objects by size',
    sizes.map((one) => `${className(one)}: ${count(one.objects)}`).join('; '),
    HALF +
      bars(
        sizes.map((one) => one.objects),
        12,
      ),
  )
  const rows = sizes.map((one) => [
    className(one),
    count(one.objects),
    share(one.objects, objects),
    bytesText(one.bytes),
    share(one.bytes, bytes),
    count(one.copied),
    spanText(one.ms),
    share(one.ms, ms),
    count(one.retries),
  ])
  const chart = plot(
    shape,
    heights(Math.max(...sizes.map((one) => one.objects)), (value) => (value < 10 ? rounded(value) : count(value))),
    sizes.map((one) => boundText(one.from)),
    'each',
  )
  return `<figure><figcaption><b>Objects by size</b>: under each bar, the size from which on it counts</figcaption>${chart}</figure>${table(
    'By size; work is the time that all outcomes took together, side by side',
    ['size', 'objects', 'share', 'bytes', 'share', 'copied', 'work', 'share', 'retries'],
    rows,
    'figures',
  )}`
}

/** Where the time went, from start to end. */
export const phasesChart = (phases: readonly PhaseTime[], startedAt: string, endedAt: string): string => {
  const begin = Date.parse(startedAt)
  const whole = Math.max(1, Date.parse(endedAt) - begin)
  const at = (time: string): number => Math.min(WIDTH, Math.max(0, ((Date.parse(time) - begin) / whole) * WIDTH))
  const took = ({ from, to }: PhaseTime): number => Date.parse(to) - Date.parse(from)
  const words = phases.map((phase) => `${phase.name} ${spanText(took(phase))} (${share(took(phase), whole)})`)
  const shapes = phases.map(({ from, to }, index) => bar(at(from), Math.max(2, at(to) - at(from)), HEIGHT, `b${(index % 5) + 1}`)).join('')
  const legend = words.map((text, index) => `<li><span class="key b${(index % 5) + 1}"></span>${escape(text)}</li>`).join('')
  return `<figure>${svg('Where the time went', words.join('; '), shapes, 'thin')}<figcaption><span>${spanText(whole)} in all; gaps are waiting for functions to start</span></figcaption></figure><ul class="legend">${legend}</ul>`
}
