import { KMSClient } from '@aws-sdk/client-kms'
import { LambdaClient, InvokeCommand } from '@aws-sdk/client-lambda'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SFNClient } from '@aws-sdk/client-sfn'
import { SQSClient } from '@aws-sdk/client-sqs'
import { fromNodeProviderChain } from '@aws-sdk/credential-providers'
import { awsAccess, awsAccessFromEnvironment, awsExecutions, kmsSigner, secretsOfStage, sqsDeadLetters } from '../access/index'
import { InvalidRequest, StoreUnavailable } from '../domain/errors'
import type { Migration } from '../domain/migration'
import { destinationProvider } from '../domain/request'
import { s3Store } from '../stores/index'
import { learnCredentials, learning } from './known-values'
import { logTo } from './log'
import { emfMetrics } from './metrics'
import type { Services } from './services'
import { assertTlsIsChecked } from './tls-is-checked'

/** Objects under way at once in one function call: one vCPU is busy with about this many (reference measurements: 2 cores, 16 to 32). */
const CONCURRENCY = 32

const variable = (name: string): string => {
  const value = process.env[name]
  if (!value) throw new InvalidRequest([`environment variable ${name} is not set: deploy the function with it`])
  return value
}

type Side = 'source' | 'write' | 'read'

/**
 * The stores of the last run that this environment worked for: calls share their connections, and another run's calls close
 * them. What a store signs with comes from its Reach at each request, so an ended credential ends here too.
 */
const keptStores = () => {
  let owner: string | undefined
  let stores = new Map<Side, ReturnType<typeof s3Store>>()
  return async (runId: string, side: Side, make: () => Promise<ReturnType<typeof s3Store>>) => {
    if (owner !== runId) {
      const old = stores
      owner = runId
      stores = new Map()
      await Promise.all([...old.values()].map((store) => store.close()))
    }
    const store = stores.get(side) ?? (await make())
    stores.set(side, store)
    return store
  }
}

const makeServices = (): Services => {
  assertTlsIsChecked(process.env)
  learnCredentials({
    accessKeyId: process.env['AWS_ACCESS_KEY_ID'],
    secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'],
    sessionToken: process.env['AWS_SESSION_TOKEN'],
  })
  const region = variable('AWS_REGION')
  const options = awsAccessFromEnvironment(process.env)
  const access = awsAccess(options)
  const executions = awsExecutions(new SFNClient({ region }))
  const lambdas = new LambdaClient({ region })
  const kept = keptStores()
  const own = learning({ endpoint: undefined, region, credentials: fromNodeProviderChain() })
  const destination = (migration: Migration, use: 'write' | 'read') =>
    kept(migration.runId, use, async () =>
      s3Store({
        bucket: migration.destination.bucket,
        reach: learning(await access.destination(migration, use)),
        provider: destinationProvider(migration),
        expectedOwner: migration.destination.account ?? undefined,
      }),
    )
  return {
    runtime: 'aws',
    stage: {
      account: options.account,
      vpc: process.env.DRAYAGE_VPC === 'true',
      allowedRegions: (process.env.DRAYAGE_ALLOWED_REGIONS ?? '').split(',').filter((name) => name !== ''),
      deleteMarkers: process.env['DRAYAGE_DELETE_MARKERS'] === 'true',
    },
    state: s3Store({
      bucket: variable('DRAYAGE_STATE_BUCKET'),
      reach: own,
      provider: 'aws',
      expectedOwner: options.account,
      ownNames: true,
    }),
    source: (migration) =>
      kept(migration.runId, 'source', async () =>
        s3Store({
          bucket: migration.source.bucket,
          reach: learning(await access.source(migration)),
          provider: migration.source.provider,
          addresses: process.env['DRAYAGE_VPC'] === 'true' ? 'vpc' : 'public',
        }),
      ),
    destination,
    settings: async (migration, call) => (await destination(migration, 'read')).settings(call),
    access,
    signer: kmsSigner(
      () => new KMSClient({ region }),
      () => variable('DRAYAGE_CERTIFICATE_KEY_ARN'),
    ),
    executions,
    deadLetters: sqsDeadLetters(
      () => new SQSClient({ region }),
      () => variable('DRAYAGE_DEAD_LETTER_QUEUE_URL'),
    ),
    callCleanup: async (runId) => {
      const Payload = JSON.stringify({ migration: { runId } })
      const { StatusCode } = await lambdas.send(
        new InvokeCommand({ FunctionName: options.cleanupFunctionArn, InvocationType: 'Event', Payload }),
      )
      if (StatusCode !== 202) throw new StoreUnavailable(`cleanup could not be called: status ${StatusCode}`)
    },
    heldSecrets: () => secretsOfStage(new SecretsManagerClient({ region }), options.stage),
    bundleSha256: process.env.DRAYAGE_BUNDLE_SHA256 ?? null,
    logger: logTo((line) => void process.stdout.write(`${line}\n`)),
    metrics: emfMetrics(options.stage),
    now: () => new Date(),
    concurrency: CONCURRENCY,
    heard: () => undefined,
  }
}

let made: Services | undefined

/** The services of a deployed function, made at the first call and kept by the environment. */
export const awsServices = (): Services => (made ??= makeServices())
