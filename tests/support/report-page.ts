import { checklist, type ChecklistFacts } from '../../layers/core/domain/checklist'
import { destinationChecks, transportChecks } from '../../layers/core/domain/bucket-checks'
import type { Closure } from '../../layers/core/domain/closure'
import { keyToJson } from '../../layers/core/domain/keys'
import type { Report } from '../../layers/core/domain/report'
import { archivedReport, firstRestoreFile } from '../../layers/core/domain/restore-file'
import { FailureSums, type FailureRow } from '../../layers/core/domain/run-rows'
import { classOf, sizeClasses } from '../../layers/core/domain/size-classes'
import { ThroughputMeter } from '../../layers/core/domain/throughput'
import { noVerdicts } from '../../layers/core/domain/verdicts'
import { cleanSettings, migrationFor } from './clean-bucket'
import { emptyReport } from './report'

const AT = Date.parse('2026-11-21T08:00:00.000Z')
const at = (seconds: number): string => new Date(AT + seconds * 1000).toISOString()

const OWNED = 'document.documentElement.setAttribute("data-owned","yes")'

/** What strangers may name an object, to do something to who reads of it. */
export const HOSTILE_KEYS: readonly Buffer[] = [
  `<script>${OWNED}</script>`,
  `"><img src=x onerror='${OWNED}'>`,
  `'><svg/onload=${OWNED}>`,
  `</td></table></style></title><script>${OWNED}</script>`,
  `]]><script>${OWNED}</script>`,
  `<a href="javascript:${OWNED}">x</a><style>*{display:none}</style>`,
  "=cmd|' /C calc'!A1",
  "@SUM(1+1)*cmd|' /C calc'!A0",
  'invoice\u202egnp.exe',
  'zero\u200bwidth\u2060key',
  '\u05d0\u05d1\u05d2/\u0627\u0628/left',
  'line\nbreak\rand\ttab',
  `k${'y'.repeat(1023)}`,
]
  .map((text) => Buffer.from(text))
  .concat([Buffer.from([0xff, 0x3c, 0x62, 0x3e, 0xfe])])

const sizesOf = (objects: number) => {
  const sizes = sizeClasses()
  for (let index = 0; index < objects; index++) {
    const one = classOf(sizes, 2 ** ((index * 7) % 31))
    one.objects += 1
    one.bytes += 2 ** ((index * 7) % 31)
    one.copied += 1
    one.ms += 20 + (index % 50)
    one.retries += index % 97 === 0 ? 1 : 0
  }
  return sizes
}

const throughputOf = (objects: number): Report['throughput'] => {
  const meter = new ThroughputMeter()
  for (let index = 0; index < objects; index++) {
    const from = AT + 8000 + Math.round((index / objects) * 60_000 + 4000 * Math.sin(index / 40))
    meter.add({ from, to: from + 300, bytes: 50_000 + (index % 13) * 90_000 })
  }
  return meter.result() ?? null
}

const OBJECTS = 4000

const verified: Report = {
  ...emptyReport,
  runId: 'photos-2026-11',
  executionId: 'x:photos-2026-11',
  reason: 'Verified: 4,100 listed, 3,500 copied, 500 already there.',
  startedAt: at(0),
  endedAt: at(92),
  source: { bucket: 'acme-photos', prefix: 'archive/', endpoint: 'https://s3.example.com', credential: 'acme', provider: 'minio' },
  destination: { bucket: 'acme-archive', prefix: 'photos/', endpoint: null, region: 'eu-central-1' },
  ledger: { listed: 4100, copied: 3500, skipped: 500, excluded: 100, changed: 0, failed: 0, balanced: true, unaccounted: 0 },
  bytes: { listed: 2.4e9, copied: 2.1e9 },
  verification: {
    mode: 'checksum',
    sample: 1,
    counts: { ...noVerdicts(), verified: OBJECTS, extra: 2, vanished: 1 },
    evidence: { ...emptyReport.verification.evidence, checksum: 3500, etag: 480, 'source-etag': 20 },
  },
  proofs: { md5: 3300, parts: 180, length: 20, none: 0 },
  skippedBy: { ...emptyReport.skippedBy, etag: 480, 'source-etag': 20 },
  excludedBy: { include: 0, exclude: 80, size: 20, age: 0 },
  estimate: { costUsd: 0.04, durationSeconds: 60, putRequests: 4100, problemKeys: 0, restore: null, reread: null },
  archived: archivedReport(
    { restore: { archived: true, tier: 'Bulk', days: 7 } },
    { GLACIER: { objects: 40, bytes: 4e8 }, DEEP_ARCHIVE: { objects: 0, bytes: 0 }, INTELLIGENT_TIERING: { objects: 12, bytes: 1e8 } },
    { ...firstRestoreFile(), asked: 40, ready: 38, notNeeded: 10, refused: { AccessDenied: 2 } },
  ),
  notCarried: {
    count: 2,
    what: { metadata: 1, redirect: 1 },
    sample: [
      { key: 'a/long.jpg', outcome: 'copied', what: 'metadata', reason: 'over 2 KB of user metadata' },
      { key: 'a/index.html', outcome: 'copied', what: 'redirect', reason: 'nothing that acts is carried' },
    ],
  },
  extra: { count: 2, sample: [{ key: 'photos/x.jpg', what: 'extra', detail: 'only at the destination' }] },
  vanished: { count: 1, sample: [{ key: 'photos/y.jpg', what: 'vanished', detail: 'put there by run-1' }] },
  sizes: sizesOf(OBJECTS),
  throughput: throughputOf(OBJECTS),
  phases: [
    { name: 'access and preflight', from: at(0), to: at(3) },
    { name: 'listing', from: at(3), to: at(6) },
    { name: 'copying', from: at(8), to: at(74) },
    { name: 'verification', from: at(76), to: at(90) },
    { name: 'adding up', from: at(91), to: at(92) },
  ],
}

