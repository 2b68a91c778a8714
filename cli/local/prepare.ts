import { InvalidRequest, parseRequest, type KeyListForm, type Migration } from '@drayage/core'
import { executionId } from './engine/engine'
import { newRunId } from './run-id'

/** A request that can be run as written. */
export interface Prepared {
  /** what the state machine is given: ValidateRequest parses it once more, as on AWS */
  input: unknown
  migration: Migration
  /** the list of keys that goes into the state bucket under the name that `selection.keys` has; undefined: none was given */
  keys?: Buffer | undefined
}

interface PrepareOptions {
  name: string | undefined
  dryRun: boolean
  keys?: { form: KeyListForm; bytes: Buffer } | undefined
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** The request with its selection over this list. What is no request stays as it is, for the parser to refuse. */
const overList = (request: unknown, list: string): unknown => {
  if (!isObject(request)) return request
  const { selection = {} } = request
  if (!isObject(selection)) return request
  if (selection.keys !== undefined && selection.keys !== null)
    throw new InvalidRequest(['--keys: the request names a list already (selection.keys); leave one of the two out'])
  return { ...request, selection: { ...selection, keys: list } }
}

/** Parses a request before anything is touched. Throws InvalidRequest with a line per problem. */
export const prepare = (request: unknown, { name, dryRun, keys }: PrepareOptions): Prepared => {
  const now = new Date()
  const runId = name ?? newRunId(now)
  const asked = keys === undefined ? request : overList(request, `${runId}.${keys.form}`)
  const input = dryRun && isObject(asked) ? { ...asked, dryRun: true } : asked
  return {
    input,
    migration: parseRequest(input, { runtime: 'local', runId, executionId: executionId(runId), now }),
    keys: keys?.bytes,
  }
}
