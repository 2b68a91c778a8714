import type { Credentials, Reach } from '../domain/access'
import { AccessDenied, CredentialsRefused } from '../domain/errors'
import type { Migration } from '../domain/migration'
import { assumeRole } from './assume'
import { answerOf } from './aws-call'
import { Cache } from './cache'
import type { Use } from './names'
import type { AwsContext } from './options'

/** A session is replaced this many ms before its end: no request that was signed with it can still be on its way by then. */
const RENEW_MS = 5 * 60 * 1000

/** Sessions of the runs' roles, kept per run and use. */
export const sessionsOf = (context: AwsContext) => {
  const { clock } = context
  const sessions = new Cache<Credentials>(clock.now, ({ expiration }) => (expiration?.getTime() ?? 0) - RENEW_MS)

  const assume = async (runId: string, use: Use): Promise<Credentials> => {
    const { value, refusal } = await assumeRole(context, runId, use)
    if (refusal !== undefined) throw new AccessDenied(`sts:AssumeRole: ${answerOf(refusal)}`)
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = value.Credentials ?? {}
    if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration)
      throw new CredentialsRefused('sts:AssumeRole answered without credentials')
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken, expiration: Expiration }
  }

  return {
    async destination({ runId, destination }: Migration, side: 'write' | 'read'): Promise<Reach> {
      const use = side === 'write' ? 'write' : 'verify'
      const credentials = () => sessions.get(`${use} ${runId}`, () => assume(runId, use))
      return { endpoint: undefined, region: destination.region, credentials }
    },
  }
}
