import { closeSync, openSync, writeSync } from 'node:fs'
import { logTo, type Log } from '@drayage/core'

/** A log of JSON lines, by the functions' own rules. They are written at once and not buffered: a process that dies leaves what it said. */
export const openLog = (name: string): { logger: Log; close(): void } => {
  const file = openSync(name, 'a', 0o600)
  return { logger: logTo((line) => void writeSync(file, `${line}\n`)), close: () => closeSync(file) }
}
