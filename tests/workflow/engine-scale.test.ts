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

it('10,000 items, 50 at once: every one once, none read long before its turn, results in files of bounded size', async () => {
  const seen = new Map<string, number>()
  let now = 0
  let peak = 0
  let read = 0
  let done = 0
  let ahead = 0
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
        if (turn === 2) done++
        now--
        return { done: turn === 2 }
      },
      listItems: async function* () {
        for (; read < 10_000; read++) {
          ahead = Math.max(ahead, read - done)
          yield { Key: `shards/${read}.jsonl`, Size: 1, Etag: 'e', LastModified: 1, StorageClass: 'STANDARD' }
        }
      },
      putResult: async (_bucket, _key, body) => void (largest = Math.max(largest, body.length)),
    },
  )
  expect((await b.run({ migration: { runId: 'r', fill: 'x'.repeat(1_000) } })).status).toBe('SUCCEEDED')
  expect(seen.size).toBe(10_000)
  expect([...seen.values()].every((turns) => turns === 2)).toBe(true)
  expect(peak).toBe(50)
  expect(ahead).toBeLessThanOrEqual(100)
  expect(largest).toBeLessThan(2 * 1024 * 1024)
})
