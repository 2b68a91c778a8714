import fc from 'fast-check'
import { addArchived, archiveClass, noArchived, standOf, type ArchiveCounts } from '../../layers/core/domain/archived'
import { archivedReport, firstRestoreFile, indexesOf, ongoingOf, rangesOf, refusedOf } from '../../layers/core/domain/restore-file'
import { restoreEstimate, restoreProblems, secondsToNextLook } from '../../layers/core/domain/restore-times'
import type { ObjectInfo } from '../../layers/core/domain/object-store'

const info = (more: Partial<ObjectInfo>): ObjectInfo => ({
  size: 1,
  etag: '"e"',
  lastModified: '2026-01-01T00:00:00.000Z',
  headers: { metadata: {} },
  ...more,
})

const classes = (objects: Partial<Record<keyof ArchiveCounts, number>>): ArchiveCounts =>
  Object.fromEntries(
    Object.entries(noArchived()).map(([name]) => {
      const many = objects[name as keyof ArchiveCounts] ?? 0
      return [name, { objects: many, bytes: many * 10 }]
    }),
  ) as ArchiveCounts

describe('what is archived', () => {
  test.each([
    [undefined, undefined],
    ['STANDARD', undefined],
    ['GLACIER_IR', undefined],
    ['Archive', undefined],
    ['glacier', undefined],
    ['GLACIER', 'GLACIER'],
    ['DEEP_ARCHIVE', 'DEEP_ARCHIVE'],
    ['INTELLIGENT_TIERING', 'INTELLIGENT_TIERING'],
  ])('a listing that says %s', (storageClass, expected) => expect(archiveClass({ storageClass })).toBe(expected))

  test.each([
    ['readable', {}],
    ['readable', { storageClass: 'GLACIER_IR' }],
    ['archived', { storageClass: 'GLACIER' }],
    ['archived', { storageClass: 'DEEP_ARCHIVE' }],
    ['readable', { storageClass: 'INTELLIGENT_TIERING' }],
    ['archived', { storageClass: 'INTELLIGENT_TIERING', archiveStatus: 'DEEP_ARCHIVE_ACCESS' }],
    ['ongoing', { storageClass: 'INTELLIGENT_TIERING', archiveStatus: 'ARCHIVE_ACCESS', restore: { ongoing: true } }],
    ['ongoing', { storageClass: 'GLACIER', restore: { ongoing: true } }],
    ['readable', { storageClass: 'GLACIER', restore: { ongoing: false, expiresAt: '2026-12-01T00:00:00.000Z' } }],
  ])('is %s, by a HEAD that says %j', (expected, said) => expect(standOf(info(said))).toBe(expected))

  test('is counted by class, with its bytes; what can be read is not', () => {
    const counts = addArchived(noArchived(), [
      { size: 5, storageClass: 'GLACIER' },
      { size: 7, storageClass: 'GLACIER' },
      { size: 1, storageClass: 'STANDARD' },
      { size: 3, storageClass: 'INTELLIGENT_TIERING' },
      { size: 1 },
    ])
    expect(counts).toEqual({
      GLACIER: { objects: 2, bytes: 12 },
      DEEP_ARCHIVE: { objects: 0, bytes: 0 },
      INTELLIGENT_TIERING: { objects: 1, bytes: 3 },
    })
    expect(noArchived().GLACIER.objects).toBe(0)
  })
})

describe('the restore estimate', () => {
  test.each([
    ['Bulk', { GLACIER: 2 }, 12, 12],
    ['Bulk', { DEEP_ARCHIVE: 2 }, 48, 48],
    ['Bulk', { GLACIER: 2, DEEP_ARCHIVE: 2 }, 48, 48],
    ['Standard', { GLACIER: 2 }, 5, 5],
    ['Standard', { DEEP_ARCHIVE: 1 }, 12, 12],
    ['Expedited', { GLACIER: 1 }, 5 / 60, 5 / 60],
    ['Expedited', { GLACIER: 1, DEEP_ARCHIVE: 1 }, null, null],
    ['Bulk', { INTELLIGENT_TIERING: 3 }, 0, 48],
    ['Standard', { INTELLIGENT_TIERING: 3, GLACIER: 1 }, 5, 12],
    ['Expedited', { INTELLIGENT_TIERING: 3 }, 0, 5 / 60],
  ] as const)('of %s for %j is %s to %s hours', (tier, objects, hours, hoursAtMost) => {
    expect(restoreEstimate(classes(objects), tier)).toMatchObject({ tier, hours, hoursAtMost })
  })

  test('counts requests, and is null where nothing is archived', () => {
    expect(restoreEstimate(classes({ GLACIER: 2, DEEP_ARCHIVE: 3, INTELLIGENT_TIERING: 4 }), 'Bulk')).toMatchObject({
      requests: 5,
      heads: 4,
    })
    expect(restoreEstimate(noArchived(), 'Expedited')).toBeNull()
  })
})

