import { GetRoleCommand, GetRolePolicyCommand, type IAMClient } from '@aws-sdk/client-iam'
import { AssumeRoleCommand, type STSClient } from '@aws-sdk/client-sts'

/** As much of a policy as is asked about here. */
interface Document {
  Statement: { Effect: string; NotAction?: string[]; Condition?: { StringEquals?: Record<string, string> } }[]
}

/**
 * What moto does not do: it gives a session of any role, also of one that is gone, and lets every session write. This stands in for
 * three rules of IAM and no more, each decided by what moto's own IAM answers: a role that is gone gives no session and its sessions
 * have no rights; a role gives one only under the external id that its trust policy asks for; a session of a role with an
 * unconditional Deny has only what that leaves out.
 */
export interface Guard {
  /** Whether this role gives a session to somebody who names this external id. */
  gives(roleArn: string, externalId: string | undefined): Promise<boolean>
  /** Remembers whose session an access key is. */
  given(roleArn: string, accessKeyId: string): void
  /** Whether the holder of this key may still do this: `s3:PutObject`, … A key that no role gave is nobody's concern here. */
  allows(accessKeyId: string, action: string): Promise<boolean>
  /** An STS that asks and remembers. */
  sts(client: STSClient): STSClient
}

const SUSPENSION = 'drayage-suspend'

export const guardOf = (iam: IAMClient): Guard => {
  const sessions = new Map<string, string>()
  const nameIn = (roleArn: string): string => roleArn.slice(roleArn.lastIndexOf('/') + 1)

  const found = async <T>(asked: Promise<T>): Promise<T | undefined> =>
    asked.catch((error: Error) => {
      if (error.name === 'NoSuchEntityException') return undefined
      throw error
    })

  const gives = async (roleArn: string, externalId: string | undefined): Promise<boolean> => {
    const role = (await found(iam.send(new GetRoleCommand({ RoleName: nameIn(roleArn) }))))?.Role
    if (role === undefined) return false
    const { Statement } = JSON.parse(decodeURIComponent(role.AssumeRolePolicyDocument ?? '{"Statement":[]}')) as Document
    return [Statement].flat().some(({ Condition }) => (Condition?.StringEquals?.['sts:ExternalId'] ?? externalId) === externalId)
  }

  const allows = async (accessKeyId: string, action: string): Promise<boolean> => {
    const role = sessions.get(accessKeyId)
    if (role === undefined) return true
    if ((await found(iam.send(new GetRoleCommand({ RoleName: role })))) === undefined) return false
    const asked = new GetRolePolicyCommand({ RoleName: role, PolicyName: SUSPENSION })
    const policy = (await found(iam.send(asked)))?.PolicyDocument
    if (policy === undefined) return true
    const { Statement } = JSON.parse(decodeURIComponent(policy)) as Document
    return Statement.every(
      ({ Effect, NotAction, Condition }) => Effect !== 'Deny' || Condition !== undefined || NotAction?.includes(action),
    )
  }

  const given = (roleArn: string, accessKeyId: string): void => void sessions.set(accessKeyId, nameIn(roleArn))

  return {
    gives,
    given,
    allows,
    sts: (client) =>
      ({
        destroy: () => client.destroy(),
        send: async (command: object) => {
          if (!(command instanceof AssumeRoleCommand)) return client.send(command as never)
          const { RoleArn = '', ExternalId } = command.input
          if (!(await gives(RoleArn, ExternalId)))
            throw Object.assign(new Error('planted by the guard'), {
              name: 'AccessDenied',
              $metadata: { requestId: 'guard', httpStatusCode: 403 },
            })
          const answer = await client.send(command)
          given(RoleArn, answer.Credentials?.AccessKeyId ?? '')
          return answer
        },
      }) as unknown as STSClient,
  }
}

/** The action of a request to S3 as IAM names it, for what a suspended role is and is not refused. */
export const s3Action = (method: string, url: string): string => {
  const { searchParams, pathname } = new URL(url, 'http://s3')
  const query = (name: string) => searchParams.has(name)
  if (method === 'GET' && query('uploads')) return 's3:ListBucketMultipartUploads'
  if (method === 'GET' && query('uploadId')) return 's3:ListMultipartUploadParts'
  if (method === 'DELETE' && query('uploadId')) return 's3:AbortMultipartUpload'
  if (method === 'PUT' || method === 'POST') return 's3:PutObject'
  if (method === 'DELETE') return 's3:DeleteObject'
  return query('list-type') || pathname.split('/').length <= 2 ? 's3:ListBucket' : 's3:GetObject'
}
