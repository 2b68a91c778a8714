import { openAccess, parseRequest, type Migration, type ObjectStore, type ReadOptions } from '@drayage/core'
import { readJson, writeJson } from '../../layers/core/domain/state-files'
import { pairKey, uploadKey } from '../../layers/core/domain/state-keys'
import type { UploadRecord } from '../../layers/core/domain/uploads'
import { memoryStore } from '../support/memory-store'
import { fill, REQUEST, World } from './harness'
import { killedAt, type Act } from './kill-support'

const MIB = 1024 * 1024
const LARGE = Buffer.from('large/three-parts')
/** Where the parts of LARGE begin: 16, 16 and 1 MiB. */
const PARTS = [0, 16 * MIB, 32 * MIB]
const EVERYTHING = Buffer.alloc(0)

/** A few small objects, a large one of three parts, and the ranged reads that its source was asked for. */
class Killed extends World {
  static async filled(): Promise<Killed> {
    const inner = memoryStore()
    await fill(inner, 12)
    await inner.put(LARGE, Buffer.alloc(33 * MIB, 'first'))
    return new Killed(inner, [], new Set())
  }

  private constructor(
    readonly inner: ObjectStore,
    readonly reads: number[],
    /** ranged reads that are not answered, by their first byte */
    readonly stalled: Set<number>,
  ) {
    const read = async (key: Buffer, options?: ReadOptions) => {
      if (options?.range) reads.push(options.range.from)
      return stalled.has(options?.range?.from ?? -1) ? new Promise<never>(() => undefined) : inner.read(key, options)
    }
    super({ source: { ...inner, read } })
  }

  uploads = async () => this.destination.listUploads(EVERYTHING)

  /** Leaves one open upload whose first part alone is finished; returns its id. */
  async leaveUpload(): Promise<string> {
    for (const from of PARTS.slice(1)) this.stalled.add(from)
    await killedAt(this, 'dead', partFinished)
    this.stalled.clear()
    const [upload, ...others] = await this.uploads()
    expect(others).toEqual([])
    expect((await this.destination.listParts(LARGE, upload!.uploadId)).map(({ number }) => number)).toEqual([1])
    this.reads.length = 0
    return upload!.uploadId
  }

  /** A run that must end verified, with everything at the destination as at the source and nothing left open. */
  async finish(name: string): Promise<void> {
    expect(await this.run(REQUEST, name)).toMatchObject({ status: 'SUCCEEDED' })
    for await (const page of this.inner.list({ prefix: EVERYTHING })) for (const { key } of page) expect(await this.body(key)).toEqual(true)
    expect(await this.uploads()).toEqual([])
    expect(await this.holder()).toBeNull()
  }

  private async body(key: Buffer): Promise<boolean> {
    const bodies = await Promise.all(
      [this.inner, this.destination].map(async (store) => {
        const chunks: Buffer[] = []
        for await (const chunk of (await store.read(key)).body) chunks.push(chunk as Buffer)
        return Buffer.concat(chunks)
      }),
    )
    return bodies[0]!.equals(bodies[1]!)
  }

  async holder(): Promise<{ runId: string } | null> {
    return (await readJson<{ holder: { runId: string } | null }>(this.state, pairKey(migrationOf('any').pair))).value.holder
  }
}

const migrationOf = (runId: string): Migration =>
  parseRequest(REQUEST, { runtime: 'local', runId, executionId: `x:${runId}`, now: new Date() })

const isLarge = ({ side, key }: Act): boolean => side === 'destination' && key === LARGE.toString()
const partFinished = (act: Act): boolean => isLarge(act) && act.method === 'putPart' && act.answered
const uploadCreated = (act: Act): boolean => isLarge(act) && act.method === 'createUpload' && act.answered

const answerOfUploads = async (world: World, runId: string): Promise<string> =>
  (await world.observations(runId)).find(({ kind }) => kind === 'uploads')!.answer

