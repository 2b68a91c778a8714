import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto'
import canonicalize from 'canonicalize'
import { z } from 'zod'
import { SigningFailed } from '../domain/errors'
import type { Signer } from '../domain/signature'

/** What KMS signs without a digest made outside, in bytes (KMS API reference, Sign, MessageType RAW). */
const STATEMENT_BYTES = 4096

const HASH = /^[0-9a-f]{64}$/

/** What is signed: small, so that KMS sees every byte of it, and bound to the certificate by its hash. */
const statement = z.strictObject({
  version: z.literal(1),
  runId: z.string(),
  /** ISO 8601: when Cleanup saw everything closed */
  closedAt: z.string(),
  /** ARN of the KMS key, or `local` */
  key: z.string(),
  /** SHA-256 of the bytes of certificate.json, hex */
  sha256: z.string().regex(HASH),
})
export type Statement = z.infer<typeof statement>

const signatureFile = z.strictObject({
  /** the signed bytes, as text */
  statement: z.string(),
  algorithm: z.literal('ECDSA_SHA_256'),
  key: z.string(),
  publicKey: z.string(),
  signature: z.base64(),
})

const certificateHead = z.looseObject({ runId: z.string(), closedAt: z.string() })

/** JSON in the one form that RFC 8785 gives it. Throws TypeError for what JSON cannot hold. */
export const canonicalJson = (value: object): string => {
  const text = canonicalize(value)
  if (text === undefined) throw new TypeError('there is no JSON of this value')
  return text
}

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

/**
 * A certificate as it is written, and its signature file. Throws SigningFailed if the signer's signature does not hold: one that
 * nobody can verify must not be written.
 */
export const signedCertificate = async (
  certificate: { runId: string; closedAt: string },
  signer: Signer,
): Promise<{ document: string; signature: string }> => {
  const document = canonicalJson(certificate)
  const { runId, closedAt } = certificate
  const stated: Statement = { version: 1, runId, closedAt, key: signer.key, sha256: sha256(document) }
  const bytes = Buffer.from(canonicalJson(stated), 'utf8')
  if (bytes.length > STATEMENT_BYTES) throw new SigningFailed(`the statement is ${bytes.length} bytes long; KMS signs ${STATEMENT_BYTES}`)
  const signed = await signer.sign(bytes)
  const signature = `${JSON.stringify({ statement: bytes.toString('utf8'), ...signed }, null, 2)}\n`
  const { problems } = verifyCertificate(Buffer.from(document, 'utf8'), signature)
  if (problems.length > 0) throw new SigningFailed(`the signature of ${signer.key} does not hold: ${problems.join('; ')}`)
  return { document, signature }
}

export interface Verification {
  /** why it is refused; empty: document, statement, signature and key belong together */
  problems: string[]
  /** what was signed; undefined: it could not be read, or its signature does not hold */
  statement: Statement | undefined
  /** SHA-256 of the public key in DER, hex; undefined: there is none that can be read */
  fingerprint: string | undefined
}

const refused = (problem: string, fingerprint?: string): Verification => ({ problems: [problem], statement: undefined, fingerprint })

/**
 * Checks a certificate with nothing but its signature file, and with the key that was `pinned` (PEM) if there is one. Without it,
 * the file itself says whose key it is: what is proven then is that nothing was changed since somebody with that key signed.
 */
export const verifyCertificate = (document: Buffer, signature: string, pinned?: string): Verification => {
  const file = signatureFile.safeParse(jsonOf(signature))
  if (!file.success) return refused('the signature file is not complete: no statement, algorithm, key, publicKey and signature in it')
  const { statement: text, key, publicKey: pem, signature: base64 } = file.data
  const publicKey = p256(pem)
  if (publicKey === undefined) return refused('the public key in the signature file is no P-256 key in PEM form')
  const fingerprint = keyFingerprint(publicKey)
  const problems: string[] = []
  if (pinned !== undefined) {
    const expected = p256(pinned)
    if (expected === undefined) problems.push('the key that was given is no P-256 key in PEM form')
    else if (!expected.equals(publicKey))
      problems.push(`it was signed with another key than the one that was given (${keyFingerprint(expected)})`)
  }
  const bytes = Buffer.from(text, 'utf8')
  if (!holds(bytes, publicKey, Buffer.from(base64, 'base64')))
    return { problems: [...problems, 'the signature is not of this statement with this public key'], statement: undefined, fingerprint }
  const stated = statement.safeParse(jsonOf(text))
  if (!stated.success || !isCanonical(text) || bytes.length > STATEMENT_BYTES)
    return { problems: [...problems, 'what was signed is no statement of a certificate'], statement: undefined, fingerprint }
  if (stated.data.key !== key) problems.push('the signature file names another key than the statement')
  problems.push(...documentProblems(document, stated.data))
  return { problems, statement: stated.data, fingerprint }
}

const documentProblems = (document: Buffer, stated: Statement): string[] => {
  if (sha256(document) !== stated.sha256) return ['the certificate is not the one that was signed: its SHA-256 is another']
  const text = document.toString('utf8')
  const head = certificateHead.safeParse(jsonOf(text))
  if (!head.success || !isCanonical(text)) return ['the certificate is not in canonical form (RFC 8785)']
  return head.data.runId === stated.runId && head.data.closedAt === stated.closedAt
    ? []
    : ['the statement is of another run or time than the certificate']
}

/** Whether a text is in the one form that RFC 8785 gives it: no field twice, none that another reader would read otherwise. */
const isCanonical = (text: string): boolean => {
  try {
    return canonicalJson(JSON.parse(text) as object) === text
  } catch {
    return false
  }
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const p256 = (pem: string): KeyObject | undefined => {
  try {
    // A private key would be taken too, and its public half made of it.
    if (!pem.includes('BEGIN PUBLIC KEY')) return undefined
    const key = createPublicKey(pem)
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : undefined
  } catch {
    return undefined
  }
}

const holds = (bytes: Buffer, key: KeyObject, signature: Buffer): boolean => {
  try {
    return verify('sha256', bytes, { key, dsaEncoding: 'der' }, signature)
  } catch {
    return false
  }
}

const keyFingerprint = (key: KeyObject): string => sha256(key.export({ type: 'spki', format: 'der' }))
