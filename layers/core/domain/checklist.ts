import type { Observation } from './access'
import type { Check, CheckId } from './bucket-checks'
import type { ChecklistItem, Phase } from './checklist-item'
import { observationsOf, type Closure } from './closure'
import type { PreflightFile } from './preflight-file'
import type { Report } from './report-schema'
import { bytesText, count, counted } from './units'

export interface ChecklistFacts {
  report: Report
  preflight: PreflightFile | undefined
  closure: Closure | undefined
  /** SHA-256 of certificate.json, hex; undefined: there is none */
  certificate: string | undefined
}

type Verdict = Pick<ChecklistItem, 'status' | 'evidence' | 'todo'>

const manual = (todo: string, evidence = 'not to be seen from here'): Verdict => ({ status: 'manual', evidence, todo })

/** The newest answer to a check: of the end of the run, or of its beginning. */
const checkOf = ({ report, preflight }: ChecklistFacts, id: CheckId): Check | undefined => {
  const { postflight } = report
  const last = postflight.repeated ? postflight.checks.find((check) => check.id === id) : undefined
  return last ?? preflight?.checks.find((check) => check.id === id)
}

/** A line that rests on checks: as good as the worst of them. What was not asked or not answered is for a person to look at. */
const byChecks = (facts: ChecklistFacts, ids: readonly CheckId[], todo: string): Verdict => {
  const checks = ids.map((id) => checkOf(facts, id)).filter((check) => check !== undefined)
  const evidence = checks.map((check) => `${check.title}: ${check.evidence} (${check.result})`).join('; ')
  const todos = checks.flatMap(({ result, remedy }) => (result === 'pass' || remedy === null ? [] : [remedy]))
  if (checks.some(({ result }) => result === 'fail')) return { status: 'fail', evidence, todo: todos.join('; ') }
  if (checks.length === ids.length && checks.every(({ result }) => result === 'pass')) return { status: 'pass', evidence }
  return manual([...new Set(todos)].join('; ') || todo, evidence || 'Preflight had not asked, or what it found cannot be read')
}

const seen = (observations: readonly Observation[]): string =>
  observations.map(({ kind, name, call, answer }) => `${kind} ${name}: ${call === 'none' ? '' : `${call} answered `}${answer}`).join('; ')

/** A line that rests on what Cleanup saw of some kinds of things. */
const byClosure = ({ closure }: ChecklistFacts, kinds: readonly string[], absent: Verdict, todo: string): Verdict => {
  if (closure === undefined) return { status: 'fail', evidence: 'Cleanup left no record', todo }
  const about = observationsOf(closure).filter(({ kind, call, closed }) => kinds.includes(kind) && (call !== 'none' || !closed))
  if (about.length === 0) return closure.complete ? absent : { status: 'fail', evidence: 'Cleanup is not complete', todo }
  const open = about.filter(({ closed }) => !closed)
  return open.length === 0 ? { status: 'pass', evidence: seen(about) } : { status: 'fail', evidence: seen(open), todo }
}

const ROLES = 'aws iam list-roles --path-prefix /drayage/'
const SWEEP = 'the sweep tries again every 15 minutes; on one machine end the credentials yourself, and see closure.json'

const classified = ({ report }: ChecklistFacts): Verdict => {
  if (!report.listing.complete)
    return manual('run again: the source was not listed to its end', `dataClassification: ${report.dataClassification}`)
  const { listing, bytes, dataClassification } = report
  return {
    status: 'pass',
    evidence: `dataClassification: ${dataClassification} (request.json); ${counted(listing.listed, 'object')}, ${bytesText(bytes.listed)} listed`,
  }
}

const residency = (facts: ChecklistFacts): Verdict => {
  const region = checkOf(facts, 'region')
  const todo = 'name the regions in which the objects may stand in residency.regions, or deploy the stage with allowedRegions'
  return region?.result === 'pass' && !region.evidence.includes(', one of ')
    ? manual(todo, `the bucket is in ${region.evidence}; no regions are named`)
    : byChecks(facts, ['region'], todo)
}

