import { ACCOUNT, PARTNER, PARTNER_KEY, REGION } from '../../template/variants'
import { DESTINATION, PREFIX, RUN, VERIFY_ROLE, WRITE_ROLE } from '../runtime'
import type { Case } from '../simulate'
import { A_DAY_AFTER, EXPIRES, JUST_BEFORE } from '../times'
import { BOUNDARY, DEAD_MAN_ROLE, each, key, may, mayNot, ownedBy, SCHEDULE, STACK_ROLES } from './case'

const object = `${DESTINATION}/${PREFIX}a`
const boundary = { 'iam:PermissionsBoundary': BOUNDARY }
const administrators = { 'iam:PermissionsBoundary': 'arn:aws:iam::aws:policy/AdministratorAccess' }
const OUTSIDE = `arn:aws:iam::${ACCOUNT}:role/drayage-0123456789abcdef0123-write`
const OTHER_STAGE = WRITE_ROLE.replace('/dev/', '/prod/')
const afterwards = { 'aws:CurrentTime': EXPIRES }
const before = { 'aws:CurrentTime': JUST_BEFORE }
const viaS3 = { 'kms:ViaService': `s3.${REGION}.amazonaws.com` }
const run = { 'sts:ExternalId': RUN }
/** A day after the access ends: trust and rights are over, also if nothing ran since. */
const dayAfter = { ...run, 'aws:CurrentTime': A_DAY_AFTER }
const toScheduler = { 'iam:PassedToService': 'scheduler.amazonaws.com' }

const CREATION: Case[] = [
  ...each([WRITE_ROLE, VERIFY_ROLE], (role) => [
    may('openAccess', 'iam:CreateRole', role, boundary),
    mayNot('openAccess', 'iam:CreateRole', role, {}, 'not without the boundary'),
    mayNot('openAccess', 'iam:CreateRole', role, administrators, 'not with another boundary'),
    may('openAccess', 'iam:PutRolePolicy', role, boundary),
    mayNot('openAccess', 'iam:PutRolePolicy', role, administrators),
    mayNot('openAccess', 'iam:DeleteRole', role, {}, 'who creates never deletes'),
    mayNot('openAccess', 'iam:DeleteRolePolicy', role),
    may('preflight', 'iam:GetRolePolicy', role, {}, 'reads it back'),
    may('cleanup', 'iam:DeleteRole', role),
    may('cleanup', 'iam:DeleteRolePolicy', role),
    may('cleanup', 'iam:PutRolePolicy', role, boundary, 'the suspension'),
    mayNot('cleanup', 'iam:CreateRole', role, boundary, 'who deletes never creates'),
    mayNot('cleanup', 'iam:TagRole', role),
    mayNot('sweep', 'iam:DeleteRole', role, {}, 'the sweep deletes nothing'),
  ]),
  mayNot('openAccess', 'iam:CreateRole', OUTSIDE, boundary, 'not outside the path'),
  mayNot('openAccess', 'iam:CreateRole', OTHER_STAGE, boundary, 'not in another stage’s path'),
  mayNot('openAccess', 'iam:PutRolePolicy', OUTSIDE, boundary),
  mayNot('cleanup', 'iam:DeleteRole', OUTSIDE, {}, 'a bystander'),
  mayNot('cleanup', 'iam:DeleteRole', OTHER_STAGE, {}, 'a neighbour’s'),
  mayNot('cleanup', 'iam:DeleteRole', DEAD_MAN_ROLE),

  may('openAccess', 'scheduler:CreateSchedule', SCHEDULE),
  mayNot('openAccess', 'scheduler:CreateSchedule', SCHEDULE.replace('/drayage-dev/', '/default/'), {}, 'only in our group'),
  mayNot('openAccess', 'scheduler:DeleteSchedule', SCHEDULE),
  mayNot('openAccess', 'scheduler:UpdateSchedule', SCHEDULE),
  may('cleanup', 'scheduler:DeleteSchedule', SCHEDULE),
  mayNot('cleanup', 'scheduler:CreateSchedule', SCHEDULE),
  mayNot('cleanup', 'scheduler:DeleteSchedule', SCHEDULE.replace('/drayage-dev/', '/default/')),
  mayNot('sweep', 'scheduler:DeleteSchedule', SCHEDULE),

  may('openAccess', 'iam:PassRole', DEAD_MAN_ROLE, toScheduler),
  mayNot('openAccess', 'iam:PassRole', DEAD_MAN_ROLE, { 'iam:PassedToService': 'lambda.amazonaws.com' }, 'only to the scheduler'),
  ...each([`arn:aws:iam::${ACCOUNT}:role/drayage-dev-cleanup`, WRITE_ROLE, `arn:aws:iam::${ACCOUNT}:role/Administrator`], (role) =>
    mayNot('openAccess', 'iam:PassRole', role, toScheduler, 'only the dead-man role'),
  ),
]

