import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import {
  AccessDenied,
  copyBatch,
  CredentialsRefused,
  DeadlinePassed,
  listSource,
  parseRequest,
  StoreThrottled,
  StoreUnavailable,
  verifyBatch,
  type Key,
  type Migration,
  type ObjectStore,
} from '@drayage/core'
import { VERIFICATION_MODES, type VerificationMode } from '../../layers/core/domain/migration'
import { outcomeToLine, type Evidence, type Outcome } from '../../layers/core/domain/outcomes'
import { listNames, readBytes, writeText } from '../../layers/core/domain/state-files'
import { outcomesKey, rereadKey, shardOf, stateKeys } from '../../layers/core/domain/state-keys'
import { LOOK_BYTES } from '../../layers/core/domain/sample'
import { addVerdicts, noVerdicts, type Verdict, type VerdictFile } from '../../layers/core/domain/verdicts'
import { readOutcomes } from '../../layers/core/transfer/outcome-files'
import { readVerdicts } from '../../layers/core/transfer/verify-batch'
import { memoryStore, type MemoryStore } from '../support/memory-store'

const RUN = 'run'
const now = () => new Date()
const key = (text: string): Key => Buffer.from(text)
const never = new AbortController().signal

const VICTIM = key('object/05')
const LARGE = key('zlarge')
/** Left out, and before all others: behind them it would stand in a shard of its own. */
const EMPTY = key('object/!empty')

const migrationOf = (mode: VerificationMode, request: object = {}): Migration =>
  parseRequest(
    {
      source: { bucket: 'source', endpoint: 'embedded' },
      destination: { bucket: 'destination', endpoint: 'embedded', prefix: 'moved/' },
      carry: { tags: true },
      selection: { minBytes: 1 },
      verification: { mode },
      ...request,
    },
    { runtime: 'local', runId: RUN, executionId: 'x:run', now: now() },
  )

interface Ground {
  source: MemoryStore
  destination: MemoryStore
  state: MemoryStore
  /** the one shard of the run */
  shard: string
}

/** A finished copy of 12 objects, by the functions' own verbs. */
const copied = async (
  migration: Migration,
  { large = false, versions = false, count = 12 }: { large?: boolean; versions?: boolean; count?: number } = {},
): Promise<Ground> => {
  const [source, destination, state] = [memoryStore({ versions: true }), memoryStore({ versions }), memoryStore()]
  const until = new Date(Date.now() + 86_400_000).toISOString()
  for (let index = 0; index < count; index++)
    await source.put(key(`object/${String(index).padStart(2, '0')}`), key(`body ${index}`), {
      headers: { contentType: 'text/plain', metadata: { colour: `red ${index}` } },
      tags: [{ name: 'team', value: 'a' }],
      lock: { retention: { mode: 'GOVERNANCE', until }, hold: false },
    })
  await source.put(EMPTY, Buffer.alloc(0))
  if (large) await source.put(LARGE, Buffer.alloc(2 * LOOK_BYTES + 1, 7))
  if (versions) await destination.put(there(VICTIM), key('body O'))
  const turn = { state, source, destination, reading: async () => destination, now, signal: never, going: () => true }
  await listSource(migration, turn)
  const [name] = await listNames(state, stateKeys(RUN).batches)
  const shard = shardOf(RUN, name!)
  expect(
    await copyBatch(migration, shard, { ...turn, writingSince: now().toISOString(), concurrency: 4, heard: () => undefined }),
  ).toMatchObject({ done: true, failed: 0 })
  return { source, destination, state, shard }
}

const there = (name: Key): Key => Buffer.concat([key('moved/'), name])

/** 2,500 objects that only the destination has, behind each of these names. */
const throng = async ({ destination }: Ground, names: readonly string[]): Promise<void> => {
  for (const name of names) for (let index = 0; index < 2500; index++) await destination.put(there(key(`${name}${index}`)), key('x'))
}

type Changes = Partial<Parameters<typeof verifyBatch>[2]>

const turnOf = ({ source, destination, state }: Ground, changes: Changes = {}): Parameters<typeof verifyBatch>[2] => ({
  ...{ state, destination, openSource: async () => source, now, signal: never, going: () => true, concurrency: 4 },
  ...changes,
})

const allVerdicts = async ({ state, shard }: Ground): Promise<VerdictFile[]> => {
  const files: VerdictFile[] = []
  for await (const file of readVerdicts(state, RUN, shard, {})) files.push(file)
  return files
}

