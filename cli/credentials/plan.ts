import { InvalidRequest, parseRequest } from '@drayage/core'
import { caProblem, expiryProblem, MAX_DAYS, ROLE_ARN } from '../../layers/core/access/credential'
import { endpointProblem } from '../../layers/core/access/endpoint'
import { iamTime } from '../../layers/core/access/policy'

/** `credentials put` as it was typed. */
export interface PutOptions {
  stage: string
  endpoint?: string
  sourceBucket?: string
  sourcePrefix?: string
  sourceRegion?: string
  destinationBucket?: string
  destinationPrefix?: string
  expires?: string
  roleArn?: string
  revokeUser?: string
  revokeRole?: string
  provider?: string
}

/** What a credential is for and how its source is reached, without its keys. */
export interface PutPlan {
  name: string
  /** undefined: Amazon S3 by a role */
  endpoint: string | undefined
  provider: string
  /** ARN; undefined: by keys */
  role: string | undefined
  use: { region: string; source: Bounds; destination: Bounds; expiresAt: string }
  /** whose key ends at the source, and as which role (ARN) */
  revoke: { user: string; role: string } | undefined
  ca: string | undefined
}

interface Bounds {
  bucket: string
  prefix: string
}

const DEFAULT_DAYS = 7
const DAY_MS = 24 * 60 * 60 * 1000

/** As a deploy takes them (scripts/plugins/check-parameters.js). */
const STAGE = /^[a-z0-9-]{1,20}$/
/** IAM user guide, "IAM and AWS STS quotas": names of users. */
const USER = /^[\w+=,.@-]{1,64}$/

/** The option that stands for a field of a request. */
const OPTIONS: Record<string, string> = {
  'source.credential': 'NAME',
  'source.bucket': '--source-bucket',
  'source.prefix': '--source-prefix',
  'source.region': '--source-region',
  'source.provider': '--provider',
  'destination.bucket': '--destination-bucket',
  'destination.prefix': '--destination-prefix',
}

export const stageProblems = (stage: string): string[] =>
  STAGE.test(stage) ? [] : ['--stage: is no stage; write at most 20 of a-z, 0-9 and -, as it was deployed']

/** Checks all that can be checked without a network: what fits a request fits here, by the same rules. `ca`: the file's text. */
export const planPut = (
  name: string,
  options: PutOptions,
  ca: string | undefined,
  now: Date,
): { plan: PutPlan | undefined; problems: string[] } => {
  const provider = options.provider ?? (options.endpoint === undefined ? 'aws' : 'other')
  const problems = stageProblems(options.stage)
  const request = requestOf(name, options, provider, now, problems)
  const expiresAt = expiryOf(options.expires, now, problems)
  problems.push(...endpointProblems(options), ...roleProblems(options), ...revocationProblems(options))
  if (ca !== undefined && options.endpoint === undefined) problems.push('--ca: is only for a store of --endpoint; leave it out')
  const wrongCa = ca === undefined ? undefined : caProblem(ca)
  if (wrongCa !== undefined) problems.push(`--ca: ${wrongCa}; name a PEM file with the certificate authority`)
  if (problems.length > 0 || request === undefined) return { plan: undefined, problems }
  const { source, destination } = request
  const plan: PutPlan = {
    name,
    endpoint: options.roleArn === undefined ? (options.endpoint ?? amazonS3(source.region)) : undefined,
    provider,
    role: options.roleArn,
    use: {
      region: source.region,
      source: { bucket: source.bucket, prefix: source.prefix },
      destination: { bucket: destination.bucket, prefix: destination.prefix },
      expiresAt,
    },
    revoke:
      options.revokeUser === undefined || options.revokeRole === undefined
        ? undefined
        : { user: options.revokeUser, role: options.revokeRole },
    ca,
  }
  return { plan, problems }
}

const amazonS3 = (region: string): string => `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`

/** The request that this credential is for, parsed as ValidateRequest would. */
const requestOf = (name: string, options: PutOptions, provider: string, now: Date, problems: string[]) => {
  const { sourceBucket, sourcePrefix, sourceRegion, destinationBucket, destinationPrefix } = options
  try {
    return parseRequest(
      {
        source: { credential: name, bucket: sourceBucket, prefix: sourcePrefix, region: sourceRegion, provider },
        destination: { bucket: destinationBucket, prefix: destinationPrefix },
      },
      { runtime: 'aws', runId: 'credentials-put', executionId: 'none', now },
    )
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error
    problems.push(...error.problems.map((problem) => problem.replace(/^[\w.]+(?=:)/, (field) => OPTIONS[field] ?? field)))
    return undefined
  }
}

const expiryOf = (given: string | undefined, now: Date, problems: string[]): string => {
  const remedy = `write days, as in 7, or a time, as in ${iamTime(new Date(now.getTime() + DEFAULT_DAYS * DAY_MS))}; at most ${MAX_DAYS} days ahead`
  const days = given === undefined ? DEFAULT_DAYS : /^\d{1,4}$/.test(given) ? Number(given) : undefined
  const end = days === undefined ? timeOf(given!) : now.getTime() + days * DAY_MS
  if (end === undefined) {
    problems.push(`--expires: is no time; ${remedy}`)
    return ''
  }
  const expiresAt = iamTime(new Date(end))
  if (days === 0 || end <= now.getTime()) problems.push(`--expires: is not ahead; ${remedy}`)
  else if (end > now.getTime() + MAX_DAYS * DAY_MS || expiryProblem(expiresAt, now) !== undefined)
    problems.push(`--expires: is over the cap of ${MAX_DAYS} days; ${remedy}`)
  return expiresAt
}

const timeOf = (text: string): number | undefined => {
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text)) return undefined
  const time = Date.parse(text)
  return Number.isNaN(time) ? undefined : time
}

const endpointProblems = ({ endpoint, roleArn }: PutOptions): string[] => {
  if (endpoint === undefined) return []
  if (roleArn !== undefined) return ['--endpoint: a source by --role-arn is Amazon S3; leave it out']
  const problem = endpointProblem(endpoint)
  return problem === undefined ? [] : [`--endpoint: ${problem}; write https://host, as your provider gives it`]
}

const roleProblems = ({ roleArn }: PutOptions): string[] =>
  roleArn === undefined || ROLE_ARN.test(roleArn)
    ? []
    : ['--role-arn: is no ARN of a role; write it as in arn:aws:iam::123456789012:role/drayage-source']

const revocationProblems = ({ revokeUser, revokeRole, endpoint, roleArn }: PutOptions): string[] => {
  if (revokeUser === undefined && revokeRole === undefined) return []
  const problems: string[] = []
  if (revokeRole === undefined) problems.push('--revoke-role: is missing; name the role that may end the keys of --revoke-user')
  else if (!ROLE_ARN.test(revokeRole))
    problems.push('--revoke-role: is no ARN of a role; write it as in arn:aws:iam::123456789012:role/drayage-revocation')
  if (revokeUser === undefined) problems.push('--revoke-user: is missing; name the IAM user that owns the key')
  else if (!USER.test(revokeUser)) problems.push('--revoke-user: is no name of an IAM user; write the name without its path')
  if (endpoint !== undefined) problems.push('--revoke-user: only keys of AWS can be revoked; leave it out with --endpoint')
  if (roleArn !== undefined) problems.push('--revoke-user: a role has no key to revoke; leave it out with --role-arn')
  return problems
}
