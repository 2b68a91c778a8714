import * as S3 from '@aws-sdk/client-s3'
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { crc32 } from 'node:zlib'
import type { IssuedKey } from '../../../cli/local/s3-server/index'
import { codeOf, sendSigned, type RawReply, type RawRequest } from '../../support/embedded-client'

/** One thing that Amazon S3 does. */
export interface Behaviour {
  group: string
  /** what S3 does, as a sentence */
  name: string
  /** the page of Amazon S3's documentation that decides it, where it is not obvious */
  page: string | undefined
  /** Asks a server for it over a bucket that nothing else uses. Throws when the server does something else. */
  run(at: Place): Promise<void>
}

/** Builds one room of the list: each entry is a name, what to ask, and the page that decides. */
export const group = (name: string, entries: readonly (readonly [name: string, run: Behaviour['run'], page?: string])[]): Behaviour[] =>
  entries.map(([sentence, run, page]) => ({ group: name, name: sentence, page, run }))

/**
 * What the server did in place of what S3 does. The words stand in a table that is compared with the next one, so they hold
 * nothing that differs from run to run: no identifiers, no times.
 */
export class Differs extends Error {
  override readonly name = 'Differs'
}

const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')
  return text.length > 70 ? `${text.slice(0, 70)}…` : text
}

/** Throws Differs unless both are deeply equal. `what` says whose value it is. */
export const same = (what: string, found: unknown, wanted: unknown): void => {
  if (!isDeepStrictEqual(found, wanted)) throw new Differs(`${what}: ${shown(found)} instead of ${shown(wanted)}`)
}

/** As `same`, for what would be a page of digits. */
export const sameBytes = (what: string, found: Buffer, wanted: Buffer): void => {
  if (found.equals(wanted)) return
  throw new Differs(`${what}: ${found.length === wanted.length ? 'other bytes' : `${found.length} bytes instead of ${wanted.length}`}`)
}

const isAnswer = (error: unknown): error is S3.S3ServiceException => (error as { $metadata?: object }).$metadata !== undefined

/** The status and code of an answer that is an error. A HEAD has no body, hence no code. */
export const answered = (error: unknown): string => {
  if (!isAnswer(error)) return `${(error as Error).name}: ${(error as Error).message}`.split('\n')[0] ?? ''
  const { httpStatusCode = 0 } = error.$metadata
  return httpStatusCode >= 200 && httpStatusCode < 300 ? 'an answer that the SDK cannot read' : `${httpStatusCode} ${error.name}`
}

/** Throws Differs unless the work is refused as wanted: with a status, a status and a code, or, where S3's pages name neither, as the client's fault. */
export const refused = async (what: string, work: Promise<unknown>, wanted: number | `${number} ${string}` | '4xx'): Promise<void> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason as Error,
  )
  if (error === undefined) throw new Differs(`${what}: accepted instead of ${wanted}`)
  const found = answered(error)
  const right = wanted === '4xx' ? /^4\d\d /.test(found) : typeof wanted === 'number' ? found.startsWith(`${wanted} `) : found === wanted
  if (!right) throw new Differs(`${what}: ${found} instead of ${wanted}`)
}

/** As `refused`, for a reply that did not come through the SDK. */
export const refusedRaw = (what: string, reply: RawReply, wanted: string): void => {
  if (reply.status < 300) throw new Differs(`${what}: accepted instead of ${wanted}`)
  same(what, `${reply.status} ${codeOf(reply)}`.trim(), wanted)
}

export const md5 = (data: Buffer | string): Buffer => createHash('md5').update(data).digest()
export const md5Etag = (data: Buffer | string): string => `"${md5(data).toString('hex')}"`

/** The ETag of an object whose parts these were. */
export const partsEtag = (parts: readonly Buffer[]): string => `"${md5(Buffer.concat(parts.map(md5))).toString('hex')}-${parts.length}"`

export const crc32Bytes = (data: Buffer | string): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(data))
  return bytes
}

/** The same bytes at every run, without a pattern that a wrong offset would hit again. */
export const bytesOf = (seed: string, length: number): Buffer => createHash('shake256', { outputLength: length }).update(seed).digest()

/** The smallest part that is not the last: "Amazon S3 multipart upload limits". */
export const PART = bytesOf('part', 5 * 2 ** 20)
export const TAIL = bytesOf('tail', 1000)

export const decoded = (key = ''): string => decodeURIComponent(key.replaceAll('+', ' '))

type Payload = NonNullable<S3.PutObjectCommandInput['Body']>
type More<Input> = Partial<Omit<Input, 'Bucket' | 'Key'>>