const linesOf = (files: readonly VerdictFile[]): Verdict[] => files.flatMap(({ verdicts }) => verdicts)
const countsOf = (files: readonly VerdictFile[]) => files.reduce((sum, { counts }) => addVerdicts(sum, counts), noVerdicts())

/** All turns of the shard, and the verdict files that they leave. */
const verified = async (migration: Migration, ground: Ground, changes: Changes = {}): Promise<VerdictFile[]> => {
  for (let turns = 0; turns < 100; turns++) {
    if ((await verifyBatch(migration, ground.shard, turnOf(ground, changes))).done) return allVerdicts(ground)
  }
  throw new Error('100 turns were not enough')
}

const bytesOf = async (store: ObjectStore, name: Key): Promise<Buffer> => (await readBytes(store, name.toString('latin1'))).body

/** The object's bytes with one of them another. */
const flipped = async ({ destination }: Ground, name: Key, at: number): Promise<Buffer> => {
  const bytes = Buffer.from(await bytesOf(destination, there(name)))
  bytes[at]! ^= 1
  return bytes
}

const headersOf = async ({ destination }: Ground) => (await destination.stat(there(VICTIM)))!.headers

const alterMetadata = async (ground: Ground, change: Record<string, string | undefined>): Promise<void> => {
  const headers = await headersOf(ground)
  const metadata = Object.entries({ ...headers.metadata, ...change }).filter((entry): entry is [string, string] => entry[1] !== undefined)
  ground.destination.alter(there(VICTIM), { info: { headers: { ...headers, metadata: Object.fromEntries(metadata) } } })
}

const writtenAgain = async (ground: Ground): Promise<unknown> =>
  ground.destination.put(there(VICTIM), await flipped(ground, VICTIM, 0), { headers: await headersOf(ground) })

/** Makes the victim's outcome that of a skip. */
const skippedBy = async (evidence: Evidence, { state, shard, destination }: Ground): Promise<void> => {
  const outcomes = await readOutcomes(state, RUN, shard, {})
  const { etag } = (await destination.stat(there(VICTIM)))!
  const lines = outcomes.map((outcome): Outcome => {
    const { key, at, ms } = outcome
    return key.equals(VICTIM) ? { key, at, ms, outcome: 'skipped', bytes: 0, etag, evidence } : outcome
  })
  await writeText(state, outcomesKey(RUN, shard, 0), lines.map((line) => `${outcomeToLine(line)}\n`).join(''))
}

interface Row {
  plant(ground: Ground): Promise<unknown>
  /** that is to be found; VICTIM unless named */
  key?: Key
  options?: { large?: boolean; versions?: boolean }
}

