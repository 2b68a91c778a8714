import { bareEtag } from './compare'
import type { ObjectHeaders, ObjectInfo } from './object-store'

/** Amazon S3's limit of user metadata, in bytes of names and values. */
const MAX_METADATA_BYTES = 2048

const metadataBytes = (metadata: Record<string, string>): number =>
  Object.entries(metadata).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0)

/**
 * What a copy carries besides its bytes: system headers and user metadata as they are, and, where 2 KB leave room, the
 * source's Last-Modified as `mtime` (seconds since 1970, rclone's convention) and ETag as `source-etag`. Names that the
 * object already uses are left alone.
 */
export const carriedHeaders = ({ headers, lastModified, etag }: ObjectInfo): ObjectHeaders => {
  const kept = { mtime: String(Date.parse(lastModified) / 1000), 'source-etag': bareEtag(etag) }
  const metadata = { ...kept, ...headers.metadata }
  return { ...headers, metadata: metadataBytes(metadata) <= MAX_METADATA_BYTES ? metadata : headers.metadata }
}