const RIGHTS: Case[] = [
  may('runWrite', 's3:PutObject', object, before),
  mayNot('runWrite', 's3:PutObject', object, afterwards, 'the access has ended'),
  mayNot('runWrite', 's3:PutObject', `${DESTINATION}/another/a`, {}, 'another prefix'),
  mayNot('runWrite', 's3:PutObject', 'arn:aws:s3:::acme-partner/from-acme/a', {}, 'another bucket that the boundary allows'),
  mayNot('runWrite', 's3:PutObject', 'arn:aws:s3:::acme-archive-2/from-acme/a', {}, 'a bucket whose name begins alike'),
  ownedBy('999999999999', mayNot('runWrite', 's3:PutObject', object, {}, 'a bucket of that name in another account')),
  mayNot('runWrite', 's3:PutObjectAcl', object),
  mayNot('runWrite', 's3:PutBucketPolicy', DESTINATION),
  mayNot('runWrite', 'iam:CreateRole', WRITE_ROLE, boundary),
  may('runWrite', 's3:ListBucket', DESTINATION, { 's3:prefix': PREFIX }),
  mayNot('runWrite', 's3:ListBucket', DESTINATION, { 's3:prefix': 'another/' }),
  may('runWrite', 's3:AbortMultipartUpload', object, afterwards, 'it only takes away'),
  may('runWrite', 'kms:GenerateDataKey', PARTNER_KEY, viaS3, 'the destination’s key'),
  may('runWrite', 'kms:Decrypt', PARTNER_KEY, viaS3, 'parts of an upload'),
  mayNot('runWrite', 'kms:Decrypt', PARTNER_KEY, {}, 'not but through Amazon S3'),
  mayNot('runWrite', 'kms:Decrypt', key('StateKey'), viaS3, 'no key of ours'),

  mayNot('runWrite', 's3:GetObject', object, {}, 'who writes does not read'),
  ...each(['s3:PutObjectTagging', 's3:PutObjectRetention', 's3:PutObjectLegalHold', 's3:DeleteObject'], (action) =>
    mayNot('runWrite', action, object, {}, 'the run does not carry it'),
  ),
  mayNot('runWrite', 's3:ListBucketVersions', DESTINATION, { 's3:prefix': PREFIX }),

  ...each(['runWriteSuspended', 'allWriteSuspended'], (who) => [
    mayNot(who, 's3:PutObject', object, {}, 'suspended'),
    mayNot(who, 's3:ListBucket', DESTINATION, { 's3:prefix': PREFIX }),
    may(who, 's3:AbortMultipartUpload', object),
    may(who, 's3:ListBucketMultipartUploads', DESTINATION),
  ]),
  ...each(['s3:PutObjectTagging', 's3:PutObjectRetention', 's3:PutObjectLegalHold', 's3:DeleteObject'], (action) =>
    mayNot('allWriteSuspended', action, object, {}, 'suspended'),
  ),
  ...each(['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectTagging', 's3:GetObjectVersionTagging'], (action) =>
    mayNot('allVerifySuspended', action, object, {}, 'suspended'),
  ),
  ...each(['kms:Decrypt', 'kms:GenerateDataKey'], (action) => mayNot('allWriteSuspended', action, PARTNER_KEY, viaS3, 'suspended')),
  mayNot('allVerifySuspended', 'kms:Decrypt', PARTNER_KEY, viaS3, 'suspended'),

  may('runVerify', 's3:ListBucket', DESTINATION, { 's3:prefix': PREFIX }),
  mayNot('runVerify', 's3:ListBucket', DESTINATION, { 's3:prefix': PREFIX, ...afterwards }),
  mayNot('runVerify', 's3:ListBucket', DESTINATION, { 's3:prefix': 'another/' }),
  mayNot('runVerify', 's3:ListBucket', 'arn:aws:s3:::acme-partner', { 's3:prefix': PREFIX }),
  may('runVerify', 's3:GetObject', object, before),
  mayNot('runVerify', 's3:GetObject', object, afterwards, 'the access has ended'),
  mayNot('runVerify', 's3:GetObject', `${DESTINATION}/another/a`, {}, 'another prefix'),
  mayNot('runVerify', 's3:GetObject', 'arn:aws:s3:::acme-partner/from-acme/a', {}, 'another bucket that the boundary allows'),
  ownedBy('999999999999', mayNot('runVerify', 's3:GetObject', object, {}, 'a bucket of that name in another account')),
  ...each(['s3:GetObjectVersion', 's3:GetObjectTagging', 's3:GetObjectVersionTagging', 's3:GetObjectAcl'], (action) =>
    mayNot('runVerify', action, object, {}, 'the run does not carry it'),
  ),
  mayNot('runVerify', 's3:ListBucketVersions', DESTINATION, { 's3:prefix': PREFIX }),
  may('runVerify', 'kms:Decrypt', PARTNER_KEY, viaS3, 'the destination’s key'),
  mayNot('runVerify', 'kms:Decrypt', PARTNER_KEY, {}, 'not but through Amazon S3'),
  mayNot('runVerify', 'kms:Decrypt', PARTNER_KEY, { ...viaS3, ...afterwards }, 'the access has ended'),
  mayNot('runVerify', 'kms:GenerateDataKey', PARTNER_KEY, viaS3, 'it encrypts nothing'),
  ...each(['runVerify', 'allVerify'], (who) =>
    each(['s3:PutObject', 's3:PutObjectTagging', 's3:PutObjectRetention', 's3:RestoreObject', 's3:DeleteObject'], (action) =>
      mayNot(who, action, object, {}, 'who verifies writes nothing'),
    ),
  ),
  mayNot('runVerify', 's3:AbortMultipartUpload', object),
  ...each(
    [
      ...['GetBucketPublicAccessBlock', 'GetBucketPolicyStatus', 'GetBucketPolicy', 'GetEncryptionConfiguration', 'GetBucketVersioning'],
      ...['GetBucketLogging', 'GetBucketOwnershipControls', 'GetReplicationConfiguration', 'GetBucketNotification'],
      ...['GetBucketObjectLockConfiguration', 'GetBucketLocation'],
    ],
    (action) => may('runVerify', `s3:${action}`, DESTINATION),
  ),
  mayNot('runVerify', 's3:GetBucketPolicy', 'arn:aws:s3:::acme-partner'),
  mayNot('runVerify', 's3:PutBucketPolicy', DESTINATION),
]