/** What the page's table says of the destination, done to it. */
const ROWS: Record<string, Row | Row['plant']> = {
  nothing: async () => undefined,
  'an object was dropped': async ({ destination }) => destination.drop(there(VICTIM)),
  'a byte was flipped, and the object written again': writtenAgain,
  'a byte was flipped under the old ETag and checksum': async (ground) =>
    ground.destination.alter(there(VICTIM), { bytes: await flipped(ground, VICTIM, 5) }),
  'a byte far inside a large object was flipped under the old ETag and checksum': {
    plant: async (ground) => ground.destination.alter(there(LARGE), { bytes: await flipped(ground, LARGE, 2 * LOOK_BYTES) }),
    key: LARGE,
    options: { large: true },
  },
  "a byte was flipped under the old ETag, and the store's checksum shows it": async (ground) =>
    ground.destination.alter(there(VICTIM), { bytes: await flipped(ground, VICTIM, 5), info: { crc32: 'AAAAAA==' } }),
  'an object was truncated': async ({ destination }) => destination.alter(there(VICTIM), { bytes: key('body') }),
  'an object was replaced by an older version': {
    plant: async ({ destination }) => destination.drop(there(VICTIM)),
    options: { versions: true },
  },
  'user metadata was changed': (ground) => alterMetadata(ground, { colour: 'blue' }),
  'the content type was changed': async (ground) =>
    ground.destination.alter(there(VICTIM), { info: { headers: { ...(await headersOf(ground)), contentType: 'text/html' } } }),
  'the storage class was changed': async ({ destination }) => destination.alter(there(VICTIM), { info: { storageClass: 'STANDARD_IA' } }),
  'a tag was changed': async ({ destination }) => {
    const { tags } = destination
    destination.tags = async (name, call) => (name.equals(there(VICTIM)) ? [{ name: 'team', value: 'b' }] : tags(name, call))
  },
  'an Object Lock was taken away': {
    plant: async ({ destination }) => {
      expect((await destination.stat(there(VICTIM)))!.lock).toBeDefined()
      destination.alter(there(VICTIM), { info: { lock: undefined } })
    },
    options: { versions: true },
  },
  'the store lost the checksum': async ({ destination }) => destination.alter(there(VICTIM), { info: { crc32: undefined } }),
  'an object was moved to an archive tier': async ({ destination }) =>
    destination.alter(there(VICTIM), { info: { archiveStatus: 'ARCHIVE_ACCESS' } }),
  'an object was replaced at the source': async ({ source }) => source.put(VICTIM, key('body 6')),
  'an object was dropped at the source': async ({ source }) => source.drop(VICTIM),
  'an object was skipped by size and time, and has the same bytes': (ground) => skippedBy('size-and-time', ground),
  'an object was skipped by size and time, and has other bytes': async (ground) => {
    await writtenAgain(ground)
    await skippedBy('size-and-time', ground)
  },
  'user metadata was changed, of an object that was skipped for its equal ETag': async (ground) => {
    await skippedBy('etag', ground)
    await alterMetadata(ground, { colour: 'blue' })
  },
  'an object was skipped for its equal ETag, put there by another tool without our metadata': async (ground) => {
    await skippedBy('etag', ground)
    await alterMetadata(ground, { mtime: undefined, 'source-etag': undefined })
    ground.destination.alter(there(VICTIM), { info: { storageClass: 'STANDARD_IA', crc32: undefined } })
  },
  'an object was added that the source never had': {
    plant: async ({ destination }) => destination.put(there(key('object/05a')), key('body')),
    key: there(key('object/05a')),
  },
  'an object stands there that an earlier run put, and that the source no longer has': {
    plant: async ({ destination }) =>
      destination.put(there(key('object/05b')), key('body'), { headers: { metadata: { 'source-etag': 'abc' } } }),
    key: there(key('object/05b')),
  },
  'an object stands there that the source has and the selection leaves out': async ({ destination }) =>
    destination.put(there(EMPTY), key('x')),
}

/** The table of the page: what happened, and what each mode says. */
const page = readFileSync(join(import.meta.dirname, '../../docs/guides/verification.md'), 'utf8')
const tableUnder = (heading: string): string[][] =>
  page
    .slice(page.indexOf(heading) + heading.length)
    .split(/^## /m)[0]!
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )

const table = tableUnder('## What each mode finds')

test('the page has a line for each thing that is planted here, and no other', () => {
  expect(table.map(([what]) => what).sort()).toEqual(Object.keys(ROWS).sort())
})

const cases = table.flatMap(([what, ...says]) => VERIFICATION_MODES.map((mode, at) => [mode, what!, says[at]!] as const))

test.each(cases)('%s: %s: %s', async (mode, what, says) => {
  const row = ROWS[what]!
  const { plant, key: name = VICTIM, options = {} } = typeof row === 'function' ? { plant: row } : row
  const migration = migrationOf(mode, { carry: { tags: true, retention: options.versions === true } })
  const ground = await copied(migration, options)
  await plant(ground)
  const files = await verified(migration, ground)
  const found = linesOf(files).map(({ key, verdict }) => `${verdict} ${key.toString()}`)
  expect(found).toEqual(says === 'not found' ? [] : [`${says.replace('found: ', '')} ${name.toString()}`])
})

