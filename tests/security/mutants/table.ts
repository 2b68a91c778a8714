import type { Template } from '../../package/packaged'
import type { VariantName } from '../template/variants'
import { allow, drop, dropDenial, only, properties, resource, set, statement, statements, trust, without } from './edit'

/** One change for the worse. */
export interface Mutant {
  name: string
  /** the variant of the template that it changes */
  of: VariantName
  change: (template: Template) => void
}

const TEMPORARY = { 'Fn::Sub': 'arn:${AWS::Partition}:iam::${AWS::AccountId}:role/drayage/dev/*' }
const SECRETS = { 'Fn::Sub': 'arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:drayage/dev/*' }
const STATE = { 'Fn::Sub': '${StateBucket.Arn}/*' }

const full = (name: string, change: (template: Template) => void): Mutant => ({ name, of: 'full', change })
const vpc = (name: string, change: (template: Template) => void): Mutant => ({ ...full(name, change), of: 'vpc' })

const KEYS: Mutant[] = [
  full('the state key does not rotate', (template) => set(properties(template, 'StateKey'), 'EnableKeyRotation', false)),
  full('a key can be gone in a week', (template) => set(properties(template, 'LogsKey'), 'PendingWindowInDays', 7)),
  full('the logs key goes with the stack', (template) => set(resource(template, 'LogsKey'), 'DeletionPolicy', 'Delete')),
  full('a log group without a key', (template) => without(properties(template, 'CopyBatchLogGroup'), 'KmsKeyId')),
  full('logs for a week', (template) => set(properties(template, 'CleanupLogGroup'), 'RetentionInDays', 7)),
  full('the queue without a key', (template) => without(properties(template, 'DeadLetterQueue'), 'KmsMasterKeyId')),
  full('the topic without a key', (template) => without(only(template, 'AWS::SNS::Topic').Properties, 'KmsMasterKeyId')),
  full('the state bucket with Amazon’s key', (template) =>
    set(properties(template, 'StateBucket').BucketEncryption.ServerSideEncryptionConfiguration[0], 'ServerSideEncryptionByDefault', {
      SSEAlgorithm: 'AES256',
    }),
  ),
  full('the secrets key through any service', (template) => {
    for (const { Condition } of statements(template, 'SecretsKey'))
      if (Condition?.StringEquals?.['kms:ViaService']) delete Condition.StringEquals
  }),
  full('root signs certificates', (template) => {
    statements(template, 'CertificateKey').splice(0, Infinity, {
      Effect: 'Allow',
      Principal: { AWS: { 'Fn::Sub': 'arn:aws:iam::${AWS::AccountId}:root' } },
      Action: 'kms:*',
      Resource: '*',
    })
  }),
  full('the sweep signs certificates', (template) => {
    statements(template, 'CertificateKey').push({
      Effect: 'Allow',
      Principal: { AWS: { 'Fn::GetAtt': ['SweepRole', 'Arn'] } },
      Action: 'kms:Sign',
      Resource: '*',
    })
    for (const denied of statements(template, 'CertificateKey').filter(({ Effect }) => Effect === 'Deny')) denied.Effect = 'Allow'
  }),
]

const STORAGE: Mutant[] = [
  full('the state bucket goes with the stack', (template) => set(resource(template, 'StateBucket'), 'DeletionPolicy', 'Delete')),
  full('the state bucket takes plaintext', (template) => {
    const list = statements(template, 'StateBucketPolicy')
    const index = list.findIndex(({ Condition }) => Condition?.Bool?.['aws:SecureTransport'] !== undefined)
    if (index < 0) throw new Error('StateBucketPolicy has no statement about TLS')
    list[index].Effect = 'Allow'
  }),
  full('plaintext is refused for objects alone', (template) => {
    const guard = statements(template, 'StateBucketPolicy').find(({ Condition }) => Condition?.Bool?.['aws:SecureTransport'] !== undefined)
    set(guard, 'Resource', STATE)
  }),
  full('the state bucket may be made public', (template) =>
    set(properties(template, 'StateBucket').PublicAccessBlockConfiguration, 'BlockPublicPolicy', false),
  ),
  full('objects may have ACLs', (template) => without(properties(template, 'StateBucket'), 'OwnershipControls')),
  full('everybody reads reports', (template) => {
    statements(template, 'StateBucketPolicy').push({ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: STATE })
  }),
  full('a log group under a name that a second deploy finds taken', (template) =>
    set(properties(template, 'SweepLogGroup'), 'LogGroupName', '/aws/lambda/drayage-dev-sweep'),
  ),
]

