import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { destinationKey } from '../../layers/core/domain/destination-key'
import { charactersOf, matchesGlob, parseGlob } from '../../layers/core/domain/glob'

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/guides/selection.md'), 'utf8')

/** The rows of the table whose header line is this one, each cell without its backticks. */
const rows = (header: string): string[][] => {
  const lines = PAGE.slice(PAGE.indexOf(`${header}\n`))
    .split('\n')
    .slice(2)
  const end = lines.findIndex((line) => !line.startsWith('|'))
  return lines.slice(0, end).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')),
  )
}

const examples = rows('| glob | key | matches |')
const mappings = rows('| | `source.prefix` | `destination.prefix` | `destination.replaces` | `data/2026/a` arrives as |')

test('the page has examples of both kinds, and of each mapping', () => {
  expect(examples.length).toBeGreaterThan(20)
  expect(new Set(examples.map(([, , matches]) => matches))).toEqual(new Set(['yes', 'no']))
  expect(mappings.length).toBe(4)
})

test.each(examples)('glob %s, key %s: %s', (glob, key, matches) => {
  expect(matchesGlob(parseGlob(glob!), charactersOf(Buffer.from(key!))) ? 'yes' : 'no').toBe(matches)
})

test.each(mappings)('%s: source.prefix %j, destination.prefix %j, destination.replaces %j', (_name, source, prefix, replaces, there) => {
  const mapping = { source: { prefix: source! }, destination: { prefix: prefix!, replaces: replaces! } }
  expect(destinationKey(mapping, Buffer.from('data/2026/a')).toString()).toBe(there)
})
