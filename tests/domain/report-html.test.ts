import { checklist } from '../../layers/core/domain/checklist'
import type { Report } from '../../layers/core/domain/report'
import { reportHtml } from '../../layers/core/domain/report-html/index'
import { STYLE } from '../../layers/core/domain/report-html/style'
import { bytesText, count, spanText } from '../../layers/core/domain/units'
import { BARE_PAGE, FAILED_PAGE, VERIFIED_PAGE } from '../support/report-page'

/** Figures of report.json that the page leaves to it, or draws. */
const NOT_SHOWN =
  /^(version|listing\.|throughput\.|sizes\.\d+\.(from|to)$|verification\.sample$|archived\.(objects|bytes|days|estimateHours|estimateHoursAtMost)$)/

/** `report` with another number in the place of each that the page shows, and the text by which it must stand there. */
const numbered = (report: Report): { report: Report; texts: Map<string, string> } => {
  const texts = new Map<string, string>()
  let next = 100
  const walk = (value: unknown, path: string): unknown => {
    if (typeof value === 'number' && !NOT_SHOWN.test(path)) {
      next++
      const name = path.slice(path.lastIndexOf('.') + 1)
      const bytes = name === 'bytes' || path.startsWith('bytes.')
      const figure =
        path === 'estimate.durationSeconds' || path === 'estimate.costUsd'
          ? next
          : bytes
            ? next * 1e6
            : name === 'ms'
              ? next * 60_000
              : 1000 * next + 7
      const text = bytes
        ? bytesText(figure)
        : name === 'ms'
          ? spanText(figure)
          : path === 'estimate.durationSeconds'
            ? spanText(figure * 1000)
            : path === 'estimate.costUsd'
              ? figure.toFixed(2)
              : count(figure)
      texts.set(path, text)
      return figure
    }
    if (Array.isArray(value)) return value.map((one, index) => walk(one, `${path}.${index}`))
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, walk(one, path === '' ? name : `${path}.${name}`)]))
    return value
  }
  return { report: walk(report, '') as Report, texts }
}

test('every figure of report.json stands in the page as it is there', () => {
  const full: Report = {
    ...FAILED_PAGE.report,
    deadLetters: { sent: 3, takenOver: { runId: 'earlier', messages: 2, problem: null } },
    ledger: { ...FAILED_PAGE.report.ledger, balanced: false },
  }
  const { report, texts } = numbered(full)
  const page = reportHtml({ ...FAILED_PAGE, report })
  const missing = [...texts].filter(([, text]) => !page.includes(text)).map(([path, text]) => `${path}: ${text}`)
  expect(missing).toEqual([])
  expect(texts.size).toBeGreaterThan(60)
})

/** The same with this number in the place of every one. */
const allOf = <T>(value: T, figure: number): T => {
  if (typeof value === 'number') return figure as T
  if (Array.isArray(value)) return value.map((one: unknown) => allOf(one, figure)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, allOf(one as unknown, figure)])) as T
}

test('one of a thing is not said in the plural', () => {
  const plural = /(?<![\d.,:-])1 (?:[a-z-]+ )?(?!(?:was|is|has|afterwards)\b)(?:[a-zA-Z-]+s|are|were|have)\b.*/g
  expect('there are 1 objects').toMatch(plural)
  const pages = [VERIFIED_PAGE, FAILED_PAGE].flatMap((page) => {
    const { report } = page
    const estimate = { ...report.estimate!, problemKeys: 1, reread: { objects: 1, requests: 1, bytes: 1 } }
    const takenOver = { runId: 'earlier', messages: 1, problem: null }
    const full = { ...report, reason: '', faults: [], estimate, deadLetters: { sent: 1, takenOver } }
    const ones = (change: Partial<Report>) => {
      const sizes = report.sizes.map((one) => ({ ...allOf(one, 1), from: one.from, to: one.to }))
      const facts = { ...page, report: { ...allOf({ ...full, ...change }, 1), version: report.version, sizes } }
      const withGrants = { ...facts, preflight: { ...facts.preflight!, grants: 1 }, closure: allOf(facts.closure, 1) }
      return reportHtml({ ...withGrants, report: { ...withGrants.report, checklist: checklist(withGrants) } })
    }
    return [ones({}), ones({ outcome: 'estimated' }), ones({ listing: { ...report.listing, complete: false } })]
  })
  const texts = pages.map((page) => page.replace(/<style>.*?<\/style>/s, '').replace(/<[^>]*>/g, '\n'))
  expect(texts.flatMap((text) => text.match(plural) ?? [])).toEqual([])
  expect(texts.join('\n')).toContain('1 message is in the dead-letter queue')
})

