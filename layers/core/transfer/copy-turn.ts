import type { ObjectStore } from '../domain/object-store'
import type { OutcomeName } from '../domain/outcomes'

/** What one turn of a batch is given. */
export interface CopyTurn {
  state: ObjectStore
  source: ObjectStore
  destination: ObjectStore
  /** the destination with the run's right to read: for what only its metadata can say */
  reading(): Promise<ObjectStore>
  now(): Date
  /** of the run's write probe, ISO 8601 by the destination's clock: see `writtenSince` */
  writingSince: string
  signal: AbortSignal
  /** false: take no further object */
  going(): boolean
  /** objects under way at once */
  concurrency: number
  heard(outcome: OutcomeName, bytes: number): void
}
