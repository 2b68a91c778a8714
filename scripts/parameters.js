// What serverless.yml and serverless/*.yml make of the deploy parameters, as `${file(scripts/parameters.js):NAME}`.

// S3 bucket names have at least three characters (Amazon S3 user guide, "General purpose bucket naming rules"), IAM role names
// at most 64 (IAM user guide, "IAM and AWS STS quotas"), and a key's id is a UUID: nobody can ever make one of these.
const NO_BUCKET = '--'
const NO_ROLE = `arn:\${AWS::Partition}:iam::\${AWS::AccountId}:role/${'-'.repeat(65)}`
const NO_KEY = 'arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/--'

const BUCKET = /^[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]$/
const ACCOUNT = /^\d{12}$/
const KEY_ARN = /^arn:aws(-cn|-us-gov)?:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/
const ROLE_ARN = /^arn:aws(-cn|-us-gov)?:iam::\d{12}:role\/([!-~]+\/)?[\w+=,.@-]{1,64}$/

/** The entries of a comma-separated list, without empty ones. */
export const listFrom = (text) =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')

const quoted = (entries) => entries.map((entry) => `"${entry}"`).join(', ')

/**
 * allowedDestinations by kind: buckets (names or ARNs), accounts other than the stack's own that own some of them, and KMS keys
 * that encrypt some of them. Throws on a wildcard, an ARN of objects, an alias, or anything else.
 */
export const destinationsFrom = (text) => {
  const kinds = { buckets: [], accounts: [], keys: [] }
  const wrong = []
  for (const entry of listFrom(text)) {
    const bucket = entry.replace(/^arn:aws(-cn|-us-gov)?:s3:::/, '')
    if (ACCOUNT.test(entry)) kinds.accounts.push(entry)
    else if (KEY_ARN.test(entry)) kinds.keys.push(entry)
    else if (BUCKET.test(bucket)) kinds.buckets.push(bucket)
    else wrong.push(entry)
  }
  if (wrong.length > 0) {
    throw new Error(
      `allowedDestinations: ${quoted(wrong)} is not a bucket name, bucket ARN, 12-digit account or KMS key ARN. Name whole buckets and keys, without wildcards.`,
    )
  }
  return kinds
}

/** Role ARNs of sourceRoles or revocationRoles. Throws on a wildcard or anything else that is not one role. */
export const rolesFrom = (parameter, text) => {
  const roles = listFrom(text)
  const wrong = roles.filter((role) => !ROLE_ARN.test(role) || /[*?]/.test(role))
  if (wrong.length > 0)
    throw new Error(
      `${parameter}: ${quoted(wrong)} is not a role's ARN. Name each role, without wildcards: arn:aws:iam::123456789012:role/NAME.`,
    )
  return roles
}

const destinations = async (resolveVariable) => destinationsFrom(await resolveVariable('param:allowedDestinations'))

const bucketArns = async (resolveVariable, ending) => {
  const { buckets } = await destinations(resolveVariable)
  return (buckets.length === 0 ? [NO_BUCKET] : buckets).map((bucket) => ({ 'Fn::Sub': `arn:\${AWS::Partition}:s3:::${bucket}${ending}` }))
}

/** The only buckets that a temporary role can reach. */
export const buckets = ({ resolveVariable }) => bucketArns(resolveVariable, '')

/** All objects in them. */
export const objects = ({ resolveVariable }) => bucketArns(resolveVariable, '/*')

/** What a write role can be given on them. DeleteObject without a version puts a delete marker, where the bucket has versions. */
export const writeActions = async ({ resolveVariable }) => [
  's3:PutObject',
  's3:PutObjectTagging',
  's3:PutObjectRetention',
  's3:PutObjectLegalHold',
  's3:AbortMultipartUpload',
  's3:ListMultipartUploadParts',
  ...((await deleteMarkers({ resolveVariable })) === 'true' ? ['s3:DeleteObject'] : []),
]

/** What a verify role can be given on them. */
export const readActions = ['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectTagging', 's3:GetObjectVersionTagging']

/** What either can. */
export const objectActions = async (variables) => [...(await writeActions(variables)), ...readActions]

/** Whether runs may put delete markers, as an environment variable says it. */
export const deleteMarkers = async ({ resolveVariable }) => String((await resolveVariable('param:deleteMarkers')) !== '')

/** The accounts that can own them: the stack's own, and those given. */
export const accounts = async ({ resolveVariable }) => [{ Ref: 'AWS::AccountId' }, ...(await destinations(resolveVariable)).accounts]

/** The keys that a temporary role can use. */
export const keys = async ({ resolveVariable }) => {
  const { keys } = await destinations(resolveVariable)
  return keys.length === 0 ? [{ 'Fn::Sub': NO_KEY }] : keys
}

const roleArns = async (resolveVariable, parameter) => {
  const roles = rolesFrom(parameter, await resolveVariable(`param:${parameter}`))
  return roles.length === 0 ? [{ 'Fn::Sub': NO_ROLE }] : roles
}

/** The roles of sources that functions may assume. */
export const sourceRoles = ({ resolveVariable }) => roleArns(resolveVariable, 'sourceRoles')

/** The roles of sources that cleanup may assume to revoke a key there. */
export const revocationRoles = ({ resolveVariable }) => roleArns(resolveVariable, 'revocationRoles')

const list =
  (parameter) =>
  async ({ resolveVariable }) =>
    listFrom(await resolveVariable(`param:${parameter}`))

export const subnetIds = list('vpcSubnetIds')
export const routeTableIds = list('vpcRouteTableIds')

/** Whether the functions that reach a source run in a VPC, as an environment variable says it. */
export const inVpc = async ({ resolveVariable }) => String((await resolveVariable('param:vpcId')) !== '')

/** A number, where CloudFormation wants one. */
export const reservedConcurrency = async ({ resolveVariable }) => Number(await resolveVariable('param:reservedConcurrency'))

// A room that is not asked for is not in the template at all: what can be read there is what is deployed.
const room =
  (parameter, file) =>
  async ({ resolveVariable }) =>
    (await resolveVariable(`param:${parameter}`)) === '' ? 'serverless/nothing.yml' : file

export const vpcRoom = room('vpcId', 'serverless/vpc.yml')
export const auditRoom = room('auditTrail', 'serverless/audit.yml')
export const emailRoom = room('alarmEmail', 'serverless/alarm-email.yml')
export const concurrencyRoom = room('reservedConcurrency', 'serverless/reserved-concurrency.yml')

/** What the audit trail watches, as beginnings of object ARNs. */
export const auditedObjects = async ({ resolveVariable }) => [
  { 'Fn::Sub': '${StateBucket.Arn}/' },
  ...(await bucketArns(resolveVariable, '/')),
]
