import { z } from 'zod'
import type { Check, CheckId } from './bucket-checks'
import type { ChecklistItem, Phase } from './checklist-item'
import { FLEETS } from './map-run'
import { DATA_CLASSIFICATIONS, RESTORE_TIERS, VERIFICATION_MODES } from './migration'
import type { Drift } from './preflight-file'

/**
 * report.json: what a run did, counted from its files. This is where its form is said: the type `Report` and docs/report.schema.json
 * (`npm run schema`) are made from it. A new version stands for a field that went or that means something else.
 */

const whole = z.int().min(0)
const time = z.iso.datetime().describe('ISO 8601, UTC')
const key = z
  .union([z.string(), z.strictObject({ base64: z.string() })])
  .describe('an object key: text, or base64 where its bytes are not UTF-8')

/** `count` of all, and the first of them. */
const sampled = <T extends z.ZodType>(row: T) => ({ count: whole, sample: z.array(row).max(20) })

const versionId = z.string().optional().describe("the source's version id, of a run over all versions")

const hours = z.number().nullable().describe('null: the tier does not restore DEEP_ARCHIVE')
const ofClass = z.strictObject({ objects: whole, bytes: whole })

const place = {
  bucket: z.string(),
  prefix: z.string(),
  endpoint: z.string().nullable().describe('null: Amazon S3 of the region, or what the credential holds'),
}

export const check = z.strictObject({
  id: z.custom<CheckId>((id) => typeof id === 'string').meta({ type: 'string' }),
  title: z.string(),
  field: z.string(),
  level: z.enum(['block', 'warn', 'info']),
  result: z.enum(['pass', 'fail', 'unknown', 'manual']),
  evidence: z.string(),
  remedy: z.string().nullable(),
}) satisfies z.ZodType<Check>

const drift = z.strictObject({
  id: z.custom<CheckId>((id) => typeof id === 'string').meta({ type: 'string' }),
  title: z.string(),
  before: z.string(),
  after: z.string(),
  blocks: z.boolean(),
}) satisfies z.ZodType<Drift>

const checklistItem = z.strictObject({
  id: z.string(),
  phase: z.enum(['pre', 'during', 'post', 'compliance', 'cleanup', 'shared'] satisfies Phase[]),
  text: z.string(),
  status: z.enum(['pass', 'fail', 'manual']),
  evidence: z.string(),
  todo: z.string().optional(),
}) satisfies z.ZodType<ChecklistItem>

const failure = z.strictObject({
  key,
  versionId,
  what: z.string().describe('failed, changed, unaccounted, unverified, missing, different or unverifiable'),
  reason: z.string(),
  detail: z.string(),
})

const fleet = z.enum(FLEETS)

const extra = z.strictObject({ key, versionId, what: z.enum(['extra', 'vanished']), detail: z.string() })

const notCarried = z.strictObject({
  key,
  versionId,
  outcome: z.enum(['copied', 'skipped', 'changed', 'failed']),
  what: z.string(),
  reason: z.string(),
})

