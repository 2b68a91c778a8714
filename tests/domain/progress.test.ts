import { atStart, liveLines, observed, plainLine, rates, remainingMs, type Progress, type RunEvent } from '../../cli/progress'

const play = (events: [at: number, event: RunEvent][]): Progress =>
  events.reduce((progress, [at, event]) => observed(progress, event, at), atStart(0))

const outcomes = (at: number, times: number, outcome: 'copied' | 'failed' | 'skipped', bytes: number): [number, RunEvent][] =>
  Array.from({ length: times }, () => [at, { kind: 'outcome', outcome, bytes }])

const listed: [number, RunEvent] = [1000, { kind: 'listed', objects: 100, excluded: 0, bytes: 10_000_000, done: true }]
const copying: [number, RunEvent] = [2000, { kind: 'state', name: 'CopyObjects' }]

describe('what is shown of a run', () => {
  it('counts outcomes and bytes, and rates from the moment copying began', () => {
    const progress = play([listed, copying, ...outcomes(4000, 40, 'copied', 50_000)])
    expect(progress.outcomes.copied).toBe(40)
    expect(rates(progress, 4000)).toEqual({ objects: 20, bytes: 1_000_000 })
    expect(remainingMs(progress, 4000)).toBe(3000)
  })

  it('promises no end and no rate before there is something to go by', () => {
    expect(rates(play([listed]), 5000)).toBeUndefined()
    expect(rates(play([listed, copying]), 2500)).toBeUndefined()
    expect(remainingMs(play([listed, copying]), 9000)).toBeUndefined()
    const growing = play([
      [1000, { kind: 'listed', objects: 10, excluded: 0, bytes: 10, done: false }],
      copying,
      ...outcomes(4000, 5, 'copied', 1),
    ])
    expect(remainingMs(growing, 4000)).toBeUndefined()
  })

  it('keeps the rate of copying when copying is over', () => {
    const progress = play([listed, copying, ...outcomes(4000, 40, 'copied', 50_000), [4000, { kind: 'state', name: 'VerifyBatches' }]])
    expect(rates(progress, 60_000)?.objects).toBe(20)
    expect(remainingMs(progress, 60_000)).toBeUndefined()
  })

  it('draws a bar only once the listing is complete', () => {
    const growing = liveLines(play([[1000, { kind: 'listed', objects: 1234, excluded: 0, bytes: 5_600_000, done: false }]]), 2000)
    expect(growing).toContain('1,234 objects listed, 5.6 MB')
    expect(growing.join()).not.toContain('█')
    const half = liveLines(play([listed, copying, ...outcomes(4000, 50, 'copied', 1)]), 4000)
    expect(half).toContain(`${'█'.repeat(16)}${'░'.repeat(16)} 50 of 100 objects done`)
  })

  it('counts towards the objects that are not excluded', () => {
    const filtered: [number, RunEvent] = [1000, { kind: 'listed', objects: 1000, excluded: 900, bytes: 10_000_000, done: true }]
    const progress = play([filtered, copying, ...outcomes(4000, 50, 'copied', 1)])
    expect(liveLines(progress, 4000)).toContain(`${'█'.repeat(16)}${'░'.repeat(16)} 50 of 100 objects done`)
    expect(remainingMs(progress, 4000)).toBe(2000)
  })

  it('a bar never overflows, even if more is done than was listed', () => {
    const lines = liveLines(play([listed, copying, ...outcomes(4000, 150, 'copied', 1)]), 4000)
    expect(lines[1]).toBe(`${'█'.repeat(32)} 150 of 100 objects done`)
  })

  it('shows state, position, failures, elapsed and remaining time', () => {
    const lines = liveLines(play([listed, copying, ...outcomes(4000, 18, 'copied', 50_000), ...outcomes(4000, 2, 'failed', 0)]), 4000)
    expect(lines[0]).toBe('CopyObjects (7 of 11): copying')
    expect(lines).toContain('18 copied, 2 failed')
    expect(lines.at(-1)).toBe('0:04 elapsed, about 0:08 left')
  })

  it('says it in one line where there is no terminal', () => {
    expect(plainLine(play([listed, copying, ...outcomes(4000, 40, 'copied', 50_000)]), 4000)).toBe(
      '0:04 CopyObjects: copying, 40 of 100 objects done, 2.0 MB, 20 objects/s, 1.0 MB/s, 40 copied, 0 failed',
    )
    expect(plainLine(atStart(0), 65_000)).toBe('1:05 ValidateRequest: checking the request')
  })

  it('says how many archived objects are ready, and when it looks again, while it waits for them and not before or after', () => {
    const at = new Date(2026, 10, 26, 14, 0).getTime()
    const looked: [number, RunEvent][] = [
      [at, { kind: 'state', name: 'RestoreArchived' }],
      [at, { kind: 'restoring', ready: 12, asked: 1040, waitSeconds: 300 }],
    ]
    const waiting = play([listed, ...looked])
    expect(plainLine(waiting, at).split(' ').slice(1).join(' ')).toBe(
      'RestoreArchived: restoring archived objects, 12 of 1,040 ready, next look at 14:05',
    )
    expect(liveLines(waiting, at)).toContain('12 of 1,040 ready, next look at 14:05')
    expect(plainLine(waiting, at + 300_000)).toMatch(/12 of 1,040 ready$/)
    expect(plainLine(play([listed, looked[0]!]), at)).toMatch(/restoring archived objects$/)
    expect(liveLines(play([listed, ...looked, [at, { kind: 'state', name: 'CopyObjects' }]]), at).join()).not.toContain('ready')
  })

  it('does not take states inside a Map or a Choice for a step of the run', () => {
    const progress = play([copying, [3000, { kind: 'state', name: 'CopyBatch' }], [3000, { kind: 'state', name: '__proto__' }]])
    expect(progress.state).toBe('CopyObjects')
  })
})
