import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { SecretsManagerClient, type DescribeSecretCommandOutput } from '@aws-sdk/client-secrets-manager'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { CredentialsRefused, InvalidRequest } from '@drayage/core'
import { ask, tell } from '../../layers/core/access/aws-call'
import { systemClock } from '../../layers/core/access/clock'
import { secretName, secretsKeyAlias } from '../../layers/core/access/names'
import type { SecretPlace } from '../../layers/core/access/secret-policy'
import { secretsOf } from '../../layers/core/access/secrets'
import { stageProblems } from './plan'

/** A deployed stage as its operator reaches it: with the AWS SDK's own credentials, which AWS_PROFILE chooses. */
export interface Stage {
  place: SecretPlace
  secrets: ReturnType<typeof secretsOf>
  /** The secret of a credential; undefined: there is none. Throws CredentialsRefused for one whose ARN is not of this stage. */
  find(credential: string): Promise<DescribeSecretCommandOutput | undefined>
  /** ARN of the stage's key for secrets, or what is wrong with it in words that name the option. */
  secretsKey(): Promise<{ arn: string; problem?: undefined } | { arn?: undefined; problem: string }>
}

export interface StageOptions {
  stage: string
  /** undefined: AWS_REGION, or the profile's */
  region: string | undefined
}

const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/

/** Opens a stage for `work`. Throws InvalidRequest when the region or the operator's credentials cannot be had. */
export const withStage = async <T>({ stage, region }: StageOptions, work: (stage: Stage) => Promise<T>): Promise<T> => {
  const problems = stageProblems(stage)
  if (region !== undefined && !REGION.test(region)) problems.push('--region: is no region; write it as in eu-central-1')
  if (problems.length > 0) throw new InvalidRequest(problems)
  const chosen = region ?? process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION']
  const settings = {
    ...(chosen && { region: chosen }),
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 20_000 },
  }
  const sts = new STSClient(settings)
  const kms = new KMSClient(settings)
  const client = new SecretsManagerClient(settings)
  try {
    const place = { stage, ...(await identity(sts)), region: await regionOf(sts) }
    const secrets = secretsOf(() => client, place, systemClock)
    return await work({
      place,
      secrets,
      async find(credential) {
        const name = secretName(stage, credential)
        const { value } = await secrets.describe(name)
        if (value !== undefined && !secrets.isOurs(value.ARN, name))
          throw new CredentialsRefused(`secret ${name} was left alone: its ARN is not of stage ${stage} in this account and region`)
        return value
      },
      secretsKey: () => secretsKey(kms, place),
    })
  } finally {
    for (const one of [sts, kms, client]) one.destroy()
  }
}

const regionOf = async (sts: STSClient): Promise<string> => {
  try {
    return await sts.config.region()
  } catch (error) {
    throw new InvalidRequest(['--region: is missing; name the region of the stage, or set AWS_REGION'], { cause: error })
  }
}

const identity = async (sts: STSClient): Promise<{ account: string; partition: string }> => {
  await regionOf(sts)
  try {
    const { Account = '', Arn = '' } = await tell('sts:GetCallerIdentity', () => sts.send(new GetCallerIdentityCommand({})))
    return { account: Account, partition: Arn.split(':')[1] ?? 'aws' }
  } catch (error) {
    if (!(error instanceof CredentialsRefused)) throw error
    throw new InvalidRequest(
      [`AWS_PROFILE: there are no AWS credentials that work here (${error.message}); name a profile in AWS_PROFILE, or sign in`],
      { cause: error },
    )
  }
}

const secretsKey = async (kms: KMSClient, { stage, region, account }: SecretPlace): Promise<Awaited<ReturnType<Stage['secretsKey']>>> => {
  const alias = secretsKeyAlias(stage)
  const where = `in ${region} of account ${account}`
  const { value } = await ask('kms:DescribeKey', ['NotFoundException'], () => kms.send(new DescribeKeyCommand({ KeyId: alias })))
  const { Arn: arn, KeyManager, Enabled } = value?.KeyMetadata ?? {}
  if (arn === undefined)
    return { problem: `--stage: there is no key ${alias} ${where}; deploy the stage first, or correct --stage or --region` }
  if (KeyManager !== 'CUSTOMER' || Enabled !== true)
    return { problem: `--stage: the key ${alias} ${where} is not an enabled key of your own; deploy the stage again` }
  return { arn }
}
