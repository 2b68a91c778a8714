import { Readable } from 'node:stream'
import fc from 'fast-check'
import { firstDifference } from '../../layers/core/transfer/first-difference'

/** The bytes in pieces cut anywhere, empty ones among them. */
const inPieces = (bytes: Uint8Array, cuts: readonly number[]): Readable => {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return Readable.from(
    at.slice(1).map((end, index) => Buffer.from(bytes.subarray(at[index], end))),
    { objectMode: true },
  )
}

const cuts = fc.array(fc.nat(), { maxLength: 8 })
const body = fc.uint8Array({ maxLength: 60 })

test('equal bodies, however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(body, cuts, cuts, async (bytes, a, b) => {
      expect(await firstDifference(inPieces(bytes, a), inPieces(bytes, b))).toBeUndefined()
    }),
  )
})

test('the first byte that is another one, or that only one body has', async () => {
  await fc.assert(
    fc.asyncProperty(body, body, cuts, cuts, async (left, right, a, b) => {
      const same = left.findIndex((byte, at) => byte !== right[at])
      const expected = same !== -1 ? same : left.length === right.length ? undefined : left.length
      expect(await firstDifference(inPieces(left, a), inPieces(right, b))).toBe(expected)
    }),
  )
})

test('a body that breaks off is an error, and no difference', async () => {
  const broken = Readable.from(
    (function* () {
      yield Buffer.from('ab')
      throw new Error('reset')
    })(),
  )
  await expect(firstDifference(broken, inPieces(Buffer.from('abc'), [1]))).rejects.toThrow('reset')
})
