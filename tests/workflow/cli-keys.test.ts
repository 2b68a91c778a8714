import { writeFileSync } from 'node:fs'
import { readBytes } from '@drayage/core'
import type { RunDocument } from '../../cli/run-document'
import { contents, drayage, inState, put, scratch, tree } from './cli-support'

// Each test starts the command once or twice, at about a second each on a busy machine.
const place = scratch()
afterAll(place.remove)

const request = (selection: object = {}) => ({
  source: { bucket: 'from-here', prefix: 'p/', endpoint: 'embedded' },
  destination: { bucket: 'to-there', prefix: 'copies/', replaces: 'p/', endpoint: 'embedded' },
  selection,
})

const KEYS = ['p/a', 'p//b', 'p/é', 'p/line\nfeed', 'p/d', 'beside']

const fill = (state: string): Promise<void> =>
  inState(state, async (open) => {
    await open('to-there')
    await put(
      await open('from-here'),
      KEYS.map((key) => ({ key: Buffer.from(key), body: Buffer.from(`body of ${key}`) })),
    )
  })

const there = (state: string): Promise<string[]> =>
  inState(state, async (open) => [...(await contents(await open('to-there'))).keys()].map((hex) => Buffer.from(hex, 'hex').toString()))

const list = (name: string, text: string): string => {
  writeFileSync(place.path(name), text)
  return name
}

const run = (state: string, more: readonly string[], { asked = request(), input = JSON.stringify(asked) } = {}) =>
  drayage(['run', '-', '--state', state, '--json', ...more], { cwd: place.folder, input })

describe('drayage run --keys', () => {
  it('migrates the keys of a list and nothing else, and keeps the list among the inputs', async () => {
    const state = place.path('whole')
    await fill(state)
    const text = 'p/d\np//b\np/é\np/d\n'
    const plain = await run(state, ['--keys', list('keys.txt', text), '--name', 'plain'])
    expect(plain.stderr).toBe('')
    expect(plain.code).toBe(0)
    expect(JSON.parse(plain.stdout) as RunDocument).toMatchObject({ verified: true, ledger: { listed: 3, copied: 3, balanced: true } })
    expect(await there(state)).toEqual(['copies//b', 'copies/d', 'copies/é'])
    await inState(state, async (open) =>
      expect((await readBytes(await open('drayage-state'), 'inputs/plain.txt')).body.toString()).toBe(text),
    )

    const json = await run(state, ['--keys', list('keys.jsonl', '"p/line\\nfeed"\n"p/d"\n')])
    expect(json.code).toBe(0)
    expect(JSON.parse(json.stdout)).toMatchObject({ ledger: { listed: 2, copied: 1, skipped: 1 } })

    writeFileSync(place.path('request.json'), JSON.stringify(request()))
    const piped = await drayage(['run', 'request.json', '--state', state, '--json', '--keys', '-'], { cwd: place.folder, input: 'p/a\n' })
    expect(JSON.parse(piped.stdout)).toMatchObject({ verified: true, ledger: { listed: 1, copied: 1 } })

    const named = await run(state, [], { asked: request({ keys: 'plain.txt' }) })
    expect(JSON.parse(named.stdout)).toMatchObject({ verified: true, ledger: { listed: 3, skipped: 3 } })
  })

  it('a key that the source does not have: not verified, exit code 1', async () => {
    const state = place.path('absent')
    await fill(state)
    const { code, stdout } = await run(state, ['--keys', list('absent.txt', 'p/a\np/none\n')])
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ verified: false, ledger: { listed: 2, copied: 1, changed: 1 }, closed: true })
  })
})

const refusals: [string, string[], object, RegExp[]][] = [
  [
    'bad lines',
    ['--keys', 'bad.txt'],
    {},
    [
      /^--keys: bad\.txt line 2: is empty; leave it out$/,
      /^--keys: bad\.txt line 3: names a key that does not begin with source\.prefix; /,
      /^--keys: bad\.txt line 4: does not end in a line feed, so the list may have been cut off; end it with one$/,
    ],
  ],
  ['a list that is not there', ['--keys', 'none.txt'], {}, [/^--keys: none\.txt cannot be read \(ENOENT\); name a list of keys, or -/]],
  [
    'a name that says nothing',
    ['--keys', 'keys.csv'],
    {},
    [/^--keys: keys\.csv does not say what it is; name a file that ends in \.txt or \.jsonl$/],
  ],
  ['both from standard input', ['--keys', '-'], {}, [/^--keys: standard input holds the request already; name a file for one of the two$/]],
  [
    'two lists',
    ['--keys', 'good.txt'],
    { keys: 'x.txt' },
    [/^--keys: the request names a list already \(selection\.keys\); leave one of the two out$/],
  ],
  ['a list beside failures', ['--keys', 'good.txt'], { failuresOf: 'x' }, [/^selection\.keys: stands beside selection\.failuresOf; /]],
  [
    'an input that is not there',
    [],
    { keys: 'x.txt' },
    [/^selection\.keys: there is no inputs\/x\.txt in the state bucket; put it there, or correct/],
  ],
  [
    'a run that is not there',
    [],
    { failuresOf: 'earlier' },
    [/^selection\.failuresOf: there is no run earlier with failures in the state bucket; /],
  ],
]

describe('a list that cannot be used: exit code 2, nothing created', () => {
  const state = place.path('kept')
  beforeAll(async () => {
    await fill(state)
    // The state bucket itself stands after any run.
    await inState(state, (open) => open('drayage-state'))
    list('bad.txt', 'p/a\n\nq/b\np/c')
    list('good.txt', 'p/a\n')
  })

  it.each(refusals)('%s', async (_name, more, selection, problems) => {
    const before = tree(state)
    const { code, stdout } = await run(state, more, { asked: request(selection) })
    expect(code).toBe(2)
    expect(JSON.parse(stdout)).toEqual({ error: { name: 'InvalidRequest', problems: problems.map((one) => expect.stringMatching(one)) } })
    expect(tree(state)).toEqual(before)
  })
})
