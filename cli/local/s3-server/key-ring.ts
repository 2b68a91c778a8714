import { randomBytes } from 'node:crypto'
import { bytesOf, type ByteString } from './byte-strings'
import { S3Error } from './errors'

export interface IssuedKey {
  accessKeyId: string
  secretAccessKey: string
}

/**
 * What a key may do under a prefix of a bucket until a time. `list`: ListObjects and HeadBucket. `read`: those, GetObject and
 * HeadObject. `abort`: to list and abort uploads, as a suspended role may. `write`: list, PutObject and everything of multipart
 * uploads, but neither reading nor deleting an object.
 */
export interface KeyGrant {
  bucket: string
  prefix: string
  allow: 'read' | 'list' | 'write' | 'abort'
  /** `mark`: to put delete markers, where the bucket keeps versions; `restore`: to have archived objects restored */
  also?: readonly ('mark' | 'restore')[]
  expiresAt: Date
}

export type KeyState = 'active' | 'expired' | 'revoked' | 'unknown'

/** What a request needs; `root` is no grant's to give. */
export type Need = 'list' | 'read' | 'write' | 'abort' | 'mark' | 'restore' | 'root'

const COVERS: Record<KeyGrant['allow'], readonly Need[]> = {
  list: ['list'],
  read: ['list', 'read'],
  abort: ['abort'],
  write: ['list', 'write', 'abort'],
}

export interface KnownKey extends IssuedKey {
  /** undefined: root, which may do everything */
  grants: { bucket: string; prefix: ByteString; covers: readonly Need[]; expiresAt: number }[] | undefined
  revoked: boolean
  /** the SigV4 signing key last derived: it changes once a day and region */
  derived?: { scope: string; signingKey: Buffer }
}

/** The server's keys, in memory only: they end with the process. */
export class KeyRing {
  private readonly keys = new Map<string, KnownKey>()
  readonly root: IssuedKey

  constructor(private readonly now: () => Date) {
    this.root = this.add(undefined)
  }

  issue(grants: KeyGrant[]): IssuedKey {
    return this.add(
      grants.map(({ bucket, prefix, allow, also = [], expiresAt }) => ({
        bucket,
        prefix: bytesOf(prefix),
        covers: [...COVERS[allow], ...also],
        expiresAt: expiresAt.getTime(),
      })),
    )
  }

  /** From now on the key may do nothing but list and abort uploads, wherever it could write. */
  suspend(accessKeyId: string): void {
    const key = this.keys.get(accessKeyId)
    for (const grant of key?.grants ?? []) grant.covers = grant.covers.includes('abort') ? COVERS.abort : []
  }

  /** Ids of the keys that are neither revoked nor expired, root's apart. */
  active(): string[] {
    return [...this.keys].flatMap(([id, { grants }]) => (grants !== undefined && this.state(id) === 'active' ? [id] : []))
  }

  revoke(accessKeyId: string): void {
    const key = this.keys.get(accessKeyId)
    if (key) key.revoked = true
  }

  state(accessKeyId: string): KeyState {
    const key = this.keys.get(accessKeyId)
    if (!key) return 'unknown'
    if (key.revoked) return 'revoked'
    return key.grants?.every((grant) => grant.expiresAt <= this.now().getTime()) ? 'expired' : 'active'
  }

  /** Throws InvalidAccessKeyId for a key that is unknown or revoked. */
  find(accessKeyId: string): KnownKey {
    const key = this.keys.get(accessKeyId)
    if (!key || key.revoked) throw new S3Error('InvalidAccessKeyId')
    return key
  }

  /**
   * Whether the key may do this now. `subject` is the object's key or the listed prefix; undefined: the bucket itself. Throws
   * InvalidAccessKeyId when it was revoked meanwhile, ExpiredToken when a grant that covered it has ended, or AccessDenied.
   */
  authorise(key: KnownKey, need: Need, bucket: string, subject: ByteString | undefined): void {
    if (key.revoked) throw new S3Error('InvalidAccessKeyId')
    if (!key.grants) return
    const now = this.now().getTime()
    if (key.grants.every((grant) => grant.expiresAt <= now)) throw new S3Error('ExpiredToken')
    const covering = key.grants.filter(
      (grant) => grant.bucket === bucket && grant.covers.includes(need) && (subject === undefined || subject.startsWith(grant.prefix)),
    )
    if (covering.length === 0) throw new S3Error('AccessDenied')
    if (covering.every((grant) => grant.expiresAt <= now)) throw new S3Error('ExpiredToken')
  }

  private add(grants: KnownKey['grants']): IssuedKey {
    const accessKeyId = `EMBEDDED${randomBytes(6).toString('hex').toUpperCase()}`
    const secretAccessKey = randomBytes(30).toString('base64url')
    this.keys.set(accessKeyId, { accessKeyId, secretAccessKey, grants, revoked: false })
    return { accessKeyId, secretAccessKey }
  }
}
