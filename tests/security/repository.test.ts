import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { carriedProblems, lockProblems, manifestProblems, type Lock } from './repository/lock-file'

const HASH = `sha512-${'A'.repeat(86)}==`
const lock = (entry: object): Lock => ({ packages: { '': {}, 'node_modules/a': { version: '1.0.0', integrity: HASH, ...entry } } })

test('a package with a hash from the registry is as it must be', () => {
  expect(lockProblems(lock({}))).toEqual([])
  expect(lockProblems(lock({ resolved: 'https://registry.npmjs.org/a/-/a-1.0.0.tgz' }))).toEqual([])
})

test.each<[object, RegExp]>([
  [{ integrity: undefined }, /^node_modules\/a has no SHA-512/],
  [{ integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' }, /has no SHA-512/],
  [{ integrity: undefined, dev: true, optional: true }, /has no SHA-512/],
  [{ integrity: undefined, optional: true, os: ['darwin'] }, /has no SHA-512/],
  [{ resolved: 'git+ssh://git@github.com/a/a.git#abc' }, /comes from git\+ssh/],
  [{ resolved: 'https://registry.npmjs.org.example.com/a.tgz' }, /not from https:\/\/registry\.npmjs\.org\/$/],
  [{ resolved: 'http://registry.npmjs.org/a.tgz' }, /not from https/],
  [{ link: true }, /is a link/],
])('a lock entry with %j is seen', (entry, words) => {
  expect(lockProblems(lock(entry))).toEqual([expect.stringMatching(words)])
})

test.each<[object, RegExp]>([
  [{ dependencies: { a: '^1.0.0' } }, /^a is asked for as \^1\.0\.0/],
  [{ devDependencies: { a: 'latest' } }, /latest/],
  [{ dependencies: { a: 'github:a/a' } }, /github/],
  [{ dependencies: { a: 'npm:b@1' } }, /npm:b@1/],
  [{ scripts: { postinstall: 'curl' } }, /runs postinstall/],
])('a manifest with %j is seen', (manifest, words) => {
  expect(manifestProblems(manifest)).toEqual([expect.stringMatching(words)])
  expect(manifestProblems({ dependencies: { a: '1.0.0' }, devDependencies: { serverless: 'npm:osls@4.3.1' } })).toEqual([])
})

describe('the simulator, whose licence is for tests only,', () => {
  const NAME = '@cloud-copilot/'
  const importers = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.[cm]?[jt]s$/.test(name))
      .map((name) => join(folder, name))
      .filter((name) => readFileSync(name, 'utf8').includes(NAME))

  it('is loaded by nothing that is carried or run', () => {
    expect(['functions', 'layers', 'cli', 'scripts', 'statemachines'].flatMap(importers)).toEqual([])
    expect(importers('tests/security')).toContain('tests/security/iam/simulate.ts')
  })

  it('is seen when it becomes a dependency', () => {
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock
    expect(carriedProblems({ packages })).toEqual([])
    const place = `node_modules/${NAME}iam-simulate`
    expect(carriedProblems({ packages: { ...packages, [place]: { ...packages[place]!, dev: false } } })).toEqual([
      expect.stringContaining('AGPL'),
    ])
  })
})
