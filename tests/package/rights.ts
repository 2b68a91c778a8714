import type { Rights } from './statements'

// The table against which the packaged roles are compared: written out, not computed from what serverless/roles.yml says.

const ROLES = 'iam role/drayage/dev/*'
const EXECUTIONS = 'states execution:drayage-dev-migrate:*'
const SCHEDULES = 'scheduler schedule/drayage-dev/*'
const CREDENTIALS = 'secretsmanager secret:drayage/dev/*'
const BOUND = 'if {"StringEquals":{"iam:PermissionsBoundary":{"Ref":"Boundary"}}}'

const credential = `secretsmanager:GetSecretValue on ${CREDENTIALS}`
const temporaryRole = `sts:AssumeRole on ${ROLES}`
const readBack = ['iam:GetRole', 'iam:GetRolePolicy', 'iam:ListRolePolicies', 'iam:ListAttachedRolePolicies'].map(
  (action) => `${action} on ${ROLES}`,
)
const deadLetters = 'sqs:SendMessage on DeadLetterQueue.Arn'
const neverWiden = ['iam:UpdateAssumeRolePolicy', 'iam:PutRolePermissionsBoundary', 'iam:DeleteRolePermissionsBoundary'].map(
  (action) => `DENY ${action} on iam role/*`,
)
const theBooks = ['runs/*/shards/*', 'runs/*/outcomes/*', 'runs/*/verdicts/*', 'runs/*/cursor.json', 'runs/*/request.json']

/** What each function may do in the state bucket, by prefix, and elsewhere. */
export const RIGHTS: Record<string, Rights> = {
  validateRequest: {},
  openAccess: {
    get: ['pairs/*', 'runs/*/request.json', 'runs/*/access.json'],
    put: ['pairs/*', 'runs/*/request.json', 'runs/*/access.json'],
    list: ['pairs/*', 'runs/*/request.json', 'runs/*/access.json'],
    other: [
      `iam:CreateRole on ${ROLES} ${BOUND}`,
      `iam:PutRolePolicy on ${ROLES} ${BOUND}`,
      `iam:TagRole on ${ROLES}`,
      ...readBack,
      `scheduler:CreateSchedule on ${SCHEDULES}`,
      `scheduler:GetSchedule on ${SCHEDULES}`,
      'iam:PassRole on DeadManRole.Arn if {"StringEquals":{"iam:PassedToService":"scheduler.amazonaws.com"}}',
      'sts:AssumeRole on iam role/drayage/dev/drayage-*',
      `states:DescribeExecution on ${EXECUTIONS}`,
      ...neverWiden,
    ],
  },
  preflight: { get: ['runs/*/access.json'], other: [credential, temporaryRole, ...readBack, `scheduler:GetSchedule on ${SCHEDULES}`] },
  listSource: {
    get: ['runs/*/cursor.json'],
    put: ['runs/*/cursor.json', 'runs/*/shards/*'],
    list: ['runs/*/cursor.json'],
    other: [credential],
  },
  estimate: {},
  copyBatch: {
    get: ['runs/*/shards/*', 'runs/*/outcomes/*'],
    put: ['runs/*/outcomes/*'],
    list: ['runs/*/outcomes/*'],
    other: [credential, temporaryRole],
  },
  beginUpload: {
    get: ['runs/*/shards/large/*', 'uploads/*', 'runs/*/outcomes/large/*'],
    put: ['uploads/*', 'runs/*/outcomes/large/*'],
    list: ['uploads/*', 'runs/*/outcomes/large/*'],
    other: [credential, temporaryRole],
  },
  copyPartGroup: { get: ['runs/*/shards/large/*'], other: [credential, temporaryRole] },
  completeUpload: {
    get: ['runs/*/shards/large/*', 'uploads/*', 'runs/*/outcomes/large/*'],
    put: ['uploads/*', 'runs/*/outcomes/large/*'],
    list: ['uploads/*', 'runs/*/outcomes/large/*'],
    other: [temporaryRole],
  },
  verifyBatch: {
    get: ['runs/*/shards/*', 'runs/*/outcomes/*', 'runs/*/verdicts/*'],
    put: ['runs/*/verdicts/*'],
    list: ['runs/*/outcomes/*', 'runs/*/verdicts/*'],
    other: [temporaryRole],
  },
  reconcile: {
    get: theBooks,
    put: ['runs/*/report.json', 'runs/*/failures.csv'],
    list: theBooks,
    other: ['s3:AbortMultipartUpload on state/runs/*/report.json', 's3:AbortMultipartUpload on state/runs/*/failures.csv', deadLetters],
  },
  cleanup: {
    get: ['runs/*/request.json', 'runs/*/access.json', 'runs/*/report.json', 'runs/*/certificate.json', 'pairs/*', 'uploads/*'],
    put: ['runs/*/certificate.json', 'pairs/*', 'uploads/*'],
    list: [
      'runs/*/request.json',
      'runs/*/access.json',
      'runs/*/report.json',
      'runs/*/certificate.json',
      'runs/*/cursor.json',
      'pairs/*',
      'uploads/*',
    ],
    other: [
      `iam:PutRolePolicy on ${ROLES} ${BOUND}`,
      ...['GetRole', 'ListRolePolicies', 'ListAttachedRolePolicies', 'DeleteRolePolicy', 'DetachRolePolicy', 'DeleteRole'].map(
        (action) => `iam:${action} on ${ROLES}`,
      ),
      `scheduler:GetSchedule on ${SCHEDULES}`,
      `scheduler:DeleteSchedule on ${SCHEDULES}`,
      `secretsmanager:DescribeSecret on ${CREDENTIALS}`,
      `secretsmanager:DeleteSecret on ${CREDENTIALS}`,
      `states:StopExecution on ${EXECUTIONS}`,
      `states:DescribeExecution on ${EXECUTIONS}`,
      temporaryRole,
      deadLetters,
      ...neverWiden,
    ],
  },
  writeReport: {
    get: ['runs/*/report.json', 'runs/*/certificate.json'],
    put: ['runs/*/report.html'],
    list: ['runs/*/report.json', 'runs/*/certificate.json'],
  },
  sweep: {
    get: ['pairs/*', 'runs/*/request.json'],
    list: ['pairs/*', 'runs/*/request.json'],
    other: [
      `iam:ListRoles on ${ROLES}`,
      `iam:ListRoleTags on ${ROLES}`,
      `states:DescribeExecution on ${EXECUTIONS}`,
      'lambda:InvokeFunction on CleanupLambdaFunction.Arn',
      deadLetters,
    ],
  },
}

/** Timeout in s and memory in MB of each function. */
export const SIZES: Record<string, [number, number]> = {
  validateRequest: [60, 512],
  openAccess: [300, 512],
  preflight: [300, 512],
  listSource: [900, 1024],
  estimate: [60, 512],
  copyBatch: [900, 1769],
  beginUpload: [300, 512],
  copyPartGroup: [900, 1769],
  completeUpload: [300, 512],
  verifyBatch: [900, 1769],
  reconcile: [900, 1024],
  cleanup: [900, 512],
  writeReport: [300, 512],
  sweep: [60, 512],
}
