import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedS3 } from '../../cli/local/s3-server/index'
import { s3Store } from '../../layers/core/stores/index'
import { clientOf } from '../support/embedded-client'
import { objectStoreContract } from './object-store'

objectStoreContract('s3 against the embedded server', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'drayage-contract-'))
  const server = await startEmbeddedS3({ directory })
  await server.createBucket('contract')
  const admin = clientOf(server.endpoint, server.root)
  await admin.send(new CreateBucketCommand({ Bucket: 'versioned', ObjectLockEnabledForBucket: true }))
  admin.destroy()
  const reach = { endpoint: server.endpoint, region: 'us-east-1', credentials: async () => server.root }
  const store = s3Store({ bucket: 'contract', reach, provider: 'embedded' })
  const versioned = s3Store({ bucket: 'versioned', reach, provider: 'embedded' })
  return {
    store,
    versioned,
    archive: (key) => server.archive('contract', key, 'ARCHIVE_ACCESS'),
    close: async () => {
      await store.close()
      await versioned.close()
      await server.close()
      await rm(directory, { recursive: true })
    },
  }
})
