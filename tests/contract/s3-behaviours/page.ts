import type { Behaviour } from './behaviour'
import type { KnownDifference } from './embedded-differences'
import type { Seen } from './servers'

export interface Comparison {
  /** day, as 2026-01-31 */
  date: string
  versions: { drayage: string; moto: string; sdk: string; node: string }
  embedded: Seen
  moto: Seen
}

const escaped = (text: string): string => text.replace(/[\\|<>*_`[\]]/g, '\\$&').replace(/\s+/g, ' ')

const cell = (difference: string | undefined): string => (difference === undefined ? 'ok' : escaped(difference))

const row = (...cells: string[]): string => `| ${cells.join(' | ')} |`

const sameAsS3 = (behaviours: readonly Behaviour[], seen: Seen): string =>
  `${behaviours.filter(({ name }) => seen.get(name) === undefined).length} of ${behaviours.length}`

/** The page that says which server differs from Amazon S3 in what. */
export const pageOf = (
  behaviours: readonly Behaviour[],
  { date, versions, embedded, moto }: Comparison,
  known: Readonly<Record<string, KnownDifference>>,
): string => {
  const groups = [...new Set(behaviours.map(({ group }) => group))]
  const tables = groups.flatMap((group) => [
    '',
    `## ${group[0]?.toUpperCase()}${group.slice(1)}`,
    '',
    row('Amazon S3', 'page that decides', 'embedded', 'moto'),
    '|---|---|---|---|',
    ...behaviours
      .filter((behaviour) => behaviour.group === group)
      .map(({ name, page = '' }) => row(escaped(name), escaped(page), cell(embedded.get(name)), cell(moto.get(name)))),
  ])
  return `${[
    '# S3 servers: who differs from Amazon S3 in what',
    '',
    `Written by \`npm run compare-s3-servers\` on ${date}, with Node.js ${versions.node} and @aws-sdk/client-s3 ${versions.sdk} at its`,
    'defaults. `npm run test:moto` fails when this page is not what it sees. The behaviours stand in `tests/contract/s3-behaviours/`;',
    "what is right is what Amazon S3's documentation says. They were not tried on Amazon S3 itself: no account was at hand.",
    '',
    row('server', 'version', 'same as Amazon S3'),
    '|---|---|---|',
    row('embedded', `this repository, ${versions.drayage}`, sameAsS3(behaviours, embedded)),
    row('moto', versions.moto, sameAsS3(behaviours, moto)),
    '',
    '`ok`: it does the same. Anything else is what it did instead, where it first differed.',
    '',
    '## Why the embedded server differs',
    '',
    ...Object.entries(known).map(([name, { why }]) => `- **${escaped(name)}**: ${why}`),
    ...tables,
  ].join('\n')}\n`
}

/** Cells of the page by the first cell of their row. */
const rowsOf = (page: string): Map<string, string[]> =>
  new Map(
    page
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .map((line) => line.slice(2, -2).split(' | '))
      .map(([name = '', ...cells]) => [name, cells]),
  )

/** The version of moto that the page was written with. */
export const motoVersionOf = (page: string): string | undefined => rowsOf(page).get('moto')?.[0]

/** Lines that say where the page is not what was seen; `moto` undefined: that column is not compared. */
export const driftOf = (page: string, behaviours: readonly Behaviour[], embedded: Seen, moto: Seen | undefined): string[] => {
  const rows = rowsOf(page)
  const drift = behaviours.flatMap(({ name }) => {
    const [, written, writtenOfMoto] = rows.get(escaped(name)) ?? []
    const columns = [
      ['embedded', written, cell(embedded.get(name))],
      ...(moto === undefined ? [] : [['moto', writtenOfMoto, cell(moto.get(name))]]),
    ]
    return columns
      .filter(([, before, now]) => before !== now)
      .map(([server, before, now]) => `${name}: ${server}: ${now}; the page says ${before ?? 'nothing'}`)
  })
  const names = new Set([...behaviours.map(({ name }) => escaped(name)), 'Amazon S3', 'server', 'embedded', 'moto'])
  return [...drift, ...[...rows.keys()].filter((name) => !names.has(name)).map((name) => `${name}: on the page only`)]
}
