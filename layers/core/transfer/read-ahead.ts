/** Reads of items, at most `width` under way at once, given in the items' order: one slow answer does not hold up the others. */
export async function* readAhead<T, R>(items: readonly T[], width: number, read: (item: T) => Promise<R>): AsyncGenerator<R> {
  const under: Promise<R>[] = []
  let next = 0
  const begin = () => {
    const reading = read(items[next++]!)
    // It is thrown where it is taken; until then nobody waits for it.
    reading.catch(() => undefined)
    under.push(reading)
  }
  while (next < items.length || under.length > 0) {
    while (next < items.length && under.length < width) begin()
    yield await under.shift()!
  }
}
