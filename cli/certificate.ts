import { readFile } from 'node:fs/promises'
import { InvalidRequest, observationsOf, verifyCertificate, type Certificate, type Observation, type Verification } from '@drayage/core'
import { EXIT } from './exit-codes'
import { reporting } from './reporting'
import { terminalText } from './terminal-text'
import { counted } from './units'

export interface VerifyCommand {
  /** certificate.json */
  file: string
  /** certificate.sig; undefined: beside it */
  signature: string | undefined
  /** PEM of the key that it must be signed with; undefined: whichever key the signature file names */
  publicKey: string | undefined
  json: boolean
}

/** What --json prints, and what the lines are made from. */
interface VerifyDocument {
  valid: boolean
  problems: string[]
  runId: string | null
  closedAt: string | null
  key: string | null
  /** SHA-256 of the public key in DER, hex */
  fingerprint: string | null
  /** whether the key was compared with one that was given */
  pinned: boolean
  observations: Observation[]
  notProven: string[]
}

/** `drayage certificate verify`: offline. Returns the exit code: 0 it holds, 1 it is refused, 2 a file cannot be read. */
export const verifyCommand = ({ file, signature, publicKey, json }: VerifyCommand): Promise<number> =>
  reporting(json, async (print) => {
    const beside = signature ?? file.replace(/(\.json)?$/, '.sig')
    const [document, signed, pinned] = await Promise.all([
      bytesOf('FILE', file),
      bytesOf('--signature', beside),
      publicKey === undefined ? undefined : bytesOf('--public-key', publicKey),
    ]).then((all) => {
      const problems = all.filter((one) => typeof one === 'string')
      if (problems.length > 0) throw new InvalidRequest(problems)
      return all as [Buffer, Buffer, Buffer | undefined]
    })
    const verification = verifyCertificate(document, signed.toString('utf8'), pinned?.toString('utf8'))
    const result = documentOf(verification, document, pinned !== undefined)
    print(result, lines(result).map(terminalText))
    return result.valid ? EXIT.verified : EXIT.notVerified
  })

/** A file's bytes, or the problem in words. */
const bytesOf = async (what: string, name: string): Promise<Buffer | string> => {
  try {
    return await readFile(name)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const remedy = what === 'FILE' ? 'name the certificate.json of a run' : `name the file with ${what} FILE`
    return `${what}: ${name} cannot be read (${code}); ${remedy}`
  }
}

const documentOf = ({ problems, statement, fingerprint }: Verification, document: Buffer, pinned: boolean): VerifyDocument => {
  const valid = problems.length === 0
  const key = statement?.key ?? null
  return {
    valid,
    problems,
    runId: statement?.runId ?? null,
    closedAt: statement?.closedAt ?? null,
    key,
    fingerprint: fingerprint ?? null,
    pinned,
    observations: valid ? observedIn(document) : [],
    notProven: valid ? notProven(key, pinned) : [],
  }
}

/** Read only once the document is known to be the signed one. */
const observedIn = (document: Buffer): Observation[] =>
  observationsOf({ steps: (JSON.parse(document.toString('utf8')) as Partial<Certificate>).steps ?? [] })

const notProven = (key: string | null, pinned: boolean): string[] => [
  ...(pinned ? [] : [unpinned(key)]),
  'that nothing else was open: it says what was observed, by the calls it lists, at those times',
]

const unpinned = (key: string | null): string =>
  key === 'local'
    ? 'whose key it is: a local key stands in the state folder (signing-key.pem), and whoever holds the folder can sign with it'
    : 'whose key it is: this file names its own. Fetch the key from AWS and verify again with it: ' +
      `aws kms get-public-key --key-id ${key} --query PublicKey --output text | base64 -d | openssl pkey -pubin -inform DER -out key.pem, ` +
      'then --public-key key.pem'

const lines = (result: VerifyDocument): string[] => {
  if (!result.valid)
    return [
      'Refused. Do not rely on this certificate:',
      ...result.problems.map((problem) => `  ${problem}`),
      ...(result.fingerprint === null ? [] : [`Public key in the signature file: SHA-256 ${result.fingerprint}`]),
    ]
  return [
    `Valid: nothing was changed since it was signed.`,
    `Run        ${result.runId}`,
    `Closed at  ${result.closedAt}`,
    `Key        ${result.key === 'local' ? 'a local key, of a state folder' : result.key}${result.pinned ? ', and it is the one you gave' : ''}`,
    `           SHA-256 of its public key: ${result.fingerprint}`,
    `Observed   ${counted(result.observations.length, 'answer')}`,
    ...result.observations.map(
      ({ kind, name, call, answer, at }) => `  ${at}  ${kind} ${name}: ${call === 'none' ? '' : `${call} answered `}${answer}`,
    ),
    'Not proven by this:',
    ...result.notProven.map((what) => `  ${what}`),
  ]
}
