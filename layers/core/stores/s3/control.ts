import type { ListMultipartUploadsCommandOutput, ListPartsCommandOutput, S3Client } from '@aws-sdk/client-s3'
import type { CredentialProvider, Credentials } from '../../domain/access'
import { KeyNotRepresentable, NoSuchUpload, SourceListingBroken, StoreUnavailable } from '../../domain/errors'
import { hasPrefix, keyText, namedKey, type Key } from '../../domain/keys'
import type { JoinedUpload, OpenUpload, UploadPart } from '../../domain/object-store'
import type { Provider } from '../../domain/providers'
import { assertHostAllowed } from './address-guard'
import type { Address } from './addressing'
import { connectionOptions, type Connection } from './connection'
import { fitRefusal, refusalError, sentOf, transportError } from './error-map'
import type { OwnerHeader } from './owner'
import { EMPTY_PAGES } from './pager'
import { decodeUrlBytes } from './percent'

/** CompleteMultipartUpload of many parts may take minutes (Amazon S3 API reference). ms */
const COMPLETE_MS = 300_000

/** Connections at once: the SDK's own default, which an agent of ours would lose. */
const SOCKETS = 50

export type Sdk = typeof import('@aws-sdk/client-s3')

type Use<Result> = (client: S3Client, sdk: Sdk, options: { abortSignal: AbortSignal }) => Promise<Result>

/** The calls that are made once per large object or run: client-s3's, with its retries, redirects and extra checksums off. */
export interface Control {
  listParts(what: string, key: Key, uploadId: string, signal: AbortSignal | undefined): Promise<UploadPart[]>
  completeUpload(what: string, key: Key, uploadId: string, parts: UploadPart[], signal: AbortSignal | undefined): Promise<JoinedUpload>
  abortUpload(what: string, key: Key, uploadId: string, signal: AbortSignal | undefined): Promise<void>
  listUploads(what: string, prefix: Key, signal: AbortSignal | undefined): Promise<OpenUpload[]>
  /** Any other call. What `use` throws comes out as a typed error. */
  call<Result>(what: string, signal: AbortSignal | undefined, use: Use<Result>): Promise<Result>
  close(): Promise<void>
}

/** What is read of an SDK error. The error itself holds the request with its headers, and goes no further. */
export interface SdkError {
  name?: unknown
  $metadata?: { httpStatusCode?: number; requestId?: string }
  $response?: { headers?: Record<string, string> }
}

const explain = (what: string, thrown: unknown, signal: AbortSignal | undefined, overdue: AbortSignal, given: Credentials): unknown => {
  if (signal?.aborted === true) return signal.reason
  if (overdue.aborted) return new StoreUnavailable(`${what}: no answer in time`)
  const { name, $metadata, $response } = (thrown ?? {}) as SdkError
  const status = $metadata?.httpStatusCode
  const headers = $response?.headers ?? {}
  const { code, ...refusal } = fitRefusal(
    {
      status: status ?? 0,
      code: typeof name === 'string' ? name : undefined,
      requestId: $metadata?.requestId,
      region: headers['x-amz-bucket-region'],
      retryAfter: headers['retry-after'],
    },
    sentOf(given),
  )
  if (status === undefined)
    return transportError(what, thrown) ?? new StoreUnavailable(`${what}: the call failed (${code ?? 'unknown error'})`)
  // a reply that is no XML; an error inside a 200 the SDK gives a status of its own
  if (status < 300) return new StoreUnavailable(`${what}: a reply that is not understood (${code ?? 'unknown error'})`)
  return refusalError(what, { code, ...refusal }, true)
}

const textKey = (what: string, key: Key): string => {
  const text = keyText(key)
  if (text === undefined) throw new KeyNotRepresentable(`${what}: the key is not UTF-8`)
  return text
}

