import { readFileSync } from 'node:fs'
import { parseRequest, requestFields } from '../../layers/core/domain/request'

const now = new Date('2026-11-21T00:00:00.000Z')
const read = (name: string): string => readFileSync(name, 'utf8')

/** The request reference of the README: field and default of each row. */
const reference = (text: string): Map<string, string> => {
  const section = text.slice(text.indexOf('## The request'), text.indexOf('## What a run leaves'))
  return new Map(
    [...section.matchAll(/^\| (`[^|]*`) \|([^|]*)\|/gm)].flatMap(([, names, fallback]) =>
      [...names!.matchAll(/`([^`]+)`/g)].map(([, name]) => [name!, fallback!.trim()] as const),
    ),
  )
}

const missing = (text: string): string[] => requestFields().filter((field) => !reference(text).has(field))

test('the README names every field of a request, and no other', () => {
  expect(missing(read('README.md'))).toEqual([])
  expect([...reference(read('README.md')).keys()].filter((field) => !requestFields().includes(field))).toEqual([])
  expect(missing(read('README.md').replace('`limits.costUsd`', '`limits.cost`'))).toEqual(['limits.costUsd'])
})

test('the defaults it names are the defaults', () => {
  const { limits } = parseRequest(
    { source: { bucket: 'abc' }, destination: { bucket: 'abd' } },
    { runtime: 'local', runId: 'run', executionId: 'x', now },
  )
  for (const [name, value] of Object.entries(limits))
    if (value !== null) expect(reference(read('README.md')).get(`limits.${name}`)).toBe(`\`${value}\``)
})

test.each([
  ['docs/examples/console-input.json', 'aws'],
  ['docs/examples/one-machine.json', 'local'],
] as const)('%s is a request that is taken, and stands in the README', (name, runtime) => {
  expect(() => parseRequest(JSON.parse(read(name)), { runtime, runId: 'run', executionId: 'x', now })).not.toThrow()
  expect(read('README.md')).toContain(read(name).trim())
})
