import type { Grant, Observation } from '../domain/access'
import { certificateOf, type Certificate, type Closure } from '../domain/closure'
import { CleanupIncomplete, PreconditionFailed } from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import type { Signer } from '../domain/signature'
import { listNames, readJson, writeText } from '../domain/state-files'
import { stateKeys } from '../domain/state-keys'
import { signedCertificate } from './certificate'

export interface CertificateTurn {
  state: ObjectStore
  signer: Signer
  /** SHA-256 over the packaged functions; null: one machine */
  bundleSha256: string | null
  now(): Date
  signal: AbortSignal
}

/** How far a run is certified, by one look: nothing, the certificate without its signature, or both. */
export const certified = async (
  runId: string,
  { state, signal }: Pick<CertificateTurn, 'state' | 'signal'>,
): Promise<'no' | 'unsigned' | 'yes'> => {
  const { certificates, certificate, certificateSignature } = stateKeys(runId)
  const found = await listNames(state, certificates, { signal })
  if (!found.includes(certificate)) return 'no'
  return found.includes(certificateSignature) ? 'yes' : 'unsigned'
}

/**
 * Signs the certificate that is there, whichever call wrote it, and writes the signature. Two calls at once sign the same bytes, so
 * that either signature holds.
 */
export const signCertificate = async (runId: string, { state, signer, now, signal }: CertificateTurn): Promise<Observation> => {
  const keys = stateKeys(runId)
  const { value } = await readJson<Certificate>(state, keys.certificate, { signal })
  const { signature } = await signedCertificate(value, signer)
  const etag = await writeText(state, keys.certificateSignature, signature, { signal })
  const answer = `signed by ${signer.key}, written as ${etag}`
  return { kind: 'certificate', name: keys.certificateSignature, call: 's3:PutObject', answer, closed: true, at: now().toISOString() }
}

/**
 * Writes the certificate of a complete closure once, and then its signature. One that another call wrote first stands, and is
 * signed. Throws CleanupIncomplete for a closure that is not complete.
 */
export const writeCertificate = async (
  closure: Closure,
  migration: Migration,
  grants: readonly Grant[],
  turn: CertificateTurn,
): Promise<Observation[]> => {
  const { state, signer, bundleSha256, now, signal } = turn
  const { certificate: name } = stateKeys(migration.runId)
  const certificate = certificateOf(closure, migration, grants, bundleSha256)
  if (certificate === undefined) throw new CleanupIncomplete('a closure that is not complete gets no certificate')
  // Signed before it is written: where nothing can sign, no certificate stands without its signature.
  const { document } = await signedCertificate(certificate, signer)
  const answer = await writeText(state, name, document, { ifNoneMatch: true, signal }).then(
    (etag) => `written once, as ${etag}`,
    (error: unknown) => {
      if (error instanceof PreconditionFailed) return 'another call had written it first'
      throw error
    },
  )
  const written: Observation = { kind: 'certificate', name, call: 's3:PutObject', answer, closed: true, at: now().toISOString() }
  return [written, await signCertificate(migration.runId, turn)]
}
