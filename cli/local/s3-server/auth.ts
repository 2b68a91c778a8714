import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { encodePath, encodeQuery } from './byte-strings'
import { S3Error } from './errors'
import type { KeyRing, KnownKey } from './key-ring'
import { headerOf, queryOf, type S3Request } from './request'

/** How far a request's clock may be off: Amazon S3, RequestTimeTooSkewed. */
const MAX_SKEW_MS = 15 * 60_000
/** Longest life of a presigned URL, in s: seven days. */
const MAX_PRESIGNED_S = 604_800

/** What the signatures of an aws-chunked body go on from. */
export interface ChunkSigning {
  signingKey: Buffer
  amzDate: string
  scope: string
  /** the request's own signature: the first link of the chain */
  seed: string
}

export type Payload =
  { kind: 'unsigned' } | { kind: 'sha256'; hex: string } | { kind: 'chunked'; trailer: boolean; signing: ChunkSigning | undefined }

export interface Authenticated {
  key: KnownKey
  payload: Payload
}

interface Claim {
  accessKeyId: string
  date: string
  region: string
  scope: string
  signedHeaders: string[]
  signature: string
  amzDate: string
  /** presigned only: life in s */
  expires?: number
}

export const sha256Hex = (data: string | Buffer): string =>
  (typeof data === 'string' ? createHash('sha256').update(data, 'latin1') : createHash('sha256').update(data)).digest('hex')

export const hmac = (key: Buffer | string, data: string): Buffer => createHmac('sha256', key).update(data, 'latin1').digest()

const sameText = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))

const CREDENTIAL = /^([^/]+)\/(\d{8})\/([^/]*)\/s3\/aws4_request$/
const AUTHORIZATION = /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+)\s*,\s*SignedHeaders=([^,\s]+)\s*,\s*Signature=([0-9a-f]{64})$/

const claimOf = (credential: string, signedHeaders: string, signature: string, amzDate: string, malformed: () => S3Error): Claim => {
  const [, accessKeyId, date, region] = CREDENTIAL.exec(credential) ?? []
  if (accessKeyId === undefined || date === undefined || region === undefined || !amzDate.startsWith(date)) throw malformed()
  return {
    accessKeyId,
    date,
    region,
    scope: `${date}/${region}/s3/aws4_request`,
    signedHeaders: signedHeaders.split(';'),
    signature,
    amzDate,
  }
}

const claimFromHeader = (request: S3Request, authorization: string): Claim => {
  const [, credential, signedHeaders, signature] = AUTHORIZATION.exec(authorization) ?? []
  const malformed = (): S3Error => new S3Error('AuthorizationHeaderMalformed')
  if (credential === undefined || signedHeaders === undefined || signature === undefined) throw malformed()
  return claimOf(credential, signedHeaders, signature, headerOf(request.headers, 'x-amz-date') ?? '', malformed)
}

const claimFromQuery = (request: S3Request): Claim => {
  const value = (name: string): string => queryOf(request, `X-Amz-${name}`) ?? ''
  const malformed = (): S3Error => new S3Error('AuthorizationQueryParametersError')
  if (value('Algorithm') !== 'AWS4-HMAC-SHA256' || !/^[0-9a-f]{64}$/.test(value('Signature'))) throw malformed()
  const expires = /^\d{1,6}$/.test(value('Expires')) ? Number(value('Expires')) : 0
  if (expires < 1 || expires > MAX_PRESIGNED_S) throw malformed()
  return { ...claimOf(value('Credential'), value('SignedHeaders'), value('Signature'), value('Date'), malformed), expires }
}

/** Throws AccessDenied for a date that is none, RequestTimeTooSkewed, or AccessDenied for a presigned URL whose time is over. */
const checkTime = ({ amzDate, expires }: Claim, now: number): void => {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(amzDate) ?? []
  const signed = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  if (Number.isNaN(signed)) throw new S3Error('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header')
  if (expires !== undefined && now > signed + expires * 1000) throw new S3Error('AccessDenied', 'Request has expired')
  if (signed > now + MAX_SKEW_MS || (expires === undefined && signed < now - MAX_SKEW_MS)) throw new S3Error('RequestTimeTooSkewed')
}

