import { readFileSync } from 'node:fs'
import type { ObjectStore } from '@drayage/core'
import { prepare } from '../../cli/local/prepare'
import { withRuntime, type RunOptions, type RuntimeOptions } from '../../cli/local/runtime'
import type { RunEvent } from '../../cli/progress'
import { contents, scratch } from './cli-support'
import { module } from './functions-support'

const place = scratch()
afterAll(place.remove)

const REQUEST = {
  source: { bucket: 'from-here', endpoint: 'embedded' },
  destination: { bucket: 'to-there', endpoint: 'embedded' },
  limits: { batchObjects: 20 },
}

const OBJECTS = Array.from({ length: 60 }, (_, index) => ({ key: Buffer.from(`object-${index}`), body: Buffer.from(`body of ${index}\n`) }))

/** Objects of which each has metadata that cannot be carried: the name is taken. */
const fill = async (store: Pick<ObjectStore, 'put'>): Promise<void> => {
  for (const { key, body } of OBJECTS) await store.put(key, body, { headers: { metadata: { 'source-etag': 'of another tool' } } })
}

const quietly: RunOptions = { observe: () => undefined, signal: new AbortController().signal }

const migrate = (name: string, options: RuntimeOptions, running: RunOptions = quietly, more: object = {}) =>
  withRuntime(
    place.path(name),
    async (runtime) => {
      const [source, destination] = [await runtime.bucket('from-here'), await runtime.bucket('to-there')]
      await fill(source as ObjectStore)
      const ended = await runtime.run(prepare({ ...REQUEST, ...more }, { name, dryRun: false }), running)
      const [wanted, arrived] = [await contents(source), await contents(destination)]
      const uploads = await (destination as ObjectStore).listUploads(Buffer.alloc(0))
      const refused = await runtime.tryEndedKeys(ended.migration)
      for (const store of [source, destination]) await store.close()
      return { ended, wanted, arrived, uploads, refused }
    },
    options,
  )

interface Line {
  message: string
  function?: string
  error?: string
}

const lines = (log: string): Line[] =>
  readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)

const workersEnded = (log: string): Line[] => lines(log).filter(({ message }) => message === 'a worker ended')

describe('a run of which workers end', () => {
  it('in the middle of CopyBatch: that call is made again, and the run ends verified, as if none had ended', async () => {
    const { ended, wanted, arrived, uploads } = await migrate('crash', { functions: module('functions-crashing.ts') })
    expect(workersEnded(ended.log)).toEqual([
      expect.objectContaining({ function: 'copyBatch', error: 'Runtime.ExitError', detail: 'the worker ended with exit code 7' }),
    ])
    expect(ended.execution.status).toBe('SUCCEEDED')
    expect(ended.report).toMatchObject({
      outcome: 'verified',
      // what the crashed call had put is copied again, and not taken for what stood there before
      ledger: { listed: 60, copied: 60, skipped: 0, failed: 0, balanced: true },
      notCarried: { count: 60 },
    })
    expect(ended.closure?.complete).toBe(true)
    expect(arrived).toEqual(wanted)
    expect(uploads).toEqual([])
  })

  it('in the middle of a cut-over: all that had to be copied is counted', async () => {
    const { ended } = await migrate('cutover', { functions: module('functions-crashing.ts') }, quietly, { cutover: true })
    expect(workersEnded(ended.log)).toHaveLength(1)
    expect(ended.report).toMatchObject({ outcome: 'not-verified', ledger: { copied: 60, skipped: 0 } })
    expect(ended.report!.reason).toMatch(/^cutover: 60 objects still had to be copied/)
  })

  it('with the real functions none ends: the line in the log is there for a worker that did', async () => {
    const { ended, wanted, arrived } = await migrate('whole', {})
    expect(workersEnded(ended.log)).toEqual([])
    expect(ended.report).toMatchObject({ outcome: 'verified', ledger: { copied: 60, skipped: 0 }, notCarried: { count: 60 } })
    expect(arrived).toEqual(wanted)
  })

  it('because it was stopped and a function does not heed that: Cleanup runs without it, and closes everything', async () => {
    const interrupt = new AbortController()
    const observe = (event: RunEvent) => {
      if (event.kind === 'outcome') interrupt.abort(Object.assign(new Error('enough'), { name: 'Interrupted' }))
    }
    const { ended, uploads, refused } = await migrate(
      'deaf',
      { functions: module('functions-crashing.ts') },
      { observe, signal: interrupt.signal },
    )
    expect(ended.execution.status).toBe('ABORTED')
    expect(ended.afterwards).toEqual([])
    expect(ended.report).toMatchObject({ outcome: 'not-verified', stoppedBy: 'Interrupted: enough' })
    expect(ended.closure?.complete).toBe(true)
    expect(uploads).toEqual([])
    expect(refused.length).toBeGreaterThan(0)
    for (const { closed } of refused) expect(closed).toBe(true)
  })
})
