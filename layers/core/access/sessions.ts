import { AssumeRoleCommand } from '@aws-sdk/client-sts'
import type { Credentials, Reach } from '../domain/access'
import { CredentialsRefused } from '../domain/errors'
import type { Migration } from '../domain/migration'
import { tell } from './aws-call'
import { Cache } from './cache'
import { resourceName, roleArn } from './names'
import type { AwsContext } from './options'
import { listOnlyPolicy } from './role-policy'

/** Shortest session STS gives, in seconds. */
export const SESSION_SECONDS = 900
/** A session is replaced this many ms before its end: no request that was signed with it can still be on its way by then. */
const RENEW_MS = 5 * 60 * 1000

/** Sessions of the runs' roles, kept per run and use. */
export const sessionsOf = (context: AwsContext) => {
  const { options, clients, clock } = context
  const sessions = new Cache<Credentials>(clock.now, ({ expiration }) => (expiration?.getTime() ?? 0) - RENEW_MS)

  const assume = async ({ runId, destination }: Migration, use: 'write' | 'read'): Promise<Credentials> => {
    const { Credentials: given } = await tell('sts:AssumeRole', () =>
      clients.sts.send(
        new AssumeRoleCommand({
          RoleArn: roleArn(options, runId),
          RoleSessionName: resourceName(runId),
          DurationSeconds: SESSION_SECONDS,
          ...(use === 'read' && { Policy: JSON.stringify(listOnlyPolicy({ partition: options.partition, bucket: destination.bucket })) }),
        }),
      ),
    )
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = given ?? {}
    if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration)
      throw new CredentialsRefused('sts:AssumeRole answered without credentials')
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken, expiration: Expiration }
  }

  return {
    async destination(migration: Migration, use: 'write' | 'read'): Promise<Reach> {
      const credentials = () => sessions.get(`${use} ${migration.runId}`, () => assume(migration, use))
      return { endpoint: undefined, region: migration.destination.region, credentials }
    },
  }
}