describe('what a page says of a run', () => {
  test('of 40 hours has hours, not minutes', () => {
    const page = reportHtml({
      ...VERIFIED_PAGE,
      report: { ...VERIFIED_PAGE.report, startedAt: '2026-11-20T08:00:00.000Z', endedAt: '2026-11-22T00:05:00.000Z' },
    })
    expect(page).toContain('40 h 05 min')
    expect(page).not.toContain('minutes:seconds')
  })

  test('that was not listed to its end: no balanced books', () => {
    const { report } = BARE_PAGE
    const page = reportHtml({ ...BARE_PAGE, report: { ...report, listing: { ...report.listing, complete: false } } })
    expect(page).toContain('was not listed to its end')
    expect(page).not.toContain('Balanced:')
    expect(reportHtml(VERIFIED_PAGE)).toContain('Balanced:')
  })

  test('that copied nothing: no chart of bytes', () => {
    const { report } = VERIFIED_PAGE
    const { buckets } = report.throughput!
    const throughput = { ...report.throughput!, buckets: buckets.map((bucket) => ({ ...bucket, bytes: 0 })) }
    const page = reportHtml({ ...VERIFIED_PAGE, report: { ...report, throughput } })
    expect(page).toContain('Objects a second')
    expect(page).not.toContain('Bytes a second')
    expect(reportHtml(VERIFIED_PAGE)).toContain('Bytes a second')
  })

  test('that does not know all that failed: no retry of just these', () => {
    expect(reportHtml(FAILED_PAGE)).not.toContain('drayage retry')
    const { report } = FAILED_PAGE
    const known = { ...report, failures: { ...report.failures, complete: true } }
    expect(reportHtml({ ...FAILED_PAGE, report: known })).toContain('<code>drayage retry photos-2026-12</code>')
  })

  test.each([
    [0, '0 s'],
    [1, '0.1 s'],
    [9949, '9.9 s'],
    [9950, '10 s'],
    [59_499, '59 s'],
    [59_500, '1 min 00 s'],
    [3_599_499, '59 min 59 s'],
    [3_599_500, '1 h 00 min'],
    [144_000_000, '40 h 00 min'],
  ])('%d ms', (ms, text) => expect(spanText(ms)).toBe(text))
})

describe('contrast (WCAG 2.1, 1.4.3 and 1.4.11)', () => {
  const schemes = [...STYLE.matchAll(/:root\{([^}]*)\}/g)].map(
    ([, body]) =>
      Object.fromEntries([...body!.matchAll(/--(\w+):(#[0-9a-f]{3,6})/g)].map(([, name, colour]) => [name!, colour!])) as Record<
        string,
        string
      >,
  )
  /** Relative luminance, 0 to 1. */
  const luminance = (colour: string): number => {
    const hex = colour.length === 4 ? [...colour.slice(1)].map((digit) => digit + digit).join('') : colour.slice(1)
    const [red, green, blue] = [0, 2, 4].map((at) => {
      const part = parseInt(hex.slice(at, at + 2), 16) / 255
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
  }
  const contrast = (one: string, other: string): number => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b)
    return (light! + 0.05) / (dark! + 0.05)
  }

  test('the judge knows black on white, and a grey that is too light', () => {
    expect(contrast('#000', '#ffffff')).toBeCloseTo(21)
    expect(contrast('#777777', '#fff')).toBeLessThan(4.5)
  })

  test.each([
    ['light', 0],
    ['dark', 1],
    ['print', 2],
  ])('%s: text 4.5, shapes 3', (_name, index) => {
    const colours = { ...schemes[0], ...schemes[index] } as Record<string, string>
    const poor = (names: readonly string[], least: number) =>
      names.flatMap((name) =>
        ['paper', 'soft'].filter((ground) => contrast(colours[name]!, colours[ground]!) < least).map((ground) => `${name} on ${ground}`),
      )
    expect(poor(['ink', 'dim', 'good', 'bad'], 4.5)).toEqual([])
    expect(poor(['bar', 'b1', 'b2', 'b3', 'b4', 'b5'], 3)).toEqual([])
  })
})