const BY_THE_BOUNDARY: Case[] = [
  may('boundaryAlone', 's3:PutObject', object),
  may('boundaryAlone', 's3:PutObject', 'arn:aws:s3:::acme-partner/a'),
  mayNot('boundaryAlone', 's3:PutObject', 'arn:aws:s3:::payroll/a', {}, 'no allowed destination'),
  mayNot('boundaryAlone', 's3:GetObject', object, {}, 'who writes does not read'),
  ...each(['s3:PutObjectTagging', 's3:PutObjectRetention', 's3:PutObjectLegalHold'], (action) => [
    may('boundaryAlone', action, object),
    mayNot('boundaryOfVerify', action, object),
  ]),
  ...each(['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectTagging', 's3:GetObjectVersionTagging'], (action) => [
    may('boundaryOfVerify', action, object),
    mayNot('boundaryOfVerify', action, 'arn:aws:s3:::payroll/a', {}, 'no allowed destination'),
    ownedBy('999999999999', mayNot('boundaryOfVerify', action, object, {}, 'an account that is not named')),
    mayNot('boundaryAlone', action, object),
    mayNot('boundaryOfNeither', action, object),
  ]),
  mayNot('boundaryOfVerify', 's3:PutObject', object, {}, 'who verifies writes nothing'),
  mayNot('boundaryOfNeither', 's3:PutObject', object, {}, 'neither a write nor a verify role'),
  ...each(['boundaryAlone', 'boundaryOfVerify', 'boundaryOfNeither'], (who) => [
    mayNot(who, 's3:DeleteObject', object, {}, 'without deleteMarkers'),
    mayNot(who, 's3:DeleteObjectVersion', object),
    mayNot(who, 's3:BypassGovernanceRetention', object),
  ]),
  mayNot('boundaryAlone', 's3:PutBucketPolicy', DESTINATION),
  mayNot('boundaryAlone', 'iam:CreateRole', WRITE_ROLE, boundary),
  mayNot('boundaryAlone', 'sts:AssumeRole', OUTSIDE),
  mayNot('boundaryAlone', 'secretsmanager:GetSecretValue', `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:drayage/dev/acme-AbCdEf`),
  mayNot('boundaryAlone', 'kms:Decrypt', key('StateKey'), viaS3),
  may('boundaryAlone', 'kms:GenerateDataKey', PARTNER_KEY, viaS3),
  mayNot('boundaryAlone', 'kms:GenerateDataKey', PARTNER_KEY, { 'kms:ViaService': `sqs.${REGION}.amazonaws.com` }),
  ownedBy('999999999999', mayNot('boundaryAlone', 's3:PutObject', object, {}, 'an account that is not named')),
  ownedBy(PARTNER, mayNot('boundaryAlone', 's3:PutObject', 'arn:aws:s3:::payroll/a', {}, 'a named account’s other bucket')),
]