/**
 * Walks a truncated list of uploads or parts. Throws SourceListingBroken for a page that does not say whether or where it goes on, or goes
 * back, and for one that is the 1,000th in a row without anything new. `idsOf`: what stands on a page, each by what it is told apart by.
 */
const allPages = async <Page extends { IsTruncated?: boolean | undefined }>(
  what: string,
  ask: (page: Page | undefined) => Promise<Page>,
  positionOf: (page: Page) => string | undefined,
  idsOf: (page: Page) => string[],
): Promise<Page[]> => {
  const pages: Page[] = []
  const positions = new Set<string>()
  const ids = new Set<string>()
  for (let old = 0; ;) {
    const page = await ask(pages.at(-1))
    if (typeof page.IsTruncated !== 'boolean') throw new SourceListingBroken(`${what}: the reply does not say whether it is truncated`)
    pages.push(page)
    if (!page.IsTruncated) return pages
    const next = positionOf(page)
    if (next === undefined || positions.has(next)) throw new SourceListingBroken(`${what}: truncated, but it does not say where it goes on`)
    positions.add(next)
    const known = ids.size
    for (const id of idsOf(page)) ids.add(id)
    old = ids.size > known ? 0 : old + 1
    if (old === EMPTY_PAGES) throw new SourceListingBroken(`${what}: ${EMPTY_PAGES} truncated pages without anything new`)
  }
}

