import { noVerdicts, type Judgement, type VerdictFile } from '../domain/verdicts'
import type { Key } from '../domain/keys'
import type { Looks } from './reread-progress'

/** One line of the walk: an object of the shard, or one that only the destination has. */
export interface Place {
  /** in the shard; undefined: only the destination has it */
  index: number | undefined
  /** of one that only the destination has: its key there */
  stranger?: Key
  /** undefined: not known yet */
  judged?: Judgement | 'gone' | undefined
  /** of an object that the listing was not enough for */
  looks?: Looks
}

/**
 * The walk up to the first place that is not judged. One that did not come to its end is never cut just behind the shard's last object,
 * so that the next turn meets what stands there.
 */
export const judgedWalk = (places: readonly Place[], ended: boolean, objects: number): Place[] => {
  const hole = places.findIndex(({ judged }) => judged === undefined)
  const judged = hole === -1 ? [...places] : places.slice(0, hole)
  if (ended && hole === -1) return judged
  const last = judged.findLastIndex(({ index }) => index === undefined || index < objects - 1)
  return judged.slice(0, last + 1)
}

/** The walk as the verdict file that it is written as; `done`: there is nothing behind it. */
export const fileOf = (first: number, walk: readonly Place[], done: boolean): Omit<VerdictFile, 'at' | 'ms'> => {
  const behind = done ? undefined : walk.at(-1)?.stranger
  const file: Omit<VerdictFile, 'at' | 'ms'> = {
    ...{ first, next: first, ...(behind && { behind }) },
    ...{ counts: noVerdicts(), evidence: {}, verdicts: [] },
  }
  for (const { index, judged } of walk) {
    if (index !== undefined) file.next++
    if (judged === undefined || judged === 'gone') continue
    file.counts[judged.verdict]++
    if (judged.verdict === 'verified') file.evidence[judged.evidence] = (file.evidence[judged.evidence] ?? 0) + 1
    else if (judged.verdict !== 'notExpected') file.verdicts.push(judged)
  }
  return file
}