const TAKERS = ['openAccess', 'preflight', 'copyBatch', 'beginUpload', 'copyPartGroup', 'completeUpload', 'cleanup']
const VERIFIERS = ['openAccess', 'preflight', 'restoreArchived', 'copyBatch', 'beginUpload', 'verifyBatch', 'reconcile', 'cleanup']
const ALL = [
  'validateRequest',
  'openAccess',
  'preflight',
  'listSource',
  'estimate',
  'restoreArchived',
  'copyBatch',
  'beginUpload',
  'copyPartGroup',
]
const REST = ['completeUpload', 'verifyBatch', 'reconcile', 'cleanup', 'writeReport', 'sweep', 'machine', 'deadMan']

const trust = (role: string, takers: string[]): Case[] => [
  ...each(takers, (who) => [
    may(who, 'sts:AssumeRole', role, run),
    mayNot(who, 'sts:AssumeRole', role, dayAfter, 'nothing has run since, and still it has ended'),
  ]),
  ...each(
    [...ALL, ...REST].filter((who) => !takers.includes(who)),
    (who) => mayNot(who, 'sts:AssumeRole', role, run),
  ),
  mayNot(takers[0]!, 'sts:AssumeRole', role, {}, 'no ExternalId'),
  mayNot(takers[0]!, 'sts:AssumeRole', role, { 'sts:ExternalId': 'run-2' }, 'another run’s ExternalId'),
  mayNot('foreignAdministrator', 'sts:AssumeRole', role, run),
]

