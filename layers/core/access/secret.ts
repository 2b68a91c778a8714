import {
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  type DescribeSecretCommandOutput,
} from '@aws-sdk/client-secrets-manager'
import type { Credentials, Observation, Reach } from '../domain/access'
import { CleanupIncomplete, CredentialsRefused } from '../domain/errors'
import type { Migration } from '../domain/migration'
import { answerOf, ask, type Reply } from './aws-call'
import { Cache } from './cache'
import { until } from './clock'
import { assertWithinBounds, parseCredential, type StoredCredential } from './credential'
import { EXPIRES_TAG, isArnOfSecret, secretName } from './names'
import type { AwsContext } from './options'

/** How long a warm function uses a secret it has read, in ms: a secret that is deleted stops being used within that time. */
const SECRET_FRESH_MS = 5 * 60 * 1000
/** Longest wait for a deleted secret to be gone, in ms: Secrets Manager deletes in the background. */
const DELETED_MS = 30_000

const GONE = ['ResourceNotFoundException']
const DESCRIBE = 'secretsmanager:DescribeSecret'

/** The source's stored credential: read by those who reach the source, ended by Cleanup, which never reads it. */
export const secretOf = (context: AwsContext) => {
  const { options, clients, clock } = context
  const secrets = new Cache<StoredCredential>(clock.now, () => clock.now().getTime() + SECRET_FRESH_MS)

  const read = async (name: string): Promise<StoredCredential> => {
    const { value, refusal } = await ask('secretsmanager:GetSecretValue', [...GONE, 'InvalidRequestException'], () =>
      clients.secrets.send(new GetSecretValueCommand({ SecretId: name })),
    )
    if (refusal !== undefined) throw new CredentialsRefused(`secret ${name} cannot be used: ${answerOf(refusal)}`)
    if (!isArnOfSecret(value.ARN ?? '', options, name))
      throw new CredentialsRefused(`secret ${name} is not the one of that name in this account`)
    return parseCredential(name, value.SecretString ?? '')
  }

  const stored = async (name: string, migration: Migration): Promise<StoredCredential> => {
    const credential = await secrets.get(`${name} ${migration.runId}`, () => read(name))
    assertWithinBounds(name, credential, migration, clock.now())
    return credential
  }

  const describe = (id: string) => ask(DESCRIBE, GONE, () => clients.secrets.send(new DescribeSecretCommand({ SecretId: id })))
  const observe = (name: string, answer: string, closed: boolean): Observation[] => [
    { kind: 'secret', name, call: DESCRIBE, answer, closed, at: clock.now().toISOString() },
  ]

  return {
    async source(migration: Migration): Promise<Reach> {
      const name = nameOf(options.stage, migration)
      if (name === undefined)
        throw new CredentialsRefused('source.credential names no secret, and on AWS a source is reached with nothing else')
      const { endpoint, region } = await stored(name, migration)
      return { endpoint, region, credentials: async () => credentialsOf(await stored(name, migration)) }
    },

    async endCredential(migration: Migration, verified: boolean): Promise<Observation[]> {
      const name = nameOf(options.stage, migration)
      if (name === undefined) return []
      const found = await describe(name)
      if (found.refusal !== undefined) return observe(name, answerOf(found.refusal), true)
      const { ARN: arn = '' } = found.value
      if (!isArnOfSecret(arn, options, name)) throw new CleanupIncomplete(`secret ${name} was left alone: its ARN is not ours`)
      const reason = reasonToKeep(migration, verified)
      if (reason !== undefined) return observe(name, `kept until ${expiryOf(found.value)}: ${reason}`, true)
      // By its ARN, which ends at random: forced deletion of a name that does not exist answers success.
      await ask('secretsmanager:DeleteSecret', GONE, () =>
        clients.secrets.send(new DeleteSecretCommand({ SecretId: arn, ForceDeleteWithoutRecovery: true })),
      )
      const { value, refusal } = await until(
        clock,
        DELETED_MS,
        () => describe(arn),
        (reply: Reply<unknown>) => reply.refusal !== undefined,
      )
      if (refusal !== undefined) return observe(name, answerOf(refusal), true)
      return observe(name, value.DeletedDate ? `deletion under way since ${value.DeletedDate.toISOString()}` : 'it still exists', false)
    },
  }
}

const nameOf = (stage: string, { source }: Migration): string | undefined =>
  source.credential === null ? undefined : secretName(stage, source.credential)

const credentialsOf = ({ accessKeyId, secretAccessKey, sessionToken, expiresAt }: StoredCredential): Credentials => ({
  accessKeyId,
  secretAccessKey,
  sessionToken,
  expiration: new Date(expiresAt),
})

/** Why a run leaves its secret where it is; undefined: it ends it. */
const reasonToKeep = ({ credentials }: Migration, verified: boolean): string | undefined => {
  if (credentials.after === 'always') return undefined
  if (credentials.after === 'expiry') return 'credentials.after is expiry'
  return verified ? undefined : 'credentials.after is verified and the run is not verified'
}

const expiryOf = ({ Tags }: DescribeSecretCommandOutput): string => Tags?.find(({ Key }) => Key === EXPIRES_TAG)?.Value ?? 'its own expiry'
