import type { Credentials } from '../../domain/access'
import {
  AccessDenied,
  BodyMismatch,
  CredentialsRefused,
  EndpointUnreachable,
  NoSuchBucket,
  NoSuchObject,
  NoSuchUpload,
  ObjectArchived,
  PreconditionFailed,
  StoreRefused,
  StoreThrottled,
  StoreUnavailable,
  type DrayageError,
} from '../../domain/errors'

/** What a refusal says. Of the store's own words only these are kept: a message may repeat a signature or a header. */
export interface Refusal {
  status: number
  code: string | undefined
  requestId: string | undefined
  /** the region the store says the bucket is in */
  region: string | undefined
  retryAfter: string | undefined
}

type Maker = (message: string, refusal: Refusal) => DrayageError

const is =
  (kind: new (message: string) => DrayageError): Maker =>
  (message) =>
    new kind(message)

/** Retry-After as seconds or as a date (RFC 9110, section 10.2.3), in ms. */
const retryAfterMs = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, Math.round(seconds * 1000)) : undefined
}

const throttled: Maker = (message, { retryAfter }) => new StoreThrottled(message, retryAfterMs(retryAfter))
const refused: Maker = (message, { code, status }) => new StoreRefused(message, code ?? 'Unknown', status)
/** Amazon S3 API reference, "Error responses": RequestTimeTooSkewed. The keys may be right: only the clock is not. */
const skewed: Maker = (message) =>
  new CredentialsRefused(`${message}: this machine's clock and the store's are more than 15 minutes apart, set the clock`)
const elsewhere: Maker = (message, refusal) =>
  refused(`${message}: the bucket is in region ${refusal.region ?? 'unknown (no x-amz-bucket-region in the reply)'}, ask there`, refusal)

/** Codes of the Amazon S3 API reference, "Error responses", and what stores like it answer for the same. */
const BY_CODE: Readonly<Record<string, Maker>> = {
  AccessDenied: is(AccessDenied),
  AuthorizationHeaderMalformed: elsewhere,
  BadDigest: is(BodyMismatch),
  ConditionalRequestConflict: is(PreconditionFailed),
  ExpiredToken: is(CredentialsRefused),
  IllegalLocationConstraintException: elsewhere,
  IncompleteBody: is(BodyMismatch),
  InternalError: is(StoreUnavailable),
  InvalidAccessKeyId: is(CredentialsRefused),
  InvalidObjectState: is(ObjectArchived),
  InvalidToken: is(CredentialsRefused),
  NoSuchBucket: is(NoSuchBucket),
  NoSuchKey: is(NoSuchObject),
  NoSuchTagSet: refused,
  NoSuchTagSetError: refused,
  NoSuchUpload: is(NoSuchUpload),
  ObjectNotInActiveTierError: is(ObjectArchived),
  OperationAborted: is(StoreUnavailable),
  PermanentRedirect: elsewhere,
  PreconditionFailed: is(PreconditionFailed),
  RequestTimeTooSkewed: skewed,
  RequestTimeout: is(StoreUnavailable),
  ServiceUnavailable: is(StoreUnavailable),
  SignatureDoesNotMatch: is(CredentialsRefused),
  SlowDown: throttled,
  TemporaryRedirect: elsewhere,
  Throttling: throttled,
  ThrottlingException: throttled,
  TokenRefreshRequired: is(CredentialsRefused),
  TooManyRequests: throttled,
  XAmzContentChecksumMismatch: is(BodyMismatch),
}

/** 501 is an answer to a request that the store will never take: no use in another try. */
const byStatus = (status: number, named: boolean): Maker => {
  if (status >= 300 && status < 400) return elsewhere
  if (status === 403) return is(AccessDenied)
  if (status === 404) return is(named ? NoSuchObject : NoSuchBucket)
  if (status === 409 || status === 412) return status === 412 ? is(PreconditionFailed) : refused
  if (status === 429) return throttled
  return status >= 500 && status !== 501 ? is(StoreUnavailable) : refused
}

const own = (code: string | undefined): Maker | undefined =>
  code !== undefined && Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined

