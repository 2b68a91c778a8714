import { setTimeout as pause } from 'node:timers/promises'

export interface Clock {
  now(): Date
  /** ms */
  sleep(ms: number): Promise<void>
}

export const systemClock: Clock = { now: () => new Date(), sleep: (ms) => pause(ms) }

/**
 * Asks until `probe` says `done` or `limitMs` have passed, and returns its last answer. IAM and Secrets Manager are
 * eventually consistent. It asks at least once; the pauses grow from 0.5 to 5 s.
 */
export const until = async <T>(clock: Clock, limitMs: number, probe: () => Promise<T>, done: (answer: T) => boolean): Promise<T> => {
  const end = clock.now().getTime() + limitMs
  for (let pauseMs = 500; ; pauseMs = Math.min(pauseMs * 1.5, 5000)) {
    const answer = await probe()
    if (done(answer) || clock.now().getTime() + pauseMs > end) return answer
    await clock.sleep(pauseMs)
  }
}
