import type { Key, Report } from '@drayage/core'
import { VERIFICATION_MODES, type VerificationMode } from '../../layers/core/domain/migration'
import { reportSchema } from '../../layers/core/domain/report-schema'
import { listNames, readBytes, writeText } from '../../layers/core/domain/state-files'
import { largeName, outcomesPrefix, stateKeys } from '../../layers/core/domain/state-keys'
import type { VerdictFile, VerdictName } from '../../layers/core/domain/verdicts'
import { memoryStore, type MemoryStore } from '../support/memory-store'
import { REQUEST, World } from './harness'

/**
 * What may happen to a destination and to a run's own files behind the copying, planted one at a time into the real state machine. Each
 * must be found by every mode that promises to find it, and by nobody else: a clean run reports nothing.
 */

const RUN = 'run'
const keys = stateKeys(RUN)
const key = (text: string): Key => Buffer.from(text)
const VICTIM = key('object/00007')
const NEIGHBOUR = key('object/00008')
const LARGE = key('zlarge')
const OBJECTS = 12
const MIB = 1024 * 1024

/** Where a mutation is planted: when the first call of this function comes in. */
type Moment = 'verifyBatch' | 'reconcile'

class Planted extends World {
  readonly files: MemoryStore
  readonly there: MemoryStore
  #pending: { moment: Moment; plant(world: Planted): Promise<unknown> } | undefined

  constructor(mutation?: { moment: Moment; plant(world: Planted): Promise<unknown> }) {
    const [files, there] = [memoryStore(), memoryStore({ versions: true })]
    super({ state: files, destination: there })
    this.files = files
    this.there = there
    this.#pending = mutation
  }

  override async call(name: string, event: unknown): Promise<unknown> {
    const pending = this.#pending
    if (pending !== undefined && name === pending.moment) {
      this.#pending = undefined
      await pending.plant(this)
    }
    return super.call(name, event)
  }

