import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { InvalidRequest } from '@drayage/core'
import type { RoleCredential, StoredCredential } from '../../layers/core/access/credential'
import { noteText, readNote } from '../../layers/core/access/credential-note'
import { revocationOf, tagsOf, type Revocation, type SecretTag } from '../../layers/core/access/credential-tags'
import { secretName } from '../../layers/core/access/names'
import type { Policy } from '../../layers/core/access/policy'
import { secretPolicy } from '../../layers/core/access/secret-policy'
import { EXIT } from '../exit-codes'
import { reporting } from '../reporting'
import { terminalText } from '../terminal-text'
import { checkSource } from './check-source'
import { revocationRole, roleLines, sourceRole, type RoleToMake } from './paste'
import { planPut, type PutOptions, type PutPlan } from './plan'
import { INTERRUPTED, parseKeys, promptKeys, readPiped, type SourceKeys } from './read-keys'
import { withStage, type Stage } from './stage'
import { boundsLines } from './words'

export interface PutCommand extends PutOptions {
  name: string
  /** of the stage; undefined: AWS_REGION, or the profile's */
  region: string | undefined
  /** file */
  ca?: string
  replace: boolean
  check: boolean
  dryRun: boolean
  json: boolean
}

/** Secrets Manager's limit of a secret's value, in bytes (service quotas). */
const SECRET_BYTES = 65_536

const WORDS = {
  first: 'Interrupted. A secret that is being written is finished or deleted again first …',
  again: 'Please wait: a secret without its policy must not be left behind.',
  ended: INTERRUPTED,
}

/** What --json prints, and what the lines are made from. Nothing in it is secret. */
interface PutDocument {
  credential: string
  secret: string
  /** null: a dry run */
  arn: string | null
  written: boolean
  replaced: boolean
  account: string
  region: string
  kmsKey: string
  endpoint: string | null
  provider: string
  expiresAt: string
  source: { bucket: string; prefix: string; region: string }
  destination: { bucket: string; prefix: string }
  checked: string
  description: string
  tags: Record<string, string>
  policy: Policy
  sourceRole: RoleToMake | null
  revocationRole: RoleToMake | null
  /** how a request names it */
  request: object
}

/** `drayage credentials put`. Returns the exit code. */
export const putCommand = (command: PutCommand): Promise<number> =>
  reporting(
    command.json,
    async (print, signal) => {
      const { plan, piped } = await planned(command, signal)
      return withStage(command, async (stage) => {
        const prepared = await prepare(command, plan, piped, stage, signal)
        if (!command.dryRun) {
          signal.throwIfAborted()
          await write(prepared, stage)
        }
        print(prepared.document, lines(prepared.document).map(terminalText))
        return EXIT.verified
      })
    },
    WORDS,
  )

/** Everything that needs neither network nor terminal. Throws InvalidRequest with every problem of options and piped keys. */
const planned = async (command: PutCommand, signal: AbortSignal): Promise<{ plan: PutPlan; piped: SourceKeys | undefined }> => {
  const problems: string[] = []
  const ca = command.ca === undefined ? undefined : await readCa(command.ca, problems)
  const { plan, problems: found } = planPut(command.name, command, ca, new Date())
  problems.unshift(...found)
  const read = command.roleArn !== undefined || process.stdin.isTTY ? undefined : parseKeys(await readPiped(process.stdin, signal))
  problems.push(...(read?.problems ?? []))
  if (problems.length > 0 || plan === undefined) throw new InvalidRequest(problems)
  return { plan, piped: read?.keys }
}

const readCa = async (file: string, problems: string[]): Promise<string | undefined> => {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    problems.push(`--ca: ${file} cannot be read (${(error as NodeJS.ErrnoException).code}); name a PEM file`)
    return undefined
  }
}

interface Prepared {
  document: PutDocument
  /** the secret's value */
  text: string
  tags: SecretTag[]
  /** ARN of the secret that makes way */
  old: string | undefined
}

