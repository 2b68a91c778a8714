import type { Bucket } from './bucket'
import type { Handler } from './call'
import { S3Error } from './errors'
import { fromToken, toToken } from './listing'
import { OWNER, timeText } from './replies'
import { headerOf, queryOf, wholeNumber } from './request'
import { document, element, escapeXml, parseXml } from './xml'

const regionOf = ({ settings }: Bucket): string => settings.location ?? 'us-east-1'

export const listBuckets: Handler = ({ request, buckets }) => {
  const most = wholeNumber('max-buckets', queryOf(request, 'max-buckets'), 1, 10_000) ?? 10_000
  const token = queryOf(request, 'continuation-token')
  const prefix = queryOf(request, 'prefix')
  const region = queryOf(request, 'bucket-region')
  const behind = token === undefined ? '' : fromToken(token)
  const found = buckets
    .all()
    .filter((bucket) => bucket.name > behind && bucket.name.startsWith(prefix ?? '') && (region ?? regionOf(bucket)) === regionOf(bucket))
  const page = found.slice(0, most)
  const described = page.map(
    (bucket) =>
      `<Bucket>${element('Name', bucket.name)}${element('CreationDate', timeText(bucket.settings.created))}${element('BucketRegion', regionOf(bucket))}</Bucket>`,
  )
  const next = found.length > most ? toToken(page.at(-1)?.name ?? '') : undefined
  const turn = element('ContinuationToken', next) + element('Prefix', prefix)
  return { status: 200, body: document('ListAllMyBucketsResult', `${OWNER}<Buckets>${described.join('')}</Buckets>${turn}`) }
}

/** A location is kept and told, and changes nothing. A bucket with Object Lock has versions. */
export const createBucket: Handler = async ({ request, buckets, small, now, stillAllowed }) => {
  const locks = headerOf(request.headers, 'x-amz-bucket-object-lock-enabled')?.toLowerCase() === 'true'
  const given = small.length === 0 ? undefined : parseXml(small, 'CreateBucketConfiguration').text('LocationConstraint')
  stillAllowed()
  const created = await buckets.create(request.bucket, {
    created: now(),
    ...(given ? { location: given } : {}),
    ...(locks ? { locks, versioning: 'Enabled' } : {}),
  })
  if (!created) throw new S3Error('BucketAlreadyOwnedByYou')
  return { status: 200, headers: { location: `/${request.bucket}` } }
}

export const deleteBucket: Handler = async (call) => {
  call.stillAllowed()
  await call.buckets.remove(call.request.bucket)
  return { status: 204 }
}

export const headBucket: Handler = (call) => ({ status: 200, headers: { 'x-amz-bucket-region': regionOf(call.bucket()) } })

/** An empty location is us-east-1. */
export const getLocation: Handler = (call) => ({
  status: 200,
  body: document('LocationConstraint', escapeXml(call.bucket().settings.location ?? '')),
})

export const getVersioning: Handler = (call) => ({
  status: 200,
  body: document('VersioningConfiguration', element('Status', call.bucket().versioning)),
})

export const putVersioning: Handler = async (call) => {
  const status = parseXml(call.small, 'VersioningConfiguration').text('Status')
  if (status !== 'Enabled' && status !== 'Suspended') throw new S3Error('MalformedXML')
  if (call.bucket().settings.locks && status !== 'Enabled') throw new S3Error('InvalidBucketState')
  await call.bucket().setVersioning(status, call.stillAllowed)
  return { status: 200 }
}

/** No default retention is ever set. */
export const getObjectLock: Handler = (call) => {
  if (!call.bucket().settings.locks) throw new S3Error('ObjectLockConfigurationNotFoundError')
  return { status: 200, body: document('ObjectLockConfiguration', element('ObjectLockEnabled', 'Enabled')) }
}
