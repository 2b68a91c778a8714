import type { Readable } from 'node:stream'

/** Pieces of a body as they come; `undefined` at its end. */
const pieces = (body: Readable): (() => Promise<Buffer | undefined>) => {
  const iterator = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  return async () => {
    for (;;) {
      const piece = await iterator.next()
      if (piece.done === true) return undefined
      if (piece.value.length > 0) return piece.value
    }
  }
}

const firstUnequal = (a: Buffer, b: Buffer): number => {
  let at = 0
  while (a[at] === b[at]) at++
  return at
}

/** The first byte, counted from 0, at which two bodies are not the same; undefined: they are. No more than a piece of each is held. */
export const firstDifference = async (left: Readable, right: Readable): Promise<number | undefined> => {
  const [nextOfLeft, nextOfRight] = [pieces(left), pieces(right)]
  let [a, b] = await Promise.all([nextOfLeft(), nextOfRight()])
  for (let at = 0; ;) {
    if (a === undefined || b === undefined) return a === b ? undefined : at
    const both = Math.min(a.length, b.length)
    const [head, other] = [a.subarray(0, both), b.subarray(0, both)]
    if (!head.equals(other)) return at + firstUnequal(head, other)
    at += both
    a = both < a.length ? a.subarray(both) : await nextOfLeft()
    b = both < b.length ? b.subarray(both) : await nextOfRight()
  }
}
