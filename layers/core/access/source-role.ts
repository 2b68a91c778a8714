import type { Credentials } from '../domain/access'
import { ROLE_ARN, type RoleCredential } from './credential'
import type { AwsContext } from './options'
import { iamTime, type Policy } from './policy'
import { assumeOwnersRole, sessionCache } from './session'

/**
 * Session policy: of what the source's role may do, reading objects of the credential's one bucket until the credential expires.
 * Prefixes stay out of it: a session policy takes 2,048 characters, and none beyond Latin-1 (STS API reference, AssumeRole).
 */
export const readingPolicy = ({ role, region, source, expiresAt }: RoleCredential): Policy => {
  const partition = ROLE_ARN.exec(role.arn)?.[1] ?? 'aws'
  const untilExpiry = { DateLessThan: { 'aws:CurrentTime': iamTime(new Date(expiresAt)) } }
  const service = `s3.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'ListObjects',
        Effect: 'Allow',
        Action: 's3:ListBucket',
        Resource: `arn:${partition}:s3:::${source.bucket}`,
        Condition: untilExpiry,
      },
      {
        Sid: 'ReadObjects',
        Effect: 'Allow',
        Action: 's3:GetObject',
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
  return (credential: RoleCredential, runId: string): Promise<Credentials> =>
    sessions.get(JSON.stringify([credential.role, credential.expiresAt, runId]), () =>
      assumeOwnersRole(clients.sts, credential.role, runId, readingPolicy(credential)),
    )
}
