import type { Report } from '../report'
import { count, counted } from '../units'
import { escape, list, table } from './markup'

/** The books as the sum that they are. */
export const books = ({ ledger, dataClassification, excludedBy, listing }: Report): string => {
  const { balanced, unaccounted } = ledger
  const figure = (value: number, name: string) => `<span>${count(value)}<small>${name}</small></span>`
  const sum = (['copied', 'skipped', 'excluded', 'changed', 'failed'] as const)
    .map((name) => figure(ledger[name], name))
    .join('<span>+</span>')
  const words = !listing.complete
    ? `<p class="bad">The source was not listed to its end: what was not listed is not in these books.${balanced ? '' : ` ${counted(unaccounted, 'object')} of what was listed ${unaccounted === 1 ? 'is' : 'are'} unaccounted for.`}</p>`
    : balanced
      ? '<p class="good">Balanced: every listed object has exactly one outcome.</p>'
      : `<p class="bad">Not balanced: ${count(unaccounted)} unaccounted for.</p>`
  const left = Object.entries(excludedBy).filter(([, value]) => value > 0)
  const excluded =
    left.length === 0
      ? ''
      : table(
          'Excluded, by the part of the selection that left them out',
          ['selection', 'objects'],
          left.map(([name, value]) => [name, count(value)]),
          'figures',
        )
  return `<div class="sum">${figure(ledger.listed, 'listed')}<span>=</span>${sum}</div>${words}${excluded}<p class="dim">Counted from one outcome line per object, of ${escape(dataClassification)} data; skipped: equal already.</p>`
}

export const faults = ({ faults: found }: Report): string => (found.length === 0 ? '' : list(found))
