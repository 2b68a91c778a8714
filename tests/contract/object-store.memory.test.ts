import { memoryStore } from '../support/memory-store'
import { objectStoreContract } from './object-store'

objectStoreContract('in memory', async () => {
  const store = memoryStore()
  return { store, close: () => store.close() }
})
