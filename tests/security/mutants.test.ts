import type { Gate } from './gate'
import { packaged, type Template } from '../package/packaged'
import { mutants } from './mutants/gate'
import type { Mutant } from './mutants/table'
import { readAccepted } from './template/accepted'

const mutant = (name: string, change: (template: Template) => void): Mutant => ({ name, of: 'full', change })

const TABLE = [
  mutant('untraced', ({ Resources }) => delete Resources.SweepLambdaFunction!.Properties.TracingConfig),
  mutant('harmless', ({ Resources }) => (Resources.Boundary!.Properties.Description = 'other words')),
  mutant('nothing', () => undefined),
  mutant('elsewhere', ({ Resources }) => (Resources.Gone!.Properties.Name = 'x')),
]

let gate: Gate
const problems = (name: string): string[] => gate.failures.filter((failure) => failure.startsWith(`${name}: `))

beforeAll(async () => {
  const { template, remove } = await packaged('allowedDestinations=acme-archive')
  gate = await mutants({ plain: template, full: template, vpc: template }, readAccepted(), TABLE).finally(remove)
})

test('a change for the worse is seen', () => {
  expect(problems('untraced')).toEqual([])
  expect(gate).toMatchObject({ passed: 1, total: 4 })
})

test.each<[string, RegExp]>([
  ['harmless', /neither a rule nor a case sees it/],
  ['nothing', /cannot be planted: it changes nothing/],
  ['elsewhere', /cannot be planted: /],
])('control: a mutant that is %s is not killed', (name, words) => {
  expect(problems(name)).toEqual([expect.stringMatching(words)])
})

test('a rule that no mutant breaks is named, and one that a mutant breaks is not', () => {
  expect(gate.failures).toContain('no mutant breaks the rule key_rotates: add one')
  expect(gate.failures).not.toContain('no mutant breaks the rule function_traced: add one')
})
