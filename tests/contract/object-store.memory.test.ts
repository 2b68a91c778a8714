import type { Key } from '../../layers/core/domain/keys'
import { memoryStore } from '../support/memory-store'
import { objectStoreContract } from './object-store'

objectStoreContract('in memory', async () => {
  const store = memoryStore()
  const archive = async (key: Key): Promise<void> => store.alter(key, { info: { archiveStatus: 'ARCHIVE_ACCESS' } })
  return { store, versioned: memoryStore({ versions: true }), archive, close: () => store.close() }
})
