import { IAMClient } from '@aws-sdk/client-iam'
import { SchedulerClient } from '@aws-sdk/client-scheduler'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { STSClient } from '@aws-sdk/client-sts'
import { InvalidRequest } from '../domain/errors'
import { systemClock, type Clock } from './clock'

/** Where a deployed stage stands and what its access is made of. Read at each use: see awsAccessFromEnvironment. */
export interface AwsAccessOptions {
  /** temporary roles live under /drayage/<stage>/, secrets under drayage/<stage>/ */
  stage: string
  /** the stack's account, which in this version also owns the destination */
  account: string
  partition: string
  region: string
  /** managed policy that bounds every temporary role */
  boundaryArn: string
  /** functions' roles that may assume a run's role */
  trustedRoleArns: string[]
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

/** A client is made at its first use: a copier needs one of the four. */
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
    get trustedRoleArns() {
      return read('DRAYAGE_TRUSTED_ROLE_ARNS')
        .split(',')
        .map((arn) => arn.trim())
        .filter((arn) => arn !== '')
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
