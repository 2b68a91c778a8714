import type { RowSegments } from '../domain/checkpoint'
import type { ObjectStore } from '../domain/object-store'
import { EXTRA_HEAD, extraLine, FAILURES_HEAD, failureLine, NOT_CARRIED_HEAD, notCarriedLine, type ExtraRow } from '../domain/run-rows'
import type { ShardRows } from '../domain/run-sums'
import { writeText } from '../domain/state-files'
import { stateKeys } from '../domain/state-keys'
import { rowList, type RowListOptions } from './row-list'

/** The lists of a run: failures.csv and its keys, extra.csv and not-carried.csv. */
export interface RowFiles {
  add(rows: ShardRows): Promise<void>
  addExtra(rows: readonly ExtraRow[]): Promise<void>
  /** All rows so far, for a later call to go on with. */
  pause(call: { signal: AbortSignal }): Promise<RowSegments>
  /** Of all lists: each is read and written once more at the end. */
  segments(): number
  /**
   * `complete`: whether failures.csv names every object that is not right. Otherwise the keys are not written: no retry may rest on them.
   * Returns what is wrong with a list that is not there, and whether the failures and their keys are there and complete.
   */
  end(complete: boolean): Promise<{ complete: boolean; faults: string[] }>
}

/** The lists behind the rows of earlier calls, or from their first lines on. All of them are there once `end` has returned no fault. */
export const rowFiles = async (
  state: ObjectStore,
  runId: string,
  before: RowSegments | undefined,
  options: RowListOptions,
): Promise<RowFiles> => {
  const keys = stateKeys(runId)
  const list = (name: keyof RowSegments) => rowList(state, runId, keys[name], before?.[name] ?? [], options)
  const all = [list('failures'), list('failedKeys'), list('extra'), list('notCarried')] as const
  const [failures, failedKeys, extra, notCarried] = all
  if (before === undefined) {
    await failures.add(FAILURES_HEAD)
    await extra.add(EXTRA_HEAD)
    await notCarried.add(NOT_CARRIED_HEAD)
  }
  return {
    async add(rows) {
      for (const row of rows.failures) await failures.add(failureLine(row))
      // Versions of one key are migrated together: a retry is given the key once.
      const once = new Set(rows.failures.map(({ key }) => JSON.stringify(key)))
      for (const key of once) await failedKeys.add(key)
      for (const row of rows.notCarried) await notCarried.add(notCarriedLine(row))
    },
    async addExtra(rows) {
      for (const row of rows) await extra.add(extraLine(row))
    },
    pause: async (call) => ({
      failures: await failures.pause(call),
      failedKeys: await failedKeys.pause(call),
      extra: await extra.pause(call),
      notCarried: await notCarried.pause(call),
    }),
    segments: () => all.reduce((sum, file) => sum + file.segments(), 0),
    async end(complete) {
      const ofFailures = await failures.end()
      const faults = [...ofFailures, ...(await extra.end()), ...(await notCarried.end())]
      if (complete && ofFailures.length === 0) {
        const ofKeys = await failedKeys.end()
        if (ofKeys.length === 0) return { complete, faults }
        faults.push(...ofKeys)
      }
      // an earlier call may have left a list that it took for complete
      await writeText(state, keys.failedKeys, '', { signal: options.signal })
      return { complete: false, faults }
    },
  }
}
