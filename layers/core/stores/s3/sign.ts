import { createHash, createHmac } from 'node:crypto'
import type { Credentials } from '../../domain/access'

export interface Signable {
  method: string
  /** encoded once, as it is sent */
  path: string
  /** sorted and encoded, as it is sent; empty for none */
  query: string
  /** names in lower case, `host` among them; values as latin1, one character a byte */
  headers: Record<string, string>
  /** what stands in x-amz-content-sha256 */
  payloadHash: string
}

export type Sign = (request: Signable, credentials: Credentials, at: Date) => Record<string, string>

const hmac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text, 'utf8').digest()

/** What Amazon S3 requires to be signed. The rest stays out, for proxies on the way change it (Google's accept-encoding). */
const isSigned = (name: string): boolean => name === 'host' || name === 'content-type' || name.startsWith('x-amz-')

/**
 * Signature Version 4 for S3 (Amazon S3 API reference, "Signature Calculations for the Authorization Header"). Returns the
 * headers to send. The signing key is kept for its day: deriving it is four of the six hashes of a request.
 */
export const signerFor = (region: string): Sign => {
  let kept: { day: string; secret: string; key: Buffer } | undefined

  const keyOf = (day: string, secret: string): Buffer => {
    if (kept?.day !== day || kept.secret !== secret) {
      const key = hmac(hmac(hmac(hmac(`AWS4${secret}`, day), region), 's3'), 'aws4_request')
      kept = { day, secret, key }
    }
    return kept.key
  }

  return ({ method, path, query, headers, payloadHash }, { accessKeyId, secretAccessKey, sessionToken }, at) => {
    const time = `${at.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`
    const day = time.slice(0, 8)
    const sent: Record<string, string> = { ...headers, 'x-amz-content-sha256': payloadHash, 'x-amz-date': time }
    if (sessionToken !== undefined) sent['x-amz-security-token'] = sessionToken

    const names = Object.keys(sent).filter(isSigned).sort()
    const signedHeaders = names.join(';')
    let canonical = `${method}\n${path}\n${query}\n`
    for (const name of names) canonical += `${name}:${(sent[name] as string).replace(/[ \t]+/g, ' ').replace(/^ | $/g, '')}\n`
    canonical += `\n${signedHeaders}\n${payloadHash}`

    const scope = `${day}/${region}/s3/aws4_request`
    const digest = createHash('sha256').update(canonical, 'latin1').digest('hex')
    const signature = hmac(keyOf(day, secretAccessKey), `AWS4-HMAC-SHA256\n${time}\n${scope}\n${digest}`).toString('hex')
    sent['authorization'] = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`
    return sent
  }
}