describe('what a verdict rests on', () => {
  const of = async (mode: VerificationMode, request: object = {}, options: Row['options'] & { count?: number } = {}) => {
    const migration = migrationOf(mode, request)
    const ground = await copied(migration, options)
    await skippedBy('size-and-time', ground)
    const files = await verified(migration, ground)
    return { counts: countsOf(files), evidence: files.map(({ evidence }) => evidence) }
  }

  test.each<[VerificationMode, object, object]>([
    ['listing', { verified: 12 }, { 'put-etag': 11, 'size-and-time': 1 }],
    ['checksum', { verified: 11, unverifiable: 1 }, { checksum: 11 }],
    ['reread', { verified: 12 }, { reread: 12 }],
  ])('%s', async (mode, counts, evidence) => {
    expect(await of(mode)).toEqual({ counts: { ...noVerdicts(), ...counts }, evidence: [evidence] })
  })

  test('reread of a sample: the others as in listing, the same ones in every call', async () => {
    const request = { verification: { mode: 'reread', sample: 0.25 } }
    const { counts, evidence } = await of('reread', request, { count: 200 })
    expect(counts).toEqual({ ...noVerdicts(), verified: 200 })
    const { reread, ...listed } = evidence[0]!
    expect(reread).toBeGreaterThan(25)
    expect(reread).toBeLessThan(75)
    expect(reread! + listed['put-etag']! + (listed['size-and-time'] ?? 0)).toBe(200)
    expect((await of('reread', request, { count: 200 })).evidence[0]).toEqual(evidence[0])
  })

  test('reread of a sample that holds none: nothing is said to have been read again', async () => {
    const { counts, evidence } = await of('reread', { verification: { mode: 'reread', sample: 1e-6 } })
    expect(counts).toEqual({ ...noVerdicts(), verified: 12 })
    expect(evidence).toEqual([{ 'put-etag': 11, 'size-and-time': 1 }])
  })

  test('a failed verdict names what was compared', async () => {
    const migration = migrationOf('checksum')
    const ground = await copied(migration)
    const sent = (await ground.destination.stat(there(VICTIM), { checksum: true }))!.crc32
    ground.destination.alter(there(VICTIM), { info: { crc32: 'AAAAAA==' } })
    const [{ detail } = { detail: '' }] = linesOf(await verified(migration, ground))
    expect(detail).toBe(`checksum AAAAAA== at the destination, ${sent} of what was sent`)
  })
})

/** A store that writes down what it is asked. */
const counting = (store: ObjectStore) => {
  const asked: string[] = []
  const hear = (name: string): number => asked.push(name)
  const heard: ObjectStore = {
    ...store,
    list: (...given) => (hear('list'), store.list(...given)),
    stat: (...given) => (hear('stat'), store.stat(...given)),
    read: (...given) => (hear('read'), store.read(...given)),
    tags: (...given) => (hear('tags'), store.tags(...given)),
    put: (...given) => (hear('put'), store.put(...given)),
    createUpload: (...given) => (hear('createUpload'), store.createUpload(...given)),
  }
  return { heard, asked }
}

describe('requests', () => {
  test.each(VERIFICATION_MODES)('%s asks as often as the page says, and never writes', async (mode) => {
    const cell = tableUnder('## The three modes').find(([name]) => name === `\`${mode}\``)![2]!
    const [promised, withTags] = cell.replaceAll(',', '').match(/\d+/g)!.map(Number)
    for (const tags of [false, true]) {
      const migration = migrationOf(mode, { carry: { tags } })
      const ground = await copied(migration, { count: 1000 })
      const [source, destination] = [counting(ground.source), counting(ground.destination)]
      await verified(migration, ground, { destination: destination.heard, openSource: async () => source.heard })
      const asked = [...source.asked, ...destination.asked]
      expect(asked.length).toBe(tags ? (withTags ?? promised) : promised)
      expect(asked).not.toContain('put')
      expect(asked).not.toContain('createUpload')
    }
  })

  test('the source is opened for the mode reread alone', async () => {
    for (const mode of ['listing', 'checksum'] as const) {
      const migration = migrationOf(mode)
      const ground = await copied(migration)
      const openSource = () => Promise.reject(new Error('opened'))
      expect(countsOf(await verified(migration, ground, { openSource }))).toMatchObject({ verified: 12 })
    }
    const migration = migrationOf('reread')
    const ground = await copied(migration)
    await expect(verified(migration, ground, { openSource: () => Promise.reject(new Error('opened')) })).rejects.toThrow('opened')
  })
})

