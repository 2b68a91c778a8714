import type { Observation } from '../domain/access'
import type { Migration } from '../domain/migration'

/** The life of one kind of grant: the verbs of the Access port, for a grant that is known to be this run's by its name. */
export interface GrantLife {
  create(migration: Migration): Promise<void>
  confirm(migration: Migration): Promise<void>
  suspend(migration: Migration): Promise<Observation[]>
  remove(migration: Migration): Promise<Observation[]>
  prove(migration: Migration): Promise<Observation[]>
}

/** Longest wait in ms for a read to show what was just written: IAM usually needs seconds. */
export const SETTLE_MS = 15_000
