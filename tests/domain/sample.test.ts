import fc from 'fast-check'
import { inSample } from '../../layers/core/domain/sample'
import { utf8Key } from './arbitraries'

const keys = Array.from({ length: 10_000 }, (_, index) => Buffer.from(`object/${index}`))
const sampled = (runId: string, share: number) => keys.filter((key) => inSample(runId, key, share))

test('a share of 1 is everything', () => {
  fc.assert(fc.property(utf8Key, (key) => inSample('run', key, 1)))
})

test('a smaller share is part of a larger one, in every call', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(utf8Key, share, share, (key, a, b) => {
      expect(inSample('run', key, a)).toBe(inSample('run', Buffer.from(key), a))
      expect(!inSample('run', key, Math.min(a, b)) || inSample('run', key, Math.max(a, b))).toBe(true)
    }),
  )
})

test('of 10,000 keys about the share is drawn, and another run draws others', () => {
  for (const share of [0.01, 0.1, 0.5]) {
    const drawn = sampled('run-1', share).length
    // five standard deviations of the binomial distribution
    expect(Math.abs(drawn - 10_000 * share)).toBeLessThan(5 * Math.sqrt(10_000 * share * (1 - share)))
  }
  const [one, other] = [new Set(sampled('run-1', 0.1)), sampled('run-2', 0.1)]
  expect(other.filter((key) => one.has(key)).length).toBeLessThan(other.length / 4)
})
