import { paginateListSecrets, type SecretListEntry, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { tell } from './aws-call'
import { EXPIRES_TAG, secretName } from './names'

/** A stored credential from outside: what it is called and how old it is, and nothing of what it holds. */
export interface HeldSecret {
  name: string
  /** when it was last written; it is not younger than the key in it */
  since: Date
  /** undefined: it says of itself no time from which it may not be used */
  expiresAt: Date | undefined
}

/** Every secret of a stage that is not being deleted, as the service lists it, with its credential's name. */
export const listSecrets = (client: SecretsManagerClient, stage: string): Promise<{ credential: string; entry: SecretListEntry }[]> => {
  const beginning = secretName(stage, '')
  return tell('secretsmanager:ListSecrets', async () => {
    const found: { credential: string; entry: SecretListEntry }[] = []
    for await (const { SecretList = [] } of paginateListSecrets({ client }, { Filters: [{ Key: 'name', Values: [beginning] }] }))
      for (const entry of SecretList)
        // The service matches beginnings of words and without regard to case.
        if (entry.Name?.startsWith(beginning)) found.push({ credential: entry.Name.slice(beginning.length), entry })
    return found
  })
}

/** The stage's credentials, for the sweep. */
export const secretsOfStage = async (client: SecretsManagerClient, stage: string): Promise<HeldSecret[]> =>
  (await listSecrets(client, stage)).map(({ credential, entry: { CreatedDate, LastChangedDate, Tags = [] } }) => {
    const expires = new Date(Tags.find(({ Key }) => Key === EXPIRES_TAG)?.Value ?? NaN)
    return {
      name: secretName(stage, credential),
      since: LastChangedDate ?? CreatedDate ?? new Date(0),
      expiresAt: Number.isNaN(expires.getTime()) ? undefined : expires,
    }
  })
