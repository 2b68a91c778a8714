import { ACCOUNT, REGION } from '../../template/variants'
import type { Case } from '../simulate'
import {
  DEAD_MAN_ROLE,
  each,
  EXECUTION,
  key,
  lambda,
  MACHINE,
  may,
  mayNot,
  QUEUE,
  SECRET,
  STATE,
  TOUCHING,
  viaAnotherBucket,
  viaS3,
  viaSecrets,
  viaStates,
} from './case'

const role = (name: string): string => `arn:aws:iam::${ACCOUNT}:role/drayage-dev-${name}`
const rule = (name: string): string => `arn:aws:events:${REGION}:${ACCOUNT}:rule/drayage-dev-${name}`
const by = (arn: string, account = ACCOUNT) => ({ 'aws:SourceArn': arn, 'aws:SourceAccount': account })
const GROUP = `arn:aws:scheduler:${REGION}:${ACCOUNT}:schedule-group`
const other = (arn: string): string => arn.replace(ACCOUNT, '999999999999')
const raw = { 'kms:SigningAlgorithm': 'ECDSA_SHA_256', 'kms:MessageType': 'RAW' }
const takes = 'sts:AssumeRole'
const invoke = 'lambda:InvokeFunction'

const DEPUTIES: Case[] = [
  may('states', takes, role('migrate'), by(MACHINE)),
  mayNot('states', takes, role('migrate'), by(`${MACHINE}-2`), 'for another machine'),
  mayNot('states', takes, role('migrate'), by(other(MACHINE), '999999999999'), 'for another account'),
  mayNot('states', takes, role('migrate'), {}, 'for nobody'),
  mayNot('lambda', takes, role('migrate'), by(MACHINE)),
  may('scheduler', takes, DEAD_MAN_ROLE, by(`${GROUP}/drayage-dev`)),
  mayNot('scheduler', takes, DEAD_MAN_ROLE, by(`${GROUP}/default`), 'for a schedule of another group'),
  mayNot('scheduler', takes, DEAD_MAN_ROLE, by(other(`${GROUP}/drayage-dev`), '999999999999'), 'for another account'),
  mayNot('scheduler', takes, DEAD_MAN_ROLE, {}),
  mayNot('states', takes, DEAD_MAN_ROLE, by(MACHINE)),
  may('scheduler', takes, role('recurring-run'), by(`${GROUP}/default`)),
  mayNot('scheduler', takes, role('recurring-run'), by(`${GROUP}/another`)),
  ...each(['cleanup', 'open-access', 'copy-batch'], (name) => [
    may('lambda', takes, role(name)),
    mayNot('states', takes, role(name), by(MACHINE)),
    mayNot('administrator', takes, role(name), {}, 'a function’s role is the function’s'),
    mayNot('foreignAdministrator', takes, role(name)),
  ]),
  may('events', invoke, lambda('cleanup'), by(rule('closing'))),
  mayNot('events', invoke, lambda('cleanup'), by(rule('another'))),
  mayNot('events', invoke, lambda('cleanup'), by(other(rule('closing')), '999999999999')),
  may('events', invoke, lambda('sweep'), by(rule('sweep'))),
  mayNot('events', invoke, lambda('sweep'), by(rule('closing'))),
  mayNot('events', invoke, lambda('copy-batch'), by(rule('closing'))),
  mayNot('foreignAdministrator', invoke, lambda('cleanup')),
  may('events', 'sqs:SendMessage', QUEUE, { 'aws:SourceArn': rule('closing') }),
  mayNot('events', 'sqs:SendMessage', QUEUE, { 'aws:SourceArn': rule('another') }),
  mayNot('administrator', 'sqs:ReceiveMessage', QUEUE, { 'aws:SecureTransport': 'false' }),
]

