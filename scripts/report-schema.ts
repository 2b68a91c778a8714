/**
 * `npm run schema` writes docs/report.schema.json, the JSON Schema of report.json, from layers/core/domain/report-schema.ts. With
 * `--check` it writes nothing, and fails if the file is not that.
 */
import { z } from 'zod'
import { reportSchema } from '../layers/core/domain/report-schema'
import { driftOf, runAsScript, type GeneratedFile } from './generated-file'

const OUTPUT = 'docs/report.schema.json'

/** What docs/report.schema.json must hold. */
export const reportJsonSchema = (): string => {
  const schema = z.toJSONSchema(reportSchema, {
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      // A bound of JavaScript's own that no figure of a report comes near.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
      if (zodSchema instanceof z.ZodISODateTime) delete jsonSchema.pattern
    },
  })
  return `${JSON.stringify({ title: 'report.json of a Drayage run', ...schema }, null, 2)}\n`
}

const FILE: GeneratedFile = { name: OUTPUT, from: 'report-schema.ts', command: 'schema', make: reportJsonSchema }

/** See `driftOf`. */
export const schemaDrift = (root: string): string | undefined => driftOf(FILE, root)

runAsScript(FILE, import.meta.url)
