/** What a gate of `npm run test:security` found. */
export interface Gate {
  /** by which it is asked for on the command line */
  name: string
  passed: number
  total: number
  /** one sentence each, complete without the rest; [] exactly when the gate holds */
  failures: string[]
  /** what is worth saying though nothing is wrong */
  notes?: string[]
  /** what is missing on this machine; then nothing was tried */
  skipped?: string
  /** roles, schedules, uploads or secrets that were left behind, of the gates that look for them */
  orphans?: number
}

/** A gate that could not be tried here, and why. */
export const skippedGate = (name: string, skipped: string): Gate => ({ name, passed: 0, total: 0, failures: [], skipped })

/** A gate of named checks: each holds ([]) or says what is wrong. */
export const gateOf = (name: string, checks: readonly { title: string; problems: readonly string[] }[], notes: string[] = []): Gate => ({
  name,
  passed: checks.filter(({ problems }) => problems.length === 0).length,
  total: checks.length,
  failures: checks.flatMap(({ title, problems }) => problems.map((problem) => `${title}: ${problem}`)),
  notes,
})