describe('a restore that cannot be done as asked', () => {
  const restore = { archived: true, tier: 'Bulk', days: 7 } as const

  test('Expedited with DEEP_ARCHIVE: names restore.tier and what to ask for', () => {
    const [line, ...more] = restoreProblems({ ...restore, tier: 'Expedited' }, classes({ DEEP_ARCHIVE: 1200 }), 60)
    expect(line).toMatch(/^restore\.tier: Expedited does not restore DEEP_ARCHIVE, which 1,200 objects are in; ask for Standard .*Bulk/)
    expect(more).toEqual([])
    expect(restoreProblems({ ...restore, tier: 'Expedited' }, classes({ GLACIER: 1200 }), 60)).toEqual([])
  })

  test('restored copies that would be gone before copying ends: names restore.days', () => {
    const bulk = classes({ DEEP_ARCHIVE: 1 })
    expect(restoreProblems({ ...restore, days: 2 }, bulk, 0)).toEqual([])
    expect(restoreProblems({ ...restore, days: 2 }, bulk, 1)).toEqual([expect.stringMatching(/^restore\.days: .*ask for at least 3/)])
    expect(restoreProblems({ ...restore, days: 3 }, bulk, 1)).toEqual([])
    expect(restoreProblems({ ...restore, days: 1 }, noArchived(), 1e9)).toEqual([])
  })
})

/** Every look from the moment that all restores were asked for until `seconds` later. */
const looks = (hours: number, seconds: number): number => {
  let many = 0
  for (let elapsed = 0; elapsed < seconds; elapsed += secondsToNextLook(hours, elapsed)) many++
  return many
}

describe('looking whether restores are done', () => {
  const EXPECTED = [0, 5 / 60, 5, 12, 48]

  test('takes at most 210 looks within the expected time', () => {
    for (const hours of EXPECTED) expect(looks(hours, hours * 3600)).toBeLessThanOrEqual(210)
  })

  test('stays within half of a history over the longest access, 30 days', () => {
    const most = Math.max(...EXPECTED.map((hours) => looks(hours, 720 * 3600)))
    expect(most).toBeLessThan(1200)
    expect(most * 9).toBeLessThan(25_000 / 2)
  })

  test('begins soon: a store that restores at once is not waited for', () => {
    expect(secondsToNextLook(48, 0)).toBe(2)
    expect(looks(48, 60)).toBeGreaterThan(4)
  })

  test('is a whole number of seconds that never shrinks while time goes on', () => {
    fc.assert(
      fc.property(fc.constantFrom(...EXPECTED), fc.nat(3_000_000), fc.nat(10_000), (hours, at, more) => {
        const [now, later] = [secondsToNextLook(hours, at), secondsToNextLook(hours, at + more)]
        expect(Number.isSafeInteger(now)).toBe(true)
        expect(now).toBeGreaterThanOrEqual(2)
        expect(now).toBeLessThanOrEqual(3600)
        expect(later).toBeGreaterThanOrEqual(now)
      }),
    )
  })
})

describe('restore.json', () => {
  test('keeps indexes as ranges, and gives them back', () => {
    expect(rangesOf([0, 1, 2, 7, 9, 10])).toBe('0-2 7 9-10')
    expect(rangesOf([])).toBe('')
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(999)), (indexes) => {
        indexes.sort((a, b) => a - b)
        expect(indexesOf(rangesOf(indexes))).toEqual(indexes)
      }),
    )
  })

  test('says how many are waited for and how many were refused', () => {
    const file = { ...firstRestoreFile(), pending: { a: '0-9 12', b: '3' }, refused: { AccessDenied: 2, NoSuchObject: 1 } }
    expect(ongoingOf(file)).toBe(12)
    expect(refusedOf(file)).toBe(3)
  })

  test('is told in the report; nothing archived is null', () => {
    const restore = { archived: true, tier: 'Standard', days: 2 } as const
    const file = { ...firstRestoreFile(), asked: 3, ready: 2, notNeeded: 1, refused: { AccessDenied: 1 } }
    expect(archivedReport({ restore }, classes({ GLACIER: 4, INTELLIGENT_TIERING: 9 }), file)).toMatchObject({
      objects: 4,
      bytes: 40,
      requested: true,
      estimateHours: 5,
      estimateHoursAtMost: 12,
      asked: 3,
      restored: 2,
      notNeeded: 1,
      refused: { AccessDenied: 1 },
    })
    expect(archivedReport({ restore }, noArchived(), undefined)).toBeNull()
  })
})
