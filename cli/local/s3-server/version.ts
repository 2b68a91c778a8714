import { randomBytes } from 'node:crypto'
import type { Piece } from './bodies'
import type { Checksum, ChecksumType } from './checksums'
import { S3Error } from './errors'

/** What a client says of an object when it creates it. */
export interface Attributes {
  /** system headers and x-amz-meta-*, as they are sent back */
  headers: Record<string, string>
  storageClass?: string | undefined
  tags?: [name: string, value: string][] | undefined
  lock?: Lock | undefined
  /** of aws:kms, as the client named it: nothing is encrypted */
  kmsKey?: string | undefined
}

/** Object Lock of one version: a retention has a mode and an end (ms since 1970), a legal hold neither. */
export interface Lock {
  mode?: string | undefined
  until?: number | undefined
  hold?: true | undefined
}

export interface StoredObject extends Attributes {
  /** bytes */
  size: number
  /** without quotes */
  etag: string
  /** ms since 1970, whole seconds: what HTTP dates can say */
  modified: number
  /** more than one, or an ETag with a `-`: its parts */
  pieces: Piece[]
  checksum?: (Checksum & { type: ChecksumType }) | undefined
  /** the parts' own checksums, in the order of the pieces, where the upload had an algorithm */
  partChecksums?: string[] | undefined
  /** a tier of Intelligent-Tiering that must be restored from */
  archiveStatus?: ArchiveStatus | undefined
  /** a restore that was asked for: when its copy is there, and until when (ms since 1970); what Intelligent-Tiering restores stays */
  restore?: { ready: number; until?: number | undefined } | undefined
}

export type ArchiveStatus = 'ARCHIVE_ACCESS' | 'DEEP_ARCHIVE_ACCESS'

export interface DeleteMarker {
  deleteMarker: true
  modified: number
}

/** The version id of what was written while the bucket's versioning was not enabled: Amazon S3 user guide, "Retaining multiple versions". */
export const NULL_VERSION = 'null'

/** One row of a key: an object, or the marker that hides those before it. */
export type Version = (StoredObject | DeleteMarker) & {
  id: string
  /** 16 hex digits, the less the newer */
  order: string
}

export type VersionedObject = StoredObject & { id: string; order: string }

export const isMarker = (version: Version): version is Version & DeleteMarker => 'deleteMarker' in version

let last = 0n

/** Ever more, also within one millisecond and when the clock is set back while the process runs. */
export const newTick = (): bigint => {
  const now = BigInt(Date.now()) << 16n
  last = now > last ? now : last + 1n
  return last
}

/** 16 hex digits, in the order of the numbers. */
export const hexOf = (number: bigint): string => number.toString(16).padStart(16, '0')

/** An order before that of the version that is the newest so far, whatever the clock was when that was written. */
export const newOrder = (newest: string | undefined): string => {
  const order = hexOf(0xffffffffffffffffn - newTick())
  return newest === undefined || order < newest ? order : hexOf(BigInt(`0x${newest}`) - 1n)
}

/** Begins with its order, so that the row is found by the id. */
export const newVersionId = (order: string): string => order + randomBytes(8).toString('hex')

export const orderOfId = (id: string): string => id.slice(0, 16)

/** Throws InvalidArgument for what no version can have as its id. */
export const legalVersionId = <Id extends string | undefined>(id: Id): Id => {
  if (id !== undefined && id !== NULL_VERSION && !/^[0-9a-f]{32}$/.test(id))
    throw new S3Error('InvalidArgument', 'Invalid version id specified')
  return id
}
