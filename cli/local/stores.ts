import {
  destinationProvider,
  learning,
  s3Store,
  type Access,
  type Migration,
  type ObjectStore,
  type Place,
  type Reach,
  type S3StoreOptions,
  type SettingsReader,
} from '@drayage/core'
import { ACCOUNT } from './s3-server/account'

export interface LocalStores {
  source(migration: Migration): Promise<ObjectStore>
  destination(migration: Migration, use: 'write' | 'read'): Promise<ObjectStore & SettingsReader>
  close(): Promise<void>
}

/** Who must own a bucket: accounts are a matter of Amazon S3 and of the embedded server, which has one. */
const ownerOf = (endpoint: string | null, account: string | null): string | undefined =>
  endpoint === 'embedded' ? (account ?? ACCOUNT) : endpoint === null ? (account ?? undefined) : undefined

/**
 * The stores of a run, one for each key that is used: every call of a function shares their connections. A store is asked for
 * anew by each function, so after a key has ended nothing goes on with it.
 */
export const localStores = (access: Access): LocalStores => {
  const open = new Map<string, ReturnType<typeof s3Store>>()
  const get = async (
    side: string,
    { bucket, endpoint }: Place,
    place: Reach,
    provider: S3StoreOptions['provider'],
    account: string | null = null,
  ): Promise<ReturnType<typeof s3Store>> => {
    const reach = learning(place)
    const name = `${side} ${(await reach.credentials()).accessKeyId}`
    const expectedOwner = ownerOf(endpoint, account)
    const known = open.get(name) ?? s3Store({ bucket, reach, provider, expectedOwner })
    open.set(name, known)
    return known
  }
  return {
    source: async (migration) => get('source', migration.source, await access.source(migration), migration.source.provider),
    destination: async (migration, use) =>
      get(
        `destination ${use}`,
        migration.destination,
        await access.destination(migration, use),
        destinationProvider(migration),
        migration.destination.account,
      ),
    close: async () => {
      await Promise.all([...open.values()].map((store) => store.close()))
    },
  }
}
