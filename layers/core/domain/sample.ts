import { createHash } from 'node:crypto'
import type { Key } from './keys'
import { partCount } from './parts'

/** Bytes that one look reads of each side: 16 MiB take 16 s at 1 MiB/s, well within what a call keeps back for what is under way. */
export const LOOK_BYTES = 16 * 1024 * 1024

/** In how many looks an object is read again: each is one GET at either side. */
export const rereadLooks = ({ size }: { size: number }): number => partCount(size, LOOK_BYTES)

/**
 * Whether a run reads this object again, where it reads the share `share` of them, over 0 and up to 1. By the hash of run and key: the
 * same in every call of one run, another choice in the next run, and not to be foreseen by whoever wrote the object.
 */
export const inSample = (runId: string, key: Key, share: number): boolean =>
  createHash('sha256').update(`${runId}\n`).update(key).digest().readUIntBE(0, 6) < share * 2 ** 48
