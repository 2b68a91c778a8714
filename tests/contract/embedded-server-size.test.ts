import { readdirSync, readFileSync } from 'node:fs'

const DIRECTORY = 'cli/local/s3-server'

/** The bound of docs/decisions/embedded-s3-server.md: above it, think again whether to write this by hand. */
it('The hand-written S3 server stays within its bound', () => {
  const lines = readdirSync(DIRECTORY).map((file) => readFileSync(`${DIRECTORY}/${file}`, 'utf8').trimEnd().split('\n').length)
  expect(lines.reduce((total, count) => total + count, 0)).toBeLessThanOrEqual(3_750)
})
