import { readFileSync } from 'node:fs'

// docs/decisions/what-a-log-may-say.md: past this a package would be the simpler thing.
it('The hand-written log stays within its bound', () => {
  const lines = ['log', 'words', 'known-values'].map(
    (name) => readFileSync(`layers/core/handler/${name}.ts`, 'utf8').trimEnd().split('\n').length,
  )
  expect(lines.reduce((total, count) => total + count, 0)).toBeLessThanOrEqual(220)
})
