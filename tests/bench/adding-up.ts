/**
 * What it takes to add up a run: CPU and wall time per shard of 1,000 objects, over a state bucket in memory; and, where each request
 * takes 25 ms, the wall time of a shard whose objects are large, so that each has outcome files of its own.
 *   node --import tsx tests/bench/adding-up.ts 300       300 shards
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ObjectStore } from '../../layers/core/domain/object-store'
import { outcomeToLine, type Outcome } from '../../layers/core/domain/outcomes'
import { RunSums } from '../../layers/core/domain/run-sums'
import { shardToText, type ShardObject } from '../../layers/core/domain/shards'
import { writeText } from '../../layers/core/domain/state-files'
import { batchName, largeName, outcomesKey, shardKey, verdictsKey } from '../../layers/core/domain/state-keys'
import { noVerdicts, verdictsToText } from '../../layers/core/domain/verdicts'
import { readShardFiles } from '../../layers/core/transfer/read-shard-files'
import { memoryStore } from '../support/memory-store'

const OBJECTS = 1000
const LARGE = 200
const REQUEST_MS = 25
const START = Date.parse('2026-11-26T08:00:00Z')
const RUN = 'bench'
const { signal } = new AbortController()

const hex = (index: number): string => index.toString(16).padStart(32, '0')

const objectOf = (index: number, large: boolean): ShardObject => ({
  key: Buffer.from(`year=${2000 + (index % 20)}/month=11/part-${String(index).padStart(9, '0')}.parquet`),
  ...{ size: 200 + (index % 1801), etag: `"${hex(index)}"`, lastModified: '2026-11-01T08:00:00.000Z', storageClass: 'STANDARD', large },
})

const outcomeOf = ({ key, size, etag }: ShardObject, index: number): Outcome => ({
  ...{ key, outcome: 'copied', bytes: size, at: START + index * 7, ms: 40 + (index % 90), etag, crc32: 'AAAAAA==', proof: 'md5' },
})

/** A shard of so many objects, with their outcomes and one verdict file. Returns the name of its file. */
const write = async (state: ObjectStore, number: number, count: number, large: boolean): Promise<string> => {
  const objects = Array.from({ length: count }, (_, index) => objectOf(number * OBJECTS + index, large)).sort((a, b) =>
    Buffer.compare(a.key, b.key),
  )
  const name = batchName(Buffer.from(hex(number)))
  const file = shardKey(RUN, name)
  await writeText(state, file, shardToText({ after: undefined, upTo: undefined, objects, excluded: [] }))
  const lines = objects.map((object, index) => `${outcomeToLine(outcomeOf(object, number * OBJECTS + index))}\n`)
  if (!large) await writeText(state, outcomesKey(RUN, name, 0), lines.join(''))
  else for (const [index, { key }] of objects.entries()) await writeText(state, outcomesKey(RUN, largeName(key), 0), lines[index]!)
  const counts = { ...noVerdicts(), verified: count }
  const verdicts = { first: 0, next: count, counts, evidence: { 'put-etag': count }, at: START, ms: 100, verdicts: [] }
  await writeText(state, verdictsKey(RUN, name, 0), verdictsToText(verdicts))
  return file
}

const slow = (inner: ObjectStore): ObjectStore => ({
  ...inner,
  read: async (...call) => (await sleep(REQUEST_MS), inner.read(...call)),
  async *list(...call) {
    await sleep(REQUEST_MS)
    yield* inner.list(...call)
  },
})

const measured = async (act: () => Promise<void>): Promise<{ cpu: number; wall: number }> => {
  const [before, began] = [process.cpuUsage(), performance.now()]
  await act()
  const { user, system } = process.cpuUsage(before)
  return { cpu: (user + system) / 1000, wall: performance.now() - began }
}

const addUp = async (state: ObjectStore, files: readonly string[]): Promise<void> => {
  const sums = new RunSums({ runId: RUN, startedAt: START, now: START + 86_400_000, verified: true })
  for (const file of files) sums.add(await readShardFiles(RUN, file, state, { signal }))
  const faults = sums.faults()
  if (faults.length > 0) throw new Error(faults[0])
}

const shards = Number(process.argv[2] ?? 300)
const state = memoryStore()
const files: string[] = []
for (let number = 0; number < shards; number++) files.push(await write(state, number, OBJECTS, false))
await addUp(state, files.slice(0, 30)) // the compiler has seen it
const { cpu, wall } = await measured(() => addUp(state, files))
process.stdout.write(
  `${shards} shards of ${OBJECTS} objects: ${(cpu / shards).toFixed(2)} ms of CPU, ${(wall / shards).toFixed(2)} ms a shard\n`,
)
const large = memoryStore()
const file = await write(large, 0, LARGE, true)
const waited = await measured(() => addUp(slow(large), [file]))
process.stdout.write(`a shard of ${LARGE} large objects, ${REQUEST_MS} ms a request: ${(waited.wall / 1000).toFixed(2)} s\n`)
