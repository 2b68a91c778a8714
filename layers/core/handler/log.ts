import { fitText, logKeysFrom, type LogKeys } from './words'

/** What a line may say of where it comes from. */
export interface LogContext {
  function?: string | undefined
  /** of Lambda */
  request?: string | undefined
  run?: string | undefined
  shard?: string | undefined
}

/** Counters a line may carry. */
const COUNTERS = ['objects', 'bytes', 'listed', 'copied', 'skipped', 'excluded', 'changed', 'failed', 'runs', 'roles', 'ms'] as const

type Counters = Partial<Record<(typeof COUNTERS)[number], number>>

/** What a line may say besides its message. Whatever else is handed over is dropped and counted. */
export interface LogFields extends LogContext, Counters {
  /** an error's name */
  error?: string | undefined
  /** words, for example an error's */
  detail?: string | undefined
}

export interface Log {
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** the same log, whose lines carry this too */
  with(context: LogContext): Log
}

/** Text fields and their longest, in characters. A run may be named by its execution's ARN, the longest of which has some 300. */
const TEXTS: Readonly<Record<string, number>> = { function: 140, request: 64, run: 400, shard: 100, error: 100, detail: 2000 }
const MOST_MESSAGE = 200

interface LogOptions {
  keys?: LogKeys
  now?: () => Date
}

/**
 * A log of JSON lines that leak nothing: fields of a list and no others, texts on one line and of bounded length, known credentials
 * replaced. `dropped`, `withheld`: how often that was needed, which is a fault of ours to look into.
 */
export const logTo = (
  write: (line: string) => void,
  { keys = logKeysFrom(process.env), now = () => new Date() }: LogOptions = {},
  context: LogContext = {},
): Log => {
  const line = (level: string, message: string, fields: LogFields): void => {
    let dropped = 0
    let withheld = 0
    const fit = (text: string, most: number): string => {
      const fitted = fitText(text, keys, most)
      withheld += fitted.credentials
      return fitted.text
    }
    const item: Record<string, unknown> = {
      level,
      time: now().toISOString(),
      message: fit(String(message), MOST_MESSAGE),
      service: 'drayage',
    }
    for (const [name, value] of Object.entries({ ...context, ...fields }) as [string, unknown][]) {
      if (value === undefined) continue
      if (Object.hasOwn(TEXTS, name) && typeof value === 'string') item[name] = fit(value, TEXTS[name]!)
      else if ((COUNTERS as readonly string[]).includes(name) && typeof value === 'number' && Number.isFinite(value)) item[name] = value
      else dropped += 1
    }
    write(JSON.stringify({ ...item, ...(dropped > 0 && { dropped }), ...(withheld > 0 && { withheld }) }))
  }
  return {
    info: (message, fields = {}) => line('INFO', message, fields),
    warn: (message, fields = {}) => line('WARN', message, fields),
    error: (message, fields = {}) => line('ERROR', message, fields),
    with: (more) => logTo(write, { keys, now }, { ...context, ...more }),
  }
}