  /** Copies the corpus in shards of 5, with an older version of the victim at the destination. */
  async migrate(mode: VerificationMode): Promise<Report> {
    for (let index = 0; index < OBJECTS; index++)
      await this.source.put(key(`object/${String(index).padStart(5, '0')}`), key(`body ${index}`), {
        headers: { contentType: 'text/plain', metadata: { colour: 'red' } },
      })
    await this.source.put(LARGE, Buffer.alloc(6 * MIB, 1))
    await this.there.put(VICTIM, key('body 0'))
    await this.run({ ...REQUEST, limits: { ...REQUEST.limits, batchObjects: 5 }, verification: { mode } }, RUN)
    expect(this.#pending).toBeUndefined()
    return this.report(RUN)
  }

  async bytes(name: Key): Promise<Buffer> {
    return (await readBytes(this.there, name.toString('latin1'))).body
  }

  /** Rewrites a file of the run, line by line. */
  async edit(name: string, change: (lines: string[]) => string[]): Promise<void> {
    const lines = (await this.text(name)).trimEnd().split('\n')
    await writeText(this.files, name, `${change(lines).join('\n')}\n`)
  }

  /** The file that holds the object. */
  async fileWith(prefix: string, object = VICTIM): Promise<string> {
    for (const name of await listNames(this.files, prefix)) if ((await this.text(name)).includes(object.toString())) return name
    throw new Error(`no file under ${prefix} holds ${object.toString()}`)
  }

  async drop(name: string): Promise<void> {
    expect(await listNames(this.files, name)).toContain(name)
    this.files.drop(key(name))
  }
}

/** How a mutation shows: a verdict on the object, or a fault of the run's files. undefined: this mode does not promise it. */
type Finder = VerdictName | RegExp | undefined

interface Mutation {
  name: string
  moment: Moment
  plant(world: Planted): Promise<unknown>
  by: Record<VerificationMode, Finder>
  /** the object that is named; VICTIM unless given */
  object?: Key
  /** another one that is named behind it */
  also?: Key
  /** planted behind the verification it is not looked at any more */
  onlyBefore?: true
  /** objects that only the destination has by it */
  extra?: number
}

const everyMode = (finder: Finder): Record<VerificationMode, Finder> => ({ listing: finder, checksum: finder, reread: finder })

const json = <T>(line: string | undefined): T => JSON.parse(line!) as T

/** Of the destination. The victim has a version before the one that the run wrote. */
const AT_THE_DESTINATION: Omit<Mutation, 'moment'>[] = [
  {
    name: 'an object dropped',
    plant: async ({ there }) => (there.drop(VICTIM), there.drop(VICTIM)),
    by: everyMode('missing'),
  },
  { name: 'an object replaced by an older version', plant: async ({ there }) => there.drop(VICTIM), by: everyMode('different') },
  {
    name: 'a byte flipped, and the object written again with the same size',
    plant: async ({ there }) => there.put(VICTIM, key('bodY 7')),
    by: everyMode('different'),
  },
  {
    name: 'a byte flipped under the same ETag, size and checksum',
    plant: async ({ there }) => there.alter(VICTIM, { bytes: key('bodY 7') }),
    by: { listing: undefined, checksum: undefined, reread: 'different' },
  },
  {
    name: 'a byte of a large object flipped under the same ETag, size and checksum',
    plant: async (world) => {
      const bytes = Buffer.from(await world.bytes(LARGE))
      bytes[5 * MIB]! ^= 1
      world.there.alter(LARGE, { bytes })
    },
    by: { listing: undefined, checksum: undefined, reread: 'different' },
    object: LARGE,
  },
  { name: 'an object truncated', plant: async ({ there }) => there.alter(VICTIM, { bytes: key('body') }), by: everyMode('different') },
  {
    name: 'a large object truncated',
    plant: async ({ there }) => there.alter(LARGE, { bytes: Buffer.alloc(5 * MIB, 1) }),
    by: everyMode('different'),
    object: LARGE,
  },
  {
    name: 'metadata changed',
    plant: async ({ there }) => {
      const { headers } = (await there.stat(VICTIM))!
      there.alter(VICTIM, { info: { headers: { ...headers, metadata: { ...headers.metadata, colour: 'blue' } } } })
    },
    by: { listing: undefined, checksum: 'different', reread: 'different' },
  },
  {
    name: 'a metadata entry removed',
    plant: async ({ there }) => {
      const { headers } = (await there.stat(VICTIM))!
      const { colour: _colour, ...metadata } = headers.metadata
      there.alter(VICTIM, { info: { headers: { ...headers, metadata } } })
    },
    by: { listing: undefined, checksum: 'different', reread: 'different' },
  },
  {
    name: 'a metadata entry added',
    plant: async ({ there }) => {
      const { headers } = (await there.stat(VICTIM))!
      there.alter(VICTIM, { info: { headers: { ...headers, metadata: { ...headers.metadata, more: 'x' } } } })
    },
    by: { listing: undefined, checksum: 'different', reread: 'different' },
  },
  {
    name: 'a content encoding put on',
    plant: async ({ there }) => {
      const { headers } = (await there.stat(VICTIM))!
      there.alter(VICTIM, { info: { headers: { ...headers, contentEncoding: 'gzip' } } })
    },
    by: { listing: undefined, checksum: 'different', reread: 'different' },
  },
  {
    name: 'the storage class of a large object changed',
    plant: async ({ there }) => there.alter(LARGE, { info: { storageClass: 'ONEZONE_IA' } }),
    by: { listing: undefined, checksum: 'different', reread: 'different' },
    object: LARGE,
  },
  {
    name: 'two objects of one size swapped, and written again',
    plant: async (world) => {
      const [a, b] = [await world.bytes(VICTIM), await world.bytes(NEIGHBOUR)]
      await world.there.put(VICTIM, b)
      await world.there.put(NEIGHBOUR, a)
    },
    by: everyMode('different'),
    also: NEIGHBOUR,
  },
  {
    name: 'two objects of one size swapped under their ETags and checksums',
    plant: async (world) => {
      const [a, b] = [await world.bytes(VICTIM), await world.bytes(NEIGHBOUR)]
      world.there.alter(VICTIM, { bytes: b })
      world.there.alter(NEIGHBOUR, { bytes: a })
    },
    by: { listing: undefined, checksum: undefined, reread: 'different' },
    also: NEIGHBOUR,
  },
  {
    name: 'an object renamed',
    plant: async (world) => {
      await world.there.put(key('object/00007 (1)'), await world.bytes(VICTIM))
      world.there.drop(VICTIM)
      world.there.drop(VICTIM)
    },
    by: everyMode('missing'),
    extra: 1,
  },
  {
    name: 'an extra object',
    plant: async ({ there }) => there.put(key('object/00007a'), key('not of the source')),
    by: everyMode('extra'),
    object: key('object/00007a'),
  },
]

/** Of the run's files. Who reads them after the copying is told in the report's faults, with the shard's name. */
const IN_THE_FILES: Omit<Mutation, 'moment'>[] = [
  {
    name: 'an outcome line removed',
    plant: async (world) => world.edit(await world.fileWith(keys.outcomes), (lines) => lines.slice(0, -1)),
    by: everyMode(/^batches\/[0-9a-f]{40}: 1 of 5 objects has no outcome/m),
  },
  {
    name: 'the outcome line of one object removed from the middle',
    plant: async (world) =>
      world.edit(await world.fileWith(keys.outcomes), (lines) => lines.filter((line) => !line.includes(VICTIM.toString()))),
    by: everyMode(/do not stand in the order of its objects/),
  },
  {
    name: 'an outcome doubled',
    plant: async (world) => world.edit(await world.fileWith(keys.outcomes), (lines) => [...lines, lines.at(-1)!]),
    by: everyMode(/an object has two outcomes/),
  },
  {
    name: 'an outcome of an object that was never listed',
    plant: async (world) =>
      world.edit(await world.fileWith(keys.outcomes), (lines) => [
        ...lines,
        JSON.stringify({ ...json<object>(lines[0]), key: 'stranger' }),
      ]),
    by: everyMode(/1 outcome is for an object that the shard does not list/),
  },
  {
    name: 'the ETags of two outcomes swapped',
    plant: async (world) =>
      world.edit(await world.fileWith(keys.outcomes), (lines) => {
        const outcomes = lines.map((line) => json<{ key: string; etag: string }>(line))
        const [a, b] = [VICTIM, NEIGHBOUR].map((each) => outcomes.find((outcome) => outcome.key === each.toString())!)
        ;[a!.etag, b!.etag] = [b!.etag, a!.etag]
        return outcomes.map((outcome) => JSON.stringify(outcome))
      }),
    by: everyMode('different'),
    also: NEIGHBOUR,
    onlyBefore: true,
  },
  {
    name: 'an outcome that counts other bytes',
    plant: async (world) =>
      world.edit(await world.fileWith(keys.outcomes), ([first, ...rest]) => [
        JSON.stringify({ ...json<object>(first), bytes: 1e9 }),
        ...rest,
      ]),
    by: everyMode(/1 outcome counts other bytes/),
  },
  {
    name: 'half an outcome line',
    plant: async (world) => world.edit(await world.fileWith(keys.outcomes), (lines) => [...lines.slice(0, -1), lines.at(-1)!.slice(0, 20)]),
    by: everyMode(/a line of .* is not an outcome/),
  },
  {
    name: 'an outcome file removed',
    plant: async (world) => world.drop(await world.fileWith(keys.outcomes)),
    by: everyMode(/5 of 5 objects have no outcome/),
  },
  {
    name: "a large object's outcome removed",
    plant: async (world) => world.drop((await listNames(world.files, outcomesPrefix(RUN, largeName(LARGE))))[0]!),
    by: everyMode(/1 of 3 objects has no outcome/),
    object: LARGE,
  },
  {
    name: 'a shard deleted',
    plant: async (world) => world.drop(await world.fileWith(keys.batches)),
    by: everyMode(/a shard is missing: no shard begins where another ends/),
  },
  {
    name: "a shard's header altered: its range ends later",
    plant: async (world) =>
      world.edit(await world.fileWith(keys.batches), ([header, ...rest]) => [
        JSON.stringify({ ...json<object>(header), upTo: 'object/00010' }),
        ...rest,
      ]),
    by: everyMode(/no shard begins where another ends/),
  },
  {
    name: "the last shard's header altered: its range has an end",
    plant: async (world) =>
      world.edit(await world.fileWith(keys.batches, LARGE), ([header, ...rest]) => [
        JSON.stringify({ ...json<object>(header), upTo: 'zlarge' }),
        ...rest,
      ]),
    by: everyMode(/no shard begins where another ends/),
  },
  {
    name: "a shard's header altered: it counts one less",
    plant: async (world) =>
      world.edit(await world.fileWith(keys.batches), ([header, ...rest]) => [
        JSON.stringify({ ...json<object>(header), listed: json<{ listed: number }>(header).listed - 1 }),
        ...rest,
      ]),
    by: everyMode(/its header counts 4 objects/),
  },
  {
    name: 'an object left out of a shard, header and all',
    plant: async (world) =>
      world.edit(await world.fileWith(keys.batches), ([header, ...rest]) => [
        JSON.stringify({ ...json<object>(header), listed: json<{ listed: number }>(header).listed - 1 }),
        ...rest.filter((line) => !line.includes(VICTIM.toString())),
      ]),
    by: everyMode(/the shards hold 12 \(listed\), and the listing counted 13/),
  },
  {
    name: 'the cursor altered: it counts one more',
    plant: async (world) => world.edit(keys.cursor, (lines) => lines.map((line) => line.replace('"listed": 13', '"listed": 14'))),
    by: everyMode(/the shards hold 13 \(listed\), and the listing counted 14/),
  },
  {
    name: 'the cursor altered: it is not JSON',
    plant: async (world) => world.edit(keys.cursor, (lines) => lines.slice(1)),
    by: everyMode(/cursor\.json in the state bucket is not JSON/),
  },
]

/** These can only be done behind the verification, which writes the files, or would write them again. */
const BEHIND_VERIFICATION: Omit<Mutation, 'moment'>[] = [
  {
    name: 'a verdict file removed',
    plant: async (world) => world.drop((await listNames(world.files, keys.verdicts))[0]!),
    by: everyMode(/^batches\/[0-9a-f]{40}: its verdicts cover 0 of/m),
  },
  {
    name: 'a verdict altered: missing becomes verified',
    plant: async (world) =>
      world.edit((await listNames(world.files, keys.verdicts))[0]!, ([header, ...rest]) => [
        header!.replace(/"verified":(\d+)/, (_all, verified: string) => `"verified":${Number(verified) + 1}`),
        ...rest,
      ]),
    by: everyMode(/the counts of its verdicts are not those of their lines/),
  },
  {
    name: 'a verdict file doubled behind itself',
    plant: async (world) => {
      const name = (await listNames(world.files, keys.verdicts))[0]!
      await writeText(world.files, name.replace('000000.jsonl', '000005.jsonl'), await world.text(name))
    },
    by: everyMode(/does not begin where the verdicts before it end/),
  },
  {
    name: 'a verdict line added',
    plant: async (world) =>
      world.edit((await listNames(world.files, keys.verdicts))[0]!, (lines) => [
        ...lines,
        JSON.stringify({ key: VICTIM.toString(), verdict: 'missing', detail: '' }),
      ]),
    by: everyMode(/the counts of its verdicts are not those of their lines/),
  },
  {
    name: 'a verdict of an object that does not stand in the shard, counted and all',
    plant: async (world) =>
      world.edit((await listNames(world.files, keys.verdicts))[0]!, ([header]) => {
        const { counts, evidence, ...rest } = json<VerdictFile>(header)
        const [[rests, verified]] = Object.entries(evidence) as [[string, number]]
        return [
          JSON.stringify({ ...rest, counts: { ...counts, verified: verified - 1, missing: 1 }, evidence: { [rests]: verified - 1 } }),
          JSON.stringify({ key: 'object/never', verdict: 'missing', detail: '' }),
        ]
      }),
    by: everyMode(/a verdict is doubled, or is of an object that does not stand there/),
  },
  {
    name: 'a verdict file that says what it rests on in words of its own',
    plant: async (world) =>
      world.edit((await listNames(world.files, keys.verdicts))[0]!, ([header, ...rest]) => [
        header!.replace(/"evidence":{"[a-z-]+"/, '"evidence":{"faith"'),
        ...rest,
      ]),
    by: everyMode(/a verdict file does not count verdicts/),
  },
  ...['{}', 'null', '{"key":5}', '{"key":'].map((line) => ({
    name: `a verdict line that is ${line}`,
    plant: async (world: Planted) => world.edit((await listNames(world.files, keys.verdicts))[0]!, (lines) => [...lines, line]),
    by: everyMode(/a line of .* is not a verdict/),
  })),
]

const MUTATIONS: Mutation[] = [
  ...AT_THE_DESTINATION.map((mutation) => ({ ...mutation, moment: 'verifyBatch' as const })),
  ...IN_THE_FILES.map((mutation) => ({ ...mutation, moment: 'verifyBatch' as const })),
  ...IN_THE_FILES.filter(({ onlyBefore }) => !onlyBefore).map((mutation) => ({
    ...mutation,
    name: `${mutation.name}, behind the verification`,
    moment: 'reconcile' as const,
  })),
  ...BEHIND_VERIFICATION.map((mutation) => ({ ...mutation, moment: 'reconcile' as const })),
]

/** Who found what: filled by the tests, and counted at the end. */
const promised: string[] = []
const found: string[] = []

describe.each(VERIFICATION_MODES)('mode %s', (mode) => {
  test('a clean run reports nothing', async () => {
    const world = new Planted()
    const report = await world.migrate(mode)
    expect(report).toMatchObject({
      outcome: 'verified',
      faults: [],
      failures: { count: 0, complete: true, reasons: [] },
      extra: { count: 0 },
      vanished: { count: 0 },
      ledger: { listed: OBJECTS + 1, copied: OBJECTS + 1, balanced: true },
    })
    expect(reportSchema.parse(report)).toEqual(report)
    expect(await world.text(keys.failures)).toBe('key,what,reason,detail,key_base64,version_id\r\n')
    expect(await world.text(keys.failedKeys)).toBe('')
    expect(world.letters).toEqual([])
  })

  test.each(MUTATIONS.map((mutation) => [mutation.name, mutation] as const))('%s', async (name, mutation) => {
    const finder = mutation.by[mode]
    const world = new Planted(mutation)
    const report = await world.migrate(mode)
    expect(reportSchema.safeParse(report).error).toBeUndefined()
    if (finder === undefined) {
      // What a mode does not promise it does not find either, or its description is wrong.
      expect(report).toMatchObject({ outcome: 'verified', faults: [], failures: { count: 0 } })
      return
    }
    promised.push(`${mode}: ${name}`)
    const object = (mutation.object ?? VICTIM).toString()
    if (finder === 'extra') {
      expect(report).toMatchObject({ outcome: 'verified', extra: { count: 1, sample: [{ key: object, what: 'extra' }] } })
      expect(await world.text(keys.extra)).toContain(`${object},extra,`)
    } else if (finder instanceof RegExp) {
      expect(report).toMatchObject({ outcome: 'not-verified', succeeded: false })
      expect(report.faults.join('\n')).toMatch(finder)
    } else {
      const objects = [object, ...(mutation.also === undefined ? [] : [mutation.also.toString()])]
      expect(report).toMatchObject({
        ...{ outcome: 'not-verified', succeeded: false, faults: [] },
        failures: { count: objects.length, complete: true },
        extra: { count: mutation.extra ?? 0 },
      })
      expect(report.failures.sample).toEqual(objects.map((each) => expect.objectContaining({ key: each, what: finder })))
      for (const each of objects) expect(await world.text(keys.failures)).toContain(`\r\n${each},${finder},`)
      expect(await world.text(keys.failedKeys)).toBe(objects.map((each) => `${JSON.stringify(each)}\n`).join(''))
      expect(world.letters).toEqual([expect.objectContaining({ objects: objects.length })])
    }
    found.push(`${mode}: ${name}`)
  })
})

test('more extra objects than one turn takes are all counted and listed, each once', async () => {
  const extra = 50_001
  const world = new Planted({
    moment: 'verifyBatch',
    plant: async ({ there }) => {
      for (let index = 0; index < extra; index++) await there.put(key(`zz${index}`), key('x'))
    },
  })
  expect(await world.migrate('listing')).toMatchObject({
    outcome: 'verified',
    extra: { count: extra },
    verification: { counts: { extra } },
  })
  const rows = (await world.text(keys.extra)).trimEnd().split('\r\n').slice(1)
  expect([rows.length, new Set(rows).size]).toEqual([extra, extra])
  expect((await listNames(world.files, keys.verdicts)).length).toBe(4)
})

test('all that is promised is found, by every mode', () => {
  const all = VERIFICATION_MODES.flatMap((mode) => MUTATIONS.filter(({ by }) => by[mode] !== undefined))
  expect(found).toEqual(promised)
  expect(found).toHaveLength(all.length)
  process.stderr.write(`mutations: ${found.length} of ${all.length} found\n`)
})
