/** When the requests of the cases are made if they say nothing else: the run has just begun. */
export const NOW = '2026-12-01T12:00:00Z'
/** When its access ends. */
export const EXPIRES = '2026-12-02T12:00:00Z'
export const JUST_BEFORE = '2026-12-02T11:59:59Z'
/** A day after the end: by then nobody can take the run's roles, also if nothing has run since. */
export const A_DAY_AFTER = '2026-12-03T12:00:00Z'
