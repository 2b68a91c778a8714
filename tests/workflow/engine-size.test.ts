import { readdirSync, readFileSync } from 'node:fs'

const DIRECTORY = 'cli/local/engine'
const lines = (file: string): number => readFileSync(`${DIRECTORY}/${file}`, 'utf8').trimEnd().split('\n').length
const sum = (files: string[]): number => files.reduce((total, file) => total + lines(file), 0)

/** The bounds of docs/decisions/distributed-map.md: above them, think again whether to write this by hand. */
it('The hand-written engine stays within its bounds', () => {
  expect(sum(readdirSync(DIRECTORY))).toBeLessThanOrEqual(1_600)
  expect(sum(['distributed-map.ts', 'item-reader.ts', 'result-writer.ts', 'tolerance.ts', 'limit.ts', 'at-once.ts'])).toBeLessThanOrEqual(
    350,
  )
})