const ROLES: Mutant[] = [
  full('s3:* on * where * is accepted for traces', (template) => {
    const traced = statements(template, 'MachineRole').find(({ Resource }) => Resource === '*')
    if (traced === undefined) throw new Error('MachineRole has no statement on *')
    traced.Action = [...traced.Action, 's3:GetObject', 's3:PutObject']
  }),
  full('a copier with s3:*', (template) => allow(template, 'CopyBatchRole', 's3:*', STATE)),
  full('a copier that writes any bucket', (template) => allow(template, 'CopyBatchRole', 's3:PutObject', 'arn:aws:s3:::acme-archive/*')),
  full('a copier that writes the lock', (template) => allow(template, 'CopyBatchRole', 's3:PutObject', STATE)),
  full('cleanup deletes objects', (template) => allow(template, 'CleanupRole', 's3:DeleteObject', STATE)),
  full('cleanup reads credentials', (template) => allow(template, 'CleanupRole', 'secretsmanager:GetSecretValue', SECRETS)),
  full('cleanup creates roles', (template) => allow(template, 'CleanupRole', 'iam:CreateRole', TEMPORARY)),
  full('openAccess deletes roles', (template) => allow(template, 'OpenAccessRole', 'iam:DeleteRole', TEMPORARY)),
  full('openAccess reads credentials', (template) => allow(template, 'OpenAccessRole', 'secretsmanager:GetSecretValue', SECRETS)),
  full('roles without a boundary', (template) => without(statement(template, 'OpenAccessRole', 'iam:CreateRole'), 'Condition')),
  full('roles outside the path', (template) =>
    set(statement(template, 'OpenAccessRole', 'iam:CreateRole'), 'Resource', {
      'Fn::Sub': 'arn:${AWS::Partition}:iam::${AWS::AccountId}:role/drayage-*',
    }),
  ),
  full('openAccess passes any role of ours', (template) =>
    set(statement(template, 'OpenAccessRole', 'iam:PassRole'), 'Resource', {
      'Fn::Sub': 'arn:${AWS::Partition}:iam::${AWS::AccountId}:role/drayage-*',
    }),
  ),
  full('openAccess passes the role to any service', (template) =>
    without(statement(template, 'OpenAccessRole', 'iam:PassRole'), 'Condition'),
  ),
  full('schedules in any group', (template) =>
    set(statement(template, 'OpenAccessRole', 'scheduler:CreateSchedule'), 'Resource', {
      'Fn::Sub': 'arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule/*/drayage-*',
    }),
  ),
  full('trust policies may be changed', (template) => {
    drop(template, 'OpenAccessRole', 'iam:UpdateAssumeRolePolicy')
    allow(template, 'OpenAccessRole', 'iam:UpdateAssumeRolePolicy', TEMPORARY)
  }),
  full('cleanup ends secrets of every stage', (template) =>
    set(statement(template, 'CleanupRole', 'secretsmanager:DeleteSecret'), 'Resource', {
      'Fn::Sub': 'arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:drayage/*',
    }),
  ),
  full('the sweep deletes roles', (template) => allow(template, 'SweepRole', 'iam:DeleteRole', TEMPORARY)),
  full('the dead man calls other functions', (template) =>
    set(statement(template, 'DeadManRole', 'lambda:InvokeFunction'), 'Resource', {
      'Fn::Sub': 'arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:drayage-dev-*',
    }),
  ),
  full('the boundary allows any bucket', (template) =>
    set(statement(template, 'Boundary', 's3:PutObject'), 'Resource', 'arn:aws:s3:::*/*'),
  ),
  full('the boundary lets every temporary role write', (template) => dropDenial(template, 'Boundary', 's3:PutObject')),
  full('the boundary lets a run read as it writes', (template) => dropDenial(template, 'Boundary', 's3:GetObject')),
  full('the boundary reaches any account', (template) =>
    without(statement(template, 'Boundary', 's3:GetObject').Condition, 'StringEquals'),
  ),
  full('the boundary deletes without the parameter', (template) => {
    const write = statement(template, 'Boundary', 's3:PutObject')
    write.Action = [...write.Action, 's3:DeleteObject']
  }),
  full('the boundary deletes versions', (template) => {
    const write = statement(template, 'Boundary', 's3:PutObject')
    write.Action = [...write.Action, 's3:DeleteObjectVersion']
  }),
  vpc('with delete markers, versions are deleted too', (template) => {
    const write = statement(template, 'Boundary', 's3:DeleteObject')
    write.Action = [...write.Action, 's3:DeleteObjectVersion']
  }),
  vpc('with delete markers, any temporary role puts them', (template) => dropDenial(template, 'Boundary', 's3:DeleteObject')),
  full('runs are told that the stage lets them put delete markers', (template) => {
    set(properties(template, 'OpenAccessLambdaFunction').Environment.Variables, 'DRAYAGE_DELETE_MARKERS', 'true')
    const write = statement(template, 'Boundary', 's3:PutObject')
    write.Action = [...write.Action, 's3:DeleteObject']
  }),
  full('verifyBatch takes the write role', (template) =>
    properties(template, 'OpenAccessLambdaFunction').Environment.Variables.DRAYAGE_WRITE_ROLE_TRUSTS['Fn::Join'][1].push({
      'Fn::GetAtt': ['VerifyBatchRole', 'Arn'],
    }),
  ),
  full('operators write everything in the state bucket', (template) =>
    set(statement(template, 'OperatorPolicy', 's3:PutObject'), 'Resource', STATE),
  ),
  full('operators use the state key for any service', (template) =>
    without(statement(template, 'OperatorPolicy', 'kms:GenerateDataKey').Condition.StringEquals, 'kms:EncryptionContext:aws:s3:arn'),
  ),
  full('preflight reads every run', (template) => set(statement(template, 'PreflightRole', 's3:GetObject'), 'Resource', STATE)),
  full('preflight writes what it was given', (template) => allow(template, 'PreflightRole', 's3:PutObject', STATE)),
  full('reconcile takes messages of any queue', (template) =>
    set(statement(template, 'ReconcileRole', 'sqs:ReceiveMessage'), 'Resource', {
      'Fn::Sub': 'arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:*',
    }),
  ),
  full('reconcile writes what Step Functions says of children', (template) =>
    allow(template, 'ReconcileRole', 's3:PutObject', { 'Fn::Sub': '${StateBucket.Arn}/map-runs/*' }),
  ),
  full('verifyBatch reads how other children ended', (template) =>
    allow(template, 'VerifyBatchRole', 's3:GetObject', { 'Fn::Sub': '${StateBucket.Arn}/map-runs/*' }),
  ),
  full('verifyBatch writes sums', (template) =>
    allow(template, 'VerifyBatchRole', 's3:PutObject', { 'Fn::Sub': '${StateBucket.Arn}/runs/*/sums/*' }),
  ),
  full('a copier takes dead letters', (template) =>
    allow(template, 'CopyBatchRole', ['sqs:ReceiveMessage', 'sqs:DeleteMessage'], { 'Fn::GetAtt': ['DeadLetterQueue', 'Arn'] }),
  ),
  full('restoreArchived writes shards', (template) => allow(template, 'RestoreArchivedRole', 's3:PutObject', STATE)),
  full('an operator with states:*', (template) => allow(template, 'OperatorPolicy', 'states:*', { 'Fn::GetAtt': ['Migrate', 'Arn'] })),
  full('a managed policy on a function', (template) =>
    set(properties(template, 'EstimateRole'), 'ManagedPolicyArns', ['arn:aws:iam::aws:policy/AmazonS3FullAccess']),
  ),
  full('two functions with one role', (template) =>
    set(properties(template, 'EstimateLambdaFunction'), 'Role', { 'Fn::GetAtt': ['CleanupRole', 'Arn'] }),
  ),
  full('verifyBatch uses the state key outside of S3', (template) => {
    allow(template, 'VerifyBatchRole', 'kms:Decrypt', { 'Fn::GetAtt': ['StateKey', 'Arn'] })
    for (const { Condition } of statements(template, 'StateKey'))
      if (Condition?.StringEquals?.['kms:ViaService']) delete Condition.StringEquals
  }),
]

