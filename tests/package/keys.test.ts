import { keyExcessesOf, usersOf } from './key-policies'
import { EVERYTHING, packaged, resourcesOf, type Packaged, type Template } from './packaged'
import { listOf, statementsOf, type Statement } from './statements'

let plain: Packaged
let full: Packaged
let template: Template

beforeAll(async () => {
  ;[plain, full] = await Promise.all([packaged(), packaged(...EVERYTHING)])
  template = plain.template
})

afterAll(() => Promise.all([plain.remove(), full.remove()]))

const keyOf = (name: string) => template.Resources[name]!
const KEY = (name: string) => ({ 'Fn::GetAtt': [name, 'Arn'] })
const via = (...services: string[]) => services.map((service) => `${service}.\${AWS::Region}.amazonaws.com`)

describe('keys', () => {
  test('are four, with an alias each; the optional audit trail has a fifth', () => {
    const aliases = (checked: Template) =>
      resourcesOf(checked, 'AWS::KMS::Alias').map(([, { Properties }]) => [Properties.AliasName, Properties.TargetKeyId.Ref])
    const four = [
      ['alias/drayage-dev-logs', 'LogsKey'],
      ['alias/drayage-dev-state', 'StateKey'],
      ['alias/drayage-dev-secrets', 'SecretsKey'],
      ['alias/drayage-dev-certificate', 'CertificateKey'],
    ]
    expect(aliases(template)).toEqual(four)
    expect(aliases(full.template)).toEqual([...four, ['alias/drayage-dev-audit', 'AuditKey']])
    for (const checked of [template, full.template])
      expect(resourcesOf(checked, 'AWS::KMS::Key').map(([name]) => name)).toEqual(aliases(checked).map(([, key]) => key))
  })

  test('rotate, wait 30 days before they are gone, and are used by nobody whom their policy does not name', () => {
    expect(keyExcessesOf(template)).toEqual([])
    expect(keyExcessesOf(full.template)).toEqual([])
  })

  const statement = (changed: Template, key: string, sid: string) =>
    (changed.Resources[key]!.Properties.KeyPolicy.Statement as Statement[]).find(({ Sid }) => Sid === sid)!
  const mutants: [string, (changed: Template) => void][] = [
    ['no rotation', (changed) => (changed.Resources.StateKey!.Properties.EnableKeyRotation = false)],
    ['7 days', (changed) => (changed.Resources.LogsKey!.Properties.PendingWindowInDays = 7)],
    ['a state key that goes with the stack', (changed) => (changed.Resources.StateKey!.DeletionPolicy = 'Delete')],
    ['a secrets key that stays', (changed) => (changed.Resources.SecretsKey!.DeletionPolicy = 'Retain')],
    ['everybody', (changed) => Object.assign(statement(changed, 'StateKey', 'UseThroughServices'), { Principal: '*' })],
    ['kms:*', (changed) => (statement(changed, 'LogsKey', 'Administer').Action = 'kms:*')],
    ['a grant', (changed) => (statement(changed, 'StateKey', 'Administer').Action as string[]).push('kms:CreateGrant')],
    ['an administrator who decrypts', (changed) => (statement(changed, 'SecretsKey', 'Administer').Action as string[]).push('kms:Decrypt')],
    ['secrets for any service', (changed) => delete statement(changed, 'SecretsKey', 'UseThroughSecretsManager').Condition],
    ['a service for any resource', (changed) => delete statement(changed, 'StateKey', 'EncryptDeadLetters').Condition],
    ['logs of any group', (changed) => delete statement(changed, 'LogsKey', 'EncryptLogGroups').Condition],
    ['a context for any role', (changed) => delete statement(changed, 'StateKey', 'EncryptHistory').Condition!.ArnEquals],
    ['a signature by anybody', (changed) => delete statement(changed, 'CertificateKey', 'CleanupSigns').Condition],
    ['an administrator who signs', (changed) => (statement(changed, 'CertificateKey', 'Administer').Action as string[]).push('kms:Sign')],
  ]
  test.each(mutants)('control: %s is found', (_, mutate) => {
    const changed = structuredClone(template)
    mutate(changed)
    expect(keyExcessesOf(changed)).not.toEqual([])
  })

  test('logs: CloudWatch Logs, for our log groups', () => {
    expect(usersOf(template, 'LogsKey')).toEqual({
      EncryptLogGroups: {
        who: { 'Fn::Sub': 'logs.${AWS::Region}.amazonaws.com' },
        'ArnLike kms:EncryptionContext:aws:logs:arn': ['lambda', 'vendedlogs/states', 'vpc'].map(
          (kind) => `logs log-group:/aws/${kind}/drayage-dev-*`,
        ),
      },
    })
  })

  test('state: three services on behalf of others, the machine for itself, and what feeds the queue and the topic', () => {
    const machine = 'iam role/drayage-dev-migrate'
    expect(usersOf(template, 'StateKey')).toEqual({
      UseThroughServices: { who: 'iam root', 'StringEquals kms:ViaService': via('s3', 'sqs', 'states') },
      EncryptHistory: {
        who: 'iam root',
        'ArnEquals aws:PrincipalArn': [machine],
        'StringLike kms:EncryptionContext:aws:states:stateMachineArn': [
          'states stateMachine:drayage-dev-migrate',
          'states stateMachine:drayage-dev-migrate/*',
        ],
      },
      EncryptDeliveredLog: {
        who: 'iam root',
        'ArnEquals aws:PrincipalArn': [machine],
        'StringLike kms:EncryptionContext:SourceArn': ['logs *'],
      },
      DecryptDeliveredLog: { who: 'delivery.logs.amazonaws.com', 'StringLike kms:EncryptionContext:SourceArn': ['logs *'] },
      EncryptDeadLetters: {
        who: 'events.amazonaws.com',
        'StringEquals kms:EncryptionContext:aws:sqs:arn': ['sqs drayage-dev-dead-letters'],
      },
      EncryptAlarms: {
        who: ['cloudwatch.amazonaws.com', 'events.amazonaws.com'],
        'StringEquals kms:EncryptionContext:aws:sns:topicArn': ['sns drayage-dev-alarms'],
      },
    })
  })

  test('secrets: Secrets Manager alone', () => {
    expect(usersOf(template, 'SecretsKey')).toEqual({
      UseThroughSecretsManager: { who: 'iam root', 'StringEquals kms:ViaService': via('secretsmanager') },
    })
  })

  test('certificates: cleanup signs, and nobody else, the account’s root included', () => {
    expect(keyOf('CertificateKey').Properties).toMatchObject({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
    expect(usersOf(template, 'CertificateKey')).toEqual({
      CleanupSigns: { who: 'iam root', 'ArnEquals aws:PrincipalArn': ['iam role/drayage-dev-cleanup'] },
      NobodyElseSigns: { Effect: 'Deny', who: '*', 'ArnNotEquals aws:PrincipalArn': ['iam role/drayage-dev-cleanup'] },
    })
    const signers = [...statementsOf(full.template)].filter(([, statements]) =>
      statements.some(({ Action }) => listOf(Action).includes('kms:Sign')),
    )
    expect(signers.map(([role]) => role)).toEqual(['CleanupRole'])
    expect(template.Resources.CleanupRole!.Properties.RoleName).toBe('drayage-dev-cleanup')
  })

  test('encrypt everything that keeps data', () => {
    for (const { template: checked } of [plain, full]) {
      for (const [, { Properties }] of resourcesOf(checked, 'AWS::Logs::LogGroup')) {
        expect(Properties).toMatchObject({ RetentionInDays: 365, KmsKeyId: KEY('LogsKey') })
      }
      expect(checked.Resources.DeadLetterQueue!.Properties.KmsMasterKeyId).toEqual(KEY('StateKey'))
      expect(checked.Resources.AlarmTopic!.Properties.KmsMasterKeyId).toEqual(KEY('StateKey'))
    }
    const bucketKey = (name: string) =>
      full.template.Resources[name]!.Properties.BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault
    expect(bucketKey('StateBucket')).toEqual({ SSEAlgorithm: 'aws:kms', KMSMasterKeyID: KEY('StateKey') })
    expect(bucketKey('AuditBucket')).toEqual({ SSEAlgorithm: 'aws:kms', KMSMasterKeyID: KEY('AuditKey') })
    expect(resourcesOf(full.template, 'AWS::Logs::LogGroup')).toHaveLength(17)
  })
})

describe('what stays when the stack goes', () => {
  const kept = (checked: Template) =>
    Object.entries(checked.Resources)
      .filter(([, { DeletionPolicy }]) => DeletionPolicy === 'Retain')
      .map(([name]) => name)
  const logGroups = (checked: Template) => resourcesOf(checked, 'AWS::Logs::LogGroup').map(([name]) => name)

  test('stays together: data, the policy that guards it, and the key that opens it', () => {
    const always = ['LogsKey', 'StateKey', 'CertificateKey', 'StateBucket', 'StateBucketPolicy']
    expect(kept(template).sort()).toEqual([...always, ...logGroups(template)].sort())
    expect(kept(full.template).sort()).toEqual(
      [...always, ...logGroups(full.template), 'AuditKey', 'AuditBucket', 'AuditBucketPolicy'].sort(),
    )
    for (const name of kept(full.template)) expect((full.template.Resources[name] as any).UpdateReplacePolicy).toBe('Retain')
  })

  test('has a name that the next stack does not want', () => {
    const named = kept(full.template).filter((name) => {
      const { BucketName, LogGroupName } = full.template.Resources[name]!.Properties
      return BucketName !== undefined || (LogGroupName !== undefined && !JSON.stringify(LogGroupName).includes('"AWS::StackId"'))
    })
    expect(named).toEqual([])
  })
})

describe('transport and ways in', () => {
  /** Buckets, queues and topics without a policy that refuses plaintext. */
  const plaintextOf = (checked: Template): string[] => {
    const policies = [
      ...resourcesOf(checked, 'AWS::S3::BucketPolicy').map(([, { Properties }]) => [[Properties.Bucket.Ref], Properties] as const),
      ...resourcesOf(checked, 'AWS::SQS::QueuePolicy').map(
        ([, { Properties }]) => [Properties.Queues.map(({ Ref }: { Ref: string }) => Ref), Properties] as const,
      ),
      ...resourcesOf(checked, 'AWS::SNS::TopicPolicy').map(
        ([, { Properties }]) => [Properties.Topics.map(({ Ref }: { Ref: string }) => Ref), Properties] as const,
      ),
    ]
    const refusing = policies.flatMap(([names, { PolicyDocument }]) =>
      (PolicyDocument.Statement as (Statement & { Principal: unknown })[]).some(
        ({ Effect, Principal, Condition }) =>
          Effect === 'Deny' &&
          (Principal === '*' || (Principal as { AWS?: string }).AWS === '*') &&
          String(Condition?.Bool?.['aws:SecureTransport']) === 'false',
      )
        ? (names as string[])
        : [],
    )
    const kinds = ['AWS::S3::Bucket', 'AWS::SQS::Queue', 'AWS::SNS::Topic']
    return kinds.flatMap((kind) => resourcesOf(checked, kind).map(([name]) => name)).filter((name) => !refusing.includes(name))
  }

  test('every bucket, queue and topic refuses plaintext', () => {
    expect(plaintextOf(template)).toEqual([])
    expect(plaintextOf(full.template)).toEqual([])
  })

  test.each(['StateBucketPolicy', 'AuditBucketPolicy', 'DeadLetterQueuePolicy', 'AlarmTopicPolicy', 'ServerlessDeploymentBucketPolicy'])(
    'control: without %s one is found',
    (name) => {
      const changed = structuredClone(full.template)
      delete changed.Resources[name]
      expect(plaintextOf(changed)).toHaveLength(1)
    },
  )

  /** Ways into the service from outside. */
  const waysIn = (checked: Template): string[] =>
    Object.entries(checked.Resources).flatMap(([name, { Type, Properties }]) => {
      if (/^AWS::(Lambda::Url|ApiGateway|ApiGatewayV2|ElasticLoadBalancing|EC2::Instance|ECS)/.test(Type)) return [name]
      if (Type === 'AWS::Lambda::Permission') return Properties.SourceArn && Properties.SourceAccount ? [] : [name]
      if (Type !== 'AWS::EC2::SecurityGroup') return []
      return Properties.SecurityGroupIngress.every((rule: object) => 'SourceSecurityGroupId' in rule) ? [] : [name]
    })

  test('nothing of it can be reached from outside', () => {
    expect(waysIn(template)).toEqual([])
    expect(waysIn(full.template)).toEqual([])
  })

  const openings: [string, (changed: Template) => void][] = [
    ['a function URL', (changed) => (changed.Resources.Url = { Type: 'AWS::Lambda::Url', Properties: {} })],
    ['a permission for any rule', (changed) => delete changed.Resources.SweepRuleMayCallSweep!.Properties.SourceArn],
    ['an open port', (changed) => changed.Resources.FunctionsSecurityGroup!.Properties.SecurityGroupIngress.push({ CidrIp: '0.0.0.0/0' })],
  ]
  test.each(openings)('control: %s is found', (_, open) => {
    const changed = structuredClone(full.template)
    open(changed)
    expect(waysIn(changed)).toHaveLength(1)
  })
})
