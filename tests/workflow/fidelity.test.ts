import { readFileSync } from 'node:fs'
import { AccessDenied, type ObjectInfo, type ObjectStore, type Outcome, type PutOptions, type Tag } from '@drayage/core'
import { listNames } from '../../layers/core/domain/state-files'
import { shardOf, stateKeys } from '../../layers/core/domain/state-keys'
import { readOutcomes } from '../../layers/core/transfer/outcome-files'
import { memoryStore, type MemoryStore } from '../support/memory-store'
import { REQUEST, World } from './harness'

/** The table of the guide: a row's name, and its cells by column. */
const COLUMNS = ['one PUT', 'in parts', 'all versions'] as const
type Column = (typeof COLUMNS)[number]

const matrix = (): Map<string, string[]> => {
  const rows = readFileSync('docs/guides/fidelity.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
  expect(rows[0]).toEqual(['what', ...COLUMNS])
  return new Map(rows.slice(2).map(([what, ...cells]) => [what!, cells]))
}

const KMS = 'arn:aws:kms:us-east-1:123456789012:key/1-2'
const TAGS: Tag[] = [{ name: 'team', value: 'a b' }]
const UNTIL = '2099-01-01T00:00:00.000Z'
const MODIFIED = '2020-01-02T03:04:05.000Z'
const FIVE_MIB = 5 * 1024 * 1024

const RICH = {
  headers: {
    contentType: 'text/plain; charset=utf-8',
    contentEncoding: 'gzip',
    contentLanguage: 'de-CH',
    contentDisposition: 'attachment; filename="a b.txt"',
    cacheControl: 'max-age=60',
    expires: 'Thu, 01 Jan 2026 00:00:00 GMT',
    metadata: { owner: 'me' },
  },
  storageClass: 'STANDARD_IA',
  tags: TAGS,
  lock: { retention: { mode: 'GOVERNANCE', until: UNTIL }, hold: true },
} as const satisfies PutOptions

/** An object of which much cannot be carried. */
const ODD: PutOptions = {
  headers: { contentEncoding: 'aws-chunked', metadata: { 'source-etag': 'of another tool', big: 'x'.repeat(2048), line: 'a\nb' } },
  storageClass: 'COLDLINE',
  tags: [{ name: 'emoji 🚚', value: '' }],
  lock: { retention: { mode: 'COMPLIANCE', until: MODIFIED }, hold: false },
}

const key = (name: string): Buffer => Buffer.from(name)

const sourceFor = async (column: Column): Promise<MemoryStore> => {
  const store = memoryStore({ versions: true })
  const size = column === 'in parts' ? FIVE_MIB : 10
  await store.put(key('rich'), Buffer.from('older'))
  await store.put(key('rich'), Buffer.alloc(size, 'r'), RICH)
  await store.put(key('odd'), Buffer.alloc(size, 'o'), ODD)
  store.alter(key('rich'), { info: { lastModified: MODIFIED, encryption: 'aws:kms', kmsKey: 'arn:of-the-source', crc32: 'of-the-source' } })
  store.alter(key('odd'), { info: { redirects: true, unsendable: 1 } })
  await store.put(key('gone'), Buffer.from('gone'))
  await store.mark(key('gone'))
  if (column !== 'all versions') return store
  for (const size of [1, FIVE_MIB, 1]) await store.put(key('large'), Buffer.alloc(size, 'l'))
  return store
}

/** What a run has left at the destination. */
interface Seen {
  source: MemoryStore
  destination: MemoryStore
  rich: ObjectInfo
  body: Buffer
  tags: Tag[]
  /** names of the options of every write */
  options: Set<string>
  outcomes: Outcome[]
  chains: Record<string, (string | null)[]>
}

const chainsOf = async (store: ObjectStore): Promise<Seen['chains']> => {
  const chains: Seen['chains'] = {}
  for await (const page of store.listVersions({ prefix: Buffer.alloc(0) }))
    for (const { key, deleteMarker, versionId } of page) (chains[key.toString()] ??= []).push(deleteMarker ? null : versionId)
  return chains
}

/** `asked`: with everything that can be asked for. */
const run = async (
  column: Column,
  asked: boolean,
  change: (stores: { source: MemoryStore; destination: MemoryStore }) => object = () => ({}),
) => {
  const stores = { source: await sourceFor(column), destination: memoryStore({ versions: true }) }
  const options = new Set<string>()
  const noting: MemoryStore = {
    ...stores.destination,
    put: (key, body, call = {}) => (Object.keys(call).forEach((name) => options.add(name)), stores.destination.put(key, body, call)),
    createUpload: (key, call = {}) => (Object.keys(call).forEach((name) => options.add(name)), stores.destination.createUpload(key, call)),
  }
  const world = new World({ source: stores.source, destination: noting, ...change({ source: stores.source, destination: noting }) })
  const carry = { ...(asked ? { storageClass: 'keep', tags: true, retention: true } : {}) }
  await world.run(
    {
      ...REQUEST,
      destination: { ...REQUEST.destination, ...(asked ? { kmsKey: KMS } : {}) },
      carry: { ...carry, ...(column === 'all versions' ? { versions: 'all' } : {}) },
    },
    'run',
  )
  const names = [...(await listNames(world.state, stateKeys('run').batches)), ...(await listNames(world.state, stateKeys('run').large))]
  const outcomes = (await Promise.all(names.map((name) => readOutcomes(world.state, 'run', shardOf('run', name), {})))).flat()
  const read = await stores.destination.read(key('rich'))
  const checked = await stores.destination.stat(key('rich'), { checksum: true })
  return {
    ...stores,
    ...{ rich: checked!, body: Buffer.concat((await read.body.toArray()) as Buffer[]), options, outcomes },
    ...{ tags: await stores.destination.tags(key('rich')), chains: await chainsOf(stores.destination) },
  } satisfies Seen
}

const kept = new Map<string, Promise<Seen>>()
const seen = (column: Column, asked: boolean): Promise<Seen> => {
  const name = `${column} ${asked}`
  if (!kept.has(name)) kept.set(name, run(column, asked))
  return kept.get(name)!
}

const rowsOf = ({ outcomes }: Pick<Seen, 'outcomes'>, name: string): string[] =>
  outcomes.filter(({ key }) => key.toString() === name).flatMap(({ notCarried = [] }) => notCarried.map(({ what }) => what))

/** How a cell is looked at: whether the copy has it, or which row tells that it has not. */
type Probe = { has: (seen: Seen) => boolean } | { row: string } | { run: (column: Column) => Promise<void> }

const header = (name: Exclude<keyof typeof RICH.headers, 'metadata'>): Probe => ({
  has: ({ rich }) => rich.headers[name] === RICH.headers[name],
})

const refusedTags = (change: Parameters<typeof run>[2]): Probe => ({
  run: async (column) => {
    const found = await run(column, true, change)
    expect(found.tags).toEqual([])
    expect(rowsOf(found, 'rich')).toContain('tags')
    expect(found.outcomes.filter(({ key }) => key.toString() === 'rich').map(({ outcome }) => outcome)).not.toContain('failed')
    expect(found.rich.headers.metadata['owner']).toBe('me')
  },
})

const denied = () => Promise.reject(new AccessDenied('403 AccessDenied'))

const PROBES: Record<string, Probe> = {
  bytes: { has: ({ body, rich }) => body.length === rich.size && body.every((byte) => byte === 'r'.charCodeAt(0)) },
  '`content-type`': header('contentType'),
  '`content-encoding`': header('contentEncoding'),
  '`content-language`': header('contentLanguage'),
  '`content-disposition`': header('contentDisposition'),
  '`cache-control`': header('cacheControl'),
  '`expires`': header('expires'),
  '`aws-chunked` in a `content-encoding`': { row: 'content-encoding' },
  'user metadata': { has: ({ rich }) => rich.headers.metadata['owner'] === 'me' },
  'Last-Modified, as `mtime`': { has: ({ rich }) => rich.headers.metadata['mtime'] === String(Date.parse(MODIFIED) / 1000) },
  'ETag, as `source-etag`': { has: ({ rich }) => /^[0-9a-f]{32}$/.test(rich.headers.metadata['source-etag'] ?? '') },
  'metadata of the name `source-etag`, with another value': { row: 'metadata source-etag' },
  'metadata over 2,048 bytes': { row: 'metadata big' },
  'metadata that no header can hold': { row: 'metadata line' },
  'metadata that the source cannot send': { row: 'metadata' },
  'storage class': { has: ({ rich }) => rich.storageClass === 'STANDARD_IA' },
  'storage class that Amazon S3 does not have': { row: 'storage-class' },
  tags: { has: ({ tags }) => JSON.stringify(tags) === JSON.stringify(TAGS) },
  'tags that Amazon S3 does not take': { row: 'tag emoji 🚚' },
  'tags that may not be read': refusedTags(({ source }) => ({ source: { ...source, tags: denied } })),
  'tags that may not be written': refusedTags(({ destination }) => ({
    destination: {
      ...destination,
      put: (key: Buffer, body: Buffer, call: PutOptions = {}) => (call.tags ? denied() : destination.put(key, body, call)),
      createUpload: (key: Buffer, call: PutOptions = {}) => (call.tags ? denied() : destination.createUpload(key, call)),
    },
  })),
  'Object Lock retention': { has: ({ rich }) => rich.lock?.retention?.until === UNTIL },
  'Object Lock retention that has ended': { row: 'retention' },
  'Object Lock legal hold': { has: ({ rich }) => rich.lock?.hold === true },
  'KMS key of the request': { has: ({ rich }) => rich.kmsKey === KMS },
  'older versions': { has: ({ chains }) => chains['rich']!.length > 1 },
  'delete markers': { has: ({ chains }) => Object.values(chains).some((chain) => chain.includes(null)) },
  'a version too large for one PUT': {
    has: ({ outcomes, chains }) => {
      const [older, large, newer] = outcomes.filter(({ key }) => key.toString() === 'large')
      const ids = [newer, large, older].map((outcome) => outcome?.destinationVersion)
      return large!.bytes === FIVE_MIB && JSON.stringify(chains['large']) === JSON.stringify(ids)
    },
  },
  'website redirect': { row: 'redirect' },
  ACLs: {
    has: ({ options }) => [...options].some((name) => !['headers', 'storageClass', 'tags', 'lock', 'kmsKey', 'signal'].includes(name)),
  },
  'checksum kept at the source': { has: ({ rich }) => rich.crc32 === undefined || rich.crc32 === 'of-the-source' },
  'encryption at the source': { has: ({ rich }) => rich.kmsKey === 'arn:of-the-source' },
  'version ids': { has: ({ options }) => options.has('versionId') },
}

const CHECKS: Record<string, (column: Column, probe: Probe) => Promise<void>> = {
  carried: async (column, probe) => {
    for (const asked of [false, true]) expect((probe as { has: (seen: Seen) => boolean }).has(await seen(column, asked))).toBe(true)
  },
  'opt in': async (column, probe) => {
    const { has } = probe as { has: (seen: Seen) => boolean }
    expect([has(await seen(column, false)), has(await seen(column, true))]).toEqual([false, true])
  },
  never: async (column, probe) => {
    for (const asked of [false, true]) expect((probe as { has: (seen: Seen) => boolean }).has(await seen(column, asked))).toBe(false)
  },
  reported: async (column, probe) => {
    if ('run' in probe) return probe.run(column)
    const found = await seen(column, true)
    expect(rowsOf(found, 'odd')).toContain((probe as { row: string }).row)
    expect(found.outcomes.find(({ key }) => key.toString() === 'odd')).toMatchObject({ outcome: 'copied' })
    // nothing is told of what has nothing to tell
    expect(rowsOf(found, 'rich')).toEqual([])
  },
}

test('every row of the guide has its probe, and every probe its row', () => {
  expect(Object.keys(PROBES).sort()).toEqual([...matrix().keys()].sort())
})

describe.each(COLUMNS.map((column, index) => [column, index] as const))('%s', (column, index) => {
  const cells = [...matrix()].map(([what, found]) => [what, found[index]!] as const).filter(([, cell]) => cell !== '—')
  test.each(cells)('%s: %s', async (what, cell) => {
    expect(CHECKS).toHaveProperty([cell])
    await CHECKS[cell]!(column, PROBES[what]!)
  })
})
