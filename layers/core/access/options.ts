import { IAMClient } from '@aws-sdk/client-iam'
import { SchedulerClient } from '@aws-sdk/client-scheduler'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { STSClient } from '@aws-sdk/client-sts'
import type { Credentials } from '../domain/access'
import { InvalidRequest } from '../domain/errors'
import { systemClock, type Clock } from './clock'

/** Where a deployed stage stands and what its access is made of. Read at each use: see awsAccessFromEnvironment. */
export interface AwsAccessOptions {
  /** temporary roles live under /drayage/<stage>/, secrets under drayage/<stage>/ */
  stage: string
  /** the stack's account, which owns the destination unless the request names another */
  account: string
  partition: string
  region: string
  /** managed policy that bounds every temporary role */
  boundaryArn: string
  /** functions' roles that may assume a run's write role */
  writeRoleTrusts: string[]
  /** functions' roles that may assume a run's verify role */
  verifyRoleTrusts: string[]
  /** whether a run over all versions may put delete markers; the boundary says the same */
  deleteMarkers: boolean
  scheduleGroup: string
  /** role with which the scheduler calls `cleanup` */
  deadManRoleArn: string
  cleanupFunctionArn: string
  clients?: Partial<AwsClients> | undefined
  now?: (() => Date) | undefined
  /** pauses between two questions to an eventually consistent service, ms */
  sleep?: ((ms: number) => Promise<void>) | undefined
}

export interface AwsClients {
  iam: IAMClient
  scheduler: SchedulerClient
  secrets: SecretsManagerClient
  sts: STSClient
  /** IAM with other credentials than the function's own: those of a session in the source's account. Who asks ends the client. */
  iamAs(credentials: Credentials): IAMClient
}

/** What every part of the AWS access works with. */
export interface AwsContext {
  options: AwsAccessOptions
  clients: AwsClients
  clock: Clock
}

export const contextOf = (options: AwsAccessOptions): AwsContext => ({
  options,
  clients: lazyClients(options),
  clock: { now: options.now ?? systemClock.now, sleep: options.sleep ?? systemClock.sleep },
})

/** A client is made at its first use: a copier needs one of them. */
const lazyClients = (options: AwsAccessOptions): AwsClients => {
  const made: Partial<AwsClients> = { ...options.clients }
  // Without limits of its own an SDK call waits for ever on a connection that went quiet.
  const settings = () => ({ region: options.region, maxAttempts: 5, requestHandler: { connectionTimeout: 5_000, requestTimeout: 20_000 } })
  return {
    get iam() {
      return (made.iam ??= new IAMClient(settings()))
    },
    get scheduler() {
      return (made.scheduler ??= new SchedulerClient(settings()))
    },
    get secrets() {
      return (made.secrets ??= new SecretsManagerClient(settings()))
    },
    get sts() {
      return (made.sts ??= new STSClient(settings()))
    },
    iamAs:
      made.iamAs ??
      (({ accessKeyId, secretAccessKey, sessionToken }) =>
        new IAMClient({ ...settings(), credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) } })),
  }
}

/**
 * The options a deployed function finds in its environment. Each is read when it is used, so that a copier, which assumes the
 * run's role and no more, needs no schedule group. Reading one that is not set throws InvalidRequest with its name.
 */
export const awsAccessFromEnvironment = (env: NodeJS.ProcessEnv): AwsAccessOptions => {
  const read = (name: string): string => {
    const value = env[name]
    if (value === undefined || value === '')
      throw new InvalidRequest([`environment variable ${name} is not set: deploy the function with it`])
    return value
  }
  const list = (name: string): string[] =>
    read(name)
      .split(',')
      .map((arn) => arn.trim())
      .filter((arn) => arn !== '')
  return {
    get stage() {
      return read('DRAYAGE_STAGE')
    },
    get account() {
      return read('DRAYAGE_ACCOUNT')
    },
    get partition() {
      return read('DRAYAGE_PARTITION')
    },
    get region() {
      return read('AWS_REGION')
    },
    get boundaryArn() {
      return read('DRAYAGE_BOUNDARY_ARN')
    },
    get writeRoleTrusts() {
      return list('DRAYAGE_WRITE_ROLE_TRUSTS')
    },
    get verifyRoleTrusts() {
      return list('DRAYAGE_VERIFY_ROLE_TRUSTS')
    },
    get deleteMarkers() {
      return read('DRAYAGE_DELETE_MARKERS') === 'true'
    },
    get scheduleGroup() {
      return read('DRAYAGE_SCHEDULE_GROUP')
    },
    get deadManRoleArn() {
      return read('DRAYAGE_DEAD_MAN_ROLE_ARN')
    },
    get cleanupFunctionArn() {
      return read('DRAYAGE_CLEANUP_FUNCTION_ARN')
    },
  }
}
