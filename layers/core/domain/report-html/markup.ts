import { onOneLine } from '../one-line'

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/**
 * Text for HTML, in an element or a quoted attribute: keys, details and answers come from strangers. What would turn the direction of
 * writing or hide is shown as its escape; line ends stay.
 */
export const escape = (text: string): string =>
  text
    .split('\n')
    .map(onOneLine)
    .join('\n')
    .replace(/[&<>"']/g, (character) => ENTITIES[character]!)

export const MARKS = { pass: '✓', fail: '✗', unknown: '?', manual: '☐' } as const

/** One word of this many characters, at most, is not broken: a time, a name of a call. */
const UNBROKEN = 24

const cells = (row: readonly string[]): string =>
  row.map((cell) => `<td${cell.length <= UNBROKEN && /^\S+$/.test(cell) ? ' class="whole"' : ''}>${escape(cell)}</td>`).join('')

/** A column that has no name holds marks, which another column says in words. */
const heading = (cell: string): string => (cell === '' ? '<td></td>' : `<th scope="col">${escape(cell)}</th>`)

/** A table with its columns' names; `caption` says what it is to who does not see it. `figures`: columns from the second on are numbers. */
export const table = (
  caption: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  kind: 'text' | 'figures' = 'text',
): string =>
  `<div class="scroll" role="region" aria-label="${escape(caption)}" tabindex="0"><table class="${kind}"><caption>${escape(caption)}</caption><thead><tr>${head.map(heading).join('')}</tr></thead><tbody>${rows.map((row) => `<tr${row[0] === MARKS.fail ? ' class="bad"' : ''}>${cells(row)}</tr>`).join('')}</tbody></table></div>`

export const list = (lines: readonly string[]): string => `<ul>${lines.map((line) => `<li>${escape(line)}</li>`).join('')}</ul>`

/** A part of the page; nothing without a body. */
export const section = (title: string, body: string): string => (body === '' ? '' : `<section><h2>${escape(title)}</h2>${body}</section>`)

/** Names beside their values. */
export const facts = (rows: readonly (readonly [string, string])[]): string =>
  `<dl>${rows.map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`).join('')}</dl>`

/** A part of something as people write it: never 0 % of what is there, nor 100 % of what is not all. */
export const share = (part: number, all: number): string => {
  if (all === 0) return ''
  const percent = (100 * part) / all
  if (part > 0 && percent < 0.1) return '< 0.1 %'
  if (part < all && percent > 99.9) return '> 99.9 %'
  return `${percent.toFixed(percent === 0 || percent === 100 ? 0 : 1)} %`
}
