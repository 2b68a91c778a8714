import { join } from 'node:path'
import { reportSchema } from '../../layers/core/domain/report-schema'
import { reportJsonSchema, schemaDrift } from '../../scripts/report-schema'
import { emptyReport } from '../support/report'

test('docs/report.schema.json is what the code says, and a folder without it is told what to do', () => {
  expect(schemaDrift(join(import.meta.dirname, '../..'))).toBeUndefined()
  expect(schemaDrift(import.meta.dirname)).toMatch(/npm run schema/)
})

test('every field of a report has a place in the schema, and no other', () => {
  expect(reportSchema.parse(emptyReport)).toEqual(emptyReport)
  expect(reportSchema.safeParse({ ...emptyReport, more: 1 }).success).toBe(false)
  expect(reportSchema.safeParse({ ...emptyReport, version: 1 }).success).toBe(false)
  const { properties, required } = JSON.parse(reportJsonSchema()) as { properties: object; required: string[] }
  expect(Object.keys(properties).sort()).toEqual([...Object.keys(emptyReport), 'checklist'].sort())
  expect(required).not.toContain('checklist')
})
