import { closeSync, openSync, writeSync } from 'node:fs'
import { logTo, type Log } from '@drayage/core'

/**
 * A log of JSON lines, by the functions' own rules. They are written at once and not buffered: a process that dies leaves what it said.
 * A line that cannot be written, as on a full disk, goes to standard error with the reason: it is no reason to fail a call, Cleanup's
 * least of all.
 */
export const openLog = (name: string): { logger: Log; close(): void } => {
  const file = openSync(name, 'a', 0o600)
  const write = (line: string): void => {
    try {
      writeSync(file, `${line}\n`)
    } catch (error) {
      process.stderr.write(`the log ${name} lacks a line (${(error as Error).message}): ${line}\n`)
    }
  }
  return { logger: logTo(write), close: () => closeSync(file) }
}
