import { packaged, resourcesOf, type Packaged, type Template } from './packaged'
import { listOf, textOf, type Statement } from './statements'

// The two policies for people, and the sizes of all policies.

let output: Packaged
let template: Template

beforeAll(async () => {
  output = await packaged()
  template = output.template
})

afterAll(() => output.remove())

const allowedBy = (of: Template, name: string): string[] =>
  (of.Resources[name]!.Properties.PolicyDocument.Statement as Statement[]).flatMap(({ Effect, Action, Resource }) =>
    Effect === 'Allow' ? listOf(Action).flatMap((action) => listOf(Resource).map((resource) => `${action} on ${textOf(resource)}`)) : [],
  )

/** What nobody gets by a policy of ours: reading a credential, or acting as a function does. */
const tooMuch = (of: Template): string[] =>
  ['OperatorPolicy', 'CredentialsPolicy'].flatMap((name) =>
    allowedBy(of, name).filter((right) =>
      /^(secretsmanager:(Get|BatchGet)SecretValue|iam:|sts:|lambda:|kms:Sign|kms:CreateGrant|s3:(Put|Delete)(?!Object on state\/inputs\/\*$))/.test(
        right,
      ),
    ),
  )

test('operators start, watch and stop runs, list keys for them and read what they leave; they read no credential', () => {
  const rights = allowedBy(template, 'OperatorPolicy')
  expect(rights).toEqual(
    expect.arrayContaining([
      'states:StartExecution on states stateMachine:drayage-dev-migrate',
      'states:GetExecutionHistory on states execution:drayage-dev-migrate:*',
      'states:StopExecution on states execution:drayage-dev-migrate:*',
      's3:GetObject on state/runs/*',
      's3:PutObject on state/inputs/*',
      'sqs:ReceiveMessage on DeadLetterQueue.Arn',
    ]),
  )
  expect(rights.filter((right) => right.startsWith('kms:')).sort()).toEqual([
    'kms:Decrypt on StateKey.Arn',
    'kms:Decrypt on StateKey.Arn',
    'kms:Decrypt on StateKey.Arn',
    'kms:GenerateDataKey on StateKey.Arn',
    'kms:GetPublicKey on CertificateKey.Arn',
    'kms:Verify on CertificateKey.Arn',
  ])
  expect(rights.filter((right) => right.startsWith('secretsmanager:'))).toEqual([])
})

test('who puts credentials reads none, and uses this stage’s key and no other', () => {
  expect(allowedBy(template, 'CredentialsPolicy').sort()).toEqual(
    [
      ...['CreateSecret', 'PutSecretValue', 'DescribeSecret', 'TagResource', 'DeleteSecret', 'GetResourcePolicy', 'PutResourcePolicy'].map(
        (name) => `secretsmanager:${name} on secretsmanager secret:drayage/dev/*`,
      ),
      'secretsmanager:ListSecrets on *',
      ...['DescribeKey', 'GenerateDataKey', 'Decrypt'].map((name) => `kms:${name} on SecretsKey.Arn`),
    ].sort(),
  )
  const conditions = Object.fromEntries(
    (template.Resources.CredentialsPolicy!.Properties.PolicyDocument.Statement as Statement[]).map(({ Sid, Condition }) => [
      Sid,
      Condition,
    ]),
  )
  expect(conditions.CreateCredential).toEqual({ ArnEquals: { 'secretsmanager:KmsKeyArn': { 'Fn::GetAtt': ['SecretsKey', 'Arn'] } } })
  expect(conditions.LimitReaders).toEqual({ Bool: { 'secretsmanager:BlockPublicPolicy': 'true' } })
})

test('neither policy gives too much', () => expect(tooMuch(template)).toEqual([]))

test.each([
  ['CredentialsPolicy', 'secretsmanager:GetSecretValue'],
  ['OperatorPolicy', 'iam:PassRole'],
  ['OperatorPolicy', 's3:PutObject'],
  ['OperatorPolicy', 'kms:Sign'],
])('control: %s with %s is found', (name, action) => {
  const changed = structuredClone(template)
  changed.Resources[name]!.Properties.PolicyDocument.Statement[0].Action = [action]
  expect(tooMuch(changed)).toHaveLength(1)
})

describe('sizes', () => {
  /** Characters of a policy as IAM counts them, without white space, with ARNs at their longest. */
  const sizeOf = (document: unknown): number =>
    JSON.stringify(document).replace(/\{"(Ref|Fn::Sub|Fn::GetAtt)":("[^"]*"|\[[^\]]*\])\}/g, (_, kind: string, value: string) => {
      const text = kind === 'Fn::Sub' ? (JSON.parse(value) as string) : 'x'.repeat(120)
      return `"${text.replace('${StateBucket.Arn}', `arn:aws:s3:::${'b'.repeat(63)}`).replace(/\$\{AWS::\w+\}/g, 'ap-southeast-1')}"`
    }).length

  /** Policies that IAM or KMS would refuse (IAM user guide, "IAM and AWS STS quotas"; KMS developer guide, "Resource quotas"). */
  const tooLong = (of: Template): string[] =>
    [
      ...resourcesOf(of, 'AWS::IAM::Role').filter(([, { Properties }]) => sizeOf(Properties.Policies) > 10_240),
      ...resourcesOf(of, 'AWS::IAM::ManagedPolicy').filter(([, { Properties }]) => sizeOf(Properties.PolicyDocument) > 6_144),
      ...resourcesOf(of, 'AWS::KMS::Key').filter(([, { Properties }]) => sizeOf(Properties.KeyPolicy) > 32_768),
    ].map(([name]) => name)

  test('every policy is as short as it must be', () => expect(tooLong(template)).toEqual([]))

  // What docs/guides/deploy.md promises of allowedDestinations.
  test.each([
    [20, 63],
    [35, 28],
  ])('the boundary has room for %i buckets with names of %i characters', (count, length) => {
    const changed = structuredClone(template)
    const statements: Statement[] = changed.Resources.Boundary!.Properties.PolicyDocument.Statement
    for (const statement of statements.slice(0, 2)) statement.Action = [...listOf(statement.Action), 's3:DeleteObject']
    for (const statement of statements) {
      statement.Resource = listOf(statement.Resource).flatMap((resource) => {
        const text = (resource as { 'Fn::Sub'?: string })['Fn::Sub']
        return text?.includes(':::--')
          ? Array.from({ length: count }, () => ({ 'Fn::Sub': text.replace('--', 'b'.repeat(length)) }))
          : [resource]
      })
    }
    expect(sizeOf(changed.Resources.Boundary!.Properties.PolicyDocument)).toBeLessThanOrEqual(6_144)
  })

  test('control: a long one is found', () => {
    const changed = structuredClone(template)
    changed.Resources.Boundary!.Properties.PolicyDocument.Statement[0].Resource = Array.from(
      { length: 200 },
      (_, index) => `arn:aws:s3:::a-bucket-with-a-long-name-${index}`,
    )
    expect(tooLong(changed)).toEqual(['Boundary'])
  })
})
