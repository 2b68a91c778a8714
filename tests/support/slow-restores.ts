import { standOf } from '../../layers/core/domain/archived'
import type { RestoreOrder } from '../../layers/core/domain/object-store'
import { memoryStore, type MemoryStore } from './memory-store'

/** A bucket in memory whose restores stay under way until their object was looked at some times, as an archive's do. */
export interface SlowRestores extends MemoryStore {
  /** key and order of every restore that was asked for */
  readonly orders: [key: string, order: RestoreOrder][]
  /** keys that were looked at, by HEAD */
  readonly looked: string[]
  /** keys that were read */
  readonly reads: string[]
}

/** `looks`: how many, `Infinity` for never; `refuses`: what a restore throws. Versions are named `key?version`. */
export const slowRestores = (
  looks: number,
  refuses: (key: string) => Error | undefined = () => undefined,
  inner = memoryStore(),
): SlowRestores => {
  const named = (key: Buffer, versionId?: string): string => `${key.toString()}${versionId === undefined ? '' : `?${versionId}`}`
  const left = new Map<string, number>()
  const orders: SlowRestores['orders'] = []
  const looked: string[] = []
  const reads: string[] = []
  return {
    ...inner,
    orders,
    looked,
    reads,
    async restore(key, order, call) {
      const versionId = call?.versionId
      const name = named(key, versionId)
      orders.push([name, order])
      const error = refuses(name)
      if (error !== undefined) throw error
      const stand = standOf((await inner.stat(key, { versionId }))!)
      if (stand !== 'archived') return stand === 'ongoing' ? 'ongoing' : inner.restore(key, order, call)
      inner.alter(key, { info: { restore: { ongoing: true } }, ...(versionId !== undefined && { versionId }) })
      left.set(name, looks)
      return 'begun'
    },
    async stat(key, options) {
      const versionId = options?.versionId
      const name = named(key, versionId)
      looked.push(name)
      const more = left.get(name)
      if (more !== undefined && more > 0) left.set(name, more - 1)
      if (more === 0) {
        const { storageClass } = (await inner.stat(key, { versionId }))!
        const tiered = storageClass === 'INTELLIGENT_TIERING'
        const restore = tiered ? undefined : { ongoing: false, expiresAt: '2099-01-01T00:00:00.000Z' }
        inner.alter(key, { info: { archiveStatus: undefined, restore }, ...(versionId !== undefined && { versionId }) })
        left.delete(name)
      }
      return inner.stat(key, options)
    },
    async read(key, options) {
      reads.push(key.toString())
      return inner.read(key, options)
    },
  }
}

/** Puts `count` objects of a few bytes in an archive class. */
export const archive = async (store: MemoryStore, count: number, storageClass: string, prefix = 'archived'): Promise<void> => {
  for (let index = 0; index < count; index++)
    await store.put(Buffer.from(`${prefix}/${String(index).padStart(5, '0')}`), Buffer.from(`cold ${prefix} ${index}`), { storageClass })
}
