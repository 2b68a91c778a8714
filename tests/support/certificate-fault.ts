import { createHash, verify } from 'node:crypto'
import type { Signature } from '@drayage/core'

/** What is wrong with a certificate and its signature, as somebody checks it who has nothing of ours; undefined: it holds. */
export const certificateFault = (certificate: Buffer, signature: Buffer): string | undefined => {
  const { statement, publicKey, signature: der } = JSON.parse(signature.toString('utf8')) as Signature & { statement: string }
  const { sha256 } = JSON.parse(statement) as { sha256: string }
  if (sha256 !== createHash('sha256').update(certificate).digest('hex')) return 'it is another document than the signed one'
  return verify('sha256', Buffer.from(statement), publicKey, Buffer.from(der, 'base64')) ? undefined : 'the signature does not hold'
}
