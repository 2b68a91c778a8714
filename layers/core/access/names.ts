import { createHash } from 'node:crypto'

/** Tags that every temporary role carries: what remove and the sweep trust, together with the path. */
export const RUN_TAG = 'drayage:run'
export const STAGE_TAG = 'drayage:stage'
/** Tag of a secret: ISO 8601, the `expiresAt` inside it, so that Cleanup can name it without reading the secret. */
export const EXPIRES_TAG = 'drayage:expires'

/** Alias of the customer-managed key that a stage's secrets are encrypted under. */
export const secretsKeyAlias = (stage: string): string => `alias/drayage-${stage}-secrets`

/** ARN of the role of a function of the stage, by the function's name in kebab case. */
export const functionRoleArn = (
  { partition, account, stage }: { partition: string; account: string; stage: string },
  name: string,
): string => `arn:${partition}:iam::${account}:role/drayage-${stage}-${name}`

/** Name of what a run creates once, and the beginning of its other names: 28 characters, where IAM takes 64 and a run id may have 80. */
export const resourceName = (runId: string): string => `drayage-${createHash('sha256').update(runId).digest('hex').slice(0, 20)}`

/** What a run's access is for: copiers write, and who verifies reads. */
export const USES = ['write', 'verify'] as const
export type Use = (typeof USES)[number]

/** Name of the role, or on one machine of the key, that a run has for a use. */
export const useName = (runId: string, use: Use): string => `${resourceName(runId)}-${use}`

/** Whether something bears a name that only this run gives. */
export const isNamedBy = (runId: string, name: string): boolean =>
  name === resourceName(runId) || name.startsWith(`${resourceName(runId)}-`)

/** IAM path of a stage's temporary roles. */
export const rolePath = (stage: string): string => `/drayage/${stage}/`

export const roleArn = (place: { partition: string; account: string; stage: string }, runId: string, use: Use): string =>
  `arn:${place.partition}:iam::${place.account}:role${rolePath(place.stage)}${useName(runId, use)}`

/** Name of the secret of a credential, as Secrets Manager knows it. */
export const secretName = (stage: string, credential: string): string => `drayage/${stage}/${credential}`

/** Whether an ARN is the one of the secret of exactly this name: Secrets Manager adds a hyphen and six characters to the name. */
export const isArnOfSecret = (arn: string, place: { partition: string; region: string; account: string }, name: string): boolean => {
  const beginning = `arn:${place.partition}:secretsmanager:${place.region}:${place.account}:secret:${name}-`
  return arn.startsWith(beginning) && /^[A-Za-z0-9]{6}$/.test(arn.slice(beginning.length))
}