describe('turns', () => {
  test('that run out of time go on behind what is written, and count what stands between only once', async () => {
    for (const mode of VERIFICATION_MODES) {
      const migration = migrationOf(mode)
      const ground = await copied(migration)
      for (const extra of ['a', 'object/03a', 'object/03b', 'object/07a', 'z']) await ground.destination.put(there(key(extra)), key('x'))
      const files = await verified(migration, ground, { going: () => false })
      expect(files.length).toBe(12)
      expect(countsOf(files)).toEqual({ ...noVerdicts(), verified: 12, extra: 5 })
    }
  })

  test('that run out of time among what only the destination has go on behind it', async () => {
    const migration = migrationOf('listing')
    const ground = await copied(migration, { count: 3 })
    await throng(ground, ['a', 'object/01a', 'z'])
    const files = await verified(migration, ground, { going: () => false })
    expect(files.filter(({ behind }) => behind !== undefined).length).toBeGreaterThanOrEqual(6)
    expect(countsOf(files)).toEqual({ ...noVerdicts(), verified: 3, extra: 7500 })
    expect(new Set(linesOf(files).map(({ key }) => key.toString())).size).toBe(7500)
    expect(await verifyBatch(migration, ground.shard, turnOf(ground))).toEqual({ done: true, ...noVerdicts() })
  })

  test('whose deadline comes among what only the destination has, behind the last object, get further each time', async () => {
    const migration = migrationOf('listing')
    const ground = await copied(migration, { count: 1 })
    for (let index = 0; index < 3000; index++) await ground.destination.put(there(key(`z${index}`)), key('x'))
    for (let turns = 1; ; turns++) {
      const deadline = new AbortController()
      const destination: ObjectStore = {
        ...ground.destination,
        list: async function* (query, call) {
          for await (const page of ground.destination.list(query, call)) {
            yield page.slice(0, 600)
            deadline.abort(new DeadlinePassed('no time left'))
            throw deadline.signal.reason
          }
        },
      }
      const turn = turnOf(ground, { destination, signal: deadline.signal })
      if ((await verifyBatch(migration, ground.shard, turns < 6 ? turn : turnOf(ground))).done) break
      expect(turns).toBeLessThan(6)
    }
    const files = await allVerdicts(ground)
    expect(files.length).toBe(6)
    expect(countsOf(files)).toEqual({ ...noVerdicts(), verified: 1, extra: 3000 })
  })

  test('go on inside a large object, and read no range twice', async () => {
    const migration = migrationOf('reread')
    const ground = await copied(migration, { count: 1, large: true })
    const { heard, asked } = counting(ground.source)
    const ranges: unknown[] = []
    const source: ObjectStore = {
      ...heard,
      read: (name, options) => (name.equals(LARGE) && ranges.push(options?.range), heard.read(name, options)),
    }
    const files = await verified(migration, ground, { going: () => false, openSource: async () => source })
    expect(countsOf(files)).toMatchObject({ verified: 2 })
    expect(ranges).toEqual([0, 1, 2].map((at) => ({ from: at * LOOK_BYTES, to: Math.min((at + 1) * LOOK_BYTES, 2 * LOOK_BYTES + 1) - 1 })))
    expect(asked.filter((name) => name === 'read').length).toBe(4)
    expect(await listNames(ground.state, stateKeys(RUN).verdicts)).toContain(rereadKey(RUN, ground.shard))
  })

  test('that the deadline cuts off in the middle keep what was known, also inside an object', async () => {
    const migration = migrationOf('reread')
    const ground = await copied(migration, { count: 3, large: true })
    const deadline = new AbortController()
    const destination: ObjectStore = {
      ...ground.destination,
      read: async (name, options = {}) => {
        if (options.range?.from !== LOOK_BYTES || deadline.signal.aborted) return ground.destination.read(name, options)
        deadline.abort(new DeadlinePassed('no time left'))
        throw deadline.signal.reason
      },
    }
    const cut = turnOf(ground, { destination, signal: deadline.signal, concurrency: 1 })
    expect(await verifyBatch(migration, ground.shard, cut)).toMatchObject({ done: false, verified: 3 })
    expect(JSON.parse((await bytesOf(ground.state, key(rereadKey(RUN, ground.shard)))).toString())).toEqual({ 3: 1 })
    const files = await verified(migration, ground)
    expect(countsOf(files)).toEqual({ ...noVerdicts(), verified: 4 })
  })

  test('in which nothing is known throw what the state machine tries again', async () => {
    const migration = migrationOf('checksum')
    const ground = await copied(migration)
    const deadline = new AbortController()
    const destination: ObjectStore = {
      ...ground.destination,
      stat: () => (deadline.abort(new DeadlinePassed('no time left')), Promise.reject(deadline.signal.reason as Error)),
    }
    await expect(verifyBatch(migration, ground.shard, turnOf(ground, { destination, signal: deadline.signal }))).rejects.toThrow(
      StoreUnavailable,
    )
    expect(await allVerdicts(ground)).toEqual([])
  })

  test('that a twin has overtaken leave its verdicts as they are', async () => {
    const migration = migrationOf('checksum')
    const ground = await copied(migration)
    const half = { going: () => false }
    let overtaken = false
    const destination: ObjectStore = {
      ...ground.destination,
      stat: async (...given) => {
        if (!overtaken) {
          overtaken = true
          await verifyBatch(migration, ground.shard, turnOf(ground, half))
        }
        return ground.destination.stat(...given)
      },
    }
    expect(await verifyBatch(migration, ground.shard, turnOf(ground, { destination }))).toEqual({ done: false, ...noVerdicts() })
    const files = await verified(migration, ground)
    expect(files.map(({ first, next }) => [first, next])).toEqual([
      [0, 1],
      [1, 12],
    ])
  })
})

