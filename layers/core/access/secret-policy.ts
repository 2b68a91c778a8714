import { functionRoleArn } from './names'
import { iamTime, type Policy } from './policy'

/** The functions that reach the source, and no others read a secret. Who creates or deletes access is not among them. */
export const READING_FUNCTIONS = [
  'validate-request',
  'preflight',
  'list-source',
  'restore-archived',
  'copy-batch',
  'begin-upload',
  'copy-part-group',
  'verify-batch',
] as const

export interface SecretPlace {
  partition: string
  /** 12 digits */
  account: string
  region: string
  stage: string
}

/**
 * A secret's resource policy: nobody but the reading functions gets its value, and nobody at all from the expiry on. It denies
 * GetSecretValue and nothing else, so that whoever administers the account can always change the policy and delete the secret.
 * `aws:PrincipalArn` of a session is its role's ARN; NotPrincipal would have to name every session.
 */
export const secretPolicy = (place: Omit<SecretPlace, 'region'>, expiresAt: Date): Policy => ({
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'OnlyReadingFunctions',
      Effect: 'Deny',
      Principal: { AWS: ['*'] },
      Action: 'secretsmanager:GetSecretValue',
      Resource: '*',
      Condition: { ArnNotEquals: { 'aws:PrincipalArn': READING_FUNCTIONS.map((name) => functionRoleArn(place, name)) } },
    },
    {
      Sid: 'NobodyAfterExpiry',
      Effect: 'Deny',
      Principal: { AWS: ['*'] },
      Action: 'secretsmanager:GetSecretValue',
      Resource: '*',
      Condition: { DateGreaterThanEquals: { 'aws:CurrentTime': iamTime(expiresAt) } },
    },
  ],
})
