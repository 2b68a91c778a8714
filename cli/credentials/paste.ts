import { readingPolicy } from '../../layers/core/access/source-role'
import type { RoleCredential } from '../../layers/core/access/credential'
import type { Revocation } from '../../layers/core/access/credential-tags'
import { functionRoleArn } from '../../layers/core/access/names'
import type { Policy } from '../../layers/core/access/policy'
import { revocationPolicy } from '../../layers/core/access/revoke-key'
import { READING_FUNCTIONS, type SecretPlace } from '../../layers/core/access/secret-policy'

/** The two policies of a role in the source's account: who may take it, and what it may do. */
export interface RoleToMake {
  arn: string
  externalId: string
  trustPolicy: Policy
  permissionsPolicy: Policy
  /** the deploy parameter that has to name the role */
  parameter: string
}

const trustOf = (arns: string[], externalId: string): Policy => ({
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'Drayage',
      Effect: 'Allow',
      Principal: { AWS: arns },
      Action: 'sts:AssumeRole',
      Condition: { StringEquals: { 'sts:ExternalId': externalId } },
    },
  ],
})

/** ValidateRequest reads the secret for its bounds and never reaches the source. */
const REACHING_FUNCTIONS = READING_FUNCTIONS.filter((name) => name !== 'validate-request')

/** The role by which functions reach the source. Its own policy needs no expiry: each session carries the credential's. */
export const sourceRole = (credential: RoleCredential, place: SecretPlace): RoleToMake => {
  const { Statement, ...policy } = readingPolicy(credential)
  return {
    ...credential.role,
    trustPolicy: trustOf(
      REACHING_FUNCTIONS.map((name) => functionRoleArn(place, name)),
      credential.role.externalId,
    ),
    permissionsPolicy: {
      ...policy,
      Statement: Statement.map(({ Condition: { DateLessThan: _, ...Condition } = {}, ...statement }) => ({
        ...statement,
        ...(Object.keys(Condition).length > 0 && { Condition }),
      })),
    },
    parameter: 'sourceRoles',
  }
}

/** The role by which Cleanup ends a key at the source. */
export const revocationRole = (revocation: Revocation, place: SecretPlace): RoleToMake => ({
  arn: revocation.role,
  externalId: revocation.externalId,
  trustPolicy: trustOf([functionRoleArn(place, 'cleanup')], revocation.externalId),
  permissionsPolicy: revocationPolicy(revocation),
  parameter: 'revocationRoles',
})

export const roleLines = (what: string, { arn, externalId, trustPolicy, permissionsPolicy, parameter }: RoleToMake): string[] => [
  '',
  `${what}: ${arn}`,
  `Deploy the stage with it in the parameter ${parameter}. Its ExternalId is ${externalId}. Its trust policy:`,
  ...JSON.stringify(trustPolicy, null, 2).split('\n'),
  'and what it may do:',
  ...JSON.stringify(permissionsPolicy, null, 2).split('\n'),
]
