import { parseRequest, type Migration } from '@drayage/core'
import { executionId } from './engine/engine'
import { newRunId } from './run-id'

/** A request that can be run as written. */
export interface Prepared {
  /** what the state machine is given: ValidateRequest parses it once more, as on AWS */
  input: unknown
  migration: Migration
}

/** Parses a request before anything is touched. Throws InvalidRequest with a line per problem. */
export const prepare = (request: unknown, { name, dryRun }: { name: string | undefined; dryRun: boolean }): Prepared => {
  const now = new Date()
  const runId = name ?? newRunId(now)
  const input = dryRun && typeof request === 'object' && request !== null ? { ...request, dryRun: true } : request
  return { input, migration: parseRequest(input, { runtime: 'local', runId, executionId: executionId(runId), now }) }
}
