import type { ObjectStore } from '../../layers/core/domain/object-store'
import type { ProviderName } from '../../layers/core/domain/providers'
import { s3Store } from '../../layers/core/stores/index'
import { startLyingSource, type LyingSource } from './lying-source'

/** A lying source for a test file, and the stores that are opened over it: closed after each test. */
export const lyingStores = (): { source(): LyingSource; storeOf(provider: ProviderName): ObjectStore } => {
  let source: LyingSource
  const stores: { close(): Promise<void> }[] = []
  beforeAll(async () => {
    source = await startLyingSource()
  })
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close()
  })
  afterAll(async () => source.close())
  return {
    source: () => source,
    storeOf: (provider) => {
      const credentials = async () => ({ accessKeyId: 'AKIDFAKE', secretAccessKey: 'fake' })
      const reach = { endpoint: source.endpoint, region: 'us-east-1', credentials }
      const store = s3Store({ bucket: 'bucket', provider, reach, requestTimeoutMs: 1500 })
      stores.push(store)
      return store
    },
  }
}