const CALLS: Case[] = [
  may('deadMan', invoke, lambda('cleanup')),
  ...each(['copy-batch', 'open-access', 'sweep'], (name) => mayNot('deadMan', invoke, lambda(name), {}, 'only cleanup')),
  mayNot('deadMan', 'iam:DeleteRole', role('copy-batch')),
  may('sweep', invoke, lambda('cleanup')),
  ...each(['open-access', 'copy-batch'], (name) => mayNot('sweep', invoke, lambda(name))),
  may('machine', invoke, lambda('open-access')),
  mayNot('machine', invoke, lambda('sweep')),
  mayNot('machine', invoke, `arn:aws:lambda:${REGION}:${ACCOUNT}:function:another`),
  may('machine', 'states:StartExecution', MACHINE),
  mayNot('machine', 'states:StartExecution', `${MACHINE}-2`),
  may('machine', 's3:ListBucket', STATE, { 's3:prefix': 'runs/run-1/shards/batches/' }),
  mayNot('machine', 's3:ListBucket', STATE, { 's3:prefix': 'runs/run-1/outcomes/' }),
  mayNot('machine', 's3:GetObject', `${STATE}/runs/run-1/shards/batches/a.jsonl`),
  mayNot('machine', 's3:PutObject', `${STATE}/runs/run-1/report.json`),
  may('machine', 's3:PutObject', `${STATE}/map-runs/a/manifest.json`),
  may('machine', 'kms:GenerateDataKey', key('StateKey'), viaS3),
  mayNot('machine', 'secretsmanager:GetSecretValue', SECRET),
  may('recurringRun', 'states:StartExecution', MACHINE),
  mayNot('recurringRun', 'states:StopExecution', EXECUTION),
  mayNot('sweep', 'states:StartExecution', MACHINE),
]

/** Which service may act for whom, and who may call what. */
export const SERVICES: Case[] = [...DEPUTIES, ...CALLS]

/** Who starts and watches runs, and who puts credentials: people who carry a policy of the stack and nothing else. */
export const PEOPLE: Case[] = [
  may('operatorPolicy', 'states:StartExecution', MACHINE),
  may('operatorPolicy', 'states:StopExecution', EXECUTION),
  may('operatorPolicy', 'kms:Decrypt', key('StateKey'), viaStates, 'or the console shows no input and no output'),
  may('operatorPolicy', 'kms:Decrypt', key('StateKey'), viaS3),
  mayNot('operatorPolicy', 'kms:Decrypt', key('StateKey')),
  mayNot('operatorPolicy', 'kms:Decrypt', key('StateKey'), viaAnotherBucket),
  may('operatorPolicy', 's3:GetObject', `${STATE}/runs/run-1/report.json`),
  may('operatorPolicy', 's3:PutObject', `${STATE}/inputs/keys.txt`, {}, 'a list of keys'),
  may('operatorPolicy', 'kms:GenerateDataKey', key('StateKey'), viaS3),
  mayNot('operatorPolicy', 'kms:GenerateDataKey', key('StateKey'), viaAnotherBucket),
  may('operatorPolicy', 's3:ListBucket', STATE, { 's3:prefix': 'inputs/' }),
  mayNot('operatorPolicy', 's3:ListBucket', STATE, { 's3:prefix': 'uploads/' }),
  mayNot('operatorPolicy', 's3:PutObject', `${STATE}/runs/run-1/keys.jsonl`, {}, 'what Preflight made of it stays'),
  mayNot('operatorPolicy', 's3:PutObject', `${STATE}/pairs/a.json`),
  mayNot('operatorPolicy', 's3:PutObject', `${STATE}/runs/run-1/report.json`),
  mayNot('operatorPolicy', 's3:PutObject', `${STATE}/runs/run-1/access.json`),
  mayNot('operatorPolicy', 'secretsmanager:GetSecretValue', SECRET),
  mayNot('operatorPolicy', 'secretsmanager:DeleteSecret', SECRET),
  mayNot('operatorPolicy', 'kms:Decrypt', key('SecretsKey'), viaSecrets),
  mayNot('operatorPolicy', 'kms:Sign', key('CertificateKey'), raw),
  mayNot('operatorPolicy', 'states:StartExecution', `${MACHINE}-2`),
  mayNot('operatorPolicy', 'iam:PassRole', DEAD_MAN_ROLE, { 'iam:PassedToService': 'scheduler.amazonaws.com' }),
  mayNot('operatorPolicy', invoke, lambda('cleanup')),
  mayNot('operatorPolicy', takes, role('cleanup')),
  may('credentialsPolicy', 'secretsmanager:CreateSecret', SECRET, { 'secretsmanager:KmsKeyArn': key('SecretsKey') }),
  mayNot('credentialsPolicy', 'secretsmanager:CreateSecret', SECRET, { 'secretsmanager:KmsKeyArn': key('StateKey') }, 'with another key'),
  mayNot('credentialsPolicy', 'secretsmanager:CreateSecret', SECRET, {}, 'with Amazon’s key'),
  may('credentialsPolicy', 'secretsmanager:PutResourcePolicy', SECRET, { 'secretsmanager:BlockPublicPolicy': 'true' }),
  mayNot('credentialsPolicy', 'secretsmanager:PutResourcePolicy', SECRET, { 'secretsmanager:BlockPublicPolicy': 'false' }),
  may('credentialsPolicy', 'secretsmanager:DeleteSecret', SECRET),
  mayNot('credentialsPolicy', 'secretsmanager:GetSecretValue', SECRET, {}, 'who puts one does not read it'),
  mayNot('credentialsPolicy', 'secretsmanager:GetSecretValue', SECRET.replace('acme', 'bare'), {}, 'by his own rights alone'),
  mayNot('credentialsPolicy', 'secretsmanager:DeleteSecret', SECRET.replace('/dev/', '/prod/')),
  mayNot('credentialsPolicy', 'states:StartExecution', MACHINE),
]

