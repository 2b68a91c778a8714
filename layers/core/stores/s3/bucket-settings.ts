import type { S3Client } from '@aws-sdk/client-s3'
import type { Answer, BucketSettings } from '../../domain/bucket-settings'
import type { Control, Sdk, SdkError } from './control'

type Send = <Result>(use: (client: S3Client, sdk: Sdk, options: { abortSignal: AbortSignal }) => Promise<Result>) => Promise<Result>

/** Codes after which another call, with the same or other credentials, is worth it, or which are about the whole bucket: not one answer's affair. */
const THROWN = new Set([
  ...['ExpiredToken', 'InvalidAccessKeyId', 'InvalidToken', 'NoSuchBucket', 'OperationAborted', 'RequestTimeTooSkewed', 'RequestTimeout'],
  ...['SignatureDoesNotMatch', 'SlowDown', 'Throttling', 'ThrottlingException', 'TokenRefreshRequired', 'TooManyRequests'],
])

const codeOf = ({ name }: SdkError): string | undefined =>
  typeof name === 'string' && /^[A-Za-z0-9.]{1,64}$/.test(name) ? name : undefined

/** Whether a refusal is this question's answer. 501 is: the store will never know it. */
const isAnswer = ({ $metadata, ...error }: SdkError): boolean => {
  const status = $metadata?.httpStatusCode
  if (status === undefined || THROWN.has(codeOf(error) ?? '')) return false
  return status < 500 ? status !== 429 : status === 501
}

/** One question. `absent`: what the store's codes for "not configured" mean. A reply that `read` makes nothing of is no answer. */
const question = async <T>(
  operation: string,
  absent: Readonly<Record<string, T>>,
  send: () => Promise<T | undefined>,
): Promise<Answer<T>> => {
  try {
    const value = await send()
    return value === undefined ? { unknown: `${operation} was answered with something else` } : { value }
  } catch (thrown) {
    const error = (thrown ?? {}) as SdkError
    if (!isAnswer(error)) throw thrown
    const code = codeOf(error)
    if (code !== undefined && Object.hasOwn(absent, code)) return { value: absent[code] as T }
    const said = `${operation} was answered ${error.$metadata?.httpStatusCode}${code === undefined ? '' : ` ${code}`}`
    return code === undefined ? { unknown: said } : { unknown: said, code }
  }
}

/** The region in a redirect: the request went to another one. */
const regionOfRedirect = (thrown: unknown): string | undefined => {
  const { $metadata, $response } = (thrown ?? {}) as SdkError
  const region = $response?.headers?.['x-amz-bucket-region']
  return ($metadata?.httpStatusCode ?? 0) < 500 && region !== undefined && /^[a-z0-9-]{1,40}$/.test(region) ? region : undefined
}

/** GetBucketLocation's two historical names (Amazon S3 API reference). */
const regionName = (constraint: string | undefined): string =>
  constraint === undefined || constraint === '' ? 'us-east-1' : constraint === 'EU' ? 'eu-west-1' : constraint

type Asker = (client: S3Client, sdk: Sdk, options: { abortSignal: AbortSignal }) => Promise<unknown>

