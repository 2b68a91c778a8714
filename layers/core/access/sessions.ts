import type { Credentials, Reach } from '../domain/access'
import { AccessDenied } from '../domain/errors'
import type { Migration } from '../domain/migration'
import { assumeRole } from './assume'
import { answerOf } from './aws-call'
import type { Use } from './names'
import type { AwsContext } from './options'
import { sessionCache, sessionOf } from './session'

/** Sessions of the runs' roles, kept per run and use. */
export const sessionsOf = (context: AwsContext) => {
  const sessions = sessionCache(context.clock.now)

  const assume = async (runId: string, use: Use): Promise<Credentials> => {
    const { value, refusal } = await assumeRole(context, runId, use)
    if (refusal !== undefined) throw new AccessDenied(`sts:AssumeRole: ${answerOf(refusal)}`)
    return sessionOf(value)
  }

  return {
    async destination({ runId, destination }: Migration, side: 'write' | 'read'): Promise<Reach> {
      const use = side === 'write' ? 'write' : 'verify'
      const credentials = () => sessions.get(`${use} ${runId}`, () => assume(runId, use))
      return { endpoint: undefined, region: destination.region, credentials }
    },
  }
}
