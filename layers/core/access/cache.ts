/**
 * Answers that are kept for a while in a warm function. Calls that come together share one question; an error is not kept.
 * `freshUntil` gives the time, in ms since the epoch, from which an answer must be asked for again.
 */
export class Cache<T> {
  private readonly kept = new Map<string, { answer: Promise<T>; freshUntil: number }>()

  constructor(
    private readonly now: () => Date,
    private readonly freshUntil: (answer: T) => number,
  ) {}

  get(name: string, ask: () => Promise<T>): Promise<T> {
    const time = this.now().getTime()
    for (const [other, { freshUntil }] of this.kept) if (freshUntil <= time) this.kept.delete(other)
    const found = this.kept.get(name)
    if (found !== undefined) return found.answer
    const entry = { answer: ask(), freshUntil: Infinity }
    this.kept.set(name, entry)
    entry.answer.then(
      (answer) => (entry.freshUntil = this.freshUntil(answer)),
      () => this.kept.delete(name),
    )
    return entry.answer
  }
}
