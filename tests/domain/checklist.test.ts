import { destinationChecks, transportChecks } from '../../layers/core/domain/bucket-checks'
import type { Observation } from '../../layers/core/domain/access'
import type { Closure } from '../../layers/core/domain/closure'
import { checklist, type ChecklistFacts } from '../../layers/core/domain/checklist'
import type { ChecklistItem } from '../../layers/core/domain/checklist-item'
import type { PreflightFile } from '../../layers/core/domain/preflight-file'
import type { Report } from '../../layers/core/domain/report'
import { reportHtml } from '../../layers/core/domain/report-html/index'
import { cleanSettings, migrationFor } from '../support/clean-bucket'
import { emptyReport } from '../support/report'

/** The lists, word for word. */
const GUIDE = {
  pre: [
    'Data classified and documented',
    'Security controls mapped between clouds',
    'Compliance requirements identified',
    'Private connectivity established',
  ],
  during: [
    'All data encrypted in transit',
    'Temporary access time-limited',
    'Audit logging enabled on both clouds',
    'Network traffic monitored',
  ],
  post: [
    'Temporary resources deleted',
    'Access permissions audited',
    'Security assessment completed',
    'Source environment decommissioned securely',
  ],
  compliance: [
    'Data residency requirements met in target cloud',
    'Encryption standards maintained (AES-256, TLS 1.2+)',
    'Access controls replicated and tested',
    'Audit logging enabled and retained per policy',
    'Penetration test scheduled for post-migration',
    'Compliance certifications verified for target services',
  ],
  cleanup: [
    'Remove temporary IAM roles and permissions',
    'Delete temporary network connections',
    'Revoke temporary credentials',
    'Remove migration security groups',
    'Verify source environment decommissioning',
    'Run security scan to find orphaned resources',
  ],
  shared: [
    'Amazon EC2 guest operating system security and patching',
    'Amazon EC2 security group configuration and application-level security on EC2 instances',
    'Replacing placeholder credentials in AWS Secrets Manager with real source storage credentials',
    'Securing the destination Amazon S3 bucket (Block Public Access, encryption at rest, bucket policies)',
    'Monitoring Amazon CloudWatch Logs for security events and migration errors',
    'Reviewing and adjusting IAM policies for their specific security requirements',
    'Managing AWS KMS key policies and access controls',
    'Verifying that source endpoint credentials are rotated according to organizational policy',
    'Deleting credentials from AWS Secrets Manager after migration completes',
  ],
}

const AT = '2026-11-21T00:00:00.000Z'
const migration = migrationFor('internal')
const checks = destinationChecks(migration, cleanSettings('internal'))

const report: Report = {
  ...emptyReport,
  runId: 'run-1',
  executionId: 'x:run-1',
  startedAt: AT,
  endedAt: AT,
  source: { bucket: 'source-bucket', prefix: '', endpoint: null, credential: 'acme', provider: 'minio' },
  destination: { bucket: 'acme-archive', prefix: '', endpoint: null, region: 'eu-central-1' },
  bytes: { listed: 10, copied: 10 },
  postflight: { repeated: true, at: AT, checks, drift: [] },
  files: { ...emptyReport.files, certificate: 'runs/run-1/certificate.json' },
}

const preflight: PreflightFile = {
  version: 1,
  runId: 'run-1',
  at: AT,
  runtime: 'aws',
  dataClassification: 'internal',
  checks: [...checks, ...transportChecks(migration, { sourceEndpoint: 'https://s3.example.com', vpc: false })],
  settings: cleanSettings('internal'),
  problems: [],
  grants: 3,
  probes: { wrote: true, writingSince: AT, sourceRefusesWrongEtag: true },
}

const observed = (kind: string, closed = true) => ({ kind, name: `the ${kind}`, call: 'Get', answer: 'NoSuchEntity', closed, at: AT })

