import { spawn, spawnSync } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { s3Store } from '../../layers/core/stores/index'
import { objectStoreContract } from '../contract/object-store'

const freePort = async (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })

const answers = async (url: string): Promise<void> => {
  for (const end = Date.now() + 30_000; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const reply = await fetch(url).catch(() => undefined)
    if (reply !== undefined) return
    if (Date.now() > end) throw new Error('moto does not answer')
  }
}

const credentials = { accessKeyId: 'AKIDFAKEFORTESTS', secretAccessKey: 'not-a-secret' }

const isThere = spawnSync('python3', ['-c', 'import moto.server'], { stdio: 'ignore' }).status === 0

if (isThere) {
  objectStoreContract(
    's3 against moto',
    async () => {
      const port = await freePort()
      const moto = spawn('python3', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
      const endpoint = `http://127.0.0.1:${port}`
      await answers(endpoint)
      const admin = new S3Client({ region: 'us-east-1', endpoint, forcePathStyle: true, credentials })
      await admin.send(new CreateBucketCommand({ Bucket: 'contract' }))
      await admin.send(new CreateBucketCommand({ Bucket: 'versioned', ObjectLockEnabledForBucket: true }))
      admin.destroy()
      const reach = { endpoint, region: 'us-east-1', credentials: async () => credentials }
      const store = s3Store({ bucket: 'contract', reach, provider: 'aws' })
      const versioned = s3Store({ bucket: 'versioned', reach, provider: 'aws' })
      return {
        store,
        versioned,
        close: async () => {
          await store.close()
          await versioned.close()
          const ended = new Promise((resolve) => moto.once('exit', resolve))
          moto.kill('SIGKILL')
          await ended
        },
      }
    },
    { controlCharacters: true, goneUploads: true, partsAndChecksums: true, versionListings: true, locks: true, versionRestores: true },
  )
} else {
  test.skip('moto is not installed (pip install "moto[server]"): the store was not tried against it', () => undefined)
}
