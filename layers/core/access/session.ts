import { AssumeRoleCommand, type AssumeRoleCommandOutput, type STSClient } from '@aws-sdk/client-sts'
import type { Credentials } from '../domain/access'
import { CredentialsRefused } from '../domain/errors'
import { tell } from './aws-call'
import { Cache } from './cache'
import { resourceName } from './names'
import type { Policy } from './policy'

/** Shortest session STS gives, in seconds. */
export const SESSION_SECONDS = 900

/** A session is replaced this many ms before its end: no request that was signed with it can still be on its way by then. */
const RENEW_MS = 5 * 60 * 1000

/** Sessions that are kept and renewed early. */
export const sessionCache = (now: () => Date): Cache<Credentials> =>
  new Cache(now, ({ expiration }) => (expiration?.getTime() ?? 0) - RENEW_MS)

/** What STS gave. Throws CredentialsRefused for an answer without it. */
export const sessionOf = ({ Credentials: given }: AssumeRoleCommandOutput): Credentials => {
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = given ?? {}
  if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration)
    throw new CredentialsRefused('sts:AssumeRole answered without credentials')
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken, expiration: Expiration }
}

/** A session of a role that is the source owner's, limited by a policy of ours. */
export const assumeOwnersRole = async (
  sts: STSClient,
  { arn, externalId }: { arn: string; externalId: string },
  runId: string,
  policy: Policy,
): Promise<Credentials> =>
  sessionOf(
    await tell('sts:AssumeRole', () =>
      sts.send(
        new AssumeRoleCommand({
          RoleArn: arn,
          RoleSessionName: resourceName(runId),
          ExternalId: externalId,
          DurationSeconds: SESSION_SECONDS,
          Policy: JSON.stringify(policy),
        }),
      ),
    ),
  )
