import { EVERYTHING, packaged, resourcesOf, type Packaged, type Template } from './packaged'
import { RIGHTS, TOUCHING } from './rights'
import { listOf, statementsOf, textOf, type Statement } from './statements'

// The rooms that a deploy parameter opens: serverless/vpc.yml, audit.yml, alarm-email.yml and reserved-concurrency.yml.

let plain: Packaged
let full: Packaged
let template: Template

beforeAll(async () => {
  ;[plain, full] = await Promise.all([packaged(), packaged(...EVERYTHING)])
  template = full.template
})

afterAll(() => Promise.all([plain.remove(), full.remove()]))

const pascal = (name: string): string => name[0]!.toUpperCase() + name.slice(1)
const properties = (name: string) => template.Resources[name]!.Properties
const lambda = (name: string, of: Template = template) => of.Resources[`${pascal(name)}LambdaFunction`]!
const statements = (name: string): Statement[] => properties(name).PolicyDocument.Statement

test('nothing of a room that was not asked for is in the template', () => {
  const kinds = new Set(Object.values(plain.template.Resources).map(({ Type }) => Type))
  expect([...kinds].filter((kind) => /^AWS::(EC2|CloudTrail)|Subscription|QueryDefinition/.test(kind))).toEqual([])
  expect(JSON.stringify(plain.template)).not.toMatch(/ec2:|cloudtrail/)
  for (const name of Object.keys(RIGHTS)) {
    expect(lambda(name, plain.template).Properties.VpcConfig).toBeUndefined()
    expect(lambda(name, plain.template).Properties.ReservedConcurrentExecutions).toBeUndefined()
  }
})

test('the parameters reach the functions', () => {
  const environment = (of: Template) => lambda('copyBatch', of).Properties.Environment.Variables
  expect(environment(template)).toMatchObject({
    DRAYAGE_ALLOWED_REGIONS: 'eu-central-1,eu-west-1',
    DRAYAGE_LOG_KEYS: 'hash',
    DRAYAGE_VPC: 'true',
    DRAYAGE_DELETE_MARKERS: 'true',
  })
  expect(environment(plain.template)).toMatchObject({
    DRAYAGE_ALLOWED_REGIONS: '',
    DRAYAGE_LOG_KEYS: 'full',
    DRAYAGE_VPC: 'false',
    DRAYAGE_DELETE_MARKERS: 'false',
  })
  expect(properties('AlarmEmail')).toEqual({ TopicArn: { Ref: 'AlarmTopic' }, Protocol: 'email', Endpoint: 'operators@example.com' })
  for (const name of Object.keys(RIGHTS)) {
    const reserved = ['copyBatch', 'copyPartGroup'].includes(name) ? 20 : undefined
    expect([name, lambda(name).Properties.ReservedConcurrentExecutions]).toEqual([name, reserved])
  }
})

