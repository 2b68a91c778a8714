import type { Grant } from '../domain/access'

/** access.json: what a run creates, written before any of it exists. */
export interface AccessFile {
  runId: string
  expiresAt: string
  grants: Grant[]
}
