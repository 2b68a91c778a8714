import { bareEtag, saysNothing } from './compare'

const MIB = 1024 * 1024

/** Amazon S3's limits of a multipart upload (user guide, "Amazon S3 multipart upload limits"). */
export const MAX_PARTS = 10_000
export const MIN_PART_BYTES = 5 * MIB
export const MAX_PART_BYTES = 5 * 1024 * MIB

/** Below this a part costs more requests than it saves time (16 MiB: 32 parts for 512 MiB). */
const USUAL_PART_BYTES = 16 * MIB

/** What one function call copies, at most twice of it: 1 GiB takes half a minute at 40 MiB/s. */
const GROUP_BYTES = 1024 * MIB

/** An inline Map over more groups would pass Step Functions' 25,000 history events and 256 KiB of payload. */
const MAX_GROUPS = 1000

/** Consecutive parts that one function call copies: numbers `first` to `last`, from 1. */
export interface PartGroup {
  first: number
  last: number
}

/** The size of all parts but the last where we cut as we like, in bytes: whole MiB, at most 10,000 parts. */
export const partSizeOf = (size: number): number => Math.max(USUAL_PART_BYTES, Math.ceil(size / MAX_PARTS / MIB) * MIB)

/** Of how many parts an object was made, where its ETag says so (`…-N`); undefined: one PUT, or a store of another custom. */
export const partsOfEtag = (etag: string): number | undefined => {
  const parts = /^[0-9a-f]{32}-(\d{1,5})$/i.exec(bareEtag(etag))?.[1]
  return parts === undefined || saysNothing(etag) || Number(parts) < 1 || Number(parts) > MAX_PARTS ? undefined : Number(parts)
}

/** Whether so many parts of this size can be put to Amazon S3 again, one function call copying each. */
export const canBeFollowed = (size: number, partSize: number, parts: number): boolean =>
  partCount(size, partSize) === parts && partSize <= GROUP_BYTES && (parts === 1 ? partSize === size : partSize >= MIN_PART_BYTES)

/** What clients cut by default, in MiB or MB (s3cmd 15, AWS SDKs 5 or 8, rclone 5, consoles 16). */
const USUAL_SIZES = [5, 8, 10, 15, 16, 25, 32, 50, 64, 100, 128, 256, 512, 1024]

/** The one usual size that makes so many parts, in MiB before MB; undefined where none or several would. It may be wrong. */
export const guessedPartSize = (size: number, parts: number): number | undefined => {
  if (parts === 1) return canBeFollowed(size, size, 1) ? size : undefined
  for (const unit of [MIB, 1_000_000]) {
    const fitting = USUAL_SIZES.map((count) => count * unit).filter((partSize) => canBeFollowed(size, partSize, parts))
    if (fitting.length > 0) return fitting.length === 1 ? fitting[0] : undefined
  }
  return undefined
}

export const partCount = (size: number, partSize: number): number => Math.max(1, Math.ceil(size / partSize))

/** The bytes of one part, both ends included; throws RangeError for a part that the object does not have. */
export const partRange = (size: number, partSize: number, number: number): { from: number; to: number } => {
  const from = (number - 1) * partSize
  if (!Number.isInteger(number) || number < 1 || from >= size) throw new RangeError(`an object of ${size} bytes has no part ${number}`)
  return { from, to: Math.min(size, from + partSize) - 1 }
}

/** Cuts an object's parts into at most 1,000 groups of about 1 GiB. */
export const partGroups = (size: number, partSize: number): PartGroup[] => {
  const parts = partCount(size, partSize)
  const perGroup = Math.max(Math.ceil(GROUP_BYTES / partSize), Math.ceil(parts / MAX_GROUPS))
  const groups: PartGroup[] = []
  for (let first = 1; first <= parts; first += perGroup) groups.push({ first, last: Math.min(parts, first + perGroup - 1) })
  return groups
}
