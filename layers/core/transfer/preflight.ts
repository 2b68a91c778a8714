import { destinationPrefix, probeKey } from '../domain/destination-key'
import {
  AccessDenied,
  CredentialsRefused,
  DrayageError,
  EndpointUnreachable,
  isRetryable,
  NoSuchBucket,
  PreflightFailed,
  StoreRefused,
} from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { withRetries } from './retries'

export type Side = 'source' | 'destination'

const placeName = (migration: Migration, side: Side): string => {
  const { endpoint, region } = migration[side]
  if (endpoint === 'embedded') return 'the embedded server'
  const credential = side === 'source' ? migration.source.credential : null
  return endpoint ?? (credential === null ? `Amazon S3 (${region})` : `the store of the credential ${credential}`)
}

/** What Amazon S3 answers when a bucket is in another region (API reference, "Error responses"). */
const ELSEWHERE = new Set(['AuthorizationHeaderMalformed', 'IllegalLocationConstraintException', 'PermanentRedirect', 'TemporaryRedirect'])

/** Whether the request for the destination said whose bucket it must be: accounts are no matter of other stores. */
const ownerIsNamed = ({ destination: { account, endpoint } }: Migration): boolean =>
  account !== null && (endpoint === null || endpoint === 'embedded')

/** One side's trouble as a line that names the field and what to do. Errors that are not about the request are thrown on. */
export const placeProblem = (migration: Migration, side: Side, error: unknown): string => {
  const place = migration[side]
  const where = placeName(migration, side)
  if (error instanceof NoSuchBucket) {
    const remedy = place.endpoint === 'embedded' ? 'name one that is there, or another state folder' : 'create it or correct the name'
    return `${side}.bucket: there is no bucket ${place.bucket} at ${where}; ${remedy}`
  }
  if (error instanceof EndpointUnreachable)
    return `${side}.endpoint: ${where} cannot be reached (${error.message}); correct the address or check the network`
  if (error instanceof CredentialsRefused)
    return `${side}.${side === 'source' && migration.source.credential !== null ? 'credential' : 'profile'}: ${where} refuses the credentials (${error.message}); check the keys, and this machine's clock`
  if (error instanceof AccessDenied && side === 'destination' && ownerIsNamed(migration))
    return `destination.account: ${where} refuses to list ${place.bucket} for the owner ${migration.destination.account}; correct destination.bucket or destination.account, or grant s3:ListBucket on it`
  if (error instanceof StoreRefused && ELSEWHERE.has(error.code)) return `${side}.region: ${error.message}; correct the region`
  if (error instanceof AccessDenied)
    return `${side}.bucket: the credentials may not list ${place.bucket} at ${where}; grant s3:ListBucket on it`
  if (error instanceof DrayageError) return `${side}: ${error.message}`
  throw error
}

const canList = async (store: ObjectStore, prefix: Buffer, signal: AbortSignal): Promise<void> => {
  for await (const _page of store.list({ prefix, pageSize: 1 }, { signal })) return
}

/** Lists one key of each side, reading only. Returns a line per side that has a problem. */
export const sideProblems = async (
  migration: Migration,
  open: (side: Side) => Promise<ObjectStore>,
  signal: AbortSignal,
): Promise<Partial<Record<Side, string>>> => {
  const prefixes = { source: Buffer.from(migration.source.prefix, 'utf8'), destination: destinationPrefix(migration) }
  const problems: Partial<Record<Side, string>> = {}
  for (const side of ['source', 'destination'] as const) {
    try {
      await withRetries(async () => canList(await open(side), prefixes[side], signal), signal)
    } catch (error) {
      problems[side] = placeProblem(migration, side, error)
    }
  }
  return problems
}

/** `sideProblems` as lines. */
export const placeProblems = async (...asked: Parameters<typeof sideProblems>): Promise<string[]> =>
  Object.values(await sideProblems(...asked))

/** The bytes of the write probe's one part. */
const PROBE = Buffer.from('drayage write probe')

/**
 * Proves that the run's access may write, and leaves nothing: an upload is created, given one part and aborted.
 * Throws PreflightFailed, or what a store throws that may answer a little later.
 */
export const probeWriting = async (migration: Migration, destination: ObjectStore, signal: AbortSignal): Promise<void> => {
  const key = probeKey(migration)
  let created: string | undefined
  try {
    const upload = await withRetries(() => destination.createUpload(key, { signal }), signal)
    created = upload
    await withRetries(() => destination.putPart(key, upload, 1, PROBE, { signal }), signal)
  } catch (error) {
    if (isRetryable(error)) throw error
    throw new PreflightFailed(`destination.bucket: it cannot be written to: ${error instanceof Error ? error.message : 'unknown error'}`, {
      cause: error,
    })
  } finally {
    const upload = created
    if (upload !== undefined) await withRetries(() => destination.abortUpload(key, upload, { signal }), signal)
  }
}

/** What the source was seen to do: written into the report, and later used to correct the provider's profile. */
export interface SourceProbe {
  /** whether a read pinned to a wrong ETag is refused; null: there is no object to try it on */
  ifMatch: boolean | null
}

/** Throws what a store throws that may answer a little later. */
export const probeSource = async (migration: Migration, source: ObjectStore, signal: AbortSignal): Promise<SourceProbe> => {
  for await (const page of source.list({ prefix: Buffer.from(migration.source.prefix, 'utf8'), pageSize: 1 }, { signal })) {
    const object = page[0]
    if (object === undefined) break
    try {
      const pinned = { ifMatch: '"00000000000000000000000000000000"', signal }
      const { body } = await withRetries(() => source.read(object.key, pinned), signal)
      body.destroy()
      return { ifMatch: false }
    } catch (error) {
      if (!(error instanceof DrayageError) || isRetryable(error)) throw error
      return { ifMatch: error.name === 'ObjectChanged' }
    }
  }
  return { ifMatch: null }
}
