import type { RunEvent } from '../../progress'

/** ms between two messages of what was heard: thousands of objects a second are no message each, and the display draws as often. */
const EVERY_MS = 100

/** Gathers what a call tells of itself. `flush` passes on the rest, before the call's answer. */
export const gathering = (pass: (events: RunEvent[]) => void): { hear(event: RunEvent): void; flush(): void } => {
  let events: RunEvent[] = []
  let timer: NodeJS.Timeout | undefined
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    if (events.length === 0) return
    pass(events)
    events = []
  }
  return {
    hear: (event) => {
      events.push(event)
      timer ??= setTimeout(flush, EVERY_MS)
    },
    flush,
  }
}
