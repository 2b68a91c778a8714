import { randomBytes } from 'node:crypto'
import type { ObjectStore } from '@drayage/core'
import type { RunDocument } from '../../cli/run-document'
import type { Outcome } from '../../layers/core/domain/outcomes'
import { listNames } from '../../layers/core/domain/state-files'
import { shardOf, stateKeys } from '../../layers/core/domain/state-keys'
import { readOutcomes } from '../../layers/core/transfer/outcome-files'
import { drayage, inState, scratch } from './cli-support'

// The command is started five times, at one to three seconds each on a busy machine.

const place = scratch()
afterAll(place.remove)

const MIB = 1024 * 1024
const SMALL = 30

const REQUEST = {
  source: { bucket: 'from-here', endpoint: 'embedded' },
  destination: { bucket: 'to-there', prefix: 'copies/', endpoint: 'embedded' },
  limits: { batchObjects: 20, largeObjectBytes: 5 * MIB },
}

const put = (store: ObjectStore, key: string, body: string | Buffer, metadata: Record<string, string> = {}) =>
  store.put(Buffer.from(key), Buffer.from(body), { headers: { contentType: 'text/plain', metadata } })

const putParts = async (store: ObjectStore, key: string, ...parts: Buffer[]): Promise<void> => {
  const uploadId = await store.createUpload(Buffer.from(key))
  for (const [index, part] of parts.entries()) await store.putPart(Buffer.from(key), uploadId, index + 1, part)
  await store.completeUpload(Buffer.from(key), uploadId, await store.listParts(Buffer.from(key), uploadId))
}

const parts = (): Buffer[] => [randomBytes(5 * MIB), randomBytes(5 * MIB), randomBytes(MIB)]

const outcomesOf = async (store: ObjectStore, runId: string): Promise<Outcome[]> => {
  const { batches, large } = stateKeys(runId)
  const found: Outcome[] = []
  for (const names of [await listNames(store, batches), await listNames(store, large)])
    for (const name of names) found.push(...(await readOutcomes(store, runId, shardOf(runId, name), {})))
  return found
}

const bytesAt = async (store: ObjectStore, key: string): Promise<Buffer> =>
  Buffer.concat(await (await store.read(Buffer.from(key))).body.toArray())

test('the same request by the command, between buckets that change: exactly the changed is copied, and a cut-over waits for that', async () => {
  const state = place.path('three')
  const change = (work: (from: ObjectStore, to: ObjectStore) => Promise<unknown>) =>
    inState(state, async (open) => work(await open('from-here'), await open('to-there')))
  const ran = async (runId: string, more: object = {}) => {
    const input = JSON.stringify({ ...REQUEST, ...more })
    const { code, stdout, stderr } = await drayage(['run', '-', '--state', state, '--json', '--name', runId], { cwd: place.folder, input })
    if (stdout === '') throw new Error(stderr)
    const { ledger } = JSON.parse(stdout) as RunDocument
    const outcomes = await inState(state, async (open) => outcomesOf(await open('drayage-state'), runId))
    const copied = outcomes.filter(({ outcome }) => outcome === 'copied')
    const skipped = outcomes.filter(({ outcome }) => outcome === 'skipped')
    const evidence = Object.fromEntries(skipped.map(({ key, evidence: rests }) => [key.toString(), rests]))
    return { code, ledger, outcomes, copied: copied.map(({ key }) => key.toString()).sort(), evidence }
  }

  await change(async (from) => {
    for (let index = 0; index < SMALL; index++) await put(from, `object-${index}`, `body ${index}`, { of: String(index) })
    await putParts(from, 'one-part', Buffer.from('a small object that was made of a part'))
    await put(from, 'plain', randomBytes(6 * MIB))
    await putParts(from, 'parts', ...parts())
  })
  const first = await ran('first')
  expect(first).toMatchObject({ code: 0, ledger: { listed: SMALL + 3, copied: SMALL + 3 } })
  const large = first.outcomes.filter(({ crc32, key }) => crc32?.includes('-') && key.toString().startsWith('p'))
  expect(large.map(({ key, proof }) => `${key.toString()} ${proof}`).sort()).toEqual(['parts parts', 'plain length'])
  await change(async (from, to) => {
    // What the outcome says of a large object is what the server itself computed of its parts.
    for (const { key, crc32 } of large)
      expect(crc32).toBe((await to.stat(Buffer.from(`copies/${key.toString()}`), { checksum: true }))?.crc32)
    const etags: string[] = []
    for (const [store, prefix] of [
      [from, 'parts'],
      [to, 'copies/parts'],
    ] as const)
      for await (const page of store.list({ prefix: Buffer.from(prefix) })) etags.push(...page.map(({ etag }) => etag))
    expect(etags).toHaveLength(2)
    expect(etags[0]).toBe(etags[1])

    await put(from, 'added', 'new')
    await put(from, 'object-1', 'BODY 1', { of: '1' })
    await put(from, 'object-2', 'body 2', { of: 'somebody else' })
    await put(from, 'object-3', 'body 3', { of: '3' })
    await put(to, 'copies/object-4', 'Body 4')
    await putParts(from, 'parts', ...parts())
  })

  const early = await ran('second', { cutover: true })
  expect(early).toMatchObject({ code: 1, copied: ['added', 'object-1', 'object-2', 'object-4', 'parts'] })
  expect(early.evidence).toMatchObject({ 'object-3': 'etag', 'object-5': 'etag', 'one-part': 'source-etag', plain: 'upload-record' })
  await change(async (from, to) => {
    for (const key of ['added', 'object-1', 'object-2', 'object-4', 'parts'])
      expect((await bytesAt(to, `copies/${key}`)).equals(await bytesAt(from, key))).toBe(true)
    expect((await to.stat(Buffer.from('copies/object-2')))?.headers.metadata).toMatchObject({ of: 'somebody else' })
  })

  const last = await ran('third', { cutover: true })
  expect(last).toMatchObject({ code: 0, copied: [], ledger: { listed: SMALL + 4, skipped: SMALL + 4 } })
  expect(last.evidence).toMatchObject({ 'object-2': 'etag', 'one-part': 'source-etag', parts: 'etag', plain: 'upload-record' })
})
