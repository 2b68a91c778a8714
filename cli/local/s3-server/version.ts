import { randomBytes } from 'node:crypto'
import type { Piece } from './bodies'
import type { Checksum, ChecksumType } from './checksums'

/** What a client says of an object when it creates it. */
export interface Attributes {
  /** system headers and x-amz-meta-*, as they are sent back */
  headers: Record<string, string>
  storageClass?: string | undefined
  tags?: [name: string, value: string][] | undefined
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
}

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

/** An order that is before all given earlier, also by a process whose clock stood a little higher. */
export const newOrder = (): string => {
  const now = BigInt(Date.now()) << 16n
  last = now > last ? now : last + 1n
  return (0xffffffffffffffffn - last).toString(16).padStart(16, '0')
}

/** Begins with its order, so that the row is found by the id. */
export const newVersionId = (order: string): string => order + randomBytes(8).toString('hex')

export const orderOfId = (id: string): string => id.slice(0, 16)
