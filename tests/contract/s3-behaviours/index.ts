import type { S3Client } from '@aws-sdk/client-s3'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import type { IssuedKey } from '../../../cli/local/s3-server/index'
import { answered, Differs, placeOf, type Behaviour } from './behaviour'
import { archivesAndLocks } from './archives-and-locks'
import { checksums } from './checksums'
import { conditions } from './conditions'
import { copies } from './copies'
import { errors } from './errors'
import { keys } from './keys'
import { listing } from './listing'
import { multipart } from './multipart'
import { objects } from './objects'
import { presigned } from './presigned'
import { tags } from './tags'
import { versions } from './versions'

export type { Behaviour } from './behaviour'

/** What Amazon S3 does, as far as a store for migrations needs it: asked with the SDK at its defaults. */
export const S3_BEHAVIOURS: readonly Behaviour[] = [
  ...objects,
  ...checksums,
  ...conditions,
  ...multipart,
  ...keys,
  ...listing,
  ...versions,
  ...tags,
  ...archivesAndLocks,
  ...copies,
  ...presigned,
  ...errors,
]

let buckets = 0

/** Asks one server for one behaviour, over a new bucket. Returns what it did instead; undefined: it does the same as S3. */
export const differenceOf = async (
  behaviour: Behaviour,
  { endpoint, key, client }: { endpoint: string; key: IssuedKey; client: S3Client },
): Promise<string | undefined> => {
  const bucket = `behaviour-${buckets++}`
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  try {
    await behaviour.run(placeOf(endpoint, key, client, bucket))
    return undefined
  } catch (error) {
    return error instanceof Differs ? error.message : answered(error)
  }
}
