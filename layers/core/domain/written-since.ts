/**
 * Whether an object of the destination was written since the run's write probe: by a call of the run, or by a stranger at the same time.
 * Both times (ISO 8601) are the destination's own, in the unit in which it tells them, so that no other clock and no rounding matters.
 * In the same unit either may have been first, and a time that cannot be read says nothing: the answer is then yes, for taking a write
 * of the run for an older one would hide it.
 */
export const writtenSince = ({ lastModified }: { lastModified: string }, writingSince: string): boolean =>
  !(Date.parse(lastModified) < Date.parse(writingSince))
