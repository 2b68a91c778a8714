import { GetSecretValueCommand, type DescribeSecretCommandOutput } from '@aws-sdk/client-secrets-manager'
import type { Access, Credentials, Observation, Reach } from '../domain/access'
import { CleanupIncomplete, CredentialNotForThisMigration, CredentialsRefused, errorName } from '../domain/errors'
import type { Migration } from '../domain/migration'
import { answerOf, ask } from './aws-call'
import { Cache } from './cache'
import { assertWithinBounds, isRoleCredential, parseCredential, type KeyCredential, type StoredCredential } from './credential'
import { readNote } from './credential-note'
import { FINGERPRINT_TAG, keyInWords, revocationOf, tagValue } from './credential-tags'
import { EXPIRES_TAG, isArnOfSecret, secretName } from './names'
import type { AwsContext } from './options'
import { revokeKey, revokingClient } from './revoke-key'
import { secretsOf } from './secrets'
import { sourceRoleOf } from './source-role'

/** How long a warm function uses a secret it has read, in ms: a secret that is deleted stops being used within that time. */
const SECRET_FRESH_MS = 5 * 60 * 1000

/** The source's stored credential: read by those who reach the source, ended by Cleanup, which never reads it. */
export const secretOf = (context: AwsContext): Pick<Access, 'source' | 'checkCredential' | 'credentialTodo' | 'endCredential'> => {
  const { options, clients, clock } = context
  const kept = new Cache<StoredCredential>(clock.now, () => clock.now().getTime() + SECRET_FRESH_MS)
  const secrets = secretsOf(() => clients.secrets, options, clock)
  const roleSession = sourceRoleOf(context)

  const read = async (name: string): Promise<StoredCredential> => {
    const { value, refusal } = await ask('secretsmanager:GetSecretValue', ['ResourceNotFoundException', 'InvalidRequestException'], () =>
      clients.secrets.send(new GetSecretValueCommand({ SecretId: name })),
    )
    if (refusal !== undefined) throw new CredentialsRefused(`secret ${name} cannot be used: ${answerOf(refusal)}`)
    if (!isArnOfSecret(value.ARN ?? '', options, name))
      throw new CredentialsRefused(`secret ${name} is not the one of that name in this account`)
    return parseCredential(name, value.SecretString ?? '')
  }

  const stored = async (name: string, migration: Migration): Promise<StoredCredential> => {
    const credential = await kept.get(`${name} ${migration.runId}`, () => read(name))
    assertWithinBounds(name, credential, migration, clock.now())
    return credential
  }

  const credentialsFor = async (name: string, migration: Migration): Promise<Credentials> => {
    const credential = await stored(name, migration)
    return isRoleCredential(credential) ? roleSession(credential, migration) : keysOf(credential)
  }

  /** The key's end at the source, before that of our copy: without the copy nobody here could say which key it was. */
  const revoke = async (name: string, { Tags }: DescribeSecretCommandOutput, runId: string): Promise<Observation[]> => {
    const open = (answer: string): Observation[] => [
      { kind: 'access-key', name, call: 'iam:ListAccessKeys', answer, closed: false, at: clock.now().toISOString() },
    ]
    const revocation = revocationOf(Tags)
    const fingerprint = tagValue(Tags, FINGERPRINT_TAG)
    if (revocation === undefined || fingerprint === undefined) return open('not revoked: the secret has no tags that say whose key it is')
    try {
      const client = await revokingClient(context, revocation, runId)
      try {
        return await revokeKey(client, clock, revocation, fingerprint)
      } finally {
        client.destroy()
      }
    } catch (error) {
      return open(`not revoked: ${errorName(error)}: ${(error as Error).message}`)
    }
  }

  return {
    async source(migration: Migration): Promise<Reach> {
      const name = nameOf(options.stage, migration)
      if (name === undefined)
        throw new CredentialsRefused('source.credential names no secret, and on AWS a source is reached with nothing else')
      const credential = await stored(name, migration)
      const credentials = () => credentialsFor(name, migration)
      if (isRoleCredential(credential)) return { endpoint: undefined, region: credential.region, credentials }
      return { endpoint: credential.endpoint, region: credential.region, credentials, ca: credential.ca }
    },

    async checkCredential(migration) {
      const name = nameOf(options.stage, migration)
      if (name === undefined) return
      const credential = await stored(name, migration)
      if (!migration.credentials.revokeAtSource) return
      const refuse = (why: string) =>
        new CredentialNotForThisMigration(`secret ${name} is not for this migration: credentials.revokeAtSource is asked for, and ${why}`)
      if (isRoleCredential(credential)) throw refuse('it is a role, which has no key to revoke; leave revokeAtSource out')
      const { value } = await secrets.describe(name)
      if (revocationOf(value?.Tags) === undefined || tagValue(value?.Tags, FINGERPRINT_TAG) === undefined)
        throw refuse('it does not say who revokes its key; put it again with --revoke-user and --revoke-role')
    },

    async credentialTodo(migration) {
      const name = nameOf(options.stage, migration)
      if (name === undefined || migration.credentials.revokeAtSource) return []
      const { value } = await secrets.describe(name)
      return [todoAtSource(migration.source.credential ?? name, value, migration.source.provider)]
    },

    async endCredential(migration, verified) {
      const name = nameOf(options.stage, migration)
      if (name === undefined) return []
      const found = await secrets.describe(name)
      if (found.refusal !== undefined) return [secrets.observe(name, answerOf(found.refusal), true)]
      const { ARN: arn = '' } = found.value
      if (!secrets.isOurs(arn, name)) throw new CleanupIncomplete(`secret ${name} was left alone: its ARN is not ours`)
      const reason = reasonToKeep(migration, verified)
      if (reason !== undefined) return [secrets.observe(name, `kept until ${expiryOf(found.value)}: ${reason}`, true)]
      const revoked = migration.credentials.revokeAtSource ? await revoke(name, found.value, migration.runId) : []
      if (revoked.some(({ closed }) => !closed)) return revoked
      return [...revoked, await secrets.remove(name, arn)]
    },
  }
}

const nameOf = (stage: string, { source }: Migration): string | undefined =>
  source.credential === null ? undefined : secretName(stage, source.credential)

const keysOf = ({ accessKeyId, secretAccessKey, sessionToken, expiresAt }: KeyCredential): Credentials => ({
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

const expiryOf = ({ Tags }: DescribeSecretCommandOutput): string => tagValue(Tags, EXPIRES_TAG) ?? 'its own expiry'

const PROVIDER_WORDS: Record<string, string> = { aws: 'AWS', other: "the source's store" }

/** What is left to do at a source once our copy of its credential is gone, in one line that gives nothing of it away. */
export const todoAtSource = (
  credential: string,
  found: Pick<DescribeSecretCommandOutput, 'Tags' | 'Description'> | undefined,
  provider: string,
): string => {
  const note = readNote(found?.Description)
  if (note?.role !== undefined) return `Take the trust away from ${note.role.arn} (credential ${credential}) once no run needs it any more.`
  const key = keyInWords(found?.Tags)
  const place = note?.provider ?? provider
  const where = PROVIDER_WORDS[place] ?? place
  if (key === undefined)
    return `Revoke the key of the credential ${credential} at ${where} once no run needs it: the end of our copy does not revoke it.`
  return `Revoke key ${key} at ${where} (credential ${credential}) once no run needs it: the end of our copy does not revoke it.`
}
