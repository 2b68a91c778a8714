import { carriedTags } from '../domain/carried'
import { AccessDenied, StoreRefused } from '../domain/errors'
import type { Key } from '../domain/keys'
import type { Migration } from '../domain/migration'
import type { ObjectStore, Tag } from '../domain/object-store'
import type { NotCarried } from '../domain/outcomes'
import { withRetries } from './retries'

export interface FoundTags {
  tags: Tag[]
  notCarried: NotCarried[]
}

const lost = (why: string): FoundTags => ({ tags: [], notCarried: [{ what: 'tags', reason: why }] })

const words = (error: unknown): string => (error instanceof Error ? error.message : 'an unknown error')

/**
 * Tags on their way, for one turn of a function. Rights that are missing cost the tags, not the object: each object gets its row.
 * Once a side has refused for want of a right it is not asked again in this turn.
 */
export class TagCarrier {
  /** why no more tags are asked for or written in this turn */
  #ended: string | undefined

  constructor(
    private readonly migration: Pick<Migration, 'carry'>,
    private readonly source: ObjectStore,
    private readonly signal: AbortSignal,
  ) {}

  /** The tags to write for an object of the source, and what of them it will not have. Throws NoSuchObject, and what a store throws that may answer later. */
  async find(key: Key, versionId: string | undefined): Promise<FoundTags> {
    if (!this.migration.carry.tags) return { tags: [], notCarried: [] }
    if (this.#ended !== undefined) return lost(this.#ended)
    try {
      return carriedTags(await withRetries(() => this.source.tags(key, { versionId, signal: this.signal }), this.signal))
    } catch (error) {
      if (error instanceof AccessDenied) this.#ended = `the source refuses to tell an object's tags: ${words(error)}`
      else if (!(error instanceof StoreRefused)) throw error
      return lost(this.#ended ?? `the source does not tell the tags: ${words(error)}`)
    }
  }

  /**
   * Writes with the tags that were found; where the destination refuses, for want of a right or for the tags themselves, once more
   * without. `write` is given the tags, or undefined for none. Throws what `write` throws.
   */
  async write<T>(found: FoundTags, write: (tags: Tag[] | undefined) => Promise<T>): Promise<{ written: T; notCarried: NotCarried[] }> {
    if (found.tags.length === 0) return { written: await write(undefined), notCarried: found.notCarried }
    try {
      return { written: await write(found.tags), notCarried: found.notCarried }
    } catch (error) {
      const denied = error instanceof AccessDenied
      if (!denied && !(error instanceof StoreRefused)) throw error
      const written = await write(undefined)
      const why = `the destination ${denied ? 'refuses to be written with' : 'does not take its'} tags: ${words(error)}`
      if (denied) this.#ended = why
      return { written, notCarried: lost(why).notCarried }
    }
  }
}