describe('VPC mode', () => {
  test('takes in the functions that reach a source, and no other', () => {
    const VpcConfig = {
      SecurityGroupIds: [{ Ref: 'FunctionsSecurityGroup' }],
      SubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
    }
    for (const name of Object.keys(RIGHTS)) {
      expect([name, lambda(name).Properties.VpcConfig]).toEqual([name, TOUCHING.includes(name) ? VpcConfig : undefined])
      expect([name, lambda(name).DependsOn?.includes('JoinVpc')]).toEqual([name, TOUCHING.includes(name)])
    }
  })

  test('gives the rights to make network interfaces to them alone, in this VPC alone, and not to their code', () => {
    const withNetwork = (of: Template) =>
      [...statementsOf(of)].filter(([, list]) => list.some(({ Action }) => listOf(Action).some((action) => action.startsWith('ec2:'))))
    expect(withNetwork(plain.template)).toEqual([])
    expect(withNetwork(template).map(([role]) => role)).toEqual(TOUCHING.map((name) => `${pascal(name)}Role`))
    const allowed = statements('JoinVpc').filter(({ Effect }) => Effect === 'Allow')
    const denied = statements('JoinVpc').filter(({ Effect }) => Effect === 'Deny')
    const here = { ArnEquals: { 'ec2:Vpc': { 'Fn::Sub': expect.stringMatching(/:vpc\/vpc-0123456789abcdef0$/) } } }
    expect(allowed.map(({ Sid, Condition }) => [Sid, Condition])).toEqual([
      ['LookAtInterfaces', undefined],
      ['MakeInterfaces', undefined],
      ['MakeInterfacesHere', here],
      ['ManageInterfaces', undefined],
    ])
    expect([...new Set(allowed.flatMap(({ Action }) => listOf(Action)))].sort()).toEqual([...listOf(denied[0]!.Action)].sort())
    expect(denied.map(({ Resource, Condition }) => [Resource, Condition])).toEqual([
      ['*', { ArnLike: { 'lambda:SourceFunctionArn': { 'Fn::Sub': expect.stringMatching(/:function:drayage-dev-\*$/) } } }],
    ])
  })

  test('lets out HTTPS and lets in nothing but the functions’ own questions to AWS', () => {
    const rules = (name: string) => [properties(name).SecurityGroupIngress, properties(name).SecurityGroupEgress]
    const https = { IpProtocol: 'tcp', FromPort: 443, ToPort: 443 }
    expect(rules('FunctionsSecurityGroup')).toEqual([[], [expect.objectContaining({ ...https, CidrIp: '0.0.0.0/0' })]])
    expect(rules('EndpointsSecurityGroup')).toEqual([
      [expect.objectContaining({ ...https, SourceSecurityGroupId: { Ref: 'FunctionsSecurityGroup' } })],
      [expect.objectContaining({ ...https, CidrIp: '127.0.0.1/32' })],
    ])
  })

  test('the way to S3 leads to the state bucket, the destinations and the given sources', () => {
    const who = statements('S3Endpoint').map(({ Sid, Effect, Resource, Condition }) => [
      Sid,
      Effect,
      listOf(Resource).map(textOf),
      Condition,
    ])
    const buckets = ['s3 my-bucket', 's3 other.bucket'].map((name) => name.replace('s3 ', 'arn:${AWS::Partition}:s3:::'))
    const roles = (name: string) => ({
      ArnLike: { 'aws:PrincipalArn': { 'Fn::Sub': expect.stringMatching(`:role/drayage/dev/${name}$`) } },
    })
    expect(who).toEqual([
      ['StateBucket', 'Allow', ['state', 'state/*'], { StringEquals: { 'aws:PrincipalAccount': { Ref: 'AWS::AccountId' } } }],
      ['WriteDestinations', 'Allow', buckets.map((bucket) => textOf({ 'Fn::Sub': `${bucket}/*` })), roles('drayage-\\*-write')],
      ['ReadDestinations', 'Allow', buckets.map((bucket) => textOf({ 'Fn::Sub': `${bucket}/*` })), roles('drayage-\\*-verify')],
      ['Destinations', 'Allow', buckets.map((bucket) => textOf({ 'Fn::Sub': bucket })), roles('\\*')],
      ['Sources', 'Allow', ['*'], { ArnEquals: { 'aws:PrincipalArn': ['arn:aws:iam::111122223333:role/drayage-source'] } }],
    ])
    const having = (pattern: RegExp) =>
      statements('S3Endpoint').flatMap(({ Sid, Action }) => (listOf(Action).some((action) => pattern.test(action)) ? [Sid] : []))
    expect(having(/Put|Abort/)).toEqual(['StateBucket', 'WriteDestinations'])
    expect(having(/^s3:DeleteObject$/)).toEqual(['WriteDestinations']) // deleteMarkers is among the parameters
    expect(having(/Delete(?!Object$)|\*/)).toEqual([])
  })

  test('the other two endpoints answer one question each, to this account', () => {
    const said = (name: string) =>
      statements(name).map(({ Action, Resource, Condition }) => [Action, listOf(Resource).map(textOf), Condition])
    const ours = { StringEquals: { 'aws:PrincipalAccount': { Ref: 'AWS::AccountId' } } }
    expect(said('SecretsManagerEndpoint')).toEqual([['secretsmanager:GetSecretValue', ['secretsmanager secret:drayage/dev/*'], ours]])
    expect(said('StsEndpoint')).toEqual([
      ['sts:AssumeRole', ['iam role/drayage/dev/*'], ours],
      ['sts:AssumeRole', ['arn:aws:iam::111122223333:role/drayage-source'], ours],
    ])
    expect(resourcesOf(template, 'AWS::EC2::VPCEndpoint').map(([name]) => name)).toEqual([
      'S3Endpoint',
      'SecretsManagerEndpoint',
      'StsEndpoint',
    ])
  })

  test('every connection is logged, and the query takes the fields in the order in which they are written', () => {
    expect(properties('FlowLog')).toMatchObject({ ResourceId: 'vpc-0123456789abcdef0', TrafficType: 'ALL' })
    expect(properties('FlowLog').LogGroupName).toEqual({ Ref: 'FlowLogGroup' })
    const written = [...(properties('FlowLog').LogFormat as string).matchAll(/\$\{([^}]+)\}/g)].map(([, name]) => name)
    const [, stars, names] = /parse @message "([^"]*)" as (.*)/.exec(properties('UnexpectedDestinations').QueryString)!
    const meanings: Record<string, string> = {
      interface: 'interface-id',
      direction: 'flow-direction',
      source: 'srcaddr',
      destination: 'dstaddr',
      port: 'dstport',
      service: 'pkt-dst-aws-service',
    }
    expect(names!.split(', ').map((name) => meanings[name] ?? name)).toEqual(written)
    expect(stars!.split(' ')).toEqual(written.map(() => '*'))
    expect(properties('UnexpectedDestinations').LogGroupNames).toEqual([{ Ref: 'FlowLogGroup' }])
  })
})

