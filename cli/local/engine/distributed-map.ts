import { randomUUID } from 'node:crypto'
import { forEachAtOnce } from './at-once'
import type { DistributedMapState } from './definition'
import { childId, childMachineId, mapRunId, type EngineOptions, type Item } from './engine'
import { StatesError, taskError } from './errors'
import { readItems } from './item-reader'
import { limitOf } from './limit'
import { ResultWriter, type ChildRecord } from './result-writer'
import { runProgram, type Program, type Run, type Work } from './run'
import { selector, type Select } from './select'
import { isExceeded, toleranceOf, type Tolerance } from './tolerance'

/** "Distributed: up to 10,000 parallel child workflow executions." */
const DISTRIBUTED_AT_ONCE = 10_000

/** One turn of a Distributed Map: a retried Map is a new Map Run. */
interface MapRun {
  label: string
  input: unknown
  run: Run
  processor: Program
  select: Select | undefined
  writer: ResultWriter
  tolerance: Tolerance
  failed: number
}

interface Settings {
  limit: unknown
  count?: unknown
  percentage?: unknown
  reader: { Bucket: string; Prefix: string }
}

/**
 * A Distributed Map over the objects below a prefix, each in a child execution of its own, their results into files.
 * Throws States.ItemReaderFailed, States.ResultWriterFailed, States.ExceedToleratedFailureThreshold; children under way are
 * waited for, none is begun.
 */
export const mapDistributed = (name: string, state: DistributedMapState, processor: Program, options: EngineOptions): Work => {
  const label = state.Label ?? name
  const settings = selector(settingsTemplate(state))
  const select = state.ItemSelector === undefined ? undefined : selector(state.ItemSelector)
  const { Bucket, Prefix } = state.ResultWriter.Parameters

  return async (input, run) => {
    const { limit, count, percentage, reader } = (await settings(input, run.context)) as Settings
    const id = randomUUID()
    const writer = new ResultWriter(options.putResult, Bucket, `${Prefix}/${id}`, mapRunId(label, id))
    const mapRun: MapRun = { label, input, run, processor, select, writer, tolerance: toleranceOf(count, percentage), failed: 0 }
    const exceeded = await runChildren(
      mapRun,
      readItems(options, reader.Bucket, reader.Prefix),
      limitOf(limit, DISTRIBUTED_AT_ONCE, options),
    )
    const manifest = await writer.finish()
    if (exceeded) throw exceeded
    return { MapRunArn: mapRunId(label, id), ResultWriterDetails: { Bucket, Key: manifest } }
  }
}

const settingsTemplate = (state: DistributedMapState): Record<string, unknown> => ({
  ...either('limit', state.MaxConcurrency ?? 0, state.MaxConcurrencyPath),
  ...either('count', state.ToleratedFailureCount, state.ToleratedFailureCountPath),
  ...either('percentage', state.ToleratedFailurePercentage, state.ToleratedFailurePercentagePath),
  reader: state.ItemReader.Parameters,
})

const either = (name: string, value: number | undefined, path: string | undefined): Record<string, unknown> =>
  path !== undefined ? { [`${name}.$`]: path } : value !== undefined ? { [name]: value } : {}

class Exceeded extends StatesError {
  constructor(failed: number) {
    super('States.ExceedToleratedFailureThreshold', `${failed} child executions failed, more than are tolerated.`)
  }
}

/** @returns the error if too many children failed. @throws what ended the Map Run otherwise. */
const runChildren = async (mapRun: MapRun, items: AsyncIterable<Item>, limit: number): Promise<Exceeded | undefined> => {
  const child = async (item: Item, index: number): Promise<void> => {
    await runChild(mapRun, item, index)
    if (isExceeded(mapRun.failed, undefined, mapRun.tolerance)) throw new Exceeded(mapRun.failed)
  }
  try {
    const total = await forEachAtOnce(items, limit, child)
    return isExceeded(mapRun.failed, total, mapRun.tolerance) ? new Exceeded(mapRun.failed) : undefined
  } catch (error) {
    if (error instanceof Exceeded) return error
    throw error
  }
}

const runChild = async (mapRun: MapRun, item: Item, index: number): Promise<void> => {
  const { label, run, processor, select, writer } = mapRun
  const input = select ? await select(mapRun.input, { ...run.context, Map: { Item: { Index: index, Value: item } } }) : item
  const name = randomUUID()
  const id = childId(label, name)
  const started = new Date().toISOString()
  const record = (end: Partial<ChildRecord> & Pick<ChildRecord, 'Status'>): ChildRecord => ({
    ExecutionArn: id,
    Input: JSON.stringify(input),
    InputDetails: { Included: true },
    Name: name,
    StartDate: started,
    StateMachineArn: childMachineId(label),
    StopDate: new Date().toISOString(),
    ...end,
  })
  const scope = run.scope.open()
  let ended: ChildRecord
  try {
    const output = await runProgram(processor, input, { ...run, scope, context: { Execution: { Id: id, Name: name } }, execution: 'child' })
    ended = record({ Status: 'SUCCEEDED', Output: JSON.stringify(output), OutputDetails: { Included: true } })
  } catch (error) {
    run.scope.signal.throwIfAborted()
    const { name: Error, message: Cause } = taskError(error)
    mapRun.failed++
    ended = record({ Status: 'FAILED', Error, Cause })
  } finally {
    scope.close()
  }
  await writer.add(ended)
}
