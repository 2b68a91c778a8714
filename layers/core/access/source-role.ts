import type { Credentials } from '../domain/access'
import type { Migration } from '../domain/migration'
import { ROLE_ARN, type RoleCredential } from './credential'
import type { AwsContext } from './options'
import { iamTime, type Policy } from './policy'
import { assumeOwnersRole, sessionCache } from './session'

/** What of a migration asks for more than reading current objects. */
type Asked = Pick<Migration, 'carry' | 'restore'>

/**
 * The actions on a source's bucket and on its objects that a migration takes. What an object's lock is stands in the reply to a
 * GET or HEAD, but only for who has the two actions of its own (Amazon S3 API reference, HeadObject).
 */
const sourceActions = (asked: Asked | undefined): { bucket: string[]; objects: string[] } => {
  const { carry, restore } = asked ?? {}
  const versions = carry?.versions === 'all'
  const where = (needed: boolean | undefined, ...actions: string[]): string[] => (needed ? actions : [])
  return {
    bucket: ['s3:ListBucket', ...where(versions, 's3:ListBucketVersions')],
    objects: [
      's3:GetObject',
      ...where(versions, 's3:GetObjectVersion'),
      ...where(carry?.tags, 's3:GetObjectTagging'),
      ...where(carry?.tags && versions, 's3:GetObjectVersionTagging'),
      ...where(carry?.retention, 's3:GetObjectRetention', 's3:GetObjectLegalHold'),
      ...where(restore?.archived, 's3:RestoreObject'),
    ],
  }
}

/**
 * Session policy: of what the source's role may do, reading objects of the credential's one bucket until the credential expires,
 * and besides what the migration's options take; without one, reading alone. Prefixes stay out of it: a session policy takes
 * 2,048 characters, and none beyond Latin-1 (STS API reference, AssumeRole).
 */
export const readingPolicy = ({ role, region, source, expiresAt }: RoleCredential, asked?: Asked): Policy => {
  const actions = sourceActions(asked)
  const partition = ROLE_ARN.exec(role.arn)?.[1] ?? 'aws'
  const untilExpiry = { DateLessThan: { 'aws:CurrentTime': iamTime(new Date(expiresAt)) } }
  const service = `s3.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'ListObjects',
        Effect: 'Allow',
        Action: actions.bucket,
        Resource: `arn:${partition}:s3:::${source.bucket}`,
        Condition: untilExpiry,
      },
      {
        Sid: 'ReadObjects',
        Effect: 'Allow',
        Action: actions.objects,
        Resource: `arn:${partition}:s3:::${source.bucket}/*`,
        Condition: untilExpiry,
      },
      {
        Sid: 'DecryptObjects',
        Effect: 'Allow',
        Action: 'kms:Decrypt',
        Resource: '*',
        Condition: { ...untilExpiry, StringEquals: { 'kms:ViaService': service } },
      },
    ],
  }
}

/** Sessions of a source's role, assumed by the reading function itself, kept per run and renewed early. */
export const sourceRoleOf = ({ clients, clock }: AwsContext) => {
  const sessions = sessionCache(clock.now)
  return (credential: RoleCredential, migration: Migration): Promise<Credentials> =>
    sessions.get(JSON.stringify([credential.role, credential.expiresAt, migration.runId]), () =>
      assumeOwnersRole(clients.sts, credential.role, migration.runId, readingPolicy(credential, migration)),
    )
}