describe('the audit trail', () => {
  test('hears every call, and every read and write of the state bucket and the destinations, and can be proven whole', () => {
    expect(properties('AuditTrail')).toMatchObject({
      IsLogging: true,
      IsMultiRegionTrail: true,
      IncludeGlobalServiceEvents: true,
      EnableLogFileValidation: true,
      S3BucketName: { Ref: 'AuditBucket' },
      KMSKeyId: { 'Fn::GetAtt': ['AuditKey', 'Arn'] },
    })
    const selectors = properties('AuditTrail').AdvancedEventSelectors.map(
      ({ FieldSelectors }: { FieldSelectors: object[] }) => FieldSelectors,
    )
    expect(selectors).toEqual([
      [{ Field: 'eventCategory', Equals: ['Management'] }],
      [
        { Field: 'eventCategory', Equals: ['Data'] },
        { Field: 'resources.type', Equals: ['AWS::S3::Object'] },
        {
          Field: 'resources.ARN',
          StartsWith: [
            { 'Fn::Sub': '${StateBucket.Arn}/' },
            { 'Fn::Sub': 'arn:${AWS::Partition}:s3:::my-bucket/' },
            { 'Fn::Sub': 'arn:${AWS::Partition}:s3:::other.bucket/' },
          ],
        },
      ],
    ])
  })

  test('only this trail writes to its bucket and uses its key', () => {
    const trail = { 'Fn::Sub': 'arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/drayage-dev-audit' }
    expect(properties('AuditTrail').TrailName).toBe('drayage-dev-audit')
    const byCloudTrail = [...statements('AuditBucketPolicy'), ...(properties('AuditKey').KeyPolicy.Statement as Statement[])].filter(
      (statement) => JSON.stringify((statement as unknown as { Principal: unknown }).Principal).includes('cloudtrail'),
    )
    expect(byCloudTrail).toHaveLength(4)
    for (const { Condition } of byCloudTrail) expect(Condition?.StringEquals?.['aws:SourceArn']).toEqual(trail)
    expect(template.Resources.AuditTrail!.DependsOn).toEqual(['AuditBucketPolicy'])
    expect(properties('AuditBucket').VersioningConfiguration).toEqual({ Status: 'Enabled' })
  })
})
