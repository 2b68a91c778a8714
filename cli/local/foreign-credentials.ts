import { CredentialsRefused, type CredentialProvider, type Place } from '@drayage/core'

export type Side = 'source' | 'destination'

export interface ForeignCredentials {
  provider: CredentialProvider
  /** where they come from, in words for the report; never the credentials */
  from: string
}

/**
 * The operator's own credentials for one side: the profile that the request names; else that side's own environment variables;
 * else, only for Amazon S3, the AWS default chain. Never the other side's: a source's keys must not reach a destination.
 * Throws CredentialsRefused, which names the field, when there are none.
 */
export const foreignCredentials = (side: Side, place: Place, env: NodeJS.ProcessEnv = process.env): ForeignCredentials => {
  const name = `DRAYAGE_${side.toUpperCase()}`
  const accessKeyId = env[`${name}_ACCESS_KEY_ID`]
  const secretAccessKey = env[`${name}_SECRET_ACCESS_KEY`]
  const sessionToken = env[`${name}_SESSION_TOKEN`]
  if (place.profile !== null) return { provider: fromProfile(side, place.profile), from: `the AWS profile ${place.profile}` }
  if (accessKeyId && secretAccessKey) {
    const credentials = { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }
    return { provider: async () => credentials, from: `the environment (${name}_ACCESS_KEY_ID)` }
  }
  if (accessKeyId || secretAccessKey) {
    const missing = accessKeyId ? 'SECRET_ACCESS_KEY' : 'ACCESS_KEY_ID'
    throw new CredentialsRefused(
      `${side}.profile: no credentials: ${name}_${missing} is not set; set it, or name an AWS profile in ${side}.profile`,
    )
  }
  if (place.endpoint === null) return { provider: fromDefaultChain(side, name), from: 'the AWS default credential chain' }
  throw new CredentialsRefused(
    `${side}.profile: no credentials for ${place.endpoint}; set ${name}_ACCESS_KEY_ID and ${name}_SECRET_ACCESS_KEY, or name an AWS profile in ${side}.profile`,
  )
}

const fromProfile = (side: Side, profile: string): CredentialProvider =>
  once(async () => {
    const { fromIni } = await import('@aws-sdk/credential-providers')
    return fromIni({ profile })
  }, `${side}.profile: the AWS profile ${profile} gives no credentials; mend it in ~/.aws, or name another`)

const fromDefaultChain = (side: Side, name: string): CredentialProvider =>
  once(async () => {
    const { fromNodeProviderChain } = await import('@aws-sdk/credential-providers')
    return fromNodeProviderChain()
  }, `${side}.profile: no AWS credentials found; name an AWS profile in ${side}.profile, or set ${name}_ACCESS_KEY_ID and ${name}_SECRET_ACCESS_KEY`)

/** The provider packages take 100 ms to load: only who needs them does. The chain itself renews what expires. */
const once = (load: () => Promise<CredentialProvider>, refusal: string): CredentialProvider => {
  let loaded: Promise<CredentialProvider> | undefined
  return async () => {
    try {
      return await (
        await (loaded ??= load())
      )()
    } catch (error) {
      throw new CredentialsRefused(refusal, { cause: error })
    }
  }
}
