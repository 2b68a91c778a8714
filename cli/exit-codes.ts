import { Interrupted } from './interrupted'
import type { RunDocument } from './run-document'

/** The command's exit codes. 130 is the shells' own for a process that Ctrl-C ended. */
export const EXIT = { verified: 0, notVerified: 1, badInput: 2, interrupted: 130 } as const

/** A run that something stopped is interrupted only if the operator was it: a crash is a failure. */
export const exitCode = (status: RunDocument['status'], signal: AbortSignal): number => {
  if (status === 'verified' || status === 'estimated') return EXIT.verified
  return status === 'interrupted' && signal.reason instanceof Interrupted ? EXIT.interrupted : EXIT.notVerified
}
