/**
 * Runs `work` for each item, at most `limit` at once, and takes an item from `items` only when there is room for it.
 * After the first failure, of a work or of `items`, none is begun; those under way are waited for.
 * @returns how many were begun. @throws the first failure.
 */
export const forEachAtOnce = async <T>(
  items: AsyncIterable<T> | Iterable<T>,
  limit: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<number> => {
  let begun = 0
  let underWay = 0
  let failure: { error: unknown } | undefined
  let wake = (): void => undefined
  const one = async (item: T, index: number): Promise<void> => {
    try {
      await work(item, index)
    } catch (error) {
      failure ??= { error }
    }
    underWay--
    wake()
  }
  const oneEnds = (): Promise<void> => new Promise((resolve) => (wake = resolve))
  try {
    for await (const item of items) {
      if (failure) break
      underWay++
      void one(item, begun++)
      while (underWay >= limit) await oneEnds()
    }
  } catch (error) {
    failure ??= { error }
  }
  while (underWay > 0) await oneEnds()
  if (failure) throw failure.error
  return begun
}
