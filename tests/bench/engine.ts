/**
 * How long the local engine takes for the children of one Distributed Map, and what memory it holds: two Tasks a child that
 * do nothing, 50 at once.   node --expose-gc --import tsx tests/bench/engine.ts 1000 10000 100000
 */
import { parseDefinition, startExecution } from '../../cli/local/engine/index'

const DEFINITION = `
StartAt: Copy
States:
  Copy:
    Type: Map
    MaxConcurrency: 50
    ItemReader: {Resource: 'arn:aws:states:::s3:listObjectsV2', Parameters: {Bucket: '#{StateBucket}', Prefix: shards/}}
    ItemSelector: {migration.$: $.migration, shard.$: $$.Map.Item.Value.Key}
    ItemProcessor:
      ProcessorConfig: {Mode: DISTRIBUTED, ExecutionType: STANDARD}
      StartAt: First
      States:
        First: {Type: Task, Resource: {Ref: first}, ResultPath: $.batch, Next: Second}
        Second: {Type: Task, Resource: {Ref: second}, ResultPath: $.batch, Next: Done}
        Done: {Type: Succeed, OutputPath: $.batch}
    ResultWriter: {Resource: 'arn:aws:states:::s3:putObject', Parameters: {Bucket: '#{StateBucket}', Prefix: map-runs}}
    End: true
`

const MB = 1e6

const run = async (children: number): Promise<string> => {
  global.gc?.()
  const start = process.memoryUsage()
  const began = performance.now()
  const used = process.cpuUsage()
  let calls = 0
  let heap = 0
  const { result } = startExecution(
    {
      definition: parseDefinition(DEFINITION),
      substitutions: { StateBucket: 'state' },
      invoke: async () => {
        if (++calls % 2000 === 0) {
          global.gc?.()
          heap = Math.max(heap, process.memoryUsage().heapUsed - start.heapUsed)
        }
        return { done: true }
      },
      listItems: async function* () {
        for (let at = 0; at < children; at++)
          yield { Key: `shards/${at}.jsonl`, Size: 1, Etag: 'e', LastModified: 1, StorageClass: 'STANDARD' }
      },
      putResult: async () => undefined,
      maxConcurrency: 50,
    },
    { migration: { runId: 'r', fill: 'x'.repeat(1000) } },
    `bench-${children}`,
  )
  const { status } = await result
  if (status !== 'SUCCEEDED' || calls !== 2 * children) throw new Error(`${status} after ${calls} calls`)
  const { user, system } = process.cpuUsage(used)
  const seconds = (performance.now() - began) / 1000
  return `${children} children: ${seconds.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s CPU, live heap at most +${(heap / MB).toFixed(1)} MB, RSS ${(process.memoryUsage().rss / MB).toFixed(0)} MB`
}

for (const children of process.argv.slice(2)) process.stdout.write(`${await run(Number(children))}\n`)
