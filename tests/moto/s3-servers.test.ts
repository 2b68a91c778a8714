import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EMBEDDED_DIFFERENCES } from '../contract/s3-behaviours/embedded-differences'
import { S3_BEHAVIOURS } from '../contract/s3-behaviours/index'
import { driftOf, motoVersionOf, pageOf } from '../contract/s3-behaviours/page'
import { askEmbedded, askMoto, motoVersion, type Seen } from '../contract/s3-behaviours/servers'
import { describeWithMoto } from '../support/moto'

// Some two hundred behaviours, each over a bucket of its own, twice.

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 's3-servers.md'), 'utf8')

describeWithMoto('docs/s3-servers.md', () => {
  it('says of the embedded server and of moto what is seen', async () => {
    const version = motoVersion()
    const comparable = version === motoVersionOf(PAGE)
    if (!comparable) process.stderr.write(`moto here is ${version} and on the page ${motoVersionOf(PAGE)}: its column was not compared\n`)
    expect(driftOf(PAGE, S3_BEHAVIOURS, await askEmbedded(), comparable ? await askMoto() : undefined)).toEqual([])
  })
})

describe('a page that is not what is seen', () => {
  const behaviours = S3_BEHAVIOURS.slice(0, 3)
  const [one, two, three] = behaviours.map(({ name }) => name) as [string, string, string]
  const seen = (differences: Record<string, string>): Seen => new Map(Object.entries(differences))
  const embedded = seen({ [two]: 'a | b' })
  const moto = seen({ [three]: '<500>' })
  const versions = { drayage: '0.1.0', moto: '5.2.1', sdk: '3', node: '20' }
  const page = pageOf(behaviours, { date: '2026-01-31', versions, embedded, moto }, EMBEDDED_DIFFERENCES)

  it('is not reported when it is what is seen', () => {
    expect(driftOf(page, behaviours, embedded, moto)).toEqual([])
    expect(driftOf(page, behaviours, embedded, undefined)).toEqual([])
    expect(motoVersionOf(page)).toBe('5.2.1')
    expect(page).toContain('| embedded | this repository, 0.1.0 | 2 of 3 |')
  })

  it.each<[string, string, Seen, Seen, string]>([
    ['a behaviour that was mended', page, seen({}), moto, `${two}: embedded: ok; the page says a \\| b`],
    ['a behaviour that broke', page, seen({ [one]: '500', [two]: 'a | b' }), moto, `${one}: embedded: 500; the page says ok`],
    ['another answer of moto', page, embedded, seen({ [three]: '501' }), `${three}: moto: 501; the page says \\<500\\>`],
    [
      'a behaviour that the page lacks',
      page.replace(/\| a body sent from memory.*\n/, ''),
      embedded,
      moto,
      `${three}: embedded: ok; the page says nothing`,
    ],
    ['a behaviour that is asked no longer', `${page}| gone | | ok | ok |\n`, embedded, moto, 'gone: on the page only'],
  ])('is reported: %s', (_, written, here, there, line) => {
    expect(driftOf(written, behaviours, here, there)).toContain(line)
  })
})
