import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Report } from '@drayage/core'
import { deadLettersIn } from '../../cli/local/dead-letters'
import { Faults } from '../../cli/local/s3-server/faults'
import { startEmbeddedS3, type EmbeddedS3, type IssuedKey } from '../../cli/local/s3-server/index'
import type { RunDocument } from '../../cli/run-document'
import { contents, drayage, inState, rootStore, scratch } from './cli-support'

const place = scratch()
const faults = new Faults()
let server: EmbeddedS3
let key: IssuedKey

const BAD = ['object-007', 'object-050']

beforeAll(async () => {
  server = await startEmbeddedS3({ directory: place.path('source'), faults })
  await server.createBucket('theirs')
  key = server.issueKey({ bucket: 'theirs', prefix: '', allow: 'read', expiresAt: new Date(Date.now() + 3_600_000) })
  const theirs = rootStore(server, 'theirs')
  for (let index = 0; index < 60; index++)
    await theirs.put(Buffer.from(`object-${String(index).padStart(3, '0')}`), Buffer.from(`${index}`))
  await theirs.close()
})

afterAll(async () => {
  await server.close()
  place.remove()
})

const command = (args: readonly string[], input = '') =>
  drayage(args, {
    cwd: place.folder,
    input,
    env: { DRAYAGE_SOURCE_ACCESS_KEY_ID: key.accessKeyId, DRAYAGE_SOURCE_SECRET_ACCESS_KEY: key.secretAccessKey },
  })

const json = <T>(name: string): T => JSON.parse(readFileSync(name, 'utf8')) as T

test('drayage retry: over just what failed; exit codes and documents of all its ends', async () => {
  const state = place.path('state')
  const request = JSON.stringify({
    source: { bucket: 'theirs', endpoint: server.endpoint, provider: 'minio' },
    destination: { bucket: 'to-there', prefix: 'in/', endpoint: 'embedded' },
    limits: { batchObjects: 20 },
    cutover: true,
  })
  await inState(state, async (open) => void (await open('to-there')))

  faults.set({
    when: ({ operation, key: asked }) => operation === 'GET object' && BAD.includes(asked.toString()),
    fault: { kind: 'status', status: 403, code: 'AccessDenied' },
  })
  const first = await command(['run', '-', '--state', state, '--name', 'first', '--json'], request)
  expect([first.code, JSON.parse(first.stdout).reason]).toEqual([1, expect.stringContaining('failed')])
  expect(JSON.parse(first.stdout)).toMatchObject({
    verified: false,
    ledger: { copied: 58, failed: 2 },
    failures: { count: 2, complete: true },
  })
  const letters = join(state, 'dead-letters.jsonl')
  expect(readFileSync(letters, 'utf8').trimEnd().split('\n')).toHaveLength(2)
  expect(readFileSync(join(state, 'reports', 'first', 'failures.csv'), 'utf8')).toMatch(/\r\nobject-007,failed,AccessDenied,/)

  const early = await command(['retry', 'first', '--state', state, '--name', 'early'])
  expect(early.code).toBe(1)
  expect(early.stderr).toContain('Retrying 2 objects of the run first')
  expect(early.stdout).toContain(`once the cause is mended: npx drayage retry early --state ${state}\n`)
  expect(readFileSync(letters, 'utf8')).not.toContain('"first"')

  faults.set()
  const retried = await command(['retry', 'early', '--state', state, '--name', 'second', '--json'])
  expect(retried.stderr).toBe('')
  expect(retried.code).toBe(0)
  const document = JSON.parse(retried.stdout) as RunDocument
  expect(document).toMatchObject({
    runId: 'second',
    verified: true,
    ledger: { listed: 2, copied: 2, balanced: true },
    evidence: { 'put-etag': 2 },
    takenOver: { runId: 'early', messages: 1, problem: null },
  })
  expect(existsSync(document.report.extra!)).toBe(true)
  expect(json<Report>(document.report.json!)).toMatchObject({ version: 2, cutover: false, deadLetters: { takenOver: { messages: 1 } } })
  expect(readFileSync(letters, 'utf8')).toBe('')
  expect((await inState(state, async (open) => contents(await open('to-there')))).size).toBe(60)

  const nothing = await command(['retry', 'second', '--state', state])
  expect(nothing).toMatchObject({ code: 0, stdout: 'Nothing to retry: no object of the run second failed.\n' })
  const nothingJson = await command(['retry', 'second', '--state', state, '--json'])
  expect(JSON.parse(nothingJson.stdout)).toEqual({ retried: null, failuresOf: 'second', failures: 0 })

  const cutover = await command(['run', '-', '--state', state, '--name', 'cutover'], request.replaceAll('"in/"', '"again/"'))
  expect(cutover.code).toBe(1)
  // The closing rule looks once more; what the run has closed itself is not shown as a stage of its own.
  expect(cutover.stderr.match(/ Cleanup: /g)).toHaveLength(1)
  expect(await command(['retry', 'cutover', '--state', state])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(
      /^RUN: no object of cutover failed, and it is not verified.*still had to be copied.*run its request again/,
    ),
  })

  const unknown = await command(['retry', 'never', '--state', state])
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringMatching(/^RUN: there is no run never in this state folder/) })
  const bad = await command(['retry', '../x', '--state', state, '--json'])
  expect(bad.code).toBe(2)
  expect(JSON.parse(bad.stdout)).toMatchObject({ error: { name: 'InvalidRequest' } })

  const dry = await command(
    ['run', '-', '--state', state, '--name', 'dry', '--dry-run'],
    request.replace('"cutover":true', '"cutover":false'),
  )
  expect(dry.code).toBe(0)
  expect(await command(['retry', 'dry', '--state', state])).toMatchObject({ code: 2, stderr: expect.stringContaining('was a dry run') })
})

test('the queue of one machine gives up one run’s messages, once, and keeps those of others and what is no message', async () => {
  const name = place.path('letters.jsonl')
  const queue = deadLettersIn(name)
  const letter = (runId: string, index: number) => ({ runId, shard: `batches/${index}`, objects: 1, failures: 'runs/x/failures.csv' })
  expect(await queue.take('one')).toBe(0)
  await queue.send([letter('one', 1), letter('two', 2), letter('one', 3)])
  appendFileSync(name, '{"runId":"one","sha\n')
  expect(await queue.take('one')).toBe(2)
  expect(await queue.take('one')).toBe(0)
  expect(readFileSync(name, 'utf8')).toBe(`${JSON.stringify(letter('two', 2))}\n{"runId":"one","sha\n`)
  appendFileSync(name, '{"runId":"killed while it was wri')
  await queue.send([letter('three', 4)])
  expect(await queue.take('three')).toBe(1)
})
