import type { Call, ObjectStore } from '../domain/object-store'
import { findJson, writeJson } from '../domain/state-files'
import { rereadKey } from '../domain/state-keys'

/** How many looks of an object, from the first on, have found nothing; by its index in the shard. */
type RereadProgress = Record<number, number>

export const readProgress = async (state: ObjectStore, runId: string, shard: string, call: Call): Promise<RereadProgress> =>
  (await findJson<RereadProgress>(state, rereadKey(runId, shard), call))?.value ?? {}

export const writeProgress = async (state: ObjectStore, runId: string, shard: string, progress: RereadProgress): Promise<void> =>
  void (await writeJson(state, rereadKey(runId, shard), progress))

/** The looks of one object as they end, in whatever order: how many have been taken from the first on without a gap. */
export class Looks {
  #taken: number
  readonly #beyond = new Set<number>()

  constructor(taken: number) {
    this.#taken = taken
  }

  get taken(): number {
    return this.#taken
  }

  take(number: number): void {
    this.#beyond.add(number)
    while (this.#beyond.delete(this.#taken)) this.#taken++
  }
}
