import { createLogUpdate } from 'log-update'
import { atStart, liveLines, observed, plainLine, STATES, type RunEvent } from './progress'

/** Shows how a run goes. Nothing is written after `close`. */
export interface Display {
  observe(event: RunEvent): void
  close(): void
}

/** ms between two pictures on a terminal. */
const LIVE_MS = 100
/** ms between two lines where there is no terminal. */
const PLAIN_MS = 5000

export const silent: Display = { observe: () => undefined, close: () => undefined }

type Output = NodeJS.WriteStream

/** A live block on a terminal; lines in a pipe, under CI and on terminals that are dumb or of no known width. */
export const display = (output: Output, env: NodeJS.ProcessEnv = process.env): Display =>
  output.isTTY && output.columns > 0 && !env['CI'] && env['TERM'] !== 'dumb' && !env['NO_COLOR'] ? live(output) : plain(output)

const live = (output: Output): Display => {
  const update = createLogUpdate(output)
  let progress = atStart(Date.now())
  const draw = () => update(liveLines(progress, Date.now()).join('\n'))
  const timer = setInterval(draw, LIVE_MS)
  return {
    observe: (event) => {
      progress = observed(progress, event, Date.now())
    },
    close: () => {
      clearInterval(timer)
      update.clear()
      update.done()
    },
  }
}

const plain = (output: Output): Display => {
  let progress = atStart(Date.now())
  const write = () => void output.write(`${plainLine(progress, Date.now())}\n`)
  // Archived objects can take days: there a line comes with each look.
  const timer = setInterval(() => progress.state !== 'RestoreArchived' && write(), PLAIN_MS)
  return {
    observe: (event) => {
      const before = progress.state
      progress = observed(progress, event, Date.now())
      if (event.kind === 'restoring') return write()
      if (event.kind !== 'state' || !Object.hasOwn(STATES, event.name) || (before === event.name && before !== 'ValidateRequest')) return
      timer.refresh()
      write()
    },
    close: () => clearInterval(timer),
  }
}