export const reportSchema = z.strictObject({
  version: z.literal(2),
  runId: z.string(),
  executionId: z.string(),
  outcome: z.enum(['verified', 'not-verified', 'estimated']),
  succeeded: z.boolean().describe('verified, or a dry run that came to its end'),
  reason: z.string().describe("one sentence for people, and the Fail state's cause"),
  startedAt: time,
  endedAt: time.describe('ISO 8601, UTC: when the books were added up; access is closed after that'),
  source: z.strictObject({ ...place, credential: z.string().nullable(), provider: z.string() }),
  destination: z.strictObject({ ...place, region: z.string() }),
  cutover: z.boolean().describe('the run was to find nothing to copy'),
  ledger: z
    .strictObject({
      listed: whole,
      copied: whole,
      skipped: whole,
      excluded: whole,
      changed: whole,
      failed: whole,
      balanced: z.boolean(),
      unaccounted: z.int().describe('listed, and no outcome; negative if something is counted twice'),
    })
    .describe('the books: listed = copied + skipped + excluded + changed + failed'),
  bytes: z.strictObject({ listed: whole, copied: whole }),
  verification: z.strictObject({
    mode: z.enum(VERIFICATION_MODES),
    sample: z.number().describe('reread: the share of the objects that was read again'),
    counts: z
      .strictObject({
        verified: whole,
        notExpected: whole,
        missing: whole,
        different: whole,
        unverifiable: whole,
        unaccounted: whole,
        extra: whole,
        vanished: whole,
      })
      .describe('verdicts; notExpected: failed or changed, so that it need not be at the destination'),
    evidence: z
      .strictObject({
        reread: whole,
        checksum: whole,
        'put-etag': whole,
        etag: whole,
        'upload-record': whole,
        'source-etag': whole,
        'size-and-time': whole,
      })
      .describe('verified objects by what their verdict rests on, from the strongest on'),
  }),
  proofs: z
    .strictObject({ md5: whole, parts: whole, length: whole, none: whole })
    .describe('copied objects by what the bytes that were read were compared with'),
  skippedBy: z
    .strictObject({ etag: whole, 'upload-record': whole, 'source-etag': whole, 'size-and-time': whole, none: whole })
    .describe('skipped objects by what says that they are equal'),
  excludedBy: z
    .strictObject({ include: whole, exclude: whole, size: whole, age: whole })
    .describe('excluded objects by the part of the selection that left them out'),
  listing: z
    .strictObject({
      listed: whole,
      excluded: whole,
      bytes: whole,
      batches: whole,
      large: whole,
      largeParts: whole,
      unrepresentable: whole,
      archived: whole.describe('objects that are archived or, in Intelligent-Tiering, may be'),
      complete: z.boolean(),
    })
    .describe('what ListSource counted; complete: it came to the end of the source'),
  estimate: z
    .strictObject({
      costUsd: z.number(),
      durationSeconds: z.number(),
      putRequests: whole,
      problemKeys: whole,
      restore: z
        .strictObject({ tier: z.enum(RESTORE_TIERS), requests: whole, heads: whole, hours, hoursAtMost: hours })
        .nullable()
        .describe('null: nothing of the listing is archived, nor may be'),
      reread: z
        .strictObject({ objects: whole, requests: whole, bytes: whole })
        .nullable()
        .describe('what reading again takes at each side, if everything is copied; null: the mode reads nothing again'),
    })
    .nullable()
    .describe('null: the run ended before it was estimated'),
  archived: z
    .strictObject({
      objects: whole,
      bytes: whole,
      byClass: z.strictObject({ GLACIER: ofClass, DEEP_ARCHIVE: ofClass, INTELLIGENT_TIERING: ofClass }),
      requested: z.boolean(),
      tier: z.enum(RESTORE_TIERS),
      days: whole,
      estimateHours: hours,
      estimateHoursAtMost: hours,
      asked: whole,
      restored: whole,
      notNeeded: whole.describe('equal at the destination already'),
      refused: z.record(z.string(), whole).describe("restores that were refused, by the error's name"),
    })
    .nullable()
    .describe("the source's archived objects, and what was restored; null: the listing shows none"),
  faults: z.array(z.string()).describe("what is wrong with the run's files: each speaks against the run"),
  children: z
    .strictObject({
      failed: z.array(
        z.strictObject({
          fleet,
          error: z.string().describe("the error's name"),
          count: whole,
          cause: z.string().describe('the words of one of them, shortened'),
          shard: z.string().nullable().describe('of the same one; null: not known'),
        }),
      ),
      unknown: z
        .array(z.strictObject({ fleet, why: z.string() }))
        .describe('fleets of which not every child that ended with an error is known'),
    })
    .nullable()
    .describe(
      'children of the Map Runs that ended with an error, by fleet and error: why shards were not copied or verified; null: nothing is known, for no fleet came to its end',
    ),
  failures: z.strictObject({
    ...sampled(failure),
    complete: z
      .boolean()
      .describe(
        'whether failures.csv names every object that is not right: the source was listed to its end, and no file of a shard is missing or unreadable',
      ),
    reasons: z.array(z.strictObject({ what: z.string(), reason: z.string(), count: whole, keys: z.array(key) })),
  }),
  notCarried: z
    .strictObject({ ...sampled(notCarried), what: z.record(z.string(), whole) })
    .describe('what of the source the copies do not have; what: rows by what was left behind, the first 100 names, and `others`'),
  extra: z.strictObject(sampled(extra)).describe('at the destination, and never at the source'),
  vanished: z.strictObject(sampled(extra)).describe('at the destination from an earlier run, and no longer at the source'),
  sizes: z
    .array(
      z.strictObject({
        from: whole,
        to: whole.nullable(),
        objects: whole,
        bytes: whole,
        copied: whole,
        ms: z.number().describe('of all outcomes together: objects are copied side by side'),
        retries: whole,
      }),
    )
    .describe('objects by size, from and to in bytes (to not included; null: no end)'),
  throughput: z
    .strictObject({
      from: z.number().describe('ms since 1970'),
      widthMs: z.number(),
      buckets: z.array(z.strictObject({ objects: whole, bytes: whole })).max(120),
    })
    .nullable()
    .describe('objects that were done and bytes that were copied, over time; null: none'),
  phases: z
    .array(
      z.strictObject({
        name: z.enum(['access and preflight', 'listing', 'restoring', 'copying', 'verification', 'adding up']),
        from: time,
        to: time,
      }),
    )
    .describe("where the time went, as the run's files say"),
  deadLetters: z.strictObject({
    sent: whole.describe('messages, one per shard with failures'),
    takenOver: z
      .strictObject({ runId: z.string(), messages: whole.nullable(), problem: z.string().nullable() })
      .nullable()
      .describe('messages of the run whose failures this run took over; null: it took over none. problem: why they may still be there'),
  }),
  stoppedBy: z.string().nullable().describe('what ended the run early'),
  dataClassification: z.enum(DATA_CLASSIFICATIONS),
  preflight: z
    .strictObject({ problems: z.array(z.string()), warnings: z.array(z.string()) })
    .nullable()
    .describe('null: the run ended before Preflight had written what it found, or a fault says that it cannot be read'),
  postflight: z.discriminatedUnion('repeated', [
    z.strictObject({ repeated: z.literal(true), at: time, checks: z.array(check), drift: z.array(drift) }),
    z.strictObject({ repeated: z.literal(false), at: time, reason: z.string() }),
  ]),
  checklist: z.array(checklistItem).optional().describe('added once Cleanup has closed the access'),
  files: z
    .strictObject({
      report: z.string(),
      html: z.string(),
      failures: z.string(),
      failedKeys: z.string(),
      extra: z.string(),
      notCarried: z.string(),
      certificate: z.string(),
    })
    .describe('keys in the state bucket'),
})

export type Report = z.infer<typeof reportSchema>
