import { demoKeys } from './demo/keys'

const tried = (name: string, closed: boolean) => ({
  kind: 'key' as const,
  name,
  call: 's3:PutObject',
  answer: closed ? '403' : '412',
  closed,
  at: '',
})
const judge = (working: [string, boolean][], refused: [string, boolean][], verified = true) =>
  demoKeys({ verified, working: working.map((of) => tried(...of)), refused: refused.map((of) => tried(...of)) })

test('keys that worked and are refused', () => {
  expect(judge([['write', false]], [['write', true]])).toMatchObject({ failures: [], notes: ['working 1, refused 1'] })
})

test.each<[string, [string, boolean][], [string, boolean][], RegExp]>([
  ['still works', [['write', false]], [['write', false]], /write still works/],
  ['never worked', [['write', true]], [['write', true]], /write did not work/],
  [
    'was not tried again',
    [
      ['write', false],
      ['verify', false],
    ],
    [['write', true]],
    /verify was not tried again/,
  ],
  ['there was none of', [], [], /no key was tried/],
])('a key that %s is seen', (_, working, refused, words) => {
  expect(judge(working, refused).failures.join('\n')).toMatch(words)
})

test('a run that did not verify shows nothing', () => {
  expect(judge([['write', false]], [['write', true]], false).failures).toEqual([expect.stringContaining('did not end verified')])
})
