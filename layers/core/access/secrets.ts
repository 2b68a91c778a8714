import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetResourcePolicyCommand,
  PutResourcePolicyCommand,
  type DescribeSecretCommandOutput,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import type { Observation } from '../domain/access'
import { AccessNotOpened, CleanupIncomplete, errorName } from '../domain/errors'
import { answerOf, ask, tell, type Reply } from './aws-call'
import { until, type Clock } from './clock'
import type { SecretTag } from './credential-tags'
import { isArnOfSecret } from './names'
import { samePolicy, type Policy } from './policy'
import type { SecretPlace } from './secret-policy'
import { listSecrets } from './secrets-of-stage'

/** Longest wait for a deleted secret to be gone, and for its name to be free again, in ms: Secrets Manager deletes in the background. */
const DELETED_MS = 30_000

const GONE = ['ResourceNotFoundException']
const DESCRIBE = 'secretsmanager:DescribeSecret'

export interface NewSecret {
  name: string
  text: string
  description: string
  tags: SecretTag[]
  /** ARN of the customer-managed key */
  kmsKey: string
  policy: Policy
}

/** A stage's secrets, without a way to read one. Names are Secrets Manager's own, as `secretName` makes them. */
export const secretsOf = (client: () => SecretsManagerClient, place: SecretPlace, clock: Clock) => {
  const describe = (id: string): Promise<Reply<DescribeSecretCommandOutput>> =>
    ask(DESCRIBE, GONE, () => client().send(new DescribeSecretCommand({ SecretId: id })))

  const isOurs = (arn: string | undefined, name: string): boolean => isArnOfSecret(arn ?? '', place, name)

  const observe = (name: string, answer: string, closed: boolean): Observation => ({
    kind: 'secret',
    name,
    call: DESCRIBE,
    answer,
    closed,
    at: clock.now().toISOString(),
  })

  /** Deletes a secret that was described, and asks until it is gone. By its ARN, which ends at random: forced deletion of a name that does not exist answers success. */
  const remove = async (name: string, arn: string): Promise<Observation> => {
    if (!isOurs(arn, name)) throw new CleanupIncomplete(`secret ${name} was left alone: its ARN is not ours`)
    // InvalidRequestException: it is being deleted already, which only its description can show.
    await ask('secretsmanager:DeleteSecret', [...GONE, 'InvalidRequestException'], () =>
      client().send(new DeleteSecretCommand({ SecretId: arn, ForceDeleteWithoutRecovery: true })),
    )
    const { value, refusal } = await until(
      clock,
      DELETED_MS,
      () => describe(arn),
      (reply: Reply<unknown>) => reply.refusal !== undefined,
    )
    if (refusal !== undefined) return observe(name, answerOf(refusal), true)
    return observe(name, value.DeletedDate ? `deletion under way since ${value.DeletedDate.toISOString()}` : 'it still exists', false)
  }

  const policyOf = async (arn: string): Promise<string | undefined> =>
    (await tell('secretsmanager:GetResourcePolicy', () => client().send(new GetResourcePolicyCommand({ SecretId: arn })))).ResourcePolicy

  const protect = async (arn: string, { name, policy, kmsKey }: NewSecret): Promise<void> => {
    await tell('secretsmanager:PutResourcePolicy', () =>
      client().send(new PutResourcePolicyCommand({ SecretId: arn, ResourcePolicy: JSON.stringify(policy), BlockPublicPolicy: true })),
    )
    const isAsAsked = async (): Promise<boolean> => samePolicy(policy, (await policyOf(arn)) ?? '')
    if (!(await until(clock, DELETED_MS, isAsAsked, (same) => same)))
      throw new AccessNotOpened(`secret ${name}: its policy is not what was put`)
    const { value } = await describe(arn)
    if (value?.KmsKeyId !== kmsKey) throw new AccessNotOpened(`secret ${name} is not encrypted under ${kmsKey}`)
  }

  return {
    describe,
    isOurs,
    observe,
    remove,
    policyOf,

    /**
     * Writes a secret and its policy, and reads the policy back: one that cannot be protected is deleted again. Throws AccessNotOpened,
     * or CleanupIncomplete when even that fails, which names what is left. The name must not exist.
     */
    async create(secret: NewSecret): Promise<string> {
      const { name } = secret
      const send = () =>
        ask('secretsmanager:CreateSecret', ['InvalidRequestException'], () =>
          client().send(
            new CreateSecretCommand({
              Name: name,
              Description: secret.description,
              KmsKeyId: secret.kmsKey,
              SecretString: secret.text,
              Tags: secret.tags,
            }),
          ),
        )
      // A name that was just freed answers InvalidRequestException for a while.
      const { value, refusal } = await until(clock, DELETED_MS, send, (reply) => reply.refusal === undefined)
      if (refusal !== undefined) throw new AccessNotOpened(`secret ${name} was not created: ${answerOf(refusal)}`)
      const arn = value.ARN ?? ''
      try {
        if (!isOurs(arn, name)) throw new AccessNotOpened(`secret ${name}: its ARN is not of this stage`)
        await protect(arn, secret)
        return arn
      } catch (error) {
        const why = `${errorName(error)}: ${(error as Error).message}`
        const left = (await remove(name, arn).catch((failure: Error) => observe(name, failure.message, false))) satisfies Observation
        if (left.closed)
          throw new AccessNotOpened(`secret ${name} could not be protected, and was deleted again (${why})`, { cause: error })
        throw new CleanupIncomplete(
          `secret ${name} could not be protected (${why}), and is still there (${left.answer}): delete it by hand`,
          {
            cause: error,
          },
        )
      }
    },

    /** Every secret of the stage, with its credential's name. */
    list: () => listSecrets(client(), place.stage),
  }
}