/** A closure of one step, with what it observed. */
const closureOf = (observations: Observation[], complete = true, change: Partial<Closure> = {}): Closure => ({
  version: 1,
  runId: 'run-1',
  complete,
  calledBy: 'the run',
  at: AT,
  steps: [{ step: 7, name: 'prove', observations }],
  uploads: null,
  baseline: { before: 2, after: 2, ours: [], others: [], unexplained: [] },
  todo: [],
  ...change,
})

const good: ChecklistFacts = {
  report,
  preflight,
  closure: closureOf([observed('role'), observed('schedule'), observed('secret')]),
  certificate: 'ab'.repeat(32),
}

const statusOf = (facts: Partial<ChecklistFacts>, id: string): ChecklistItem['status'] | undefined =>
  checklist({ ...good, ...facts }).find((item) => item.id === id)?.status

test('it has every line of the lists, in their order', () => {
  const items = checklist(good)
  for (const [phase, lines] of Object.entries(GUIDE)) {
    const texts = items.filter((item) => item.phase === phase).map(({ text }) => text)
    expect(texts.filter((text) => text !== "Revoke the source's key")).toEqual(lines)
  }
  expect(new Set(items.map(({ id }) => id)).size).toBe(items.length)
})

test('a good run: what was seen passes, what nobody can see from here is manual and says what to do', () => {
  const items = checklist(good)
  const of = (status: string) => items.filter((item) => item.status === status).map(({ id }) => id)
  expect(of('fail')).toEqual([])
  expect(of('pass')).toEqual([
    'data-classified',
    'encrypted-in-transit',
    'access-time-limited',
    'resources-deleted',
    'residency',
    'encryption-standards',
    'roles-removed',
    'credentials-revoked',
    'orphans-scanned',
    'guest-os',
    'security-groups',
    'no-placeholders',
    'destination-secured',
    'credentials-deleted',
  ])
  for (const { status, evidence, todo } of items) {
    expect(evidence).not.toBe('')
    if (status === 'pass') expect(todo).toBeUndefined()
    else expect(todo).toMatch(/\S/)
  }
})

test('nothing passes for a run of which nothing was seen', () => {
  const nothing: ChecklistFacts = {
    report: {
      ...report,
      listing: { ...report.listing, complete: false },
      preflight: null,
      postflight: { repeated: false, at: AT, reason: 'the run ended before Preflight had asked' },
    },
    preflight: undefined,
    closure: undefined,
    certificate: undefined,
  }
  expect(checklist(nothing).filter(({ status }) => status === 'pass')).toEqual([])
})

