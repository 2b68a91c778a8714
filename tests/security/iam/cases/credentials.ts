import { ACCOUNT, REGION, REVOCATION_ROLE, SOURCE_ROLE } from '../../template/variants'
import type { Case } from '../simulate'
import { EXPIRES, JUST_BEFORE } from '../times'
import {
  each,
  FUNCTIONS,
  key,
  may,
  mayNot,
  READERS,
  RUN_ROLES,
  SECRET,
  STACK_ROLES,
  TOUCHING,
  viaAnotherSecret,
  viaS3,
  viaSecrets,
} from './case'

const read = 'secretsmanager:GetSecretValue'
const OTHER_STAGE = SECRET.replace('/dev/', '/prod/')
/** A secret that somebody made by hand, without the resource policy that `drayage credentials put` gives it. */
const BARE_SECRET = SECRET.replace('acme', 'bare')
const afterwards = { 'aws:CurrentTime': EXPIRES }
const before = { 'aws:CurrentTime': JUST_BEFORE }
const STRANGERS = STACK_ROLES.filter((name) => !READERS.includes(name))

/** Who reads the source’s credential and until when, and that nobody is locked out of ending it. */
export const CREDENTIALS: Case[] = [
  ...each(READERS, (who) => [
    may(who, read, SECRET, before),
    mayNot(who, read, SECRET, afterwards),
    mayNot(who, read, OTHER_STAGE, {}, 'not another stage’s'),
    may(who, 'kms:Decrypt', key('SecretsKey'), viaSecrets),
    mayNot(who, 'kms:Decrypt', key('SecretsKey'), {}, 'not but through Secrets Manager'),
    mayNot(who, 'kms:Decrypt', key('SecretsKey'), viaS3, 'not through another service'),
    mayNot(who, 'kms:Decrypt', key('SecretsKey'), viaAnotherSecret, 'not another secret'),
    mayNot(who, 'secretsmanager:DeleteSecret', SECRET),
  ]),
  ...each([...STRANGERS, ...RUN_ROLES], (who) => [
    mayNot(who, read, SECRET),
    mayNot(who, read, BARE_SECRET, {}, 'by its own rights alone'),
  ]),
  ...each([...STRANGERS, ...RUN_ROLES], (who) => mayNot(who, 'kms:Decrypt', key('SecretsKey'), viaSecrets)),

  ...each(['administrator', 'otherFunction', 'root'], (who) => [
    mayNot(who, read, SECRET, before, 'whatever his own rights'),
    mayNot(who, read, SECRET, afterwards),
    may(who, 'secretsmanager:DeleteSecret', SECRET, {}, 'no lock-out'),
    may(who, 'secretsmanager:PutResourcePolicy', SECRET, {}, 'no lock-out'),
    may(who, 'secretsmanager:DescribeSecret', SECRET),
    may(who, 'secretsmanager:DeleteSecret', SECRET, afterwards, 'also when it has expired'),
  ]),
  mayNot('administrator', 'kms:Decrypt', key('SecretsKey'), {}, 'the key serves Secrets Manager alone'),
  mayNot('administrator', 'kms:Decrypt', key('SecretsKey'), viaS3, 'the key serves Secrets Manager alone'),
  mayNot('administrator', 'kms:CreateGrant', key('SecretsKey')),
  may('administrator', 'kms:ScheduleKeyDeletion', key('SecretsKey'), {}, 'no lock-out'),
  mayNot('foreignAdministrator', read, SECRET),

  may('cleanup', 'secretsmanager:DescribeSecret', SECRET),
  may('cleanup', 'secretsmanager:DeleteSecret', SECRET),
  mayNot(
    'cleanup',
    'secretsmanager:DeleteSecret',
    `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:prod/database-AbCdEf`,
    {},
    'a bystander',
  ),
  mayNot('cleanup', 'secretsmanager:DeleteSecret', OTHER_STAGE, {}, 'a neighbour’s'),
  mayNot('openAccess', 'secretsmanager:CreateSecret', SECRET, {}, 'no function makes one'),

  ...each(TOUCHING, (who) => may(who, 'sts:AssumeRole', SOURCE_ROLE, { 'sts:ExternalId': 'x' }, 'a source in AWS')),
  ...each(TOUCHING, (who) => mayNot(who, 'sts:AssumeRole', 'arn:aws:iam::333333333333:role/another', { 'sts:ExternalId': 'x' })),
  ...each(
    FUNCTIONS.filter((who) => !TOUCHING.includes(who)),
    (who) => mayNot(who, 'sts:AssumeRole', SOURCE_ROLE, { 'sts:ExternalId': 'x' }),
  ),
  ...each(READERS, (who) => mayNot(who, 'sts:AssumeRole', REVOCATION_ROLE, { 'sts:ExternalId': 'x' })),
  may('cleanup', 'sts:AssumeRole', REVOCATION_ROLE, { 'sts:ExternalId': 'x' }),
  mayNot('cleanup', 'sts:AssumeRole', 'arn:aws:iam::333333333333:role/another', { 'sts:ExternalId': 'x' }),
]
