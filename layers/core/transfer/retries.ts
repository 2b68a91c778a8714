import { setTimeout as sleep } from 'node:timers/promises'
import { BodyMismatch, isRetryable, StoreThrottled } from '../domain/errors'

/** Tries of one request or object inside a function call, before it becomes an outcome or the state machine's own Retry takes over. */
const ATTEMPTS = 5
const FIRST_WAIT_MS = 200
const LONGEST_WAIT_MS = 10_000

const waitMs = (attempt: number, error: unknown): number => {
  const asked = error instanceof StoreThrottled ? (error.retryAfterMs ?? 0) : 0
  const backoff = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt)
  return Math.max(Math.min(asked, LONGEST_WAIT_MS), backoff * (0.5 + Math.random() / 2))
}

/**
 * Calls `act` until it succeeds, up to 5 times, with exponential waits and jitter (Retry-After is honoured up to 10 s).
 * Only retryable errors and damaged bodies are tried again. Throws the last error, or the signal's reason.
 */
export const withRetries = async <T>(act: () => Promise<T>, signal: AbortSignal): Promise<T> => {
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted()
    try {
      return await act()
    } catch (error) {
      if (signal.aborted || attempt + 1 >= ATTEMPTS || !(isRetryable(error) || error instanceof BodyMismatch)) throw error
      await sleep(waitMs(attempt, error), undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }
}
