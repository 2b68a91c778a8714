import { paginateListSecrets, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
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

/** Every credential of a stage that is not being deleted, for the sweep. */
export const secretsOfStage = (client: SecretsManagerClient, stage: string): Promise<HeldSecret[]> => {
  const beginning = secretName(stage, '')
  return tell('secretsmanager:ListSecrets', async () => {
    const found: HeldSecret[] = []
    for await (const { SecretList = [] } of paginateListSecrets({ client }, { Filters: [{ Key: 'name', Values: [beginning] }] }))
      for (const { Name: name = '', CreatedDate, LastChangedDate, Tags = [] } of SecretList) {
        // The service matches beginnings of words and without regard to case.
        if (!name.startsWith(beginning)) continue
        const expires = new Date(Tags.find(({ Key }) => Key === EXPIRES_TAG)?.Value ?? NaN)
        const since = LastChangedDate ?? CreatedDate ?? new Date(0)
        found.push({ name, since, expiresAt: Number.isNaN(expires.getTime()) ? undefined : expires })
      }
    return found
  })
}
