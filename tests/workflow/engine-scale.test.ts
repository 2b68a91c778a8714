import { bench } from './engine-support'

/** One child per item, two Tasks each. */
const definition = `
StartAt: Copy
States:
  Copy:
    Type: Map
    MaxConcurrency: 50
    ItemReader:
      Resource: arn:aws:states:::s3:listObjectsV2
      Parameters: {Bucket: '#{StateBucket}', Prefix: shards/}
    ItemSelector: {migration.$: $.migration, shard.$: $$.Map.Item.Value.Key}
    ItemProcessor:
      ProcessorConfig: {Mode: DISTRIBUTED, ExecutionType: STANDARD}
      StartAt: Copied
      States:
        Copied: {Type: Task, Resource: {Ref: copy}, ResultPath: $.batch, Next: Checked}
        Checked: {Type: Choice, Choices: [{Variable: $.batch.done, BooleanEquals: true, Next: Done}], Default: Copied}
        Done: {Type: Succeed, OutputPath: $.batch}
    ResultWriter:
      Resource: arn:aws:states:::s3:putObject
      Parameters: {Bucket: '#{StateBucket}', Prefix: map-runs}
    End: true
`

it('10,000 items, 50 at once: every one once, in memory that does not grow with them', async () => {
  const seen = new Map<string, number>()
  let now = 0
  let peak = 0
  const heap: number[] = []
  let largest = 0
  const b = bench(
    definition,
    {},
    {
      onState: () => undefined,
      invoke: async (_, event: any) => {
        peak = Math.max(peak, ++now)
        await new Promise((resolve) => setImmediate(resolve))
        const turn = (seen.get(event.shard) ?? 0) + 1
        seen.set(event.shard, turn)
        if (seen.size % 1_000 === 0 && turn === 2) heap.push(process.memoryUsage().heapUsed)
        now--
        return { done: turn === 2 }
      },
      listItems: async function* () {
        for (let index = 0; index < 10_000; index++)
          yield { Key: `shards/${index}.jsonl`, Size: 1, Etag: 'e', LastModified: 1, StorageClass: 'STANDARD' }
      },
      putResult: async (_bucket, _key, body) => void (largest = Math.max(largest, body.length)),
    },
  )
  const before = process.memoryUsage().rss
  const began = performance.now()
  expect((await b.run({ migration: { runId: 'r', fill: 'x'.repeat(1_000) } })).status).toBe('SUCCEEDED')
  const seconds = (performance.now() - began) / 1000
  const growth = (process.memoryUsage().rss - before) / 1e6
  process.stdout.write(`10,000 children, 20,000 calls: ${seconds.toFixed(1)} s, memory +${growth.toFixed(0)} MB\n`)
  expect(seen.size).toBe(10_000)
  expect([...seen.values()].every((turns) => turns === 2)).toBe(true)
  expect(peak).toBe(50)
  expect(largest).toBeLessThan(2 * 1024 * 1024)
  expect(growth).toBeLessThan(250)
}, 60_000)
