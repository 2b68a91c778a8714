/**
 * Runs `work` on items in order, at most `width` at once, as long as `going()` says so; waits for what is under way.
 * Returns how many items were taken. The first error, of the items too, stops taking and is thrown
 * when the rest has settled: nothing goes on behind a call that has ended.
 */
export const inPool = async <T>(
  items: Iterable<T> | AsyncIterable<T>,
  width: number,
  work: (item: T, index: number) => Promise<void>,
  going = () => true,
): Promise<number> => {
  const under = new Set<Promise<void>>()
  const failed: unknown[] = []
  let taken = 0
  try {
    for await (const item of items) {
      if (failed.length > 0 || !going()) break
      const index = taken++
      const job: Promise<void> = work(item, index)
        .catch((error: unknown) => void failed.push(error))
        .finally(() => under.delete(job))
      under.add(job)
      if (under.size >= width) await Promise.race(under)
    }
  } catch (error) {
    failed.push(error)
  }
  await Promise.all(under)
  if (failed.length > 0) throw failed[0]
  return taken
}