const timeLimited = ({ preflight }: ChecklistFacts): Verdict =>
  preflight !== undefined && preflight.grants > 0
    ? {
        status: 'pass',
        evidence: `${counted(preflight.grants, 'grant of the run was', 'grants of the run were')} read back by Preflight, each with its end`,
      }
    : manual('give the credentials that you used an end yourself', 'no grant of the run was read back: the credentials are your own')

const privateConnections = (facts: ChecklistFacts): Verdict => {
  const vpc = checkOf(facts, 'private-connectivity')
  return manual(
    'connect source and VPC by VPN or Direct Connect, and deploy with vpcId, vpcSubnetIds and vpcRouteTableIds: aws ec2 describe-vpn-connections; aws directconnect describe-connections',
    vpc === undefined ? undefined : `${vpc.title}: ${vpc.evidence}`,
  )
}

const secretDeleted = (facts: ChecklistFacts): Verdict => {
  const { credential } = facts.report.source
  const own = manual('end the credentials that this machine used, where they came from', 'no secret of AWS Secrets Manager was used')
  if (credential === null) return own
  const kept = manual(
    `delete it when no run needs it any more: drayage credentials delete ${credential}`,
    `the secret ${credential} is kept, as credentials.after says, until its own expiry`,
  )
  const found = byClosure(facts, ['secret'], kept, `drayage credentials delete ${credential}`)
  return found.status === 'pass' && found.evidence.includes(' answered kept until ') ? { ...kept, evidence: found.evidence } : found
}

const sourceKey = (facts: ChecklistFacts): Verdict => {
  const todo = 'revoke the key at the source, or replace it, when no run needs it any more (on AWS: aws iam delete-access-key)'
  const absent = manual(todo, 'deleting our copy of a key does not end it at the source')
  return facts.closure && observationsOf(facts.closure).some(({ kind }) => kind === 'access-key')
    ? byClosure(facts, ['access-key'], absent, todo)
    : absent
}

const noServers = ({ preflight }: ChecklistFacts): Verdict =>
  preflight?.runtime === 'aws'
    ? { status: 'pass', evidence: 'there is no EC2 instance: Preflight ran as an AWS Lambda function' }
    : manual('keep the machine that runs drayage patched', 'the run was on a machine of yours')

const noSecurityGroups = (facts: ChecklistFacts): Verdict => {
  const { preflight } = facts
  const vpc = checkOf(facts, 'private-connectivity')
  return preflight?.runtime === 'aws' && vpc?.result === 'fail'
    ? { status: 'pass', evidence: `there is no security group: ${vpc.evidence}` }
    : manual(
        'look that nothing may come in and only port 443 go out: aws ec2 describe-security-groups --filters Name=group-name,Values=drayage-*',
      )
}

const credentialsWork = ({ preflight }: ChecklistFacts): Verdict =>
  preflight?.probes
    ? { status: 'pass', evidence: 'no placeholder is ever stored, and Preflight listed the source with the credentials' }
    : manual('store working credentials: drayage credentials put NAME', 'Preflight did not come as far as the source')

const TLS: readonly CheckId[] = ['source-transport', 'destination-transport']
const PROTECTION: readonly CheckId[] = ['owner', 'public-access-block', 'public-policy', 'encryption', 'encryption-key', 'tls-only']

