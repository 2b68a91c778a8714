import { destinationPrefix, probeKey } from '../domain/destination-key'
import {
  AccessDenied,
  CredentialsRefused,
  DrayageError,
  EndpointUnreachable,
  isRetryable,
  NoSuchBucket,
  ObjectArchived,
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
 * Proves that the run's access may write, and leaves nothing: an upload is created, given one part, listed and aborted; where the mode
 * is checksum, also that the part's checksum is kept. Returns when the part was written, by the destination's clock (ISO 8601): no
 * object of the run is older. Throws PreflightFailed, or what a store throws that may answer a little later.
 */
export const probeWriting = async (migration: Migration, destination: ObjectStore, signal: AbortSignal): Promise<string> => {
  const key = probeKey(migration)
  let created: string | undefined
  try {
    const upload = await withRetries(
      () => destination.createUpload(key, { kmsKey: migration.destination.kmsKey ?? undefined, signal }),
      signal,
    )
    created = upload
    const { crc32 } = await withRetries(() => destination.putPart(key, upload, 1, PROBE, { signal }), signal)
    const [part] = await withRetries(() => destination.listParts(key, upload, { signal }), signal)
    if (migration.verification.mode === 'checksum' && part?.crc32 !== crc32)
      throw new PreflightFailed('verification.mode: the destination keeps no checksums; ask for the mode reread or listing')
    if (part?.lastModified === undefined)
      throw new PreflightFailed('destination.bucket: its store does not say when a part was written; name a bucket of another one')
    return part.lastModified
  } catch (error) {
    if (isRetryable(error) || error instanceof PreflightFailed) throw error
    throw new PreflightFailed(`destination.bucket: it cannot be written to: ${error instanceof Error ? error.message : 'unknown error'}`, {
      cause: error,
    })
  } finally {
    const upload = created
    if (upload !== undefined) await withRetries(() => destination.abortUpload(key, upload, { signal }), signal)
  }
}

const firstKey = async (store: ObjectStore, prefix: Buffer, signal: AbortSignal): Promise<Buffer | undefined> => {
  for await (const page of store.list({ prefix, pageSize: 1 }, { signal })) return page[0]?.key
  return undefined
}

/**
 * Asks after an object of the destination with the run's right to read, or, where there is none, after the write probe's key: Amazon S3
 * answers 404 to who may read and list, and 403 to who may only list (API reference, HeadObject). Whether it still answers 404 to a
 * right to list that is bound to a prefix is not documented: `ownRole`, whose policy was read back, is not refused by that answer.
 * Throws PreflightFailed, or what a store throws that may answer a little later.
 */
export const probeReading = async (
  migration: Migration,
  destination: ObjectStore,
  ownRole: boolean,
  signal: AbortSignal,
): Promise<void> => {
  const present = await withRetries(() => firstKey(destination, destinationPrefix(migration), signal), signal)
  try {
    await withRetries(() => destination.stat(present ?? probeKey(migration), { signal }), signal)
  } catch (error) {
    if (!(error instanceof DrayageError) || isRetryable(error)) throw error
    if (error instanceof AccessDenied && present === undefined && ownRole) return
    const remedy =
      error instanceof AccessDenied
        ? 'who verifies may not read objects of the destination; grant s3:GetObject, or ask for the mode listing'
        : `the destination does not answer a HEAD (${error.message}); ask for the mode listing`
    throw new PreflightFailed(`verification.mode: ${remedy}`, { cause: error })
  }
}

/**
 * Lists one version of each side, where all are to be carried. Whether an empty bucket keeps versions its listing does not say: where
 * the destination's settings cannot be asked for, the first write tells. Throws PreflightFailed, or what a store throws that may
 * answer a little later.
 */
export const probeVersions = async (
  migration: Migration,
  open: (side: Side) => Promise<ObjectStore>,
  signal: AbortSignal,
): Promise<void> => {
  if (migration.carry.versions !== 'all') return
  const prefixes = { source: Buffer.from(migration.source.prefix, 'utf8'), destination: destinationPrefix(migration) }
  for (const side of ['source', 'destination'] as const) {
    const ask = async (): Promise<void> => {
      for await (const _page of (await open(side)).listVersions({ prefix: prefixes[side], pageSize: 1 }, { signal })) return
    }
    await withRetries(ask, signal).catch((error: unknown) => {
      if (isRetryable(error) || signal.aborted) throw error
      const words = error instanceof Error ? error.message : 'unknown error'
      throw new PreflightFailed(
        `carry.versions: the ${side} cannot list versions: ${words}; grant s3:ListBucketVersions on ${migration[side].bucket}, or ask for current`,
        { cause: error },
      )
    })
  }
}

/** What the source was seen to do: written into the report, and later used to correct the provider's profile. */
export interface SourceProbe {
  /** whether a read pinned to a wrong ETag is refused; null: there is no object to try it on, or the first one is archived */
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
      if (error instanceof ObjectArchived) break
      return { ifMatch: error.name === 'ObjectChanged' }
    }
  }
  return { ifMatch: null }
}
