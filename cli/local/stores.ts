import { destinationProvider, s3Store, type Access, type Migration, type ObjectStore, type Reach, type S3StoreOptions } from '@drayage/core'

export interface LocalStores {
  source(migration: Migration): Promise<ObjectStore>
  destination(migration: Migration, use: 'write' | 'read'): Promise<ObjectStore>
  close(): Promise<void>
}

/**
 * The stores of a run, one for each key that is used: every call of a function shares their connections. A store is asked for
 * anew by each function, so after a key has ended nothing goes on with it.
 */
export const localStores = (access: Access): LocalStores => {
  const open = new Map<string, ReturnType<typeof s3Store>>()
  const get = async (side: string, bucket: string, reach: Reach, provider: S3StoreOptions['provider']): Promise<ObjectStore> => {
    const name = `${side} ${(await reach.credentials()).accessKeyId}`
    const known = open.get(name) ?? s3Store({ bucket, reach, provider })
    open.set(name, known)
    return known
  }
  return {
    source: async (migration) => get('source', migration.source.bucket, await access.source(migration), migration.source.provider),
    destination: async (migration, use) =>
      get(`destination ${use}`, migration.destination.bucket, await access.destination(migration, use), destinationProvider(migration)),
    close: async () => {
      await Promise.all([...open.values()].map((store) => store.close()))
    },
  }
}
