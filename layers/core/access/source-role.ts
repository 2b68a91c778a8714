import { AssumeRoleCommand } from '@aws-sdk/client-sts'
import type { Credentials } from '../domain/access'
import { CredentialsRefused } from '../domain/errors'
import { tell } from './aws-call'
import { Cache } from './cache'
import { ROLE_ARN, type RoleCredential } from './credential'
import { resourceName } from './names'
import type { AwsContext } from './options'
import { iamTime, type Policy } from './policy'

/** Shortest session STS gives, in seconds. */
const SESSION_SECONDS = 900
/** A session is replaced this many ms before its end: no request that was signed with it can still be on its way by then. */
const RENEW_MS = 5 * 60 * 1000

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
  const sessions = new Cache<Credentials>(clock.now, ({ expiration }) => (expiration?.getTime() ?? 0) - RENEW_MS)

  const assume = async (credential: RoleCredential, runId: string): Promise<Credentials> => {
    const { Credentials: given } = await tell('sts:AssumeRole', () =>
      clients.sts.send(
        new AssumeRoleCommand({
          RoleArn: credential.role.arn,
          RoleSessionName: resourceName(runId),
          ExternalId: credential.role.externalId,
          DurationSeconds: SESSION_SECONDS,
          Policy: JSON.stringify(readingPolicy(credential)),
        }),
      ),
    )
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = given ?? {}
    if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration)
      throw new CredentialsRefused('sts:AssumeRole answered without credentials')
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken, expiration: Expiration }
  }

  return (credential: RoleCredential, runId: string): Promise<Credentials> =>
    sessions.get(JSON.stringify([credential.role, credential.expiresAt, runId]), () => assume(credential, runId))
}
