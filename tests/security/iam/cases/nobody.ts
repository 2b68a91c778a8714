import type { Case } from '../simulate'
import { ACCOUNT } from '../../template/variants'
import { DESTINATION, PREFIX, WRITE_ROLE } from '../runtime'
import {
  allBut,
  BOUNDARY,
  DEAD_MAN_ROLE,
  each,
  EXECUTION,
  FUNCTIONS,
  key,
  lambda,
  may,
  mayNot,
  RUN_ROLES,
  SECRET,
  STACK_ROLES,
  STATE,
} from './case'

const OWN_ROLE = `arn:aws:iam::${ACCOUNT}:role/drayage-dev-copy-batch`

/** What no role at all can do, or one role only. */
export const NOBODY: Case[] = [
  ...each([...STACK_ROLES, ...RUN_ROLES], (who) => [
    mayNot(who, 's3:DeleteObject', `${DESTINATION}/${PREFIX}a`),
    mayNot(who, 's3:DeleteObjectVersion', `${DESTINATION}/${PREFIX}a`),
    mayNot(who, 's3:BypassGovernanceRetention', `${DESTINATION}/${PREFIX}a`),
    mayNot(who, 's3:DeleteObject', `${STATE}/runs/run-1/access.json`),
    mayNot(who, 'iam:UpdateAssumeRolePolicy', WRITE_ROLE),
    mayNot(who, 'iam:DeleteRolePermissionsBoundary', WRITE_ROLE),
    mayNot(who, 'iam:PutRolePermissionsBoundary', WRITE_ROLE, { 'iam:PermissionsBoundary': BOUNDARY }),
    mayNot(who, 'iam:AttachRolePolicy', WRITE_ROLE, { 'iam:PolicyARN': 'arn:aws:iam::aws:policy/AdministratorAccess' }),
  ]),
  ...each(STACK_ROLES, (who) => [
    mayNot(who, 's3:PutObject', `${DESTINATION}/${PREFIX}a`, {}, 'only a run’s own role writes a destination'),
    mayNot(who, 's3:GetObject', `${DESTINATION}/${PREFIX}a`, {}, 'only a run’s own role reads a destination'),
    mayNot(who, 'iam:PutRolePolicy', OWN_ROLE, { 'iam:PermissionsBoundary': BOUNDARY }, 'not outside the path'),
    mayNot(who, 'secretsmanager:PutSecretValue', SECRET),
    mayNot(who, 'secretsmanager:PutResourcePolicy', SECRET),
    mayNot(who, 'kms:ScheduleKeyDeletion', key('StateKey')),
    mayNot(who, 'kms:PutKeyPolicy', key('SecretsKey')),
    mayNot(who, 'iam:CreatePolicyVersion', BOUNDARY),
    mayNot(who, 'lambda:UpdateFunctionCode', lambda('cleanup')),
    mayNot(who, 's3:PutBucketPolicy', STATE),
  ]),
  ...each(allBut('openAccess'), (who) => [
    mayNot(who, 'iam:CreateRole', WRITE_ROLE, { 'iam:PermissionsBoundary': BOUNDARY }),
    mayNot(who, 'iam:PassRole', DEAD_MAN_ROLE, { 'iam:PassedToService': 'scheduler.amazonaws.com' }),
    mayNot(who, 's3:PutObject', `${STATE}/runs/run-1/access.json`, {}, 'what cleanup may end is written by one role'),
  ]),
  ...each(allBut('cleanup'), (who) => [
    mayNot(who, 'iam:DeleteRole', WRITE_ROLE),
    mayNot(who, 'secretsmanager:DeleteSecret', SECRET),
    mayNot(who, 's3:PutObject', `${STATE}/runs/run-1/certificate.json`),
    mayNot(who, 'kms:Sign', key('CertificateKey'), { 'kms:SigningAlgorithm': 'ECDSA_SHA_256', 'kms:MessageType': 'RAW' }),
  ]),
  ...each(allBut('preflight'), (who) => mayNot(who, 's3:PutObject', `${STATE}/runs/run-1/keys.jsonl`)),
  ...each([...STACK_ROLES, ...RUN_ROLES], (who) => mayNot(who, 's3:PutObject', `${STATE}/inputs/keys.txt`, {}, 'an operator puts it')),
  ...each(allBut('restoreArchived'), (who) => mayNot(who, 's3:PutObject', `${STATE}/runs/run-1/restore.json`)),
  ...each(allBut('listSource'), (who) => mayNot(who, 's3:PutObject', `${STATE}/runs/run-1/shards/batches/a.jsonl`)),
  ...each(allBut('verifyBatch'), (who) => mayNot(who, 's3:PutObject', `${STATE}/runs/run-1/verdicts/a.jsonl`)),
  ...each(
    allBut('cleanup', 'machine').filter((who) => who !== 'machine'),
    (who) => mayNot(who, 'states:StopExecution', EXECUTION),
  ),
  ...each(
    FUNCTIONS.filter((who) => who !== 'sweep'),
    (who) => mayNot(who, 'lambda:InvokeFunction', lambda('cleanup')),
  ),
  may('cleanup', 'states:StopExecution', EXECUTION),
]
