import { AbortMultipartUploadCommand, CreateMultipartUploadCommand, UploadPartCommand, type S3Client } from '@aws-sdk/client-s3'
import { startEmbeddedS3, type EmbeddedS3 } from '../../cli/local/s3-server/index'
import { createBucket, openUploads, putObject, removeObject } from '../kill/bucket'
import { bodyOf, contentOf, LARGE_OBJECT_BYTES, PART_BYTES, type Model } from '../kill/corpus'
import { tryKeys } from '../kill/dead-keys'
import { inspect, type Violation } from '../kill/inspect'
import { judge, type RunFacts } from '../kill/judge'
import { phaseOf, type Seen } from '../kill/observed'
import { BUCKETS, DESTINATION, PREFIX, SOURCE, STATE } from '../kill/places'
import { Random } from '../kill/random'
import { shardFaults } from '../kill/shards'
import { clientOf, temporaryDirectory } from '../support/embedded-client'

/** The checker of the kill campaign, told of each fault that it is there to find. */

const KEYS = ['a/b', 'a//b', 'é', 'percent%2F', 'tab\tinside']
const BATCHES = `runs/last/shards/batches`

let place: ReturnType<typeof temporaryDirectory>
let server: EmbeddedS3
let client: S3Client
let model: Model

const text = (key: string, value: unknown): Promise<void> =>
  putObject(client, STATE, key, Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))

const shard = (after: string | null, upTo: string | null, keys: string[]): string =>
  [{ after, upTo, listed: keys.length, excluded: 0, large: 0 }, ...keys.map((key) => ({ key, size: 1, etag: 'x' }))]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('')

const ledger = { listed: KEYS.length, copied: KEYS.length, skipped: 0, excluded: 0, changed: 0, failed: 0, balanced: true }

beforeAll(async () => {
  place = temporaryDirectory()
  server = await startEmbeddedS3({ directory: place.directory })
  client = clientOf(server.endpoint, server.root)
  for (const bucket of BUCKETS) await createBucket(client, bucket)
})
afterAll(async () => {
  client.destroy()
  await server.close()
  place.remove()
})

const found = async (removed: string[] = []): Promise<Violation[]> =>
  inspect(client, { model, removed: new Set(removed), finalRun: 'last' })

