import type { Rights } from './statements'

// The table against which the packaged roles are compared: written out, not computed from what serverless/roles.yml says.

const PATH = 'iam role/drayage/dev/*'
const WRITE = 'iam role/drayage/dev/drayage-*-write'
const VERIFY = 'iam role/drayage/dev/drayage-*-verify'
const EXECUTIONS = 'states execution:drayage-dev-migrate:*'
const SCHEDULES = 'scheduler schedule/drayage-dev/*'
const CREDENTIALS = 'secretsmanager secret:drayage/dev/*'
const BOUND = 'if {"StringEquals":{"iam:PermissionsBoundary":{"Ref":"Boundary"}}}'
const CERTIFICATE_KEY = 'CertificateKey.Arn'
/** without sourceRoles and revocationRoles: a role whose name is too long for any role */
const NO_ROLE = `iam role/${'-'.repeat(65)}`

const on = (resources: string[], actions: string[], condition = ''): string[] =>
  resources.flatMap((resource) => actions.map((action) => `${action} on ${resource}${condition === '' ? '' : ` ${condition}`}`))

/** A key's use as it must be limited: by the service that asks for it, and by the encryption context of one resource. */
const use = (key: string, actions: string[], service: string, equals: object, like?: object): string[] =>
  on(
    [key],
    actions,
    `if ${JSON.stringify({
      StringEquals: { 'kms:ViaService': { 'Fn::Sub': service + '.${AWS::Region}.amazonaws.com' }, ...equals },
      ...(like === undefined ? {} : { StringLike: like }),
    })}`,
  )

const ofStateBucket = { 'kms:EncryptionContext:aws:s3:arn': { 'Fn::GetAtt': ['StateBucket', 'Arn'] } }
const readsState = use('StateKey.Arn', ['kms:Decrypt'], 's3', ofStateBucket)
const writesState = use('StateKey.Arn', ['kms:GenerateDataKey'], 's3', ofStateBucket)
const readsCredential = [
  ...on([CREDENTIALS], ['secretsmanager:GetSecretValue']),
  ...use(
    'SecretsKey.Arn',
    ['kms:Decrypt'],
    'secretsmanager',
    {},
    {
      'kms:EncryptionContext:SecretARN': {
        'Fn::Sub': 'arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:drayage/dev/*',
      },
    },
  ),
]
const sendsDeadLetters = [
  ...on(['DeadLetterQueue.Arn'], ['sqs:SendMessage']),
  ...use('StateKey.Arn', ['kms:GenerateDataKey', 'kms:Decrypt'], 'sqs', {
    'kms:EncryptionContext:aws:sqs:arn': { 'Fn::GetAtt': ['DeadLetterQueue', 'Arn'] },
  }),
]
const assumes = (...roles: string[]): string[] => on(roles, ['sts:AssumeRole'])
const readsRolesBack = on([WRITE, VERIFY], ['iam:GetRole', 'iam:GetRolePolicy', 'iam:ListRolePolicies', 'iam:ListAttachedRolePolicies'])
const listsSchedules = 'scheduler:ListSchedules on *'
const neverWidens = ['iam:UpdateAssumeRolePolicy', 'iam:PutRolePermissionsBoundary', 'iam:DeleteRolePermissionsBoundary'].map(
  (action) => `DENY ${action} on iam role/*`,
)
const run = (...files: string[]): string[] => files.map((file) => `runs/*/${file}`)

const BOOKS = [
  ...['shards/*', 'outcomes/*', 'verdicts/*', 'sums/*'],
  ...['cursor.json', 'request.json', 'preflight.json', 'restore.json', 'report.json'],
]
const REPORTS = ['report.json', 'failures.csv', 'failures.jsonl', 'extra.csv', 'not-carried.csv']

