import type { Deadline } from '@drayage/core'

/** A call takes nothing new when it has less than this left, in ms: enough to finish what is under way and write its outcomes. */
const RESERVE_MS = 60_000

/** Whether a call may take another object, part or page. A call that began with little time takes at least its first. */
export const hasTime = ({ remainingMs }: Deadline): (() => boolean) => {
  const reserve = Math.min(RESERVE_MS, remainingMs() / 2)
  return () => remainingMs() > reserve
}
