import { Buckets } from './buckets'
import { lockDirectory, unusable } from './directory-lock'
import { KeyRing, type IssuedKey, type KeyGrant, type KeyState } from './key-ring'
import { startServer } from './server'

export { DirectoryUnusable } from './errors'
export type { IssuedKey, KeyGrant, KeyState } from './key-ring'

export interface EmbeddedS3 {
  /** http://127.0.0.1:PORT */
  endpoint: string
  /** May do everything. Random at each start and never written anywhere. */
  root: IssuedKey
  /** Idempotent. Rejects for a name that is against Amazon S3's rules. */
  createBucket(name: string): Promise<void>
  /** A key for what the grants allow, and nothing else. In memory only: it ends with the process. */
  issueKey(grant: KeyGrant | KeyGrant[]): IssuedKey
  /** From now on every request of the key is refused, and none that is under way changes anything. */
  revokeKey(accessKeyId: string): void
  keyState(accessKeyId: string): KeyState
  /** Cuts the connections and lets the directory go. */
  close(): Promise<void>
}

const openBuckets = (directory: string, unlock: () => void): Buckets => {
  try {
    return new Buckets(directory)
  } catch (error) {
    unlock()
    throw unusable(directory, error)
  }
}

/**
 * Starts an S3 server in this process, on 127.0.0.1 and a free port, with its data in a directory of its own: path-style,
 * signatures verified, memory bounded at any object size. An answered write survives the process, kill -9 included; one that
 * was not answered is there whole or not at all. Nothing is flushed to the disk, so a power cut may take the last writes. The
 * index is in memory, about 650 bytes an object. Throws DirectoryUnusable when the directory cannot be written to, is damaged,
 * or another server holds it. `now` is the clock for signatures, expiry and Last-Modified.
 */
export const startEmbeddedS3 = async ({
  directory,
  now = () => new Date(),
}: {
  directory: string
  now?: () => Date
}): Promise<EmbeddedS3> => {
  const unlock = await lockDirectory(directory)
  const buckets = openBuckets(directory, unlock)
  const ring = new KeyRing(now)
  const server = await startServer(buckets, ring, now).catch((error: unknown) => {
    buckets.close()
    unlock()
    throw error
  })
  let closing: Promise<void> | undefined
  return {
    endpoint: `http://127.0.0.1:${server.port}`,
    root: ring.root,
    createBucket: async (name) => buckets.create(name),
    issueKey: (grant) => ring.issue(Array.isArray(grant) ? grant : [grant]),
    revokeKey: (accessKeyId) => ring.revoke(accessKeyId),
    keyState: (accessKeyId) => ring.state(accessKeyId),
    close: () =>
      (closing ??= server.stop().then(() => {
        buckets.close()
        unlock()
      })),
  }
}
