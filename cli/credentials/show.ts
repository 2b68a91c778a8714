import { InvalidRequest } from '@drayage/core'
import type { RoleCredential } from '../../layers/core/access/credential'
import { samePolicy } from '../../layers/core/access/policy'
import { secretPolicy } from '../../layers/core/access/secret-policy'
import { EXIT } from '../exit-codes'
import { reporting } from '../reporting'
import { terminalText } from '../terminal-text'
import { foundCredential, type FoundCredential } from './found'
import { revocationRole, roleLines, sourceRole, type RoleToMake } from './paste'
import { withStage, type Stage, type StageOptions } from './stage'
import { boundsLines, expiryText, spanText } from './words'

/** What --json prints. */
interface ShowDocument extends FoundCredential {
  kmsKey: string | null
  /** whether the resource policy is the one that `put` writes for this expiry */
  policy: 'as put wrote it' | 'another' | 'none'
  sourceRole: RoleToMake | null
  revocationRole: RoleToMake | null
}

export const noSuchCredential = (name: string, { stage, region, account }: Stage['place']): InvalidRequest =>
  new InvalidRequest([
    `NAME: there is no credential ${name} in stage ${stage}, ${region}, account ${account}; \`drayage credentials list\` names those that are there`,
  ])

/** `drayage credentials show`: everything but what is secret, without reading the secret. Returns the exit code. */
export const showCommand = ({ name, json, ...options }: StageOptions & { name: string; json: boolean }): Promise<number> =>
  reporting(json, (print) =>
    withStage(options, async ({ place, find, secrets }) => {
      const now = new Date()
      const secret = await find(name)
      if (secret === undefined) throw noSuchCredential(name, place)
      const found = foundCredential(name, secret, now)
      const role = roleCredential(found)
      const document: ShowDocument = {
        ...found,
        kmsKey: secret.KmsKeyId ?? null,
        policy: policyWord(found, await secrets.policyOf(secret.ARN ?? ''), place),
        sourceRole: role === undefined ? null : sourceRole(role, place),
        revocationRole: found.revocation === null ? null : revocationRole(found.revocation, place),
      }
      print(document, lines(document, now).map(terminalText))
      return EXIT.verified
    }),
  )

const roleCredential = ({ use, expiresAt }: FoundCredential): RoleCredential | undefined =>
  use?.role === undefined ? undefined : { ...use, role: use.role, expiresAt: expiresAt ?? '' }

const policyWord = ({ expiresAt }: FoundCredential, found: string | undefined, place: Stage['place']): ShowDocument['policy'] => {
  if (found === undefined || found === '') return 'none'
  const end = Date.parse(expiresAt ?? '')
  return !Number.isNaN(end) && samePolicy(secretPolicy(place, new Date(end)), found) ? 'as put wrote it' : 'another'
}

const POLICY_WORDS = {
  'as put wrote it': 'as put wrote it: only the functions that reach the source read it, and nobody after its expiry',
  another: 'NOT as put wrote it: somebody changed it. Put the credential again with --replace',
  none: 'MISSING: others may read this secret. Put the credential again with --replace, or delete it',
}

const lines = (document: ShowDocument, now: Date): string[] => {
  const { credential, arn, expiresAt, createdAt, fingerprint, keyEnding, use, kmsKey, policy, deletedAt } = document
  return [
    `${credential}: ${arn ?? 'unknown'}`,
    ...(deletedAt === null ? [] : [`Being deleted since ${deletedAt}: no run can use it`]),
    ...(use === null
      ? ['What it is for is not known: its description is not as put wrote it. What counts is inside the secret']
      : [...boundsLines(use), `Store      ${use.provider}, region ${use.region}`]),
    `Expires    ${expiryText(expiresAt, now)}`,
    `Stored     ${createdAt === null ? 'unknown' : `${createdAt} (${spanText(now.getTime() - Date.parse(createdAt))} ago)`}`,
    ...(fingerprint === null ? [] : [`Key        ${keyEnding === null ? '' : `…${keyEnding} `}fingerprint ${fingerprint}`]),
    `Encrypted  ${kmsKey ?? 'with the AWS managed key'}`,
    `Policy     ${POLICY_WORDS[policy]}`,
    ...(document.sourceRole === null ? [] : roleLines('Role in the source account', document.sourceRole)),
    ...(document.revocationRole === null ? [] : roleLines('Role that may end the key', document.revocationRole)),
  ]
}