/** A server with one empty bucket, and the verbs that the behaviours are written in. */
export const placeOf = (endpoint: string, key: IssuedKey, client: S3.S3Client, bucket: string) => {
  const at = (Key: string) => ({ Bucket: bucket, Key })
  const upload = (Key: string, UploadId: string) => ({ ...at(Key), UploadId })
  return {
    endpoint,
    key,
    client,
    bucket,
    put: (Key: string, Body: Payload = 'x', more: More<S3.PutObjectCommandInput> = {}) =>
      client.send(new S3.PutObjectCommand({ ...at(Key), Body, ...more })),
    get: async (Key: string, more: More<S3.GetObjectCommandInput> = {}) => {
      const reply = await client.send(new S3.GetObjectCommand({ ...at(Key), ...more }))
      return { ...reply, bytes: Buffer.from((await reply.Body?.transformToByteArray()) ?? []) }
    },
    head: (Key: string, more: More<S3.HeadObjectCommandInput> = {}) => client.send(new S3.HeadObjectCommand({ ...at(Key), ...more })),
    remove: (Key: string, more: More<S3.DeleteObjectCommandInput> = {}) => client.send(new S3.DeleteObjectCommand({ ...at(Key), ...more })),
    removeAll: (Objects: S3.ObjectIdentifier[], Quiet = false) =>
      client.send(new S3.DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet } })),
    /** `from` is a key of this bucket */
    copy: (Key: string, from: string, more: More<S3.CopyObjectCommandInput> = {}) =>
      client.send(new S3.CopyObjectCommand({ ...at(Key), CopySource: `${bucket}/${encodeURIComponent(from)}`, ...more })),
    list: (more: More<S3.ListObjectsV2CommandInput> = {}) => client.send(new S3.ListObjectsV2Command({ Bucket: bucket, ...more })),
    listV1: (more: More<S3.ListObjectsCommandInput> = {}) => client.send(new S3.ListObjectsCommand({ Bucket: bucket, ...more })),
    versions: (more: More<S3.ListObjectVersionsCommandInput> = {}) =>
      client.send(new S3.ListObjectVersionsCommand({ Bucket: bucket, ...more })),
    tags: async (Key: string, more: More<S3.GetObjectTaggingCommandInput> = {}) =>
      Object.fromEntries(
        ((await client.send(new S3.GetObjectTaggingCommand({ ...at(Key), ...more }))).TagSet ?? [])
          .map(({ Key: name, Value }) => [name, Value])
          .sort(),
      ) as Record<string, string>,
    tag: (Key: string, TagSet: S3.Tag[], more: More<S3.PutObjectTaggingCommandInput> = {}) =>
      client.send(new S3.PutObjectTaggingCommand({ ...at(Key), Tagging: { TagSet }, ...more })),
    open: async (Key: string, more: More<S3.CreateMultipartUploadCommandInput> = {}) =>
      (await client.send(new S3.CreateMultipartUploadCommand({ ...at(Key), ...more }))).UploadId ?? '',
    /** Returns what CompleteMultipartUpload wants to be told of it. */
    part: async (
      Key: string,
      UploadId: string,
      PartNumber: number,
      Body: Payload,
      more: More<S3.UploadPartCommandInput> = {},
    ): Promise<S3.CompletedPart> => {
      const reply = await client.send(new S3.UploadPartCommand({ ...upload(Key, UploadId), PartNumber, Body, ...more }))
      const { ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 } = reply
      return { PartNumber, ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 }
    },
    parts: (Key: string, UploadId: string, more: More<S3.ListPartsCommandInput> = {}) =>
      client.send(new S3.ListPartsCommand({ ...upload(Key, UploadId), ...more })),
    complete: (Key: string, UploadId: string, Parts: S3.CompletedPart[], more: More<S3.CompleteMultipartUploadCommandInput> = {}) =>
      client.send(new S3.CompleteMultipartUploadCommand({ ...upload(Key, UploadId), MultipartUpload: { Parts }, ...more })),
    abort: (Key: string, UploadId: string) => client.send(new S3.AbortMultipartUploadCommand(upload(Key, UploadId))),
    uploads: (more: More<S3.ListMultipartUploadsCommandInput> = {}) =>
      client.send(new S3.ListMultipartUploadsCommand({ Bucket: bucket, ...more })),
    /** A second bucket beside this one. */
    another: async (): Promise<string> => {
      await client.send(new S3.CreateBucketCommand({ Bucket: `${bucket}-other` }))
      return `${bucket}-other`
    },
    versioning: (Status: S3.BucketVersioningStatus) =>
      client.send(new S3.PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status } })),
    /** A request that the SDK cannot be made to send, signed all the same. */
    raw: (request: RawRequest, by: IssuedKey = key) => sendSigned(endpoint, by, request),
  }
}

export type Place = ReturnType<typeof placeOf>

/** Throws Differs if there is an object under the key. */
export const absent = (at: Place, key: string): Promise<void> => refused(`HEAD of ${key} afterwards`, at.head(key), 404)

/** All keys of a listing, page by page and decoded. */
export const allKeys = async (at: Place, more: More<S3.ListObjectsV2CommandInput> = {}): Promise<string[]> => {
  const found: string[] = []
  let ContinuationToken: string | undefined
  do {
    const page: S3.ListObjectsV2CommandOutput = await at.list({ EncodingType: 'url', ...more, ContinuationToken })
    for (const { Key } of page.Contents ?? []) found.push(decoded(Key))
    ContinuationToken = page.NextContinuationToken
  } while (ContinuationToken !== undefined && found.length < 5000)
  return found
}

export const utf8Order = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