/** Everything that asks AWS and the source, and creates nothing. Throws InvalidRequest with every problem found. */
const prepare = async (
  command: PutCommand,
  plan: PutPlan,
  piped: SourceKeys | undefined,
  { place, find, secretsKey }: Stage,
  signal: AbortSignal,
): Promise<Prepared> => {
  const [found, key] = await Promise.all([find(plan.name), secretsKey()])
  const problems: string[] = []
  if (found !== undefined && !command.replace)
    problems.push(`NAME: there is a credential ${plan.name} already; choose another name, or replace it with --replace`)
  if (key.problem !== undefined) problems.push(key.problem)
  const prompted = plan.role === undefined && piped === undefined
  // Nobody is asked at a terminal for keys that could not be stored.
  if (prompted && problems.length > 0) throw new InvalidRequest(problems)
  const keys = prompted ? await promptKeys(process.stdin, process.stderr) : piped
  const check = keys === undefined || !command.check ? undefined : await checkSource(plan, keys, signal)
  problems.push(...(check?.problems ?? []))

  const known = readNote(found?.Description)?.role
  const knownRevocation = revocationOf(found?.Tags)
  // Kept for a role that stays the same, so that its trust policy can stay too.
  const role =
    plan.role === undefined ? undefined : { arn: plan.role, externalId: known?.arn === plan.role ? known.externalId : randomUUID() }
  const revocation: Revocation | undefined = plan.revoke && {
    ...plan.revoke,
    externalId: knownRevocation?.role === plan.revoke.role ? knownRevocation.externalId : randomUUID(),
  }
  const credential = credentialOf(plan, keys, role)
  const text = JSON.stringify(credential)
  if (Buffer.byteLength(text) > SECRET_BYTES)
    problems.push(
      `--ca: makes the secret ${Buffer.byteLength(text)} bytes long, and Secrets Manager takes ${SECRET_BYTES}; name the one authority that is needed`,
    )
  if (problems.length > 0 || key.problem !== undefined) throw new InvalidRequest(problems)

  const tags = tagsOf(credential, revocation)
  const { source, destination, region, expiresAt } = plan.use
  const document: PutDocument = {
    credential: plan.name,
    secret: secretName(place.stage, plan.name),
    arn: null,
    written: false,
    replaced: false,
    account: place.account,
    region: place.region,
    kmsKey: key.arn,
    endpoint: plan.endpoint ?? null,
    provider: plan.provider,
    expiresAt,
    source: { ...source, region },
    destination,
    checked: checkedWords(plan, command.check, check?.found),
    description: noteText(credential, plan.provider),
    tags: Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])),
    policy: secretPolicy(place, new Date(expiresAt)),
    sourceRole: role === undefined ? null : sourceRole(credential as RoleCredential, place),
    revocationRole: revocation === undefined ? null : revocationRole(revocation, place),
    request: {
      source: { bucket: source.bucket, prefix: source.prefix, region, provider: plan.provider, credential: plan.name },
      destination,
      ...(revocation !== undefined && { credentials: { revokeAtSource: true } }),
    },
  }
  return { document, text, tags, old: found?.ARN }
}

const credentialOf = (plan: PutPlan, keys: SourceKeys | undefined, role: RoleCredential['role'] | undefined): StoredCredential =>
  role === undefined
    ? { ...plan.use, endpoint: plan.endpoint!, ...keys!, ...(plan.ca !== undefined && { ca: plan.ca }) }
    : { ...plan.use, role }

const checkedWords = (plan: PutPlan, asked: boolean, found: boolean | undefined): string => {
  if (plan.role !== undefined) return 'not checked: only the deployed functions may take the role; Preflight of a run does'
  if (!asked) return 'not checked, as asked'
  return found ? 'the keys list the source' : 'the keys list the source, which holds nothing below this prefix'
}

/** The old secret goes first: written over, its value would stay as the previous version. */
const write = async ({ document, text, tags, old }: Prepared, { secrets }: Stage): Promise<void> => {
  if (old !== undefined) {
    const { closed, answer } = await secrets.remove(document.secret, old)
    if (!closed) throw new Error(`the secret ${document.secret} was not replaced: the old one is not gone yet (${answer}); try again`)
    document.replaced = true
  }
  const { secret: name, description, kmsKey, policy } = document
  document.arn = await secrets.create({ name, text, description, tags, kmsKey, policy })
  document.written = true
}

const lines = (document: PutDocument): string[] => [
  document.written
    ? `The credential ${document.credential} is stored${document.replaced ? ', and the old one is deleted' : ''}: ${document.arn}`
    : `Dry run: nothing was written. The credential ${document.credential} would be the secret ${document.secret}`,
  `Encrypted under ${document.kmsKey}`,
  `Source     ${document.checked}`,
  ...boundsLines(document),
  `Until      ${document.expiresAt}; from then on nobody reads it`,
  ...Object.entries(document.tags).map(([name, value]) => `Tag        ${name} = ${value}`),
  'Readable by the functions that reach the source, and by nobody else. You can delete it at any time.',
  ...(document.sourceRole === null
    ? []
    : [
        ...roleLines('Role to make in the source account', document.sourceRole),
        'Runs that carry tags, Object Lock or versions, or restore archived objects, take more: docs/guides/credentials.md lists it by option.',
      ]),
  ...(document.revocationRole === null ? [] : roleLines('Role that may end the key', document.revocationRole)),
  '',
  'A request names it so:',
  JSON.stringify(document.request),
]
