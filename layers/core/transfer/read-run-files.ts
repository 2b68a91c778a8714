import type { Call, ObjectStore } from '../domain/object-store'
import type { PreflightFile } from '../domain/preflight-file'
import type { RestoreFile } from '../domain/restore-file'
import { isPreflightFile, isRestoreFile, isStandingReport, type StandingReport } from '../domain/sound-files'
import { exists, readBytes } from '../domain/state-files'
import { stateKeys } from '../domain/state-keys'

/** A file of a run: absent, broken (then `fault` says so), or what it must be. */
export interface RunFile<T> {
  value?: T
  /** of the file that stands, broken or not */
  etag?: string
  fault?: string
}

/** Reads a JSON file of a run. One that is no JSON, or is not `what`, is a fault and no exception: a report is written for every run. */
export const readRunFile = async <T>(
  state: ObjectStore,
  name: string,
  what: string,
  isSound: (value: unknown) => value is T,
  call: Call,
): Promise<RunFile<T>> => {
  if (!(await exists(state, name, call))) return {}
  const { body, etag } = await readBytes(state, name, call)
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    return { etag, fault: `${name} in the state bucket is not JSON` }
  }
  return isSound(value) ? { etag, value } : { etag, fault: `${name} in the state bucket is not ${what}` }
}

export const readPreflight = (state: ObjectStore, runId: string, call: Call): Promise<RunFile<PreflightFile>> =>
  readRunFile(state, stateKeys(runId).preflight, 'what Preflight found', isPreflightFile, call)

export const readRestore = (state: ObjectStore, runId: string, call: Call): Promise<RunFile<RestoreFile>> =>
  readRunFile(state, stateKeys(runId).restore, 'a record of restores', isRestoreFile, call)

/**
 * The report that an earlier call of Reconcile wrote. What stands in its place and is none is replaced, and told: nobody knows whether
 * there was a report before it, whose dead letters are then sent a second time. That fault stays in each later report of the run.
 */
export const readStandingReport = async (
  state: ObjectStore,
  runId: string,
  call: Call,
): Promise<RunFile<StandingReport> & { faults: string[] }> => {
  const name = stateKeys(runId).report
  const file = await readRunFile(state, name, 'a report', isStandingReport, call)
  const faults =
    file.fault === undefined
      ? (file.value?.faults ?? []).filter((line) => line.startsWith(`${name} `))
      : [`${file.fault}, and was replaced: dead letters may have been sent twice`]
  return { ...file, faults }
}