describe('a run killed while it copies the parts of a large object', () => {
  test('the next one completes the same upload and reads none of the finished parts again', async () => {
    const world = await Killed.filled()
    const uploadId = await world.leaveUpload()
    const completed: string[] = []
    const { completeUpload } = world.destination
    world.destination.completeUpload = (key, id, parts, call) => {
      completed.push(id)
      return completeUpload(key, id, parts, call)
    }
    await world.finish('next')
    expect(completed).toEqual([uploadId])
    expect(world.reads.sort((a, b) => a - b)).toEqual(PARTS.slice(1))
    expect((await world.report('next')).ledger).toMatchObject({ listed: 13, failed: 0, balanced: true })
  })

  test('and its source has another content since: the old upload is aborted and every part is read', async () => {
    const world = await Killed.filled()
    const uploadId = await world.leaveUpload()
    await world.inner.put(LARGE, Buffer.alloc(33 * MIB, 'second'))
    const aborted: string[] = []
    const { abortUpload } = world.destination
    world.destination.abortUpload = (key, id, call) => {
      aborted.push(id)
      return abortUpload(key, id, call)
    }
    await world.finish('next')
    expect(aborted).toContain(uploadId)
    expect(world.reads.sort((a, b) => a - b)).toEqual(PARTS)
  })

  test.each<[string, (world: Killed) => Promise<unknown>]>([
    ['is small', (world) => world.inner.put(LARGE, Buffer.from('small'))],
    [
      'is gone',
      async (world) => {
        // The store port deletes nothing: the source lists and offers the object no more.
        const { list } = world.source
        world.source.list = async function* (query, call) {
          for await (const page of list(query, call)) yield page.filter(({ key }) => !key.equals(LARGE))
        }
        world.inner.list = world.source.list
      },
    ],
  ])('and the object %s since: the upload is aborted', async (_name, change) => {
    const world = await Killed.filled()
    await world.leaveUpload()
    await change(world)
    await world.finish('next')
    expect(await answerOfUploads(world, 'next')).toBe('no upload of this run is open; 1 aborted')
  })

  test('a dry run leaves the upload to the run that can go on with it', async () => {
    const world = await Killed.filled()
    const uploadId = await world.leaveUpload()
    expect(await world.run({ ...REQUEST, dryRun: true }, 'dry')).toMatchObject({ status: 'SUCCEEDED' })
    expect((await world.uploads()).map((upload) => upload.uploadId)).toEqual([uploadId])
    await world.finish('next')
    expect(world.reads.sort((a, b) => a - b)).toEqual(PARTS.slice(1))
  })

  test('an upload of other parts than these would be is aborted, not forgotten', async () => {
    const world = await Killed.filled()
    await world.leaveUpload()
    const name = uploadKey(migrationOf('any').pair, LARGE)
    const record = (await readJson<UploadRecord>(world.state, name)).value
    await writeJson(world.state, name, { ...record, partSize: 8 * MIB })
    await world.finish('next')
    expect(world.reads.sort((a, b) => a - b)).toEqual(PARTS)
  })
})

describe('a run killed between creating an upload and writing its id down', () => {
  test('the next one aborts what it finds under the announced key, and copies afresh', async () => {
    const world = await Killed.filled()
    await killedAt(world, 'dead', uploadCreated)
    expect(await world.uploads()).toHaveLength(1)
    await world.finish('next')
  })

  test('so does the same run, when only the function’s call died', async () => {
    const world = await Killed.filled()
    const { createUpload } = world.destination
    let died = 0
    world.destination.createUpload = async (key, options) => {
      const uploadId = await createUpload(key, options)
      if (key.equals(LARGE) && died++ === 0) throw Object.assign(new Error('the process exited'), { name: 'Runtime.ExitError' })
      return uploadId
    }
    await world.finish('run')
    expect(died).toBe(2)
  })
})

test('a write probe that a dead run left open is aborted by the next run, however old it is', async () => {
  const world = await Killed.filled()
  await killedAt(
    world,
    'dead',
    ({ side, method, key, answered }) => side === 'destination' && method === 'createUpload' && answered && key.endsWith('.drayage-probe'),
  )
  const hoursAgo = new Date(Date.now() - 5 * 3_600_000).toISOString()
  const { listUploads } = world.destination
  world.destination.listUploads = async (prefix, call) =>
    (await listUploads(prefix, call)).map((upload) => ({ ...upload, initiated: hoursAgo }))
  expect(await world.uploads()).toHaveLength(1)
  await world.finish('next')
})

test('what no record names is a stranger’s and is left alone', async () => {
  const world = await Killed.filled()
  await world.leaveUpload()
  const stranger = await world.destination.createUpload(Buffer.from('large/three-parts/and-more'))
  expect(await world.run(REQUEST, 'next')).toMatchObject({ status: 'SUCCEEDED' })
  expect((await world.uploads()).map(({ uploadId }) => uploadId)).toEqual([stranger])
})

describe('only the holder of the pair’s lock closes for others', () => {
  test('a run that was refused the lock leaves the living run’s upload open', async () => {
    const world = await Killed.filled()
    const uploadId = await world.leaveUpload()
    const { executionId } = (await readJson<{ holder: { executionId: string } }>(world.state, pairKey(migrationOf('any').pair))).value
      .holder
    world.running.add(executionId)
    expect(await world.run(REQUEST, 'refused')).toMatchObject({ status: 'FAILED', error: 'NotVerified' })
    expect((await world.report('refused')).stoppedBy).toContain('PairLocked')
    expect((await world.uploads()).map((upload) => upload.uploadId)).toEqual([uploadId])
    world.running.delete(executionId)
    await world.finish('next')
  })

  test('Cleanup of the dead run, come late, leaves an upload that the next run has adopted', async () => {
    const world = await Killed.filled()
    const uploadId = await world.leaveUpload()
    await killedAt(world, 'next', partFinished)
    await world.call('cleanup', { migration: { runId: 'dead' } })
    expect((await world.uploads()).map((upload) => upload.uploadId)).toEqual([uploadId])
    expect((await world.holder())?.runId).toBe('next')
    await world.finish('last')
  })

  test('of two runs that take over a dead one’s lock at once one gets it', async () => {
    const world = await Killed.filled()
    await world.leaveUpload()
    const { services } = world
    const signal = new AbortController().signal
    const opened = await Promise.allSettled(['one', 'two'].map((runId) => openAccess(migrationOf(runId), { ...services, signal })))
    expect(opened.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const winner = opened[0]!.status === 'fulfilled' ? 'one' : 'two'
    const refused = opened.find((result) => result.status === 'rejected')!
    expect((refused.reason as Error).name).toBe('PairLocked')
    expect((await world.holder())?.runId).toBe(winner)
  })
})