const asked = (Bucket: string) => {
  const named = { Bucket }
  return {
    // Not HeadBucket: that needs s3:ListBucket without a condition on the prefix, which a run's role does not have.
    region: (client, sdk, options) =>
      question('GetBucketLocation', {}, async () => {
        try {
          const reply = await client.send(new sdk.GetBucketLocationCommand(named), options)
          return regionName(reply.LocationConstraint)
        } catch (error) {
          const region = regionOfRedirect(error)
          if (region === undefined) throw error
          return region
        }
      }),

    publicAccessBlock: (client, sdk, options) =>
      question(
        'GetPublicAccessBlock',
        {
          NoSuchPublicAccessBlockConfiguration: {
            BlockPublicAcls: false,
            IgnorePublicAcls: false,
            BlockPublicPolicy: false,
            RestrictPublicBuckets: false,
          },
        },
        async () => {
          const { PublicAccessBlockConfiguration: found } = await client.send(new sdk.GetPublicAccessBlockCommand(named), options)
          // another document than the one asked for is read as one without fields
          if (typeof found?.BlockPublicAcls !== 'boolean') return undefined
          return {
            BlockPublicAcls: found.BlockPublicAcls === true,
            IgnorePublicAcls: found.IgnorePublicAcls === true,
            BlockPublicPolicy: found.BlockPublicPolicy === true,
            RestrictPublicBuckets: found.RestrictPublicBuckets === true,
          }
        },
      ),

    publicPolicy: (client, sdk, options) =>
      question(
        'GetBucketPolicyStatus',
        { NoSuchBucketPolicy: false },
        async () => (await client.send(new sdk.GetBucketPolicyStatusCommand(named), options)).PolicyStatus?.IsPublic,
      ),

    policy: (client, sdk, options) =>
      question<string | null>(
        'GetBucketPolicy',
        { NoSuchBucketPolicy: null },
        async () => (await client.send(new sdk.GetBucketPolicyCommand(named), options)).Policy,
      ),

    encryption: (client, sdk, options) =>
      question<{ algorithm: string; key: string | null } | null>(
        'GetBucketEncryption',
        { ServerSideEncryptionConfigurationNotFoundError: null },
        async () => {
          const reply = await client.send(new sdk.GetBucketEncryptionCommand(named), options)
          const byDefault = reply.ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault
          return byDefault?.SSEAlgorithm && { algorithm: byDefault.SSEAlgorithm, key: byDefault.KMSMasterKeyID ?? null }
        },
      ),

    accessLog: (client, sdk, options) =>
      question<string | null>(
        'GetBucketLogging',
        {},
        async () => (await client.send(new sdk.GetBucketLoggingCommand(named), options)).LoggingEnabled?.TargetBucket ?? null,
      ),

    ownership: (client, sdk, options) =>
      question<string>(
        'GetBucketOwnershipControls',
        // Buckets from before April 2023 without the setting: ACLs are on (Amazon S3 user guide, "Controlling ownership of objects").
        { OwnershipControlsNotFoundError: 'ObjectWriter' },
        async () =>
          (await client.send(new sdk.GetBucketOwnershipControlsCommand(named), options)).OwnershipControls?.Rules?.[0]?.ObjectOwnership,
      ),

    replication: (client, sdk, options) =>
      question<string[]>('GetBucketReplication', { ReplicationConfigurationNotFoundError: [] }, async () => {
        const { ReplicationConfiguration: found } = await client.send(new sdk.GetBucketReplicationCommand(named), options)
        return found?.Rules?.filter(({ Status }) => Status !== 'Disabled').map(({ Destination }) => Destination?.Bucket ?? 'a bucket')
      }),

    notifications: (client, sdk, options) =>
      question<string[]>('GetBucketNotificationConfiguration', {}, async () => {
        const found = await client.send(new sdk.GetBucketNotificationConfigurationCommand(named), options)
        return [
          ...(found.TopicConfigurations ?? []).map(({ TopicArn }) => TopicArn ?? 'a topic'),
          ...(found.QueueConfigurations ?? []).map(({ QueueArn }) => QueueArn ?? 'a queue'),
          ...(found.LambdaFunctionConfigurations ?? []).map(({ LambdaFunctionArn }) => LambdaFunctionArn ?? 'a function'),
          ...(found.EventBridgeConfiguration ? ['EventBridge'] : []),
        ]
      }),

    objectLock: (client, sdk, options) =>
      question<'none' | 'no default retention' | 'retention'>(
        'GetObjectLockConfiguration',
        { ObjectLockConfigurationNotFoundError: 'none' },
        async () => {
          const { ObjectLockConfiguration: found } = await client.send(new sdk.GetObjectLockConfigurationCommand(named), options)
          if (found?.ObjectLockEnabled === undefined) return undefined
          if (found.ObjectLockEnabled !== 'Enabled') return 'none'
          return found.Rule?.DefaultRetention ? 'retention' : 'no default retention'
        },
      ),
  } satisfies Record<string, Asker>
}

const versioning = (Bucket: string) => async (client: S3Client, sdk: Sdk, options: { abortSignal: AbortSignal }) => {
  const found = await question('GetBucketVersioning', {}, () => client.send(new sdk.GetBucketVersioningCommand({ Bucket }), options))
  if ('unknown' in found) return { versioning: found, mfaDelete: found }
  const { Status, MFADelete } = found.value
  return { versioning: { value: Status ?? 'never enabled' }, mfaDelete: { value: MFADelete === 'Enabled' } } as const
}

/** Asks all of it at once. `what` names operation and bucket for errors. */
export const readSettings = async (
  control: Control,
  bucket: string,
  what: (operation: string) => string,
  signal: AbortSignal | undefined,
): Promise<BucketSettings> => {
  const send: Send = (use) => control.call(what('settings'), signal, use)
  const ask = asked(bucket)
  const [
    region,
    publicAccessBlock,
    publicPolicy,
    policy,
    encryption,
    versions,
    accessLog,
    ownership,
    replication,
    notifications,
    objectLock,
  ] = await Promise.all([
    send(ask.region),
    send(ask.publicAccessBlock),
    send(ask.publicPolicy),
    send(ask.policy),
    send(ask.encryption),
    send(versioning(bucket)),
    send(ask.accessLog),
    send(ask.ownership),
    send(ask.replication),
    send(ask.notifications),
    send(ask.objectLock),
  ])
  return {
    region,
    publicAccessBlock,
    publicPolicy,
    policy,
    encryption,
    ...versions,
    accessLog,
    ownership,
    replication,
    notifications,
    objectLock,
  }
}