describe('the inspection', () => {
  /** What a campaign's round leaves when everything is in order. */
  beforeEach(async () => {
    model = new Map(KEYS.map((key, index) => [key, contentOf(key, 100 + index, 1)]))
    for (const [key, content] of model) {
      await putObject(client, SOURCE, key, bodyOf(key, content))
      await putObject(client, DESTINATION, PREFIX + key, bodyOf(key, content))
    }
    await text('pairs/pair.json', { holder: null })
    await text(`${BATCHES}/1.jsonl`, shard(null, 'a/b', ['a//b', 'a/b']))
    await text(`${BATCHES}/2.jsonl`, shard('a/b', null, ['percent%2F', 'tab\tinside', 'é']))
    await text('runs/last/report.json', { outcome: 'verified', ledger })
    await text('runs/last/closure.json', { complete: true })
    for (const name of ['certificate.json', 'certificate.sig']) await text(`runs/last/${name}`, {})
  })

  test('a round in order has no violation', async () => expect(await found()).toEqual([]))

  test.each<[Violation['kind'], string, () => Promise<unknown>, string]>([
    ['wrong object', 'one wrong byte of the same size', () => flipped(DESTINATION, PREFIX + 'é'), 'é'],
    ['missing object', 'an object that is not there', () => removeObject(client, DESTINATION, `${PREFIX}a//b`), 'a//b'],
    [
      'extra object',
      'an object that the source never had',
      () => putObject(client, DESTINATION, `${PREFIX}x`, Buffer.from('x')),
      'copies/x',
    ],
    ['source changed', 'one byte of the source', () => flipped(SOURCE, 'a/b'), 'a/b'],
    ['held lock', 'a lock that somebody holds', () => text('pairs/pair.json', { holder: { runId: 'dead' } }), 'dead'],
    [
      'shards',
      'a key in two shards',
      () => text(`${BATCHES}/2.jsonl`, shard('a/b', null, ['a//b', 'percent%2F'])),
      'a//b is in two shards',
    ],
    ['shards', 'a shard left out', () => removeObject(client, STATE, `${BATCHES}/1.jsonl`), 'do not follow one another'],
    ['shards', 'a shard of a dead run twice', () => text('runs/dead/shards/batches/x.jsonl', shard('a', 'a', ['b', 'b'])), 'in two shards'],
    ['report', 'a run that is not verified', () => text('runs/last/report.json', { outcome: 'not-verified', ledger }), 'not-verified'],
    [
      'report',
      'books of fewer objects',
      () => text('runs/last/report.json', { outcome: 'verified', ledger: { ...ledger, listed: 4, copied: 4 } }),
      '4',
    ],
    ['certificate', 'a closure that is not complete', () => text('runs/last/closure.json', { complete: false }), 'last'],
    ['certificate', 'no signature', () => removeObject(client, STATE, 'runs/last/certificate.sig'), 'last'],
  ])('%s: %s', async (kind, _what, plant, detail) => {
    await plant()
    const violations = await found()
    expect(violations).toContainEqual({ kind, detail: expect.stringContaining(detail) })
    await clear()
    expect(violations.every((violation) => violation.kind === kind)).toBe(true)
  })

  test('open upload: one without a part, in any of the buckets', async () => {
    for (const Bucket of BUCKETS) await client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'large/é' }))
    expect((await found()).map(({ kind }) => kind)).toEqual(BUCKETS.map(() => 'open upload'))
    const uploadId = (await openUploads(client, DESTINATION))[0]!.uploadId
    const part = { Bucket: DESTINATION, Key: 'large/é', UploadId: uploadId, PartNumber: 2, Body: Buffer.from('part') }
    await client.send(new UploadPartCommand(part))
    expect(await openUploads(client, DESTINATION)).toEqual([{ bucket: DESTINATION, key: 'large/é', uploadId, parts: new Map([[2, 4]]) }])
    for (const Bucket of BUCKETS)
      for (const { key: Key, uploadId: UploadId } of await openUploads(client, Bucket))
        await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
    expect(await found()).toEqual([])
  })

  test('an object that the source had, and has no more, may be there', async () => {
    model.delete('a/b')
    await removeObject(client, SOURCE, 'a/b')
    await text('runs/last/report.json', { outcome: 'verified', ledger: { ...ledger, listed: 4, copied: 4 } })
    expect(await found(['a/b'])).toEqual([])
    expect((await found()).map(({ kind }) => kind)).toEqual(['extra object'])
  })

  test('a key that the server still knows', async () => {
    expect(await tryKeys(server.endpoint, new Set(['EMBEDDEDNEVERISSUED']))).toEqual([])
    expect(await tryKeys(server.endpoint, new Set([server.root.accessKeyId]))).toEqual([
      { kind: 'key of a dead run', detail: `${server.root.accessKeyId}: SignatureDoesNotMatch` },
    ])
  })
})

const flipped = async (bucket: string, key: string): Promise<void> => {
  const body = bodyOf(key.replace(PREFIX, ''), model.get(key.replace(PREFIX, ''))!)
  body[0]! ^= 1
  await putObject(client, bucket, key, body)
}

/** Takes away what the next test would meet. */
const clear = async (): Promise<void> => {
  await removeObject(client, DESTINATION, `${PREFIX}x`)
  await removeObject(client, STATE, 'runs/dead/shards/batches/x.jsonl')
}

