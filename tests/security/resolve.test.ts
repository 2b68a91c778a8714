import type { Template } from '../package/packaged'
import { resolve } from './template/resolve'

const template = (properties: object, more: Partial<Template> = {}): Template => ({
  Parameters: { Given: { Type: 'String', Default: 'x' } },
  Conditions: { Yes: { 'Fn::Equals': [{ Ref: 'Given' }, 'x'] }, No: { 'Fn::Not': [{ Condition: 'Yes' }] } },
  Outputs: {},
  ...more,
  Resources: {
    Role: { Type: 'AWS::IAM::Role', Properties: { RoleName: { 'Fn::Sub': 'drayage-${Given}' }, Path: '/a/' } },
    Bucket: { Type: 'AWS::S3::Bucket', Properties: {} },
    Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'q' } },
    Subject: { Type: 'AWS::IAM::ManagedPolicy', Properties: properties },
    ...more.Resources,
  },
})
const of = (value: unknown): unknown => resolve(template({ value })).Subject!.Properties.value

test.each<[unknown, unknown]>([
  [{ Ref: 'AWS::AccountId' }, '123456789012'],
  [{ Ref: 'Given' }, 'x'],
  [{ Ref: 'Bucket' }, 'bucket'],
  [{ Ref: 'Queue' }, 'https://sqs.eu-central-1.amazonaws.com/123456789012/q'],
  [{ 'Fn::GetAtt': ['Role', 'Arn'] }, 'arn:aws:iam::123456789012:role/a/drayage-x'],
  [{ 'Fn::GetAtt': 'Bucket.Arn' }, 'arn:aws:s3:::bucket'],
  [{ 'Fn::Sub': '${Bucket.Arn}/runs/*' }, 'arn:aws:s3:::bucket/runs/*'],
  [{ 'Fn::Sub': ['${Own}-${!aws:username}', { Own: { Ref: 'Given' } }] }, 'x-${aws:username}'],
  [{ 'Fn::Join': ['-', ['a', { Ref: 'Given' }]] }, 'a-x'],
  [{ 'Fn::Select': [1, { 'Fn::Split': ['/', 'a/b'] }] }, 'b'],
  [{ 'Fn::If': ['No', 'a', { Ref: 'AWS::NoValue' }] }, undefined],
  [[{ 'Fn::If': ['No', 'a', { Ref: 'AWS::NoValue' }] }, 'b'], ['b']],
  [{ Condition: { StringEquals: { a: { 'Fn::If': ['Yes', 'b', 'c'] } } } }, { Condition: { StringEquals: { a: 'b' } } }],
])('%j', (value, expected) => expect(of(value)).toEqual(expected))

test.each<[unknown, RegExp]>([
  [{ Ref: 'Nothing' }, /Nothing/],
  [{ 'Fn::GetAtt': ['Nothing', 'Arn'] }, /Nothing/],
  [{ 'Fn::Sub': '${Nothing.Arn}' }, /Nothing/],
  [{ 'Fn::Cidr': ['10.0.0.0/8', 2] }, /Fn::Cidr/],
  [{ 'Fn::If': ['Nothing', 'a', 'b'] }, /Nothing/],
])('%j is not guessed', (value, words) => expect(() => of(value)).toThrow(words))

test('what a condition leaves out is left out', () => {
  const Resources = {
    Absent: { Type: 'AWS::SQS::Queue', Condition: 'No', Properties: {} },
    There: { Type: 'AWS::SQS::Queue', Condition: 'Yes', Properties: {} },
  }
  expect(Object.keys(resolve(template({}, { Resources })))).toEqual(['Role', 'Bucket', 'Queue', 'Subject', 'There'])
})