/**
 * The typed error of a refusal. `what` names the operation, bucket and key; `named`: a key was asked for, so that a bare 404 is
 * about the object.
 */
export const refusalError = (what: string, refusal: Refusal, named: boolean): DrayageError => {
  const { status, code, requestId } = refusal
  const message = `${what}: ${status}${code === undefined ? '' : ` ${code}`}${requestId === undefined ? '' : ` (request ${requestId})`}`
  return (own(code) ?? byStatus(status, named))(message, refusal)
}

/** Network failures that another try does not mend (Node's and OpenSSL's codes). EAI_AGAIN is not among them: DNS may answer later. */
const UNREACHABLE =
  /^(ENOTFOUND|EPROTO$|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH)/
/** ERR_ are Node's own codes, for wrong arguments too: of those only the one of a connection that ended early. */
const TRANSPORT = /^(E(?!RR_)[A-Z_]+$|ERR_STREAM_PREMATURE_CLOSE$|UND_ERR_|HPE_)/

const codeOf = (error: unknown): string | undefined => {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown }
  // undici leaves out the code for what is not HTTP at all
  return typeof code === 'string' ? code : name === 'HTTPParserError' ? 'HPE_INVALID' : undefined
}

/** The typed error of a request that got no answer, or undefined if `error` is not of the network (then it is a fault of ours). */
export const transportError = (what: string, error: unknown): DrayageError | undefined => {
  const code = codeOf(error) ?? codeOf((error as { cause?: unknown } | undefined)?.cause)
  if (code === undefined || code === 'UND_ERR_INVALID_ARG') return undefined
  if (code === 'ERR_DRAYAGE_ADDRESS')
    return new EndpointUnreachable(
      `${what}: no connection: the endpoint is or resolves to a private, loopback, link-local or metadata address; a private one can be reached in VPC mode, the others never`,
    )
  if (UNREACHABLE.test(code)) return new EndpointUnreachable(`${what}: no connection (${code})`)
  return TRANSPORT.test(code) ? new StoreUnavailable(`${what}: the connection failed (${code})`) : undefined
}

/** Shorter pieces of a credential tell nothing, and words of every reply are among them. */
const LEAST_PIECE = 6

/** Whether a store's word is what we sent it to sign in, or a piece of it, or holds it: a store that repeats it must not have it printed. */
const repeats = (word: string, sent: readonly string[]): boolean =>
  sent.some((value) => value.length >= LEAST_PIECE && (word.includes(value) || (word.length >= LEAST_PIECE && value.includes(word))))

/** What of a credential a store has seen. */
export const sentOf = ({ accessKeyId, sessionToken }: Credentials): string[] =>
  sessionToken === undefined ? [accessKeyId] : [accessKeyId, sessionToken]

const CODE = /^[A-Za-z0-9.]{1,64}$/
const REQUEST_ID = /^[\w+/=:.-]{1,120}$/
const REGION = /^[a-z0-9-]{1,40}$/

/** The refusal without those of its words that have no such form, or repeat a credential. */
export const fitRefusal = (refusal: Refusal, sent: readonly string[]): Refusal => {
  const fit = (word: string | undefined, form: RegExp): string | undefined =>
    word === undefined || !form.test(word) || repeats(word, sent) ? undefined : word
  return { ...refusal, code: fit(refusal.code, CODE), requestId: fit(refusal.requestId, REQUEST_ID), region: fit(refusal.region, REGION) }
}

const wordOf = (xml: string, tag: string): string | undefined => new RegExp(`<${tag}>([^<]{1,200})</${tag}>`).exec(xml)?.[1]

type HeaderOf = (name: string) => string | undefined

/** Reads a refusal from a reply's status, headers and (for what it is worth: it may be HTML) the beginning of its body. */
export const readRefusal = (status: number, header: HeaderOf, xml: string, sent: readonly string[]): Refusal =>
  fitRefusal(
    {
      status,
      code: wordOf(xml, 'Code'),
      requestId: header('x-amz-request-id') ?? wordOf(xml, 'RequestId'),
      region: header('x-amz-bucket-region') ?? wordOf(xml, 'Region'),
      retryAfter: header('retry-after'),
    },
    sent,
  )
