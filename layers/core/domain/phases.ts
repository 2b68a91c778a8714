/** A stretch of a run, as its files tell it. */
export interface PhaseTime {
  name: 'access and preflight' | 'listing' | 'restoring' | 'copying' | 'verification' | 'adding up'
  /** ISO 8601 */
  from: string
  to: string
}

/** ms since 1970 of the first beginning and the last end; undefined: nothing of the kind was done. */
export interface Span {
  from: number
  to: number
}

export const wider = (span: Span | undefined, from: number, to: number): Span => ({
  from: Math.min(span?.from ?? Infinity, from),
  to: Math.max(span?.to ?? -Infinity, to),
})

export interface Moments {
  startedAt: number
  /** when Preflight wrote what it found, and when the listing last moved on */
  preflightAt: number | undefined
  listedAt: number | undefined
  /** whether archived objects were restored between listing and copying */
  restored: boolean
  copying: Span | undefined
  verification: Span | undefined
  /** when adding up began and ended */
  adding: Span
}

/**
 * Where the time of a run went, in order; what it did not come to is left out. Phases may leave gaps (a fleet that starts) and never
 * end before they begin, whatever the clocks of the functions say.
 */
export const phasesOf = ({ startedAt, preflightAt, listedAt, restored, copying, verification, adding }: Moments): PhaseTime[] => {
  const phases: PhaseTime[] = []
  const add = (name: PhaseTime['name'], from: number, to: number) =>
    void phases.push({ name, from: new Date(from).toISOString(), to: new Date(Math.max(from, to)).toISOString() })
  if (preflightAt !== undefined) add('access and preflight', startedAt, preflightAt)
  if (listedAt !== undefined) add('listing', preflightAt ?? startedAt, listedAt)
  if (restored && listedAt !== undefined) add('restoring', listedAt, copying?.from ?? adding.from)
  if (copying !== undefined) add('copying', copying.from, copying.to)
  if (verification !== undefined) add('verification', verification.from, verification.to)
  add('adding up', adding.from, adding.to)
  return phases
}
