import { destinationPrefix, type Mapping } from './destination-key'

/** What of a migration says whether its two sides are one. */
export interface Sides extends Mapping {
  source: Mapping['source'] & Side
  destination: Mapping['destination'] & Side
}

interface Side {
  bucket: string
  region: string
  /** null: Amazon S3 of the region */
  endpoint: string | null
}

/** Host names of Amazon S3 (AWS General Reference, "Amazon S3 endpoints and quotas"), whichever region or form. */
const AMAZON = /(^|\.)amazonaws\.com(\.cn)?$/

/** The partitions whose buckets are others than those of the same name elsewhere, by their regions' names. */
const PARTITION = /(cn|us-gov)-/

/** What tells a store from others. Amazon S3 is one, however it is reached: a bucket's name is unique in a partition. */
const storeOf = ({ endpoint, region }: Side): string => {
  const amazon = (name: string): string => `Amazon S3 ${PARTITION.exec(name)?.[1] ?? ''}`
  if (endpoint === null) return amazon(region)
  if (!URL.canParse(endpoint)) return endpoint
  const { hostname, host } = new URL(endpoint)
  return AMAZON.test(hostname) ? amazon(hostname) : host
}

/** Whether one side's objects would be listed by the other: the same bucket of one store, and one prefix begins with the other. */
export const overlaps = ({ source, destination }: Sides): boolean => {
  if (source.bucket !== destination.bucket || storeOf(source) !== storeOf(destination)) return false
  const written = destinationPrefix({ source, destination }).toString('utf8')
  return written.startsWith(source.prefix) || source.prefix.startsWith(written)
}

/** What is wrong then with destination.bucket, and what to do. */
export const OVERLAP = 'is the source itself; choose another bucket, or a destination.prefix that the source.prefix does not cover'