const SERVICES: Mutant[] = [
  full('any machine takes the machine’s role', (template) => without(trust(template, 'MachineRole'), 'Condition')),
  full('any schedule takes the dead man’s role', (template) =>
    without(trust(template, 'DeadManRole').Condition.StringEquals, 'aws:SourceArn'),
  ),
  full('another account’s role takes a function’s', (template) =>
    set(trust(template, 'CleanupRole'), 'Principal', { AWS: 'arn:aws:iam::999999999999:root' }),
  ),
  full('any rule calls cleanup', (template) => without(properties(template, 'ClosingRuleMayCallCleanup'), 'SourceArn')),
  full('a function URL', (template) => {
    template.Resources.Planted = {
      Type: 'AWS::Lambda::Url',
      Properties: { AuthType: 'NONE', TargetFunctionArn: { Ref: 'CleanupLambdaFunction' } },
    }
  }),
  full('a user with a key', (template) => {
    template.Resources.Planted = { Type: 'AWS::IAM::User', Properties: {} }
  }),
  full('a container', (template) => {
    template.Resources.Planted = { Type: 'AWS::ECS::TaskDefinition', Properties: {} }
  }),
  full('a secret in a function’s environment', (template) =>
    set(properties(template, 'CopyBatchLambdaFunction').Environment.Variables, 'SOURCE_SECRET_ACCESS_KEY', 'fake'),
  ),
  full('a runtime that gets no more patches', (template) => set(properties(template, 'CopyBatchLambdaFunction'), 'Runtime', 'nodejs16.x')),
  full('a function that gives up at once', (template) => set(properties(template, 'ReconcileLambdaFunction'), 'Timeout', 3)),
  full('a function that is not traced', (template) => without(properties(template, 'ListSourceLambdaFunction'), 'TracingConfig')),
  full('a failed call of cleanup is forgotten', (template) =>
    without(resource(template, 'CleanupLambdaEvConf').Properties, 'DestinationConfig'),
  ),
  full('nothing at all about failed calls of the sweep', (template) => {
    resource(template, 'SweepLambdaEvConf')
    delete template.Resources.SweepLambdaEvConf
  }),
  full('cleanup is not called again', (template) => set(properties(template, 'CleanupLambdaEvConf'), 'MaximumRetryAttempts', 0)),
  full('an event that reached nobody is forgotten', (template) =>
    without(properties(template, 'ClosingRule').Targets[0], 'DeadLetterConfig'),
  ),
  full('requests in the machine’s log', (template) =>
    set(properties(template, 'Migrate').LoggingConfiguration, 'IncludeExecutionData', true),
  ),
  full('the machine’s history in plaintext', (template) => without(properties(template, 'Migrate'), 'EncryptionConfiguration')),
  full('the machine is not traced', (template) => set(properties(template, 'Migrate').TracingConfiguration, 'Enabled', false)),
  full('no alarm on orphans', (template) => {
    const [id] = Object.entries(template.Resources).find(([, { Properties }]) => Properties?.MetricName === 'Orphans') ?? []
    if (id === undefined) throw new Error('the template has no alarm on Orphans')
    delete template.Resources[id]
  }),
  full('strangers read secrets unheard', (template) => set(properties(template, 'StrangerRule'), 'State', 'DISABLED')),
  full('an alarm that tells nobody', (template) => {
    const alarm = Object.values(template.Resources).find(({ Properties }) => Properties?.MetricName === 'CredentialAge')
    without(alarm?.Properties, 'AlarmActions')
  }),
]

