import { emptyLedger } from '../../layers/core/domain/ledger'
import type { Report } from '../../layers/core/domain/report'
import { sizeClasses } from '../../layers/core/domain/size-classes'
import { noVerdicts } from '../../layers/core/domain/verdicts'

const AT = '2026-11-21T00:00:00.000Z'

/** A report of a verified run over no object: what tests of one field begin with. */
export const emptyReport: Report = {
  version: 2,
  runId: 'run',
  executionId: 'x:run',
  outcome: 'verified',
  succeeded: true,
  reason: 'Verified.',
  startedAt: AT,
  endedAt: AT,
  source: { bucket: 'source', prefix: '', endpoint: null, credential: null, provider: 'minio' },
  destination: { bucket: 'destination', prefix: '', endpoint: null, region: 'eu-central-1' },
  cutover: false,
  ledger: { ...emptyLedger(), balanced: true, unaccounted: 0 },
  bytes: { listed: 0, copied: 0 },
  verification: {
    mode: 'listing',
    sample: 1,
    counts: noVerdicts(),
    evidence: { reread: 0, checksum: 0, 'put-etag': 0, etag: 0, 'upload-record': 0, 'source-etag': 0, 'size-and-time': 0 },
  },
  proofs: { md5: 0, parts: 0, length: 0, none: 0 },
  skippedBy: { etag: 0, 'upload-record': 0, 'source-etag': 0, 'size-and-time': 0, none: 0 },
  excludedBy: { include: 0, exclude: 0, size: 0, age: 0 },
  listing: { listed: 0, excluded: 0, bytes: 0, batches: 1, large: 0, largeParts: 0, unrepresentable: 0, archived: 0, complete: true },
  estimate: null,
  archived: null,
  faults: [],
  children: { failed: [], unknown: [] },
  failures: { count: 0, complete: true, sample: [], reasons: [] },
  notCarried: { count: 0, sample: [], what: {} },
  extra: { count: 0, sample: [] },
  vanished: { count: 0, sample: [] },
  sizes: sizeClasses(),
  throughput: null,
  phases: [],
  deadLetters: { sent: 0, takenOver: null },
  stoppedBy: null,
  dataClassification: 'internal',
  preflight: { problems: [], warnings: [] },
  postflight: { repeated: true, at: AT, checks: [], drift: [] },
  files: {
    report: 'runs/run/report.json',
    html: 'runs/run/report.html',
    failures: 'runs/run/failures.csv',
    failedKeys: 'runs/run/failures.jsonl',
    extra: 'runs/run/extra.csv',
    notCarried: 'runs/run/not-carried.csv',
    certificate: 'runs/run/certificate.json',
  },
}
