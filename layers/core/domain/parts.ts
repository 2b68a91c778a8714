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

/** The size of all parts but the last, in bytes: whole MiB, at most 10,000 parts. */
export const partSizeOf = (size: number): number => Math.max(USUAL_PART_BYTES, Math.ceil(size / MAX_PARTS / MIB) * MIB)

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
