import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8')
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }

const matches = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match[1] ?? '')

/** What a page names and the repository does not have: npm scripts, linked pages, places in backticks. */
const deadNames = (text: string): string[] => [
  ...matches(text, /\bnpm run (?:-s )?([a-z][a-z0-9:-]*)/g).filter((name) => scripts[name] === undefined),
  ...matches(text, /\]\((?!https?:|#|mailto:)([^)#\s]+)/g).filter((place) => !existsSync(join(ROOT, place))),
  ...matches(text, /`((?:\.ci|cli|docs|functions|layers|scripts|statemachines|tests)\/[^`<>*\s]*)[^`<>*]*`/g).filter(
    (place) => !existsSync(join(ROOT, place)),
  ),
]

/** The text of the fenced block that follows the marker: what `.ci/run` runs. */
const testCommand = (text: string): string | undefined => /<!-- test-command -->\s*```\w*\n([^]*?)```/.exec(text)?.[1]

describe('pages for people', () => {
  it.each(['README.md', 'CONTRIBUTING.md', 'SECURITY.md'])('%s names only what exists', (name) => {
    expect(deadNames(read(name))).toEqual([])
  })

  it('README.md has the test command that .ci/run takes from it', () => {
    expect(testCommand(read('README.md'))).toMatch(/^(npm ci|npm test|&&|\s)+$/)
  })

  it.each(['npm run nothing', '[page](docs/none.md)', '`layers/core/none/x.ts`', '`scripts/none.sh 24 npm test`'])(
    '%s would be seen',
    (text) => {
      expect(deadNames(text)).toHaveLength(1)
    },
  )

  it('a missing test command would be seen', () => {
    expect(testCommand('<!-- test-command -->\nno block')).toBeUndefined()
    expect(testCommand('<!-- test-command -->\n\n```sh\nnpm test\n```\n')).toBe('npm test\n')
  })
})
