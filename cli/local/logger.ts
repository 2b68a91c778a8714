import { closeSync, openSync, writeSync } from 'node:fs'
import { Logger, type LogItem } from '@aws-lambda-powertools/logger'
import type { ConstructorOptions } from '@aws-lambda-powertools/logger/types'

/** The functions' own logger; what it says goes to `write`, so that the terminal stays with the run's progress. */
class FileLogger extends Logger {
  constructor(
    private readonly write: (line: string) => void,
    options: ConstructorOptions,
  ) {
    super(options)
  }

  protected override printLog(_level: number, item: LogItem): void {
    this.write(JSON.stringify(item.getAttributes(), this.getJsonReplacer()))
  }

  protected override createLogger(options: ConstructorOptions = {}): Logger {
    return new FileLogger(this.write, options)
  }
}

/** A log of JSON lines. They are written at once and not buffered: a process that dies leaves what it said. */
export const openLog = (name: string): { logger: Logger; close(): void } => {
  const file = openSync(name, 'a', 0o600)
  const logger = new FileLogger((line) => void writeSync(file, `${line}\n`), { serviceName: 'drayage', logLevel: 'INFO' })
  return { logger, close: () => closeSync(file) }
}
