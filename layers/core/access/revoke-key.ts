import {
  DeleteAccessKeyCommand,
  paginateListAccessKeys,
  UpdateAccessKeyCommand,
  type AccessKeyMetadata,
  type IAMClient,
} from '@aws-sdk/client-iam'
import type { Observation } from '../domain/access'
import { errorName } from '../domain/errors'
import { ask, tell } from './aws-call'
import { until, type Clock } from './clock'
import { ROLE_ARN } from './credential'
import { fingerprintOf, type Revocation } from './credential-tags'
import { SETTLE_MS } from './grant-life'
import type { AwsContext } from './options'
import type { Policy } from './policy'
import { assumeOwnersRole } from './session'

const LIST = 'iam:ListAccessKeys'

/** Session policy: of what the revocation role may do, ending access keys of this one user. */
export const revocationPolicy = ({ user, role }: Revocation): Policy => {
  const [, partition = 'aws', account = ''] = ROLE_ARN.exec(role) ?? []
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'EndAccessKeys',
        Effect: 'Allow',
        Action: ['iam:ListAccessKeys', 'iam:UpdateAccessKey', 'iam:DeleteAccessKey'],
        // A user's ARN holds its path, which its name does not say.
        Resource: [`arn:${partition}:iam::${account}:user/${user}`, `arn:${partition}:iam::${account}:user/*/${user}`],
      },
    ],
  }
}

/** The IAM of the source's account, as the revocation role. The caller destroys the client. */
export const revokingClient = async ({ clients }: AwsContext, revocation: Revocation, runId: string): Promise<IAMClient> => {
  const role = { arn: revocation.role, externalId: revocation.externalId }
  return clients.iamAs(await assumeOwnersRole(clients.sts, role, runId, revocationPolicy(revocation)))
}

/**
 * Ends the access key of this fingerprint: inactive first, which a mistake can be taken back from, then deleted; both are observed.
 * Idempotent: a key that the user does not have any more is what was wanted. Never throws: what fails is an open observation, the last.
 */
export const revokeKey = async (client: IAMClient, clock: Clock, { user }: Revocation, fingerprint: string): Promise<Observation[]> => {
  const observations: Observation[] = []
  const observe = (answer: string, closed: boolean): void => {
    observations.push({
      kind: 'access-key',
      name: `${user} (fingerprint ${fingerprint})`,
      call: LIST,
      answer,
      closed,
      at: clock.now().toISOString(),
    })
  }
  const find = (): Promise<AccessKeyMetadata | undefined> =>
    tell(LIST, async () => {
      for await (const { AccessKeyMetadata: keys = [] } of paginateListAccessKeys({ client }, { UserName: user })) {
        const key = keys.find(({ AccessKeyId }) => AccessKeyId !== undefined && fingerprintOf(AccessKeyId) === fingerprint)
        if (key !== undefined) return key
      }
      return undefined
    })

  try {
    const key = await find()
    if (key === undefined) {
      observe('the user has no key of this fingerprint', true)
      return observations
    }
    const of = { UserName: user, AccessKeyId: key.AccessKeyId }
    if (key.Status !== 'Inactive')
      await ask('iam:UpdateAccessKey', ['NoSuchEntity'], () => client.send(new UpdateAccessKeyCommand({ ...of, Status: 'Inactive' })))
    const suspended = await until(clock, SETTLE_MS, find, (found) => found?.Status !== 'Active')
    if (suspended?.Status === 'Active') {
      observe('it is still active', false)
      return observations
    }
    if (suspended !== undefined) observe('Inactive', true)
    await ask('iam:DeleteAccessKey', ['NoSuchEntity'], () => client.send(new DeleteAccessKeyCommand(of)))
    const left = await until(clock, SETTLE_MS, find, (found) => found === undefined)
    if (left === undefined) observe('the user has no key of this fingerprint any more', true)
    else observe(`it still exists, ${left.Status ?? 'in an unknown state'}`, false)
  } catch (error) {
    observe(`${errorName(error)}: ${(error as Error).message}`, false)
  }
  return observations
}
