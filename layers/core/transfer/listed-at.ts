import type { Key } from '../domain/keys'
import type { ListedObject, ObjectStore } from '../domain/object-store'

/** The object under exactly this key, from the store's listing: no right to read it is needed. */
export const listedAt = async (store: ObjectStore, key: Key, signal: AbortSignal): Promise<ListedObject | undefined> => {
  for await (const page of store.list({ prefix: key, pageSize: 1 }, { signal })) {
    // A key sorts before every longer one that begins with it.
    if (page.length > 0) return page.find((object) => object.key.equals(key))
  }
  return undefined
}