/** What each function may do in the state bucket, by prefix, and elsewhere. */
export const RIGHTS: Record<string, Rights> = {
  validateRequest: { other: readsCredential },
  openAccess: {
    get: ['pairs/*', ...run('request.json', 'baseline.json', 'access.json')],
    put: ['pairs/*', ...run('request.json', 'baseline.json', 'access.json')],
    list: ['pairs/*', ...run('request.json', 'baseline.json', 'access.json')],
    other: [
      ...readsState,
      ...writesState,
      ...on([PATH], ['iam:ListRoles']),
      listsSchedules,
      ...on([WRITE, VERIFY], ['iam:CreateRole', 'iam:PutRolePolicy'], BOUND),
      ...on([WRITE, VERIFY], ['iam:TagRole']),
      ...readsRolesBack,
      ...on([SCHEDULES], ['scheduler:CreateSchedule', 'scheduler:GetSchedule']),
      'iam:PassRole on DeadManRole.Arn if {"StringEquals":{"iam:PassedToService":"scheduler.amazonaws.com"}}',
      ...assumes(WRITE, VERIFY),
      ...on([EXECUTIONS], ['states:DescribeExecution']),
      ...neverWidens,
    ],
  },
  preflight: {
    get: [...run('access.json', 'failures.jsonl'), 'inputs/*'],
    put: run('preflight.json', 'keys.jsonl'),
    list: [...run('failures.jsonl'), 'inputs/*'],
    other: [
      ...on(['state/runs/*/preflight.json', 'state/runs/*/keys.jsonl'], ['s3:AbortMultipartUpload']),
      ...readsState,
      ...writesState,
      ...readsCredential,
      ...assumes(NO_ROLE, WRITE, VERIFY),
      ...readsRolesBack,
      ...on([SCHEDULES], ['scheduler:GetSchedule']),
    ],
  },
  listSource: {
    get: run('cursor.json', 'keys.jsonl', 'shards/*'),
    put: run('cursor.json', 'shards/*'),
    list: run('cursor.json'),
    other: [...readsState, ...writesState, ...readsCredential, ...assumes(NO_ROLE)],
  },
  estimate: {},
  restoreArchived: {
    get: run('shards/*', 'restore.json'),
    put: run('restore.json'),
    list: run('shards/*', 'restore.json'),
    other: [...readsState, ...writesState, ...readsCredential, ...assumes(NO_ROLE, VERIFY)],
  },
  copyBatch: {
    get: [...run('shards/*', 'outcomes/*'), 'uploads/*'],
    put: [...run('outcomes/*'), 'uploads/*'],
    list: [...run('outcomes/*'), 'uploads/*'],
    other: [...readsState, ...writesState, ...readsCredential, ...assumes(NO_ROLE, WRITE, VERIFY)],
  },
  beginUpload: {
    get: [...run('shards/large/*', 'outcomes/large/*'), 'uploads/*'],
    put: [...run('outcomes/large/*'), 'uploads/*'],
    list: [...run('outcomes/large/*'), 'uploads/*'],
    other: [...readsState, ...writesState, ...readsCredential, ...assumes(NO_ROLE, WRITE, VERIFY)],
  },
  copyPartGroup: { get: run('shards/large/*'), other: [...readsState, ...readsCredential, ...assumes(NO_ROLE, WRITE)] },
  completeUpload: {
    get: [...run('shards/large/*', 'outcomes/large/*'), 'uploads/*'],
    put: [...run('outcomes/large/*'), 'uploads/*'],
    list: [...run('outcomes/large/*'), 'uploads/*'],
    other: [...readsState, ...writesState, ...assumes(WRITE)],
  },
  verifyBatch: {
    get: run('shards/*', 'outcomes/*', 'verdicts/*'),
    put: run('verdicts/*'),
    list: run('outcomes/*', 'verdicts/*'),
    other: [...readsState, ...writesState, ...readsCredential, ...assumes(NO_ROLE, VERIFY)],
  },
  reconcile: {
    get: [...run(...BOOKS), 'map-runs/*'],
    put: run(...REPORTS, 'sums/*'),
    list: [...run(...BOOKS), 'map-runs/*'],
    other: [
      ...on(
        run(...REPORTS).map((file) => `state/${file}`),
        ['s3:AbortMultipartUpload'],
      ),
      ...readsState,
      ...writesState,
      ...assumes(VERIFY),
      ...sendsDeadLetters,
      ...on(['DeadLetterQueue.Arn'], ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility']),
    ],
  },
  cleanup: {
    get: [
      ...run('request.json', 'baseline.json', 'access.json', 'report.json', 'closure.json', 'certificate.json', 'certificate.sig'),
      'pairs/*',
      'uploads/*',
    ],
    put: [...run('closure.json', 'certificate.json', 'certificate.sig'), 'pairs/*', 'uploads/*'],
    list: [
      ...run('request.json', 'baseline.json', 'access.json', 'report.json', 'closure.json', 'certificate.*', 'cursor.json'),
      'pairs/*',
      'uploads/*',
    ],
    other: [
      ...readsState,
      ...writesState,
      ...on([PATH], ['iam:ListRoles', 'iam:ListRoleTags']),
      listsSchedules,
      ...on([WRITE, VERIFY], ['iam:PutRolePolicy'], BOUND),
      ...on(
        [WRITE, VERIFY],
        ['GetRole', 'ListRolePolicies', 'ListAttachedRolePolicies', 'DeleteRolePolicy', 'DetachRolePolicy', 'DeleteRole'].map(
          (name) => `iam:${name}`,
        ),
      ),
      ...on([SCHEDULES], ['scheduler:GetSchedule', 'scheduler:DeleteSchedule']),
      ...on([CREDENTIALS], ['secretsmanager:DescribeSecret', 'secretsmanager:DeleteSecret']),
      ...on([EXECUTIONS], ['states:StopExecution', 'states:DescribeExecution']),
      ...assumes(NO_ROLE, WRITE, VERIFY),
      ...on([CERTIFICATE_KEY], ['kms:Sign'], 'if {"StringEquals":{"kms:SigningAlgorithm":"ECDSA_SHA_256","kms:MessageType":"RAW"}}'),
      ...on([CERTIFICATE_KEY], ['kms:GetPublicKey']),
      ...sendsDeadLetters,
      ...neverWidens,
    ],
  },
  writeReport: {
    get: run('report.json', 'baseline.json', 'preflight.json', 'closure.json', 'certificate.json'),
    put: run('report.json', 'report.html'),
    list: run('report.json', 'baseline.json', 'preflight.json', 'closure.json', 'certificate.json'),
    other: [...readsState, ...writesState],
  },
  sweep: {
    get: ['pairs/*', ...run('request.json', 'access.json', 'closure.json')],
    list: ['pairs/*', ...run('request.json', 'access.json', 'closure.json', 'certificate.*')],
    other: [
      ...readsState,
      ...on([PATH], ['iam:ListRoles', 'iam:ListRoleTags']),
      listsSchedules,
      ...on([SCHEDULES], ['scheduler:GetSchedule']),
      'secretsmanager:ListSecrets on *',
      ...on([EXECUTIONS], ['states:DescribeExecution']),
      'lambda:InvokeFunction on CleanupLambdaFunction.Arn',
      ...sendsDeadLetters,
    ],
  },
}

/** The functions that read credentials. */
export const READING = [
  ...['validateRequest', 'preflight', 'listSource', 'restoreArchived', 'copyBatch', 'beginUpload', 'copyPartGroup', 'verifyBatch'],
]

/** The functions that reach a source: those that read a credential, but for the one that only looks at its bounds. */
export const TOUCHING = READING.slice(1)

/** Timeout in s and memory in MB of each function. */
export const SIZES: Record<string, [number, number]> = {
  validateRequest: [60, 512],
  openAccess: [300, 512],
  preflight: [300, 1024],
  listSource: [900, 1024],
  estimate: [60, 512],
  restoreArchived: [900, 512],
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
