import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Buckets as @aws-sdk/client-s3 sees them: none of our own stores, listers or comparisons is asked. */

/** Requests at once. The server is in this process: more only queue. */
const AT_ONCE = 8

export const eachAtOnce = async <T>(items: Iterable<T>, act: (item: T) => Promise<void>): Promise<void> => {
  const waiting = [...items]
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await act(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** As `encoding-type=url` writes keys: form encoding, where + is a space. */
const decoded = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '))

export const keysOf = async (client: S3Client, bucket: string, prefix = ''): Promise<string[]> => {
  const keys: string[] = []
  let token: string | undefined
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, EncodingType: 'url', ContinuationToken: token }),
    )
    for (const { Key } of page.Contents ?? []) keys.push(decoded(Key!))
    token = page.NextContinuationToken
  } while (token !== undefined)
  return keys
}

export const textOf = async (client: S3Client, bucket: string, key: string): Promise<string> =>
  (await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))).Body!.transformToString('utf8')

/** SHA-256 (hex) of every body, read to its end, by key. */
export const digests = async (client: S3Client, bucket: string): Promise<Map<string, string>> => {
  const found = new Map<string, string>()
  await eachAtOnce(await keysOf(client, bucket), async (key) => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
    const hash = createHash('sha256')
    await pipeline(Body as Readable, hash)
    found.set(key, hash.digest('hex'))
  })
  return found
}

export interface OpenUpload {
  bucket: string
  key: string
  uploadId: string
  /** finished parts by number: bytes */
  parts: Map<number, number>
}

export const openUploads = async (client: S3Client, bucket: string): Promise<OpenUpload[]> => {
  const { Uploads = [], IsTruncated } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, EncodingType: 'url' }))
  if (IsTruncated) throw new Error(`${bucket} has more open uploads than one page holds`)
  const open: OpenUpload[] = []
  for (const { Key, UploadId } of Uploads) {
    const key = decoded(Key!)
    const { Parts = [] } = await client.send(new ListPartsCommand({ Bucket: bucket, Key: key, UploadId }))
    open.push({ bucket, key, uploadId: UploadId!, parts: new Map(Parts.map(({ PartNumber, Size }) => [PartNumber!, Size!])) })
  }
  return open
}

export const createBucket = async (client: S3Client, bucket: string): Promise<void> => {
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
}

export const putObject = async (client: S3Client, bucket: string, key: string, body: Buffer): Promise<void> => {
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentLength: body.length }))
}

export const removeObject = async (client: S3Client, bucket: string, key: string): Promise<void> => {
  await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }))
}
