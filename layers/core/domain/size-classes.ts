const KIB = 1024
const MIB = 1024 * KIB

/** Where each size class begins, in bytes; the last has no end. 5 GiB is the most that one PUT takes. */
const BOUNDS = [0, KIB, 16 * KIB, 128 * KIB, MIB, 16 * MIB, 256 * MIB, 5 * 1024 * MIB]

/** The objects of a run whose sizes lie from `from` to `to` bytes. */
export interface SizeClass {
  /** bytes, included */
  from: number
  /** bytes, not included; null: no end */
  to: number | null
  /** objects that the selection did not leave out, and their bytes */
  objects: number
  bytes: number
  /** of them copied */
  copied: number
  /** ms that the outcomes took, all together: objects are copied side by side, so that this is more than the run lasted */
  ms: number
  /** tries beyond the first, of objects that are copied by one PUT */
  retries: number
}

export const sizeClasses = (): SizeClass[] =>
  BOUNDS.map((from, index) => ({ from, to: BOUNDS[index + 1] ?? null, objects: 0, bytes: 0, copied: 0, ms: 0, retries: 0 }))

/** The class of these that an object of `size` bytes belongs to. */
export const classOf = (classes: readonly SizeClass[], size: number): SizeClass => classes.findLast(({ from }) => size >= from)!