describe('what the destination does not answer', () => {
  test('of one object: it is unverifiable, and says why', async () => {
    const migration = migrationOf('checksum')
    const ground = await copied(migration)
    const destination: ObjectStore = {
      ...ground.destination,
      stat: (name, options) =>
        name.equals(there(VICTIM)) ? Promise.reject(new AccessDenied('403 of its key')) : ground.destination.stat(name, options),
    }
    expect(linesOf(await verified(migration, ground, { destination }))).toEqual([
      { key: VICTIM, verdict: 'unverifiable', detail: 'it could not be looked at: AccessDenied: 403 of its key' },
    ])
  })

  test('of the whole side: the call ends, and no object is judged by it', async () => {
    const migration = migrationOf('checksum')
    const ground = await copied(migration)
    const destination: ObjectStore = { ...ground.destination, stat: () => Promise.reject(new CredentialsRefused('ended')) }
    await expect(verified(migration, ground, { destination })).rejects.toThrow(CredentialsRefused)
    expect(await listNames(ground.state, stateKeys(RUN).verdicts)).toEqual([])
  })

  test('of the whole side, in the middle: what was known by then is kept', async () => {
    const migration = migrationOf('checksum')
    const ground = await copied(migration)
    let asked = 0
    const destination: ObjectStore = {
      ...ground.destination,
      stat: (...given) => (++asked > 5 ? Promise.reject(new CredentialsRefused('ended')) : ground.destination.stat(...given)),
    }
    await expect(verified(migration, ground, { destination, concurrency: 1 })).rejects.toThrow(CredentialsRefused)
    expect(countsOf(await allVerdicts(ground))).toEqual({ ...noVerdicts(), verified: 5 })
    expect(countsOf(await verified(migration, ground))).toEqual({ ...noVerdicts(), verified: 12 })
  })

  test('a little later: it is asked again', async () => {
    const migration = migrationOf('checksum')
    const ground = await copied(migration)
    let asked = 0
    const destination: ObjectStore = {
      ...ground.destination,
      stat: (...given) => (asked++ % 5 === 0 ? Promise.reject(new StoreThrottled('503')) : ground.destination.stat(...given)),
    }
    expect(countsOf(await verified(migration, ground, { destination }))).toMatchObject({ verified: 12 })
  })
})

describe('objects that only the destination has', () => {
  test('are looked into 1,000 times a turn, and not again once that is refused', async () => {
    const migration = migrationOf('listing')
    const ground = await copied(migration, { count: 1 })
    for (let index = 0; index < 1005; index++)
      await ground.destination.put(there(key(`stray/${index}`)), key('x'), { headers: { metadata: { 'source-etag': 'abc' } } })
    const { heard, asked } = counting(ground.destination)
    const counts = countsOf(await verified(migration, ground, { destination: heard }))
    expect(counts).toEqual({ ...noVerdicts(), verified: 1, vanished: 1000, extra: 5 })
    expect(asked.filter((name) => name === 'stat').length).toBe(1000)
  })

  test('where a HEAD is refused, all of them are extra and said not to be looked into', async () => {
    const migration = migrationOf('listing')
    const ground = await copied(migration, { count: 1 })
    for (let index = 0; index < 50; index++) await ground.destination.put(there(key(`stray/${index}`)), key('x'))
    let asked = 0
    const destination: ObjectStore = { ...ground.destination, stat: () => (asked++, Promise.reject(new AccessDenied('403'))) }
    const lines = linesOf(await verified(migration, ground, { destination, concurrency: 4 }))
    expect(lines.map(({ verdict, detail }) => `${verdict}: ${detail}`)).toEqual(
      Array<string>(50).fill('extra: 1 byte, only at the destination; not looked into'),
    )
    expect(asked).toBeLessThanOrEqual(4)
  })
})

