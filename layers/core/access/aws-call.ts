import {
  AccessDenied,
  CredentialsRefused,
  EndpointUnreachable,
  StoreRefused,
  StoreThrottled,
  StoreUnavailable,
  DrayageError,
} from '../domain/errors'

/** A refusal that the caller expected: the service's own code for it, and the request it answered. */
export interface Refusal {
  code: string
  requestId: string
}

export type Reply<T> = { value: T; refusal?: undefined } | { value?: undefined; refusal: Refusal }

/**
 * One call of an AWS service, `name` as IAM writes it (`iam:GetRole`). A refusal whose code is in `expected` is returned; any
 * other throws a typed error that holds the call, the code and the request id and no more: the SDK's own errors hold requests.
 */
export const ask = async <T>(name: string, expected: readonly string[], send: () => Promise<T>): Promise<Reply<T>> => {
  try {
    return { value: await send() }
  } catch (error) {
    // An option that the environment lacks is found while the call is being made.
    if (error instanceof DrayageError) throw error
    const refusal = { code: codeOf(error), requestId: fieldOf(fieldOf(error, '$metadata'), 'requestId') ?? 'unknown' }
    if (expected.includes(refusal.code)) return { refusal }
    throw typedError(name, refusal, error)
  }
}

/** The same, where every refusal is an error. */
export const tell = async <T>(name: string, send: () => Promise<T>): Promise<T> => (await ask(name, [], send)).value as T

/** A refusal as a closure prints it. */
export const answerOf = ({ code, requestId }: Refusal): string => `${code} (request ${requestId})`

/** What was done, as a closure prints it. */
export const doneBy = (words: string, { $metadata }: { $metadata: { requestId?: string | undefined } }): string =>
  `${words} (request ${$metadata.requestId ?? 'unknown'})`

const THROTTLED = /^(Throttl|TooManyRequests|RequestLimitExceeded|SlowDown)/
const DENIED = /^(AccessDenied|UnauthorizedOperation|NotAuthorized|AuthorizationError)/
const REFUSED =
  /^(UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidSignature|ExpiredToken|IncompleteSignature|MissingAuthenticationToken|CredentialsProviderError)/
const UNREACHABLE = new Set(['ENOTFOUND', 'ECONNREFUSED', 'CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT'])
const BROKEN_OFF = new Set(['TimeoutError', 'AbortError', 'EAI_AGAIN', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNABORTED'])

const typedError = (name: string, { code, requestId }: Refusal, error: unknown): DrayageError => {
  const words = `${name}: ${code} (request ${requestId})`
  const status = Number(fieldOf(fieldOf(error, '$metadata'), 'httpStatusCode') ?? 0)
  if (THROTTLED.test(code) || status === 429) return new StoreThrottled(words)
  if (DENIED.test(code)) return new AccessDenied(words)
  if (REFUSED.test(code)) return new CredentialsRefused(words)
  if (UNREACHABLE.has(code)) return new EndpointUnreachable(words)
  if (BROKEN_OFF.has(code) || status >= 500) return new StoreUnavailable(words)
  return new StoreRefused(words, code, status)
}

/** The code on the wire: IAM's and STS's errors have it in `Error.Code`, Node's in `code`, all others are named by it. */
const codeOf = (error: unknown): string =>
  fieldOf(fieldOf(error, 'Error'), 'Code') ?? fieldOf(error, 'Code') ?? fieldOf(error, 'code') ?? fieldOf(error, 'name') ?? 'UnknownError'

function fieldOf(of: unknown, field: '$metadata' | 'Error'): object | undefined
function fieldOf(of: unknown, field: 'requestId' | 'httpStatusCode' | 'Code' | 'code' | 'name'): string | undefined
function fieldOf(of: unknown, field: string): unknown {
  return typeof of === 'object' && of !== null ? (of as Record<string, unknown>)[field] : undefined
}