const NETWORK: Mutant[] = [
  vpc('a way into the VPC', (template) =>
    set(properties(template, 'FunctionsSecurityGroup'), 'SecurityGroupIngress', [
      { IpProtocol: 'tcp', FromPort: 443, ToPort: 443, CidrIp: '0.0.0.0/0' },
    ]),
  ),
  vpc('every port out', (template) =>
    set(properties(template, 'FunctionsSecurityGroup'), 'SecurityGroupEgress', [{ IpProtocol: '-1', CidrIp: '0.0.0.0/0' }]),
  ),
  vpc('an endpoint without a policy', (template) => without(only(template, 'AWS::EC2::VPCEndpoint').Properties, 'PolicyDocument')),
  vpc('a flow log of what was refused alone', (template) => set(only(template, 'AWS::EC2::FlowLog').Properties, 'TrafficType', 'REJECT')),
  vpc('no flow log', (template) => {
    const [id] = Object.entries(template.Resources).find(([, { Type }]) => Type === 'AWS::EC2::FlowLog') ?? []
    if (id === undefined) throw new Error('the template has no flow log')
    delete template.Resources[id]
  }),
  vpc('a copier outside of the VPC', (template) => without(properties(template, 'CopyBatchLambdaFunction'), 'VpcConfig')),
  vpc('cleanup inside of the VPC', (template) =>
    set(properties(template, 'CleanupLambdaFunction'), 'VpcConfig', properties(template, 'CopyBatchLambdaFunction').VpcConfig),
  ),
  vpc('an audit trail that can be changed unseen', (template) =>
    set(only(template, 'AWS::CloudTrail::Trail').Properties, 'EnableLogFileValidation', false),
  ),
]

/** Each of these must be seen by a rule or by a case. */
export const MUTANTS: Mutant[] = [...KEYS, ...STORAGE, ...ROLES, ...SERVICES, ...NETWORK]
