import { S3Client } from '@aws-sdk/client-s3'
import { createHash, createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { IssuedKey } from '../../cli/local/s3-server/index'

/** A directory of its own for one test's server, and its removal. */
export const temporaryDirectory = (): { directory: string; remove: () => void } => {
  const directory = mkdtempSync(join(tmpdir(), 'drayage-embedded-'))
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) }
}

export const clientOf = (endpoint: string, { accessKeyId, secretAccessKey }: IssuedKey): S3Client =>
  new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, maxAttempts: 1, credentials: { accessKeyId, secretAccessKey } })

export interface RawReply {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

export interface RawRequest {
  method: string
  /** as it goes on the wire: percent-encoded, never normalised */
  path: string
  query?: string
  headers?: Record<string, string>
  body?: Buffer | undefined
  /** x-amz-content-sha256 */
  hash?: string
  date?: Date
  region?: string
  /** sent, but not signed */
  unsigned?: Record<string, string>
}

const hmac = (key: Buffer | string, data: string): Buffer => createHmac('sha256', key).update(data).digest()
const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')

/** The headers of a signed request, with the seed and the key from which chunk signatures go on. */
export const sign = (
  endpoint: string,
  key: IssuedKey,
  { method, path, query = '', headers = {}, hash = 'UNSIGNED-PAYLOAD', date = new Date(), region = 'us-east-1' }: RawRequest,
) => {
  const amzDate = date.toISOString().replace(/[-:]|\.\d+/g, '')
  const scope = `${amzDate.slice(0, 8)}/${region}/s3/aws4_request`
  const all: Record<string, string> = { host: new URL(endpoint).host, 'x-amz-content-sha256': hash, 'x-amz-date': amzDate, ...headers }
  const names = Object.keys(all).sort()
  const canonical = [method, path, query, ...names.map((name) => `${name}:${all[name]}`), '', names.join(';'), hash].join('\n')
  const signingKey = hmac(hmac(hmac(hmac(`AWS4${key.secretAccessKey}`, amzDate.slice(0, 8)), region), 's3'), 'aws4_request')
  const signature = hmac(signingKey, `AWS4-HMAC-SHA256\n${amzDate}\n${scope}\n${sha256(canonical)}`).toString('hex')
  const authorization = `AWS4-HMAC-SHA256 Credential=${key.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  return { headers: { ...all, authorization }, chain: { amzDate, scope, signingKey, seed: signature } }
}

/** Sends bytes exactly as given, over a connection of its own. */
export const send = (endpoint: string, { method, path, query, body }: RawRequest, headers: Record<string, string>): Promise<RawReply> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(endpoint)
    const request = httpRequest({ hostname, port, method, path: query ? `${path}?${query}` : path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString('utf8') }),
      )
    })
    request.on('error', reject)
    request.end(body)
  })

/** A request signed by this file's own SigV4, for what the SDK cannot be made to send. */
export const sendSigned = (endpoint: string, key: IssuedKey, request: RawRequest): Promise<RawReply> => {
  const length = request.body ? { 'content-length': String(request.body.length) } : {}
  return send(endpoint, request, { ...length, ...sign(endpoint, key, request).headers, ...request.unsigned })
}

export const codeOf = (reply: RawReply): string => /<Code>(\w+)<\/Code>/.exec(reply.body)?.[1] ?? ''

/** The query of a presigned request. `more` follows the signature's own parameters, as it is sorted: it is signed too. */
export const presign = (
  endpoint: string,
  key: IssuedKey,
  { method, path, date = new Date() }: RawRequest,
  expires: number,
  more = '',
): string => {
  const amzDate = date.toISOString().replace(/[-:]|\.\d+/g, '')
  const scope = `${amzDate.slice(0, 8)}/us-east-1/s3/aws4_request`
  const query = [
    'X-Amz-Algorithm=AWS4-HMAC-SHA256',
    `X-Amz-Credential=${encodeURIComponent(`${key.accessKeyId}/${scope}`)}`,
    `X-Amz-Date=${amzDate}`,
    `X-Amz-Expires=${expires}`,
    `X-Amz-SignedHeaders=host${more}`,
  ].join('&')
  const canonical = [method, path, query, `host:${new URL(endpoint).host}`, '', 'host', 'UNSIGNED-PAYLOAD'].join('\n')
  const signingKey = hmac(hmac(hmac(hmac(`AWS4${key.secretAccessKey}`, amzDate.slice(0, 8)), 'us-east-1'), 's3'), 'aws4_request')
  const signature = hmac(signingKey, `AWS4-HMAC-SHA256\n${amzDate}\n${scope}\n${sha256(canonical)}`).toString('hex')
  return `${query}&X-Amz-Signature=${signature}`
}