const failures = (keys: readonly Buffer[], text: (index: number) => Pick<FailureRow, 'what' | 'reason' | 'detail'>): Report['failures'] => {
  const sums = new FailureSums()
  keys.forEach((key, index) => sums.add({ key: keyToJson(key), ...text(index) }))
  return { ...sums.all, complete: true, reasons: sums.groups() }
}

/** The same run, in which much went wrong and strangers chose every word. */
const failed: Report = {
  ...verified,
  runId: 'photos-2026-12',
  outcome: 'not-verified',
  succeeded: false,
  reason: `14 failed; ${HOSTILE_KEYS[0]!.toString()}; 4,100 listed, 3,486 copied, 500 already there`,
  ledger: { ...verified.ledger, copied: 3486, failed: 13, balanced: false, unaccounted: 1 },
  faults: [`batches/ab: ${HOSTILE_KEYS[1]!.toString()}`, 'a shard is missing: no shard begins where another ends'],
  children: {
    failed: [
      {
        fleet: 'CopyBatches',
        error: 'Runtime.OutOfMemory',
        count: 1,
        cause: 'RequestId: 5f0c Error: Runtime exited with error: signal: killed',
        shard: null,
      },
      {
        fleet: 'VerifyBatches',
        error: 'AccessDenied',
        count: 12,
        cause: `403 AccessDenied: ${HOSTILE_KEYS[0]!.toString()}`,
        shard: `batches/${'ab'.repeat(20)}`,
      },
      { fleet: 'VerifyBatches', error: HOSTILE_KEYS[1]!.toString(), count: 2, cause: HOSTILE_KEYS[8]!.toString(), shard: null },
    ],
    unknown: [{ fleet: 'CopyLargeObjects', why: HOSTILE_KEYS[3]!.toString() }],
  },
  failures: {
    ...failures(HOSTILE_KEYS, (index) => ({
      what: index % 3 === 0 ? 'different' : 'failed',
      reason: index % 2 === 0 ? 'AccessDenied' : HOSTILE_KEYS[2]!.toString(),
      detail: HOSTILE_KEYS[index]!.toString(),
    })),
    complete: false,
  },
  notCarried: {
    count: HOSTILE_KEYS.length,
    what: { [HOSTILE_KEYS[0]!.toString()]: HOSTILE_KEYS.length },
    sample: HOSTILE_KEYS.map((key) => ({ key: keyToJson(key), outcome: 'copied' as const, what: 'metadata', reason: key.toString() })),
  },
  extra: {
    count: HOSTILE_KEYS.length,
    sample: HOSTILE_KEYS.map((key) => ({ key: keyToJson(key), what: 'extra' as const, detail: key.toString() })),
  },
  deadLetters: { sent: 3, takenOver: { runId: 'photos-2026-11', messages: null, problem: HOSTILE_KEYS[0]!.toString() } },
  stoppedBy: HOSTILE_KEYS[3]!.toString(),
}

const migration = migrationFor('internal')
const checks = destinationChecks(migration, cleanSettings('internal'))

const closureOf = (complete: boolean, name: string): Closure => ({
  version: 1,
  runId: 'run',
  complete,
  calledBy: 'the run',
  at: at(95),
  steps: [
    {
      step: 5,
      name: 'delete the access',
      observations: [
        { kind: 'role', name, call: 'iam:GetRole', answer: 'NoSuchEntity (request 1234)', closed: complete, at: at(94) },
        {
          kind: 'schedule',
          name: 'drayage-run',
          call: 'scheduler:GetSchedule',
          answer: 'ResourceNotFound (request 5)',
          closed: true,
          at: at(94),
        },
      ],
    },
  ],
  uploads: null,
  baseline: { before: 2, after: 2, ours: [], others: [], unexplained: complete ? [] : [{ kind: 'role', name }] },
  todo: ["revoke the key …4f2a at the source's own console"],
})

const pageOf = (report: Report, complete: boolean, name: string): ChecklistFacts => {
  const preflight: ChecklistFacts['preflight'] = {
    version: 1,
    runId: report.runId,
    at: at(3),
    runtime: 'aws',
    dataClassification: 'internal',
    checks: [...checks, ...transportChecks(migration, { sourceEndpoint: 'https://s3.example.com', vpc: false })],
    settings: cleanSettings('internal'),
    problems: complete ? [] : [HOSTILE_KEYS[0]!.toString()],
    grants: 3,
    probes: { wrote: true, writingSince: at(3), sourceRefusesWrongEtag: true },
  }
  const facts = {
    report: { ...report, postflight: { repeated: true as const, at: at(91), checks, drift: [] } },
    preflight,
    closure: closureOf(complete, name),
    certificate: complete ? 'ab'.repeat(32) : undefined,
  }
  return { ...facts, report: { ...facts.report, checklist: checklist(facts) } }
}

export const VERIFIED_PAGE = pageOf(verified, true, 'drayage-run-write')
export const FAILED_PAGE = pageOf(failed, false, HOSTILE_KEYS[0]!.toString())

/** A run that ended before anything was known. */
export const BARE_PAGE: ChecklistFacts = {
  report: {
    ...emptyReport,
    outcome: 'not-verified',
    succeeded: false,
    reason: 'PreflightFailed: the source cannot be reached',
    preflight: null,
    postflight: { repeated: false, at: at(1), reason: 'the run ended before Preflight had asked' },
    stoppedBy: 'PreflightFailed: the source cannot be reached',
    failures: { ...emptyReport.failures, complete: false },
  },
  preflight: undefined,
  closure: undefined,
  certificate: undefined,
}
