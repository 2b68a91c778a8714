import { listSource, parseRequest, type ObjectStore } from '@drayage/core'
import { listNames, readBytes } from '../../layers/core/domain/state-files'
import { stateKeys } from '../../layers/core/domain/state-keys'
import { shardFaults, type TextFile } from '../kill/shards'
import { memoryStore } from '../support/memory-store'
import { fill } from './harness'

const signal = new AbortController().signal

const migration = parseRequest(
  {
    source: { bucket: 'source', endpoint: 'embedded' },
    destination: { bucket: 'destination', endpoint: 'embedded' },
    limits: { batchObjects: 5, largeObjectBytes: 5 * 1024 * 1024 },
  },
  { runtime: 'local', runId: 'run', executionId: 'x:run', now: new Date() },
)
const keys = stateKeys('run')

/** The state bucket of a process that dies when it is about to write this file for the nth time: nothing is written from then on. */
const dying = (inner: ObjectStore, suffix: string, nth: number): ObjectStore => {
  let times = 0
  let dead = false
  return {
    ...inner,
    put: async (key, body, options) => {
      if (key.toString().includes(suffix)) times++
      dead ||= times === nth
      if (dead) throw new Error('killed')
      return inner.put(key, body, options)
    },
  }
}

const filesUnder = async (state: ObjectStore, prefix: string): Promise<TextFile[]> =>
  Promise.all((await listNames(state, prefix)).map(async (name) => ({ name, text: (await readBytes(state, name)).body.toString() })))

const faultsOf = async (state: ObjectStore): Promise<string[]> =>
  shardFaults(await filesUnder(state, keys.batches), await filesUnder(state, keys.large), { whole: true })

const turn = (state: ObjectStore, source: ObjectStore) =>
  listSource(migration, { state, source, now: () => new Date(), signal, going: () => true })

/** 28 objects in shards of 5, two of them large: 6 shards, 2 units. */
const filled = async () => {
  const source = memoryStore()
  await fill(source, 26, 2)
  return { source, state: memoryStore() }
}

describe.each([
  ['cursor.json', 'between a shard and its cursor', [1, 2, 5, 6]],
  ['shards/batches/', 'between a large object’s unit and its shard', [1]],
  ['shards/large/', 'before a large object’s unit', [1, 2]],
])('killed before writing %s: %s', (suffix, _where, moments) => {
  test.each(moments)('no. %i: the next turn writes the same files again, and no key is in two shards', async (nth) => {
    const { source, state } = await filled()
    await expect(turn(dying(state, suffix, nth), source)).rejects.toThrow('killed')
    const left = await filesUnder(state, keys.shards)
    expect(await turn(state, source)).toMatchObject({ more: false, listed: 28, large: 2, batches: 6 })
    expect(await faultsOf(state)).toEqual([])
    const whole = new Map((await filesUnder(state, keys.shards)).map(({ name, text }) => [name, text]))
    for (const { name, text } of left) expect(whole.get(name)).toBe(text)
  })

  test.each(moments)('no. %i: also when the source has other objects by then', async (nth) => {
    const { source, state } = await filled()
    await expect(turn(dying(state, suffix, nth), source)).rejects.toThrow('killed')
    for (const key of ['large/0/inserted', 'object/00001/inserted', 'object/00024/inserted'])
      await source.put(Buffer.from(key), Buffer.from('new'))
    let listed = 0
    for (let more = true; more;) ({ more, listed } = await turn(state, source))
    expect(listed).toBeGreaterThanOrEqual(28)
    expect(await faultsOf(state)).toEqual([])
  })
})

test('a shard that kept its name from before it was cut elsewhere would be found', async () => {
  const { source, state } = await filled()
  await turn(state, source)
  const [shard] = await filesUnder(state, keys.batches)
  await state.put(Buffer.from(`${keys.batches}${'0'.repeat(40)}.jsonl`), Buffer.from(shard!.text))
  expect((await faultsOf(state)).join()).toContain('is in two shards')
})
