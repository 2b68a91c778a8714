import fc from 'fast-check'
import type { Held, Observation } from '../../layers/core/domain/access'
import { certificateOf, compareInventories, isComplete, STEPS, type Closure, type ClosureStep } from '../../layers/core/domain/closure'
import { endpointHash } from '../../layers/core/domain/host-hash'
import type { Migration } from '../../layers/core/domain/migration'

const seen = (closed: boolean): Observation => ({
  kind: 'role',
  name: 'x',
  call: 'iam:GetRole',
  answer: 'NoSuchEntity',
  closed,
  at: '2026-12-01T00:00:00Z',
})

const stepsOf = (count: number, closed: (step: number) => boolean[] = () => [true]): ClosureStep[] =>
  STEPS.slice(0, count).map((name, index) => ({ step: index + 1, name, observations: closed(index + 1).map(seen) }))

const closureOf = (steps: ClosureStep[]): Closure => ({
  version: 1,
  runId: 'run-1',
  complete: isComplete(steps),
  calledBy: 'the run',
  at: '2026-12-01T00:00:09Z',
  steps,
  uploads: null,
  baseline: null,
  todo: [],
})

const migration = {
  runId: 'run-1',
  executionId: 'execution',
  startedAt: '2026-12-01T00:00:00Z',
  source: { bucket: 'a', prefix: '', endpoint: null, credential: null },
  destination: { bucket: 'b', prefix: '', endpoint: null, region: 'eu-central-1', account: '123456789012' },
  access: { expiresAt: '2026-12-02T00:00:00Z' },
} as unknown as Migration

describe('a closure', () => {
  it('is complete when the eight steps on access were taken and nothing that they observed is open', () => {
    expect(isComplete(stepsOf(8))).toBe(true)
    expect(isComplete(stepsOf(9, (step) => [step < 9]))).toBe(true)
  })

  it.each(Array.from({ length: 8 }, (_, index) => [index + 1, STEPS[index]!] as const))(
    'without step %i (%s), with that step empty, or with one open answer in it, is not complete and gets no certificate',
    (missing) => {
      const faulty = [
        stepsOf(8).filter(({ step }) => step !== missing),
        stepsOf(8, (step) => (step === missing ? [] : [true])),
        stepsOf(8, (step) => (step === missing ? [true, false, true] : [true])),
      ]
      for (const steps of faulty) {
        expect(isComplete(steps)).toBe(false)
        expect(certificateOf(closureOf(steps), migration, [], null)).toBeUndefined()
        // What the file says of itself counts for nothing.
        expect(certificateOf({ ...closureOf(steps), complete: true }, migration, [], null)).toBeUndefined()
      }
    },
  )

  it('is certified with what was observed and nothing else', () => {
    const grants = [{ kind: 'role' as const, name: 'drayage-x-write', purpose: 'writes' }]
    const certificate = certificateOf(closureOf(stepsOf(9)), migration, grants, 'ab'.repeat(32))
    expect(certificate).toMatchObject({ runId: 'run-1', closedAt: '2026-12-01T00:00:09Z', bundleSha256: 'ab'.repeat(32) })
    expect(certificate?.steps).toEqual(stepsOf(8))
    expect(certificate?.opened).toEqual({ expiresAt: '2026-12-02T00:00:00Z', grants })
    expect(Object.values(certificate!)).not.toContain(undefined)
  })

  it('names no host of a store: a certificate is handed on', () => {
    const foreign = { ...migration, source: { ...migration.source, endpoint: 'https://s3.acme-internal.example:9000' } }
    const certificate = certificateOf(closureOf(stepsOf(9)), foreign, [], null)
    expect(JSON.stringify(certificate)).not.toContain('acme-internal')
    expect(certificate?.source.endpoint).toMatch(/^host#[0-9a-f]{8}$/)
    expect([endpointHash(null), endpointHash('embedded')]).toEqual([null, 'embedded'])
  })
})

describe('two inventories', () => {
  const held: fc.Arbitrary<Held> = fc.record({
    kind: fc.constantFrom('role' as const, 'schedule' as const, 'key' as const),
    name: fc.constantFrom('a', 'b', 'c', 'ours-1', 'ours-2', 'recorded-1', 'recorded-2'),
  })
  const inventory = fc.uniqueArray(held, { selector: ({ kind, name }) => `${kind} ${name}` })
  const isOurs = ({ name }: Held) => name.startsWith('ours')
  const recorded = ({ name }: Held) => (name.startsWith('recorded') ? 'run-2' : undefined)

  it('whatever is there afterwards is ours, was there before, is another run\u2019s, or is named as unexplained: once', () => {
    fc.assert(
      fc.property(inventory, inventory, (before, after) => {
        const found = compareInventories(before, after, isOurs, recorded)
        expect(found.before).toBe(before.length)
        expect(found.after).toBe(after.length)
        const was = (one: Held) => before.some(({ kind, name }) => kind === one.kind && name === one.name)
        for (const one of after) {
          const places = [found.ours, found.others, found.unexplained].filter((list) =>
            list.some(({ kind, name }) => kind === one.kind && name === one.name),
          )
          expect(places.length).toBe(isOurs(one) || !was(one) ? 1 : 0)
        }
        expect(found.ours).toEqual(after.filter(isOurs))
        for (const { runId } of found.others) expect(runId).toBe('run-2')
        for (const one of found.unexplained) expect(recorded(one)).toBeUndefined()
      }),
    )
  })
})
