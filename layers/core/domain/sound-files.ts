import { z } from 'zod'
import type { CursorJson } from './listing'
import { DATA_CLASSIFICATIONS } from './migration'
import type { PreflightFile } from './preflight-file'
import { check, reportSchema, type Report } from './report-schema'
import type { RestoreFile } from './restore-file'

/** What a run's own files must be before Reconcile believes them: a file that is less says nothing, and speaks against the run. */

const { runId, faults, deadLetters, excludedBy } = reportSchema.shape
const whole = z.int().min(0)
const key = z.union([z.string(), z.object({ base64: z.string() })]).nullable()
const ofClass = z.object({ objects: whole, bytes: whole })

const preflightFile = z.object({
  version: z.literal(1),
  runId: z.string(),
  at: z.iso.datetime(),
  runtime: z.enum(['aws', 'local']),
  dataClassification: z.enum(DATA_CLASSIFICATIONS),
  checks: z.array(check),
  settings: z.record(z.string(), z.union([z.object({ value: z.unknown() }), z.object({ unknown: z.string() })])).nullable(),
  problems: z.array(z.string()),
  grants: whole,
  probes: z.object({ wrote: z.boolean(), writingSince: z.string(), sourceRefusesWrongEtag: z.boolean().nullable() }).nullable(),
})

const restoreFile = z.object({
  next: z.object({ shard: z.string(), index: whole }).nullable(),
  askedAt: z.string().nullable(),
  pending: z.record(z.string(), z.string()),
  asked: whole,
  ready: whole,
  notNeeded: whole,
  refused: z.record(z.string(), whole),
})

const cursor = z.object({
  ranges: z.array(z.object({ after: key, upTo: key, done: z.boolean() })),
  totals: z.object({
    listed: whole,
    excluded: whole,
    excludedFor: excludedBy.optional(),
    bytes: whole,
    batches: whole,
    large: whole,
    largeParts: whole,
    extraPuts: whole.optional(),
    unrepresentable: whole,
    archived: whole,
    archivedIn: z.object({ GLACIER: ofClass, DEEP_ARCHIVE: ofClass, INTELLIGENT_TIERING: ofClass }),
  }),
  at: z.string(),
})

/** What a report says to the call of Reconcile that comes after it. */
export type StandingReport = Pick<Report, 'runId' | 'faults' | 'deadLetters'>

const standingReport = z.object({ runId, faults, deadLetters })

export const isPreflightFile = (value: unknown): value is PreflightFile => preflightFile.safeParse(value).success
export const isRestoreFile = (value: unknown): value is RestoreFile => restoreFile.safeParse(value).success
export const isCursor = (value: unknown): value is CursorJson => cursor.safeParse(value).success
export const isStandingReport = (value: unknown): value is StandingReport => standingReport.safeParse(value).success
