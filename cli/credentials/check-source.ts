import { STSClient, GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import { AccessDenied, CredentialsRefused, DrayageError, EndpointUnreachable, NoSuchBucket, s3Store } from '@drayage/core'
import { tell } from '../../layers/core/access/aws-call'
import { ROLE_ARN } from '../../layers/core/access/credential'
import type { ProviderName } from '../../layers/core/domain/providers'
import { withRetries } from '../../layers/core/transfer/retries'
import type { PutPlan } from './plan'
import type { SourceKeys } from './read-keys'

export interface SourceCheck {
  /** whether there is any key below the prefix */
  found: boolean
  /** each names the option and what to do */
  problems: string[]
}

/** Tries the keys at the source: lists one key of the bucket and prefix, and, where keys are to be revoked, asks AWS whose they are. */
export const checkSource = async (plan: PutPlan, keys: SourceKeys, signal: AbortSignal): Promise<SourceCheck> => {
  const { use, endpoint, provider, ca } = plan
  const store = s3Store({
    bucket: use.source.bucket,
    reach: { endpoint, region: use.region, credentials: async () => keys, ca },
    provider: provider as ProviderName,
  })
  try {
    const found = await withRetries(async () => {
      for await (const page of store.list({ prefix: Buffer.from(use.source.prefix), pageSize: 1 }, { signal }))
        if (page.length > 0) return true
      return false
    }, signal)
    return { found, problems: plan.revoke === undefined ? [] : await ownerProblems(plan.revoke, use.region, keys) }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof DrayageError)) throw error
    return { found: false, problems: [sourceProblem(plan, error)] }
  } finally {
    await store.close()
  }
}

const sourceProblem = ({ use, ca }: PutPlan, error: DrayageError): string => {
  if (error instanceof NoSuchBucket)
    return `--source-bucket: the source has no bucket ${use.source.bucket}; correct the name, or --endpoint and --source-region`
  if (error instanceof EndpointUnreachable) {
    const remedy = ca === undefined ? ', or name its certificate authority with --ca' : ''
    return `--endpoint: the source cannot be reached (${error.message}); correct the address${remedy}`
  }
  if (error instanceof CredentialsRefused)
    return `standard input: the source refuses the keys (${error.message}); check them, and this machine's clock`
  if (error instanceof AccessDenied)
    return `--source-bucket: the keys may not list ${use.source.bucket} below --source-prefix; grant them s3:ListBucket and s3:GetObject there`
  return `--endpoint: the source does not answer as S3 (${error.message}); check the address and --provider`
}

/** A key of another user than the tags say could never be found by who revokes it. */
const ownerProblems = async ({ user, role }: NonNullable<PutPlan['revoke']>, region: string, keys: SourceKeys): Promise<string[]> => {
  if (keys.sessionToken !== undefined) return ['--revoke-user: keys with a session token end by themselves; leave it out']
  const sts = new STSClient({
    region,
    credentials: { accessKeyId: keys.accessKeyId, secretAccessKey: keys.secretAccessKey },
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 20_000 },
  })
  try {
    const { Arn = '' } = await tell('sts:GetCallerIdentity', () => sts.send(new GetCallerIdentityCommand({})))
    const account = ROLE_ARN.exec(role)?.[2]
    const problems: string[] = []
    if (!/:user\//.test(Arn) || Arn.slice(Arn.lastIndexOf('/') + 1) !== user)
      problems.push(`--revoke-user: the keys are of ${Arn}; name that user`)
    if (Arn.split(':')[4] !== account) problems.push(`--revoke-role: is of another account than the keys (${Arn}); name a role there`)
    return problems
  } finally {
    sts.destroy()
  }
}
