import { AssumeRoleCommand, type AssumeRoleCommandOutput } from '@aws-sdk/client-sts'
import { ask, type Reply } from './aws-call'
import { roleArn, useName, type Use } from './names'
import type { AwsContext } from './options'
import { SESSION_SECONDS } from './session'

/**
 * A new session of a run's role, under the external id that its trust asks for: the run's own. AccessDenied is a refusal: STS
 * answers it for a role that is gone as for one that trusts somebody else.
 */
export const assumeRole = ({ options, clients }: AwsContext, runId: string, use: Use): Promise<Reply<AssumeRoleCommandOutput>> =>
  ask('sts:AssumeRole', ['AccessDenied'], () =>
    clients.sts.send(
      new AssumeRoleCommand({
        RoleArn: roleArn(options, runId, use),
        RoleSessionName: useName(runId, use),
        ExternalId: runId,
        DurationSeconds: SESSION_SECONDS,
      }),
    ),
  )
