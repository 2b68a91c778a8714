import { matches, resolved, type Pattern } from './event-pattern'
import { packaged, resourcesOf, type Packaged, type Template } from './packaged'
import { READING, RIGHTS } from './rights'

let output: Packaged
let template: Template

beforeAll(async () => {
  output = await packaged()
  template = output.template
})

afterAll(() => output.remove())

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
const properties = (name: string) => template.Resources[name]!.Properties
const patternOf = (rule: string): Pattern =>
  resolved(properties(rule).EventPattern, (role) => template.Resources[role]!.Properties.RoleName) as Pattern

const ACCOUNT = 'arn:aws:iam::123456789012'
const session = (role: string) => ({
  type: 'AssumedRole',
  arn: `arn:aws:sts::123456789012:assumed-role/${role}/someone`,
  sessionContext: { sessionIssuer: { type: 'Role', arn: `${ACCOUNT}:role/${role}` } },
})
const USER = { type: 'IAMUser', arn: `${ACCOUNT}:user/somebody` }
const ROOT = { type: 'Root', arn: `${ACCOUNT}:root`, sessionContext: { attributes: { mfaAuthenticated: 'false' } } }

describe('the alarms', () => {
  test('all go to the one topic, which only CloudWatch and EventBridge write to', () => {
    const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties)
    expect(alarms.map(({ AlarmActions }) => AlarmActions)).toEqual(alarms.map(() => [{ Ref: 'AlarmTopic' }]))
    for (const rule of ['StrangerRule', 'ForeignRoleRule']) expect(properties(rule).Targets[0].Arn).toEqual({ Ref: 'AlarmTopic' })
    const allowed = properties('AlarmTopicPolicy').PolicyDocument.Statement.filter(({ Effect }: { Effect: string }) => Effect === 'Allow')
    expect(allowed.map(({ Principal, Action }: any) => [Principal.Service, Action])).toEqual([
      ['cloudwatch.amazonaws.com', 'sns:Publish'],
      ['events.amazonaws.com', 'sns:Publish'],
    ])
    expect(resourcesOf(template, 'AWS::SNS::Subscription')).toEqual([])
  })

  const stage = [{ Name: 'stage', Value: 'dev' }]
  const alarms: [string, string, string, object[], number, string][] = [
    ['failed-transfers', 'Drayage', 'FailedTransfers', stage, 0, 'notBreaching'],
    ['verification-mismatches', 'Drayage', 'VerificationMismatches', stage, 0, 'notBreaching'],
    ['orphans', 'Drayage', 'Orphans', stage, 0, 'breaching'],
    ['credential-age', 'Drayage', 'CredentialAge', stage, 30 * 24 * 60 * 60, 'notBreaching'],
    [
      'dead-letters',
      'AWS/SQS',
      'ApproximateNumberOfMessagesVisible',
      [{ Name: 'QueueName', Value: { 'Fn::GetAtt': ['DeadLetterQueue', 'QueueName'] } }],
      0,
      'notBreaching',
    ],
  ]
  test.each(alarms)('%s stands on %s %s', (name, Namespace, MetricName, Dimensions, Threshold, TreatMissingData) => {
    const found = resourcesOf(template, 'AWS::CloudWatch::Alarm').filter(
      ([, { Properties }]) => Properties.AlarmName === `drayage-dev-${name}`,
    )
    expect(found.map(([, { Properties }]) => Properties)).toEqual([
      expect.objectContaining({
        Namespace,
        MetricName,
        Dimensions,
        Threshold,
        TreatMissingData,
        Statistic: 'Maximum',
        EvaluationPeriods: 1,
        ComparisonOperator: 'GreaterThanThreshold',
      }),
    ])
  })

  test('there are no others', () => expect(resourcesOf(template, 'AWS::CloudWatch::Alarm')).toHaveLength(alarms.length))
})

