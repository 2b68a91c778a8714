import { StoreUnavailable } from '@drayage/core'
import { memoryStore, type MemoryStore } from '../support/memory-store'
import { REQUEST, World } from './harness'

const KEY = Buffer.from('large')
const BODY = Buffer.alloc(6 * 1024 * 1024, 'large')

const put = async (store: MemoryStore, of: string): Promise<void> => void (await store.put(KEY, BODY, { headers: { metadata: { of } } }))

test('an upload that is gone, and has become nothing, is not taken for joined by what an earlier run left of the same bytes', async () => {
  const source = memoryStore()
  const destination = memoryStore()
  let gone = false
  const world = new World({
    source,
    destination: {
      ...destination,
      completeUpload: async (key, uploadId, ...rest) => {
        if (gone) {
          // as a lifecycle rule, or somebody's hand, may do at any time
          await destination.abortUpload(key, uploadId)
          throw new StoreUnavailable('no answer')
        }
        return destination.completeUpload(key, uploadId, ...rest)
      },
    },
  })
  await put(source, 'before')
  expect((await world.run(REQUEST, 'first')).status).toBe('SUCCEEDED')
  await put(source, 'behind')
  gone = true
  const second = await world.run(REQUEST, 'second')
  expect((await destination.stat(KEY))!.headers.metadata['of']).toBe('before')
  expect(second.status).toBe('FAILED')
  expect((await world.report('second')).ledger).toMatchObject({ copied: 0, failed: 1 })
  gone = false
  expect((await world.run(REQUEST, 'third')).status).toBe('SUCCEEDED')
  expect((await destination.stat(KEY))!.headers.metadata['of']).toBe('behind')
})