/** What a run that carries tags, retention and all versions has besides. */
const CARRYING: Case[] = [
  ...each(['s3:PutObjectTagging', 's3:PutObjectRetention', 's3:PutObjectLegalHold'], (action) => [
    may('allWrite', action, object, before),
    mayNot('allWrite', action, object, afterwards, 'the access has ended'),
    mayNot('allWrite', action, `${DESTINATION}/another/a`, {}, 'another prefix'),
  ]),
  mayNot('allWrite', 's3:GetObject', object, {}, 'who writes does not read'),
  mayNot('allWrite', 's3:GetObjectVersion', object),
  mayNot('allWrite', 's3:PutObjectAcl', object),
  ...each(['s3:GetObjectVersion', 's3:GetObjectTagging', 's3:GetObjectVersionTagging'], (action) => [
    may('allVerify', action, object, before),
    mayNot('allVerify', action, object, afterwards, 'the access has ended'),
    mayNot('allVerify', action, `${DESTINATION}/another/a`, {}, 'another prefix'),
  ]),
  ...each(['allWrite', 'allVerify'], (who) => [
    may(who, 's3:ListBucketVersions', DESTINATION, { 's3:prefix': PREFIX }),
    mayNot(who, 's3:ListBucketVersions', DESTINATION, { 's3:prefix': 'another/' }),
    mayNot(who, 's3:ListBucketVersions', DESTINATION, { 's3:prefix': PREFIX, ...afterwards }),
  ]),
]

/** A stage that was deployed with deleteMarkers: a run over all versions may put them, and no other run; nobody deletes a version. */
export const WITH_DELETE_MARKERS: Case[] = [
  may('allWrite', 's3:DeleteObject', object, before),
  mayNot('allWrite', 's3:DeleteObject', object, afterwards, 'the access has ended'),
  mayNot('allWrite', 's3:DeleteObject', `${DESTINATION}/another/a`, {}, 'another prefix'),
  mayNot('allWrite', 's3:DeleteObject', 'arn:aws:s3:::acme-partner/from-acme/a', {}, 'another bucket'),
  ownedBy('999999999999', mayNot('allWrite', 's3:DeleteObject', object, {}, 'a bucket of that name in another account')),
  mayNot('allWriteSuspended', 's3:DeleteObject', object, {}, 'suspended'),
  mayNot('runWrite', 's3:DeleteObject', object, {}, 'a run over current objects'),
  mayNot('boundaryAlone', 's3:DeleteObject', 'arn:aws:s3:::payroll/a', {}, 'no allowed destination'),
  may('boundaryAlone', 's3:DeleteObject', object),
  ...each(['boundaryOfVerify', 'boundaryOfNeither', 'allVerify', 'runVerify'], (who) => mayNot(who, 's3:DeleteObject', object)),
  ...each(['allWrite', 'allVerify', 'boundaryAlone', 'boundaryOfVerify', ...STACK_ROLES], (who) => [
    mayNot(who, 's3:DeleteObjectVersion', object, {}, 'no version is ever deleted'),
    mayNot(who, 's3:BypassGovernanceRetention', object),
  ]),
  ...each(STACK_ROLES, (who) => mayNot(who, 's3:DeleteObject', object, {}, 'only a run’s own role')),
]

/** A run’s two roles: made only as they may be made, able to do only what they must, taken only by whom they are for. */
export const TEMPORARY_ROLES: Case[] = [
  ...CREATION,
  ...RIGHTS,
  ...CARRYING,
  ...BY_THE_BOUNDARY,
  ...trust(WRITE_ROLE, TAKERS),
  ...trust(VERIFY_ROLE, VERIFIERS),
  mayNot('administrator', 'sts:AssumeRole', WRITE_ROLE, run, 'whom the trust policy does not name'),
]

/** Without allowedDestinations no run can write anywhere. */
export const WITHOUT_DESTINATIONS: Case[] = [
  mayNot('runWrite', 's3:PutObject', object),
  mayNot('runVerify', 's3:ListBucket', DESTINATION, { 's3:prefix': PREFIX }),
  mayNot('boundaryAlone', 's3:PutObject', 'arn:aws:s3:::payroll/a'),
]