describe('a run’s shards', () => {
  const file = (name: string, after: string | null, upTo: string | null, keys: string[] = []) => ({ name, text: shard(after, upTo, keys) })

  test('of a run that was killed end where its listing ended', () => {
    const listed = [file('one', null, 'b', ['a', 'b']), file('two', 'b', 'd', ['d'])]
    expect(shardFaults(listed, [], { whole: false })).toEqual([])
    expect(shardFaults(listed, [], { whole: true })).toEqual(['the shards do not reach to the end of the key space'])
    expect(shardFaults([], [], { whole: false })).toEqual([])
  })

  test.each<[string, Parameters<typeof shardFaults>[0], string]>([
    ['a gap', [file('one', null, 'b'), file('two', 'c', null)], '1 of 2 shards do not follow one another'],
    ['one beginning twice', [file('one', null, null), file('two', null, null)], 'two begins where another shard begins'],
    [
      'a header that counts wrongly',
      [{ name: 'one', text: shard(null, null, ['a']).replace('"listed":1', '"listed":2') }],
      'one counts 2 objects and holds 1',
    ],
    [
      'a large object without its unit',
      [{ name: 'one', text: shard(null, null, ['a']).replace('"etag":"x"', '"etag":"x","large":true') }],
      'the large object "a" has no unit',
    ],
  ])('%s', (_name, batches, fault) => expect(shardFaults(batches, [], { whole: true }).join()).toContain(fault))
})

describe('what a run did with the uploads it found', () => {
  const key = 'large'
  const upload = { bucket: DESTINATION, key: PREFIX + key, uploadId: 'u', parts: new Map([[2, PART_BYTES]]) }
  const request = (method: string, more: Partial<Seen> = {}): Seen => ({
    method,
    bucket: DESTINATION,
    key: PREFIX + key,
    query: new URLSearchParams({ uploadId: 'u' }),
    from: undefined,
    keyId: undefined,
    status: 200,
    ...more,
  })
  const facts = (seen: Seen[], more: Partial<RunFacts> = {}): RunFacts => ({
    before: { uploads: [upload], holders: new Map([['pair', 'dead']]) },
    after: { uploads: [], holders: new Map([['pair', null]]) },
    seen,
    model: new Map([[key, { size: LARGE_OBJECT_BYTES, version: 1, sha256: '' }]]),
    origins: new Map([['u', 1]]),
    ...more,
  })
  const kinds = (given: RunFacts): string[] => judge(given).violations.map(({ kind }) => kind)
  const read = (part: number) => request('GET', { bucket: SOURCE, key, query: new URLSearchParams(), from: (part - 1) * PART_BYTES })
  const another = new Map([['u', 7]])

  test('completed without reading the finished part', () =>
    expect(judge(facts([read(1), request('POST')]))).toEqual({ adopted: 1, partsReused: 1, aborted: 0, locksTakenOver: 1, violations: [] }))
  test('another content’s is aborted', () =>
    expect(judge(facts([request('DELETE')], { origins: another }))).toMatchObject({ adopted: 0, aborted: 1, violations: [] }))
  test('a finished part read again', () => expect(kinds(facts([read(2), request('POST')]))).toEqual(['finished part read again']))
  test('aborted although it fits', () => expect(kinds(facts([request('DELETE')]))).toEqual(['fitting upload not gone on with']))
  test('completed although it was another content’s', () =>
    expect(kinds(facts([request('POST')], { origins: another }))).toEqual(['wrong object']))
  test('gone, and nobody asked for it', () => expect(kinds(facts([]))).toEqual(['upload vanished']))
  test('still open, it is for the next run', () =>
    expect(judge(facts([], { after: { uploads: [upload], holders: new Map() } }))).toMatchObject({
      adopted: 0,
      aborted: 0,
      violations: [],
    }))

  test('the state that a run had reached is told from its requests', () => {
    const state = (method: string, name: string) => request(method, { bucket: STATE, key: `runs/r/${name}`, query: new URLSearchParams() })
    const run = [state('PUT', 'request.json'), state('GET', 'cursor.json'), state('PUT', 'outcomes/batches/x/0.jsonl')]
    expect(run.map((_seen, index) => phaseOf(run.slice(0, index + 1)))).toEqual(['OpenAccess', 'ListSource', 'CopyObjects'])
    expect(phaseOf([])).toBe('before OpenAccess')
  })
})

test('a seed repeats its numbers, and another one has others', () => {
  const numbers = (seed: string) => {
    const random = new Random(seed)
    return Array.from({ length: 20 }, () => random.whole(0, 1e6))
  }
  expect(numbers('a')).toEqual(numbers('a'))
  expect(numbers('a')).not.toEqual(numbers('b'))
})
