/** A stretch of work that is stopped as a whole: an execution, a branch, an iteration, a child, one call. */
export class Scope {
  private readonly controller = new AbortController()
  private readonly inner = new Set<Scope>()

  constructor(private readonly outer?: Scope) {}

  get signal(): AbortSignal {
    return this.controller.signal
  }

  /** Sets of our own rather than AbortSignal.any: Node 20 keeps the combined signals of a long-lived one for ever. */
  open(): Scope {
    const inner = new Scope(this)
    if (this.signal.aborted) inner.stop(this.signal.reason)
    else this.inner.add(inner)
    return inner
  }

  /** To be called once the work has ended, or the outer scope remembers it. */
  close(): void {
    this.outer?.inner.delete(this)
  }

  stop(reason: unknown): void {
    if (this.signal.aborted) return
    this.controller.abort(reason)
    for (const inner of this.inner) inner.stop(reason)
    this.inner.clear()
    this.close()
  }
}

/** @returns what `work` gives. @throws the reason as soon as `signal` is aborted, whether or not `work` heeds it. */
export const unlessStopped = async <T>(signal: AbortSignal, work: Promise<T>): Promise<T> => {
  let onStop!: () => void
  const stopped = new Promise<never>((_, reject) => {
    onStop = () => reject(signal.reason)
    if (signal.aborted) onStop()
    else signal.addEventListener('abort', onStop, { once: true })
  })
  try {
    return await Promise.race([stopped, work])
  } finally {
    signal.removeEventListener('abort', onStop)
  }
}
