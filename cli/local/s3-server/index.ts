import { Buckets } from './buckets'
import { DirectoryUnusable, S3Error } from './errors'
import type { Faults } from './faults'
import { KeyRing, type IssuedKey, type KeyGrant, type KeyState } from './key-ring'
import { startServer } from './server'
import type { ArchiveStatus, StoredObject } from './version'

export { DirectoryUnusable } from './errors'
export { ACCOUNT } from './account'
export type { IssuedKey, KeyGrant, KeyState } from './key-ring'

export interface EmbeddedS3 {
  /** http://127.0.0.1:PORT */
  endpoint: string
  /** May do everything. Random at each start and never written anywhere. */
  root: IssuedKey
  /** Idempotent. Rejects for a name that is against Amazon S3's rules. */
  createBucket(name: string): Promise<void>
  /** Puts an object of Intelligent-Tiering into an archive tier, as months without access would. Rejects for any other. */
  archive(bucket: string, key: Buffer, tier: ArchiveStatus): Promise<void>
  /** A key for what the grants allow, and nothing else. In memory only: it ends with the process. */
  issueKey(grant: KeyGrant | KeyGrant[]): IssuedKey
  /** Once it has returned the key may only list and abort uploads, and no other request of it that was under way changes anything any more. */
  suspendKey(accessKeyId: string): Promise<void>
  /** Once it has returned every request of the key is refused, and none that was under way changes anything any more. */
  revokeKey(accessKeyId: string): Promise<void>
  keyState(accessKeyId: string): KeyState
  /** Ids of the keys that still work, root's apart. */
  activeKeys(): string[]
  /** Cuts the connections and lets the directory go. */
  close(): Promise<void>
}

const openBuckets = async (directory: string, restoreMs: number): Promise<Buckets> => {
  try {
    return await Buckets.open(directory, restoreMs)
  } catch (error) {
    const { code, message } = ((error as Error).cause ?? error) as NodeJS.ErrnoException
    if (code === 'LEVEL_LOCKED') {
      throw new DirectoryUnusable(`Another process of drayage holds ${directory}. Wait until it ends, or name another directory.`, {
        cause: error,
      })
    }
    throw new DirectoryUnusable(`The S3 server cannot keep its data in ${directory}: ${message}. Name a directory that it may write to.`, {
      cause: error,
    })
  }
}

/**
 * Starts an S3 server in this process, on 127.0.0.1 and a free port, with its data in a directory of its own: path-style,
 * signatures verified, memory bounded at any size and any number of objects. An answered write survives the process, kill -9
 * included; one that was not answered is there whole or not at all. Nothing is flushed to the disk, so a power cut may take the last
 * writes. Throws DirectoryUnusable when the directory cannot be written to, is damaged, or another server holds it, and what
 * listening throws for a `port` that is taken. `now` is the clock for signatures, expiry and Last-Modified.
 */
export const startEmbeddedS3 = async ({
  directory,
  port = 0,
  now = () => new Date(),
  faults,
  restoreMs = 0,
}: {
  directory: string
  /** 0: the system chooses */
  port?: number
  now?: () => Date
  /** for tests: how the server is to misbehave */
  faults?: Faults
  /** how long it takes to restore an archived object, in ms */
  restoreMs?: number
}): Promise<EmbeddedS3> => {
  const buckets = await openBuckets(directory, restoreMs)
  const ring = new KeyRing(now)
  const server = await startServer(buckets, ring, now, port, faults).catch(async (error: unknown) => {
    await buckets.close()
    throw error
  })
  let closing: Promise<void> | undefined
  return {
    endpoint: `http://127.0.0.1:${server.port}`,
    root: ring.root,
    createBucket: async (name) => void (await buckets.create(name, { created: now().getTime() })),
    archive: async (name, key, archiveStatus) => {
      const archived = ({ storageClass }: StoredObject): Partial<StoredObject> => {
        if (storageClass !== 'INTELLIGENT_TIERING') throw new S3Error('InvalidObjectState')
        return { archiveStatus, restore: undefined }
      }
      await buckets.get(name).alter(key.toString('latin1'), undefined, archived, () => undefined)
    },
    issueKey: (grant) => ring.issue(Array.isArray(grant) ? grant : [grant]),
    suspendKey: async (accessKeyId) => {
      ring.suspend(accessKeyId)
      await buckets.settled()
    },
    revokeKey: async (accessKeyId) => {
      ring.revoke(accessKeyId)
      await buckets.settled()
    },
    keyState: (accessKeyId) => ring.state(accessKeyId),
    activeKeys: () => ring.active(),
    close: () => (closing ??= server.stop().then(() => buckets.close())),
  }
}