describe('a stranger who reads a credential', () => {
  const SECRET = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:drayage/dev/acme-Ab12Cd'
  const call = (userIdentity: object, detail: object = { requestParameters: { secretId: SECRET } }) => ({
    source: 'aws.secretsmanager',
    'detail-type': 'AWS API Call via CloudTrail',
    detail: { eventSource: 'secretsmanager.amazonaws.com', eventName: 'GetSecretValue', userIdentity, ...detail },
  })
  const noticed = (event: unknown): boolean => matches(patternOf('StrangerRule'), event)

  test('is heard of at all: the rule receives read-only management events', () =>
    expect(properties('StrangerRule').State).toBe('ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS'))

  test.each(Object.keys(RIGHTS))('%s is one exactly if it is no reading function', (name) =>
    expect(noticed(call(session(`drayage-dev-${kebab(name)}`)))).toBe(!READING.includes(name)),
  )

  test.each([
    ['an administrator', session('Administrator')],
    ['a reading function of another stage', session('drayage-prod-copy-batch')],
    ['a user', USER],
    ['the root', ROOT],
    ['a service', { type: 'AWSService', invokedBy: 'somewhere.amazonaws.com' }],
  ])('is %s', (_, identity) => expect(noticed(call(identity))).toBe(true))

  test('is noticed by ARN, by name, and when refused without parameters', () => {
    const refusal = `User: ${USER.arn} is not authorized to perform: secretsmanager:GetSecretValue on resource: ${SECRET}`
    expect(noticed(call(USER, { requestParameters: { secretId: 'drayage/dev/acme' } }))).toBe(true)
    expect(noticed(call(USER, { requestParameters: null, errorCode: 'AccessDenied', errorMessage: refusal }))).toBe(true)
    expect(noticed(call(session('drayage-dev-copy-batch'), { requestParameters: null, errorMessage: refusal }))).toBe(false)
  })

  test.each([
    ['another stage’s secret', { requestParameters: { secretId: 'drayage/prod/acme' } }],
    ['somebody else’s secret', { requestParameters: { secretId: 'drayage/development' } }],
    ['a description', { eventName: 'DescribeSecret', requestParameters: { secretId: SECRET } }],
  ])('is not concerned with %s', (_, detail) => expect(noticed(call(USER, detail))).toBe(false))
})

describe('a stranger who makes or changes a temporary role', () => {
  const ROLE = 'drayage-0123456789abcdef0123-write'
  const call = (userIdentity: object, eventName: string, requestParameters: object) => ({
    source: 'aws.iam',
    'detail-type': 'AWS API Call via CloudTrail',
    detail: { eventSource: 'iam.amazonaws.com', eventName, userIdentity, requestParameters },
  })
  const noticed = (event: unknown): boolean => matches(patternOf('ForeignRoleRule'), event)
  const CHANGES = [
    'UpdateAssumeRolePolicy',
    'AttachRolePolicy',
    'PutRolePolicy',
    'PutRolePermissionsBoundary',
    'DeleteRolePermissionsBoundary',
    'UpdateRole',
  ]

  test.each([
    ['an administrator', session('Administrator')],
    ['a user', USER],
    ['the root', ROOT],
    ['the copier', session('drayage-dev-copy-batch')],
  ])('is noticed: %s', (_, identity) => {
    expect(noticed(call(identity, 'CreateRole', { path: '/drayage/dev/', roleName: 'anything' }))).toBe(true)
    for (const change of CHANGES) expect([change, noticed(call(identity, change, { roleName: ROLE }))]).toEqual([change, true])
  })

  test('is neither openAccess, which creates, nor cleanup, which only changes', () => {
    const create = { path: '/drayage/dev/', roleName: ROLE }
    expect(noticed(call(session('drayage-dev-open-access'), 'CreateRole', create))).toBe(false)
    expect(noticed(call(session('drayage-dev-cleanup'), 'CreateRole', create))).toBe(true)
    for (const name of ['open-access', 'cleanup'])
      expect(noticed(call(session(`drayage-dev-${name}`), 'PutRolePolicy', { roleName: ROLE }))).toBe(false)
  })

  test('is not concerned with other roles', () => {
    expect(noticed(call(USER, 'CreateRole', { path: '/drayage/prod/', roleName: ROLE }))).toBe(false)
    expect(noticed(call(USER, 'CreateRole', { roleName: ROLE }))).toBe(false)
    expect(noticed(call(USER, 'PutRolePolicy', { roleName: 'drayage-dev-verify-batch' }))).toBe(false)
    expect(noticed(call(USER, 'GetRole', { roleName: ROLE }))).toBe(false)
  })
})
