import { acceptedFindings, readAccepted, unaccepted, type Accepted } from './template/accepted'

const TODAY = '2026-12-01'
const entry = (changes: Partial<Accepted> = {}): Accepted => ({
  ...{ rule: 'right_on_every_resource', resource: 'SweepRole (x:List)', reason: 'AWS knows no other', expires: '2027-12-01' },
  ...changes,
})
const judge = (accepted: Accepted[], findings = [{ rule: 'right_on_every_resource', resource: 'SweepRole (x:List)' }]) =>
  acceptedFindings(accepted, { findings, judged: new Set(['right_on_every_resource']) }, TODAY)

test('a finding that is accepted is none', () => {
  expect(judge([entry()])).toMatchObject({ failures: [], passed: 4, total: 4, notes: ['1 (new 0, stale 0, expired 0)'] })
  expect(unaccepted([entry()], [entry()])).toEqual([])
})

test.each<[string, Accepted[], RegExp, string]>([
  [
    'new',
    [],
    /^new: right_on_every_resource: SweepRole \(x:List\) is not in tests\/security\/accepted\.json/,
    '0 (new 1, stale 0, expired 0)',
  ],
  [
    'new, since one more action is another finding',
    [entry({ resource: 'SweepRole (x:Delete x:List)' })],
    /^new: /,
    '1 (new 1, stale 1, expired 0)',
  ],
  ['stale', [entry(), entry({ resource: 'Gone' })], /^stale: .*Gone is found no more/, '2 (new 0, stale 1, expired 0)'],
  ['expired', [entry({ expires: '2026-11-30' })], /^expired: .* was accepted until 2026-11-30/, '1 (new 0, stale 0, expired 1)'],
  ['expired on its very day', [entry({ expires: TODAY })], /^expired: /, '1 (new 0, stale 0, expired 1)'],
  ['without a reason', [entry({ reason: ' ' })], /^form: .* needs a reason/, '1 (new 0, stale 0, expired 0)'],
  ['with a day that is none', [entry({ expires: 'never' })], /^form: .* a day as YYYY-MM-DD/, '1 (new 0, stale 0, expired 0)'],
  ['twice', [entry(), entry()], /^form: .* to be there once/, '2 (new 0, stale 0, expired 0)'],
])('an entry that is %s fails', (_, accepted, words, counts) => {
  const gate = judge(accepted)
  expect(gate.failures.join('\n')).toMatch(new RegExp(words.source, 'm'))
  expect(gate.passed).toBeLessThan(gate.total)
  expect(gate.notes).toEqual([counts])
})

test('of a rule that was not asked, nobody says that its entries are stale', () => {
  expect(judge([entry(), entry({ rule: 'key_rotates', resource: 'AKey' })]).failures).toEqual([])
})

test('every entry of the list says why in a sentence and until when', () => {
  for (const { reason, expires } of readAccepted()) {
    expect(reason).toMatch(/^.{40,}\.$/)
    expect(expires).toMatch(/^\d{4}-\d\d-\d\d$/)
  }
})