describe('of a run over all versions', () => {
  const CHAIN = key('chain')

  /** Three versions of one key, of which the middle one is the victim, and a key that is deleted at the source. */
  const chained = async (migration: Migration) => {
    const [source, destination, state] = [memoryStore({ versions: true }), memoryStore({ versions: true }), memoryStore()]
    for (const body of ['one', 'two', 'six']) await source.put(CHAIN, key(body))
    await source.put(key('gone'), key('body'))
    await source.mark(key('gone'))
    const turn = { state, source, destination, reading: async () => destination, now, signal: never, going: () => true }
    await listSource(migration, turn)
    const shard = shardOf(RUN, (await listNames(state, stateKeys(RUN).batches))[0]!)
    expect(
      await copyBatch(migration, shard, { ...turn, writingSince: now().toISOString(), concurrency: 4, heard: () => undefined }),
    ).toMatchObject({ done: true, copied: 5 })
    const outcomes = await readOutcomes(state, RUN, shard, {})
    return { ground: { source, destination, state, shard }, victim: outcomes[1]! }
  }

  /** The destination with other bytes and another checksum in one version, under the old ETag. */
  const damaged = ({ destination }: Ground, { destinationVersion }: Outcome): Partial<ObjectStore> => ({
    stat: async (name, options) => {
      const info = await destination.stat(name, options)
      return info && options?.versionId === destinationVersion ? { ...info, crc32: 'AAAAAA==' } : info
    },
    read: async (name, options) => {
      const read = await destination.read(name, options)
      return options?.versionId === destinationVersion ? { ...read, body: Readable.from([key('owt')], { objectMode: false }) } : read
    },
  })

  const request = { carry: { versions: 'all' }, selection: {} }

  test.each<[VerificationMode, object]>([
    ['listing', { 'put-etag': 5 }],
    ['checksum', { 'put-etag': 1, checksum: 4 }],
    ['reread', { 'put-etag': 1, reread: 4 }],
  ])('%s looks at each version, also in many turns', async (mode, evidence) => {
    const migration = migrationOf(mode, request)
    const { ground } = await chained(migration)
    expect(await verified(migration, ground)).toEqual([expect.objectContaining({ next: 5, evidence, verdicts: [] })])

    const { ground: again } = await chained(migration)
    const files = await verified(migration, again, { going: () => false })
    expect(files.map(({ next }) => next)).toEqual([1, 2, 3, 4, 5])
    expect(countsOf(files)).toEqual({ ...noVerdicts(), verified: 5 })
  })

  test('turns that run out of time among what only the destination has go on behind it', async () => {
    const migration = migrationOf('listing', request)
    const { ground } = await chained(migration)
    await throng(ground, ['a', 'd', 'z'])
    const files = await verified(migration, ground, { going: () => false })
    expect(countsOf(files)).toEqual({ ...noVerdicts(), verified: 5, extra: 7500 })
    expect(new Set(linesOf(files).map(({ key }) => key.toString())).size).toBe(7500)
  })

  test('what stands between is told once, also where a turn ends among the versions of one key', async () => {
    const migration = migrationOf('listing', request)
    const { ground } = await chained(migration)
    for (const name of ['a', 'd', 'z']) await ground.destination.put(there(key(name)), key('x'))
    const files = await verified(migration, ground, { going: () => false })
    expect(linesOf(files).map(({ key, verdict }) => `${verdict} ${key.toString()}`)).toEqual(
      ['a', 'd', 'z'].map((name) => `extra moved/${name}`),
    )
  })

  test.each<[VerificationMode, RegExp | undefined]>([
    ['listing', undefined],
    ['checksum', /^checksum AAAAAA== at the destination/],
    ['reread', /^byte 0 is another one/],
  ])('%s and an older version that is damaged', async (mode, detail) => {
    const migration = migrationOf(mode, request)
    const { ground, victim } = await chained(migration)
    const lines = linesOf(await verified(migration, ground, { destination: { ...ground.destination, ...damaged(ground, victim) } }))
    const { versionId } = victim
    expect(versionId).toBeDefined()
    expect(lines).toEqual(
      detail === undefined ? [] : [{ key: CHAIN, versionId, verdict: 'different', detail: expect.stringMatching(detail) }],
    )
  })
})
