import type { Handler } from './call'
import { S3Error } from './errors'
import { timeText } from './replies'
import { document, element, parseXml } from './xml'

export const listBuckets: Handler = (call) => {
  const buckets = call.buckets
    .all()
    .map(({ name, created }) => `<Bucket>${element('Name', name)}${element('CreationDate', timeText(created))}</Bucket>`)
  return { status: 200, body: document('ListAllMyBucketsResult', `<Buckets>${buckets.join('')}</Buckets>`) }
}

export const createBucket: Handler = async (call) => {
  if (call.buckets.has(call.request.bucket)) throw new S3Error('BucketAlreadyOwnedByYou')
  await call.buckets.create(call.request.bucket, call.now())
  return { status: 200, headers: { location: `/${call.request.bucket}` } }
}

export const deleteBucket: Handler = async (call) => {
  await call.buckets.remove(call.request.bucket)
  return { status: 204 }
}

export const headBucket: Handler = (call) => {
  call.bucket()
  return { status: 200, headers: { 'x-amz-bucket-region': 'us-east-1' } }
}

/** An empty location is us-east-1. */
export const getLocation: Handler = (call) => {
  call.bucket()
  return { status: 200, body: document('LocationConstraint', '') }
}

export const getVersioning: Handler = (call) => ({
  status: 200,
  body: document('VersioningConfiguration', element('Status', call.bucket().versioning)),
})

export const putVersioning: Handler = async (call) => {
  const status = parseXml(call.small, 'VersioningConfiguration').text('Status')
  if (status !== 'Enabled' && status !== 'Suspended') throw new S3Error('MalformedXML')
  await call.bucket().setVersioning(status)
  return { status: 200 }
}
