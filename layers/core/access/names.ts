import { createHash } from 'node:crypto'

/** Tags that every temporary role carries: what remove and the sweep trust, together with the path. */
export const RUN_TAG = 'drayage:run'
export const STAGE_TAG = 'drayage:stage'
/** Tag of a secret: ISO 8601, the `expiresAt` inside it, so that Cleanup can name it without reading the secret. */
export const EXPIRES_TAG = 'drayage:expires'

/** Name of a run's role and of its schedule: 28 characters, where IAM takes 64 and a run id may have 80. */
export const resourceName = (runId: string): string => `drayage-${createHash('sha256').update(runId).digest('hex').slice(0, 20)}`

/** IAM path of a stage's temporary roles. */
export const rolePath = (stage: string): string => `/drayage/${stage}/`

export const roleArn = (place: { partition: string; account: string; stage: string }, runId: string): string =>
  `arn:${place.partition}:iam::${place.account}:role${rolePath(place.stage)}${resourceName(runId)}`

/** Name of the secret of a credential, as Secrets Manager knows it. */
export const secretName = (stage: string, credential: string): string => `drayage/${stage}/${credential}`

/** Whether an ARN is the one of the secret of exactly this name: Secrets Manager adds a hyphen and six characters to the name. */
export const isArnOfSecret = (arn: string, place: { partition: string; region: string; account: string }, name: string): boolean => {
  const beginning = `arn:${place.partition}:secretsmanager:${place.region}:${place.account}:secret:${name}-`
  return arn.startsWith(beginning) && /^[A-Za-z0-9]{6}$/.test(arn.slice(beginning.length))
}