/** Every line, in the order of the lists. */
const LINES: readonly (readonly [Phase, id: string, text: string, judge: (facts: ChecklistFacts) => Verdict])[] = [
  ['pre', 'data-classified', 'Data classified and documented', classified],
  [
    'pre',
    'controls-mapped',
    'Security controls mapped between clouds',
    () => manual("go through SECURITY.md's map of controls with the source's own: identity, secrets, keys, firewall, threat detection"),
  ],
  [
    'pre',
    'requirements-identified',
    'Compliance requirements identified',
    ({ report }) =>
      manual(
        'write down which rules these objects are under (SOC 2, GDPR, PCI DSS, HIPAA), and that dataClassification fits them',
        `dataClassification: ${report.dataClassification}`,
      ),
  ],
  ['pre', 'private-connectivity', 'Private connectivity established', privateConnections],

  ['during', 'encrypted-in-transit', 'All data encrypted in transit', (facts) => byChecks(facts, TLS, 'name endpoints with https://')],
  ['during', 'access-time-limited', 'Temporary access time-limited', timeLimited],
  [
    'during',
    'audit-logs',
    'Audit logging enabled on both clouds',
    (facts) => {
      const log = checkOf(facts, 'access-log')
      return manual(
        'here: aws cloudtrail get-event-selectors --trail-name TRAIL (data events of the bucket), or deploy with auditTrail; at the source: its own access log',
        log === undefined
          ? undefined
          : `destination, ${log.title}: ${log.evidence} (${log.result}); the source's is not to be seen from here`,
      )
    },
  ],
  [
    'during',
    'traffic-monitored',
    'Network traffic monitored',
    () =>
      manual(
        'in the VPC mode read its flow logs with the query of the deployment guide: aws ec2 describe-flow-logs; elsewhere your firewall has the log',
      ),
  ],

  [
    'post',
    'resources-deleted',
    'Temporary resources deleted',
    ({ closure, certificate }) => {
      if (closure === undefined) return { status: 'fail', evidence: 'Cleanup left no record', todo: SWEEP }
      const open = observationsOf(closure).filter(({ closed }) => !closed)
      if (!closure.complete) return { status: 'fail', evidence: seen(open) || 'Cleanup is not complete', todo: SWEEP }
      const proof = certificate === undefined ? '' : `; certificate.json ${certificate}`
      return { status: 'pass', evidence: `${counted(observationsOf(closure).length, 'observation')}, all of them closed${proof}` }
    },
  ],
  [
    'post',
    'permissions-audited',
    'Access permissions audited',
    ({ report: { postflight } }) =>
      manual(
        `who may reach the destination: aws accessanalyzer list-findings-v2 --analyzer-arn ARN; that nothing of Drayage is left: ${ROLES}`,
        postflight.repeated
          ? `the destination was asked again at ${postflight.at}: ${counted(postflight.drift.length, 'difference')}`
          : `the destination was not asked again: ${postflight.reason}`,
      ),
  ],
  [
    'post',
    'security-assessed',
    'Security assessment completed',
    ({ report: { destination } }) =>
      manual(
        `aws securityhub get-findings --filters '{"ResourceId":[{"Value":"arn:aws:s3:::${destination.bucket}","Comparison":"EQUALS"}],"RecordState":[{"Value":"ACTIVE","Comparison":"EQUALS"}]}'`,
      ),
  ],
  [
    'post',
    'source-decommissioned',
    'Source environment decommissioned securely',
    ({ report }) =>
      manual(
        "when nobody reads the source any more: empty and delete its bucket with the source's own tools, and its keys and users",
        report.outcome === 'verified' ? 'the run is verified' : 'the run is not verified: keep the source',
      ),
  ],

  ['compliance', 'residency', 'Data residency requirements met in target cloud', residency],
  [
    'compliance',
    'encryption-standards',
    'Encryption standards maintained (AES-256, TLS 1.2+)',
    (facts) => byChecks(facts, ['encryption', ...TLS], 'see the checks of the destination'),
  ],
  [
    'compliance',
    'access-controls',
    'Access controls replicated and tested',
    (facts) => {
      const found = byChecks(facts, ['public-access-block', 'public-policy', 'ownership'], '')
      return found.status === 'fail'
        ? found
        : manual(
            'give readers at the destination the rights that they had at the source, and no more, and try them: aws iam simulate-principal-policy',
            found.evidence,
          )
    },
  ],
  [
    'compliance',
    'audit-retention',
    'Audit logging enabled and retained per policy',
    (facts) => {
      const found = byChecks(facts, ['access-log'], '')
      return found.status === 'fail'
        ? found
        : manual('how long your log bucket keeps logs: aws s3api get-bucket-lifecycle-configuration --bucket LOG_BUCKET', found.evidence)
    },
  ],
  [
    'compliance',
    'penetration-test',
    'Penetration test scheduled for post-migration',
    () => manual("schedule it for what reads the destination; AWS's rules are at https://aws.amazon.com/security/penetration-testing/"),
  ],
  [
    'compliance',
    'certifications',
    'Compliance certifications verified for target services',
    () => manual('download the reports for Amazon S3, AWS KMS and AWS Lambda in AWS Artifact: https://console.aws.amazon.com/artifact/'),
  ],

  [
    'cleanup',
    'roles-removed',
    'Remove temporary IAM roles and permissions',
    (facts) => byClosure(facts, ['role', 'key', 'schedule'], manual(ROLES, 'the run created no role and no key'), ROLES),
  ],
  [
    'cleanup',
    'network-removed',
    'Delete temporary network connections',
    () =>
      manual(
        'delete what you made for the migration: aws ec2 describe-vpc-peering-connections; aws ec2 describe-vpn-connections',
        'Drayage makes no connection',
      ),
  ],
  ['cleanup', 'credentials-revoked', 'Revoke temporary credentials', secretDeleted],
  ['cleanup', 'source-key-revoked', "Revoke the source's key", sourceKey],
  [
    'cleanup',
    'security-groups-removed',
    'Remove migration security groups',
    () =>
      manual(
        "the VPC mode's own goes with the stack (sls remove); yours: aws ec2 describe-security-groups --filters Name=group-name,Values=*migration*",
        'no run makes a security group',
      ),
  ],
  [
    'cleanup',
    'source-checked',
    'Verify source environment decommissioning',
    () => manual("list the source's bucket, keys and users with its own tools: nothing of the migration may be left"),
  ],
  [
    'cleanup',
    'orphans-scanned',
    'Run security scan to find orphaned resources',
    ({ closure }) => {
      const scan = `${ROLES}; aws scheduler list-schedules --group-name drayage-STAGE; aws secretsmanager list-secrets --filters Key=name,Values=drayage/`
      const baseline = closure?.baseline
      if (!baseline) return manual(scan)
      const { before, after, ours, unexplained } = baseline
      const evidence = `${counted(before, 'role, schedule or key', 'roles, schedules or keys')} before the run, ${count(after)} after it`
      const left = [...ours, ...unexplained].map(({ kind, name }) => `${kind} ${name}`)
      return left.length === 0
        ? { status: 'pass', evidence: `${evidence}; none of the run's is left, and none is new that no run's record names` }
        : { status: 'fail', evidence: `${evidence}; left or in no record: ${left.join(', ')}`, todo: scan }
    },
  ],

  ['shared', 'guest-os', 'Amazon EC2 guest operating system security and patching', noServers],
  [
    'shared',
    'security-groups',
    'Amazon EC2 security group configuration and application-level security on EC2 instances',
    noSecurityGroups,
  ],
  [
    'shared',
    'no-placeholders',
    'Replacing placeholder credentials in AWS Secrets Manager with real source storage credentials',
    credentialsWork,
  ],
  [
    'shared',
    'destination-secured',
    'Securing the destination Amazon S3 bucket (Block Public Access, encryption at rest, bucket policies)',
    (facts) => byChecks(facts, PROTECTION, 'see the checks of the destination'),
  ],
  [
    'shared',
    'logs-monitored',
    'Monitoring Amazon CloudWatch Logs for security events and migration errors',
    () =>
      manual(
        'subscribe to the alarms (alarmEmail), and read: aws logs describe-log-groups --log-group-name-pattern drayage-STAGE, then aws logs tail GROUP; on one machine logs/RUN.jsonl',
      ),
  ],
  [
    'shared',
    'policies-reviewed',
    'Reviewing and adjusting IAM policies for their specific security requirements',
    () => manual('read serverless/roles.yml and the boundary: aws iam get-policy-version --policy-arn BOUNDARY_ARN --version-id v1'),
  ],
  [
    'shared',
    'key-policies',
    'Managing AWS KMS key policies and access controls',
    () => manual('aws kms get-key-policy --key-id KEY --policy-name default, for the keys of the stack and of the destination'),
  ],
  [
    'shared',
    'credentials-rotated',
    'Verifying that source endpoint credentials are rotated according to organizational policy',
    () => manual('drayage credentials list shows the age and the expiry of each; rotate at the source, then drayage credentials put NAME'),
  ],
  ['shared', 'credentials-deleted', 'Deleting credentials from AWS Secrets Manager after migration completes', secretDeleted],
]

/** What the migration guide and the shared-responsibility list ask for, each line with what this run has seen of it. */
export const checklist = (facts: ChecklistFacts): ChecklistItem[] =>
  LINES.map(([phase, id, text, judge]) => ({ id, phase, text, ...judge(facts) }))