describe('what speaks against a line fails it', () => {
  const lapsed = (change: object): Partial<ChecklistFacts> => {
    const now = destinationChecks(migration, { ...cleanSettings('internal'), ...change })
    return { report: { ...report, postflight: { repeated: true, at: AT, checks: now, drift: [] } } }
  }
  const left = (kind: string) => ({ closure: closureOf([observed('role'), observed(kind, false)], false) })

  test.each<[string, Partial<ChecklistFacts>, string]>([
    ['a role is left', left('role'), 'roles-removed'],
    ['a role is left', left('role'), 'resources-deleted'],
    ['the secret is left', left('secret'), 'credentials-deleted'],
    ['uploads are left', left('uploads'), 'resources-deleted'],
    [
      'a role is in no record',
      {
        closure: closureOf([observed('role')], true, {
          baseline: { before: 0, after: 1, ours: [], others: [], unexplained: [{ kind: 'role', name: 'x' }] },
        }),
      },
      'orphans-scanned',
    ],
    ['Cleanup left no record', { closure: undefined }, 'resources-deleted'],
    ['Cleanup left no record', { closure: undefined }, 'roles-removed'],
    ['the bucket is no longer encrypted', lapsed({ encryption: { value: null } }), 'encryption-standards'],
    ['the bucket is public', lapsed({ publicPolicy: { value: true } }), 'destination-secured'],
    ['the bucket is public', lapsed({ publicPolicy: { value: true } }), 'access-controls'],
    ['the access log is off', lapsed({ accessLog: { value: null } }), 'audit-retention'],
    ['the bucket stands elsewhere', lapsed({ region: { value: 'us-east-1' } }), 'residency'],
  ])('%s', (_name, facts, id) => {
    expect(statusOf(facts, id)).toBe('fail')
  })

  test('what was not answered does not pass', () => {
    expect(statusOf(lapsed({ policy: { unknown: 'GetBucketPolicy was answered 403' } }), 'destination-secured')).toBe('manual')
  })

  test('a region without a list of regions is no residency', () => {
    const anywhere = { ...migration, residency: { regions: [] } }
    const now = destinationChecks(anywhere, cleanSettings('internal'))
    expect(statusOf({ report: { ...report, postflight: { repeated: true, at: AT, checks: now, drift: [] } } }, 'residency')).toBe('manual')
  })

  test('credentials of one machine, or a secret that is kept, are yours to end', () => {
    const kept = (secret: Observation[]) => ({ closure: closureOf([observed('role'), ...secret]) })
    expect(statusOf(kept([]), 'credentials-deleted')).toBe('manual')
    const answer = 'kept until 2026-12-01T00:00:00Z: credentials.after is expiry'
    expect(statusOf(kept([{ ...observed('secret'), answer }]), 'credentials-deleted')).toBe('manual')
    expect(statusOf(kept([{ ...observed('secret'), call: 'none', answer: 'does not apply: …' }]), 'credentials-deleted')).toBe('manual')
    expect(statusOf({ report: { ...report, source: { ...report.source, credential: null } } }, 'credentials-deleted')).toBe('manual')
  })
})

describe('report.html', () => {
  const page = (facts: Partial<ChecklistFacts> = {}) =>
    reportHtml({ ...good, report: { ...report, checklist: checklist({ ...good, ...facts }) }, ...facts })

  test('shows checks, the certificate and every line of the checklist, and asks for nothing', () => {
    const html = page({ closure: closureOf([observed('role')], true, { todo: ['revoke the key'] }) })
    expect(html).toContain('Block Public Access, all four switches')
    expect(html).toContain('ab'.repeat(32))
    expect(html).toContain('<li>revoke the key</li>')
    for (const { text } of checklist(good)) expect(html).toContain(text.replaceAll("'", '&#39;'))
    expect(html).toContain("default-src 'none'")
    expect(html).not.toMatch(/<(script|link|img|iframe)\b/)
    expect(html).not.toMatch(/(src|href)=/)
  })

  test('what strangers wrote is text', () => {
    const evil = '<img src=x onerror=alert(1)>'
    const html = page({
      preflight: {
        ...preflight,
        problems: [evil],
        checks: [{ ...preflight.checks[0]!, result: 'fail', evidence: evil, remedy: evil }],
      },
      closure: closureOf([{ ...observed('role', false), name: evil, answer: evil }], false, {
        todo: [evil],
        baseline: { before: 0, after: 1, ours: [], others: [], unexplained: [{ kind: 'role', name: evil }] },
      }),
      report: {
        ...report,
        reason: evil,
        postflight: {
          repeated: true,
          at: evil,
          checks: [],
          drift: [{ id: 'tls-only', title: evil, before: evil, after: evil, blocks: true }],
        },
        checklist: [{ id: 'x', phase: 'pre', text: evil, status: 'fail', evidence: evil, todo: evil }],
      },
    })
    expect(html).not.toContain('<img')
    expect(html.match(/&lt;img src=x/g)!.length).toBeGreaterThan(10)
  })

  test('a run without Preflight, record and certificate says so', () => {
    const html = page({
      preflight: undefined,
      closure: undefined,
      certificate: undefined,
      report: { ...report, postflight: { repeated: false, at: AT, reason: 'the run ended before Preflight had asked' } },
    })
    expect(html).toContain('Cleanup left no record: access may still be open.')
    expect(html).toContain('Not repeated: the run ended before Preflight had asked.')
  })
})