const FUNCTION_ARN = { 'lambda:SourceFunctionArn': lambda('copy-batch') }
const SUBNET = `arn:aws:ec2:${REGION}:${ACCOUNT}:subnet/subnet-0123456789abcdef0`
const vpc = (id: string) => ({ 'ec2:Vpc': `arn:aws:ec2:${REGION}:${ACCOUNT}:vpc/${id}` })
const HERE = vpc('vpc-0123456789abcdef0')

/**
 * In VPC mode Lambda makes the network interfaces of seven functions with their roles, and their code does not. Of deleting them nothing
 * is asked: the simulator does not take `*` + `/*` for a resource of Amazon EC2, which AWS's guide for Lambda asks for.
 */
export const IN_A_VPC: Case[] = [
  ...each(TOUCHING, (who) => [
    may(who, 'ec2:CreateNetworkInterface', SUBNET, HERE),
    mayNot(who, 'ec2:CreateNetworkInterface', SUBNET, vpc('vpc-99999999999999999'), 'not in another VPC'),
    mayNot(who, 'ec2:CreateNetworkInterface', SUBNET, { ...HERE, ...FUNCTION_ARN }, 'not the code'),
    mayNot(who, 'ec2:RunInstances', SUBNET, HERE),
  ]),
  ...each(['cleanup', 'openAccess', 'reconcile'], (who) => mayNot(who, 'ec2:CreateNetworkInterface', SUBNET, HERE)),
  mayNot('scheduler', takes, role('flows'), by(`${GROUP}/default`)),
]

const CERTIFICATE_KEY = key('CertificateKey')

/** The key of the closure certificates: cleanup signs, and not even the account’s root. */
export const CERTIFICATES: Case[] = [
  may('cleanup', 'kms:Sign', CERTIFICATE_KEY, raw),
  mayNot('cleanup', 'kms:Sign', key('StateKey'), raw, 'with no other key'),
  ...each(['root', 'administrator', 'otherFunction', 'foreignAdministrator'], (who) => mayNot(who, 'kms:Sign', CERTIFICATE_KEY, raw)),
  may('administrator', 'kms:GetPublicKey', CERTIFICATE_KEY),
  ...each(['administrator', 'root'], (who) => mayNot(who, 'kms:CreateGrant', CERTIFICATE_KEY, {}, 'which would hand signing on')),
]