/** Everything that steers the request must be under the signature: the host and every x-amz- header. */
const checkSignedHeaders = (request: S3Request, signed: string[]): void => {
  const unsigned = ['host', ...Object.keys(request.headers).filter((name) => name.startsWith('x-amz-'))].find(
    (name) => !signed.includes(name),
  )
  if (unsigned !== undefined)
    throw new S3Error('AccessDenied', `There were headers present in the request which were not signed: ${unsigned}`)
}

const canonicalQuery = (request: S3Request): string =>
  request.query
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]): [string, string] => [encodeQuery(name), encodeQuery(value)])
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')

const stringToSign = (request: S3Request, claim: Claim, payloadHash: string): string => {
  const headers = claim.signedHeaders
    .map((name) => `${name}:${(headerOf(request.headers, name) ?? '').replace(/[ \t]+/g, ' ').replace(/^ | $/g, '')}\n`)
    .join('')
  const canonical = `${request.method}\n${encodePath(request.path)}\n${canonicalQuery(request)}\n${headers}\n${claim.signedHeaders.join(';')}\n${payloadHash}`
  return `AWS4-HMAC-SHA256\n${claim.amzDate}\n${claim.scope}\n${sha256Hex(canonical)}`
}

const signingKeyOf = (key: KnownKey, { date, region, scope }: Claim): Buffer => {
  if (key.derived?.scope !== scope) {
    const signingKey = hmac(hmac(hmac(hmac(`AWS4${key.secretAccessKey}`, date), region), 's3'), 'aws4_request')
    key.derived = { scope, signingKey }
  }
  return key.derived.signingKey
}

const payloadOf = (hash: string, signing: ChunkSigning): Payload => {
  if (hash === 'UNSIGNED-PAYLOAD') return { kind: 'unsigned' }
  if (hash === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER') return { kind: 'chunked', trailer: true, signing: undefined }
  if (hash === 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD') return { kind: 'chunked', trailer: false, signing }
  if (hash === 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER') return { kind: 'chunked', trailer: true, signing }
  if (/^[0-9a-f]{64}$/.test(hash)) return { kind: 'sha256', hex: hash }
  if (hash.startsWith('STREAMING-')) throw new S3Error('NotImplemented', `x-amz-content-sha256: ${hash} is not implemented.`)
  throw new S3Error('InvalidArgument', 'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-… or a valid sha256 value.')
}

/**
 * Verifies a request's AWS Signature Version 4, in the Authorization header or presigned in the query. Any region is taken.
 * Throws AccessDenied, InvalidAccessKeyId, SignatureDoesNotMatch, RequestTimeTooSkewed and the codes for malformed ones.
 */
export const authenticate = (request: S3Request, ring: KeyRing, now: number): Authenticated => {
  const authorization = headerOf(request.headers, 'authorization')
  const presigned = authorization === undefined
  if (presigned && queryOf(request, 'X-Amz-Signature') === undefined) throw new S3Error('AccessDenied')
  const claim = presigned ? claimFromQuery(request) : claimFromHeader(request, authorization)
  const key = ring.find(claim.accessKeyId)
  if (headerOf(request.headers, 'x-amz-security-token') !== undefined) throw new S3Error('InvalidToken')
  const unsigned = presigned ? (queryOf(request, 'X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD') : undefined
  const hash = headerOf(request.headers, 'x-amz-content-sha256') ?? unsigned
  if (hash === undefined) throw new S3Error('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256')
  checkTime(claim, now)
  checkSignedHeaders(request, claim.signedHeaders)
  const signingKey = signingKeyOf(key, claim)
  if (!sameText(hmac(signingKey, stringToSign(request, claim, hash)).toString('hex'), claim.signature))
    throw new S3Error('SignatureDoesNotMatch')
  // signed with the query: in a presigned request a header may stand there
  if (presigned) for (const [name, text] of request.query) if (name.startsWith('x-amz-')) request.headers[name] ??= text
  return { key, payload: payloadOf(hash, { signingKey, amzDate: claim.amzDate, scope: claim.scope, seed: claim.signature }) }
}