/** `timeoutMs`: for one call. The SDK is loaded with the first call: most functions make none. */
export const controlCalls = (
  bucket: string,
  region: string,
  address: Address,
  provider: Provider,
  credentials: CredentialProvider,
  timeoutMs: number,
  connection: Connection,
  owner: OwnerHeader,
): Control => {
  let opened: Promise<{ sdk: Sdk; client: S3Client }> | undefined

  const open = async (): Promise<{ sdk: Sdk; client: S3Client }> => {
    const sdk = await import('@aws-sdk/client-s3')
    const agent = { keepAlive: true, maxSockets: SOCKETS, ...connectionOptions(connection) }
    const client = new sdk.S3Client({
      region,
      endpoint: address.endpoint,
      forcePathStyle: address.pathStyle,
      credentials: async () => {
        const { accessKeyId, secretAccessKey, sessionToken, expiration } = await credentials()
        return {
          accessKeyId,
          secretAccessKey,
          ...(sessionToken !== undefined && { sessionToken }),
          ...(expiration !== undefined && { expiration }),
        }
      },
      requestHandler: { httpsAgent: agent, httpAgent: agent },
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    })
    // On the client and not on each command: a call that is added later cannot forget it. Signed, for signing comes after building.
    client.middlewareStack.add(
      (next) => (args) => {
        Object.assign((args.request as { headers: Record<string, string> }).headers, owner)
        return next(args)
      },
      { step: 'build' },
    )
    return { sdk, client }
  }

  const call = async <Result>(what: string, signal: AbortSignal | undefined, ms: number, use: Use<Result>): Promise<Result> => {
    signal?.throwIfAborted()
    const { client, sdk } = await (opened ??= open())
    const overdue = AbortSignal.timeout(ms)
    try {
      assertHostAllowed(new URL(address.origin).hostname, connection.addresses)
      return await use(client, sdk, { abortSignal: signal === undefined ? overdue : AbortSignal.any([signal, overdue]) })
    } catch (error) {
      throw explain(what, error, signal, overdue, await credentials())
    }
  }

  return {
    async listParts(what, key, uploadId, signal) {
      const input = { Bucket: bucket, Key: textKey(what, key), UploadId: uploadId }
      const pages = await allPages<ListPartsCommandOutput>(
        what,
        (before) =>
          call(what, signal, timeoutMs, (client, sdk, options) =>
            client.send(new sdk.ListPartsCommand({ ...input, PartNumberMarker: before?.NextPartNumberMarker }), options),
          ),
        (page) => page.NextPartNumberMarker,
        ({ Parts }) => (Parts ?? []).map(({ PartNumber }) => String(PartNumber)),
      )
      return pages
        .flatMap(({ Parts }) => Parts ?? [])
        .map(({ PartNumber, ETag, Size, LastModified, ChecksumCRC32 }) => {
          if (PartNumber === undefined || ETag === undefined || !Number.isSafeInteger(Size)) {
            throw new SourceListingBroken(`${what}: a part without number, ETag or size`)
          }
          const part: UploadPart = { number: PartNumber, etag: ETag, size: Size as number, lastModified: LastModified?.toISOString() }
          return ChecksumCRC32 === undefined ? part : { ...part, crc32: ChecksumCRC32 }
        })
        .sort((a, b) => a.number - b.number)
    },

    async completeUpload(what, key, uploadId, parts, signal) {
      const Parts = parts.map(({ number, etag, crc32 }) => ({
        PartNumber: number,
        ETag: etag,
        ...(crc32 !== undefined && { ChecksumCRC32: crc32 }),
      }))
      const input = { Bucket: bucket, Key: textKey(what, key), UploadId: uploadId, MultipartUpload: { Parts } }
      const { ETag, VersionId } = await call(what, signal, Math.max(timeoutMs, COMPLETE_MS), (client, sdk, options) =>
        client.send(new sdk.CompleteMultipartUploadCommand(input), options),
      )
      if (ETag === undefined) throw new StoreUnavailable(`${what}: the reply has no ETag`)
      return VersionId === undefined ? { etag: ETag } : { etag: ETag, versionId: VersionId }
    },

    async abortUpload(what, key, uploadId, signal) {
      const input = { Bucket: bucket, Key: textKey(what, key), UploadId: uploadId }
      try {
        await call(what, signal, timeoutMs, (client, sdk, options) => client.send(new sdk.AbortMultipartUploadCommand(input), options))
      } catch (error) {
        if (!(error instanceof NoSuchUpload)) throw error
      }
    },

    async listUploads(what, prefix, signal) {
      const input = { Bucket: bucket, Prefix: textKey(what, prefix), ...(provider.urlEncoding && { EncodingType: 'url' as const }) }
      const raw = (text: string | undefined, encoding: string | undefined): Buffer | undefined => {
        const bytes = Buffer.from(text ?? '', 'utf8')
        return encoding === 'url' ? decodeUrlBytes(bytes) : bytes
      }
      const pages = await allPages<ListMultipartUploadsCommandOutput>(
        what,
        (before) =>
          call(what, signal, timeoutMs, (client, sdk, options) =>
            client.send(
              new sdk.ListMultipartUploadsCommand({
                ...input,
                KeyMarker: before && raw(before.NextKeyMarker, before.EncodingType)?.toString('utf8'),
                UploadIdMarker: before?.NextUploadIdMarker,
              }),
              options,
            ),
          ),
        (page) => page.NextKeyMarker && `${page.NextKeyMarker} ${page.NextUploadIdMarker ?? ''}`,
        ({ Uploads }) => (Uploads ?? []).map(({ Key, UploadId }) => `${Key} ${UploadId}`),
      )
      return pages.flatMap(({ Uploads, EncodingType }) =>
        (Uploads ?? []).map(({ Key: text, UploadId, Initiated }): OpenUpload => {
          const key = raw(text, EncodingType)
          if (key === undefined || key.length === 0 || UploadId === undefined || Initiated === undefined) {
            throw new SourceListingBroken(`${what}: an upload without key, id or date`)
          }
          if (!hasPrefix(key, prefix)) throw new SourceListingBroken(`${what}: ${namedKey(key)} is outside the prefix`)
          return { key, uploadId: UploadId, initiated: Initiated.toISOString() }
        }),
      )
    },

    call: (what, signal, use) => call(what, signal, timeoutMs, use),

    async close() {
      if (opened !== undefined) (await opened).client.destroy()
    },
  }
}
