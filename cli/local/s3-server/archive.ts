import type { Call, Handler } from './call'
import { S3Error } from './errors'
import { queryOf } from './request'
import { legalVersionId, type StoredObject } from './version'
import { parseXml } from './xml'

const DAY_MS = 86_400_000
const TIERS = ['Bulk', 'Standard', 'Expedited']
const ARCHIVES = ['GLACIER', 'DEEP_ARCHIVE']

/** Where a restore stands: `restored` no longer once its time is over. */
const restoreOf = ({ restore }: StoredObject, now: number): 'none' | 'ongoing' | 'restored' => {
  if (restore === undefined || now >= (restore.until ?? Infinity)) return 'none'
  return now < restore.ready ? 'ongoing' : 'restored'
}

const inArchive = ({ storageClass = 'STANDARD', archiveStatus }: StoredObject): boolean =>
  ARCHIVES.includes(storageClass) || archiveStatus !== undefined

/** Whether an object must be restored before it is read: Amazon S3 user guide, "Working with archived objects". */
export const isArchived = (object: StoredObject, now: number): boolean => inArchive(object) && restoreOf(object, now) !== 'restored'

/** What GET and HEAD say of it. An object of Intelligent-Tiering that was restored is as any other again. */
export const archiveHeaders = (object: StoredObject, now: number): Record<string, string> => {
  const state = restoreOf(object, now)
  const { archiveStatus, restore } = object
  const tier = archiveStatus !== undefined && state !== 'restored' ? { 'x-amz-archive-status': archiveStatus } : {}
  if (state === 'ongoing') return { ...tier, 'x-amz-restore': 'ongoing-request="true"' }
  const until = state === 'restored' ? restore?.until : undefined
  return until === undefined
    ? tier
    : { ...tier, 'x-amz-restore': `ongoing-request="false", expiry-date="${new Date(until).toUTCString()}"` }
}

/** What is asked for, in whole days; undefined: an object of Intelligent-Tiering. Throws MalformedXML, InvalidArgument. */
const daysOf = ({ small }: Call, { storageClass, archiveStatus }: StoredObject): number | undefined => {
  const request = parseXml(small, 'RestoreRequest')
  const tier = request.children('GlacierJobParameters')[0]?.text('Tier') ?? 'Standard'
  const days = request.text('Days')
  if (!TIERS.includes(tier)) throw new S3Error('MalformedXML')
  if (tier === 'Expedited' && (storageClass === 'DEEP_ARCHIVE' || archiveStatus === 'DEEP_ARCHIVE_ACCESS'))
    throw new S3Error('InvalidArgument', 'Retrieval option is not supported by this storage class')
  if (archiveStatus !== undefined && days !== undefined) throw new S3Error('InvalidArgument', 'Days is not supported by this storage class')
  if (archiveStatus === undefined && !/^[1-9]\d{0,5}$/.test(days ?? '')) throw new S3Error('MalformedXML')
  return days === undefined ? undefined : Number(days)
}

/** 202 for a restore that begins; 200 for one that is there and is to stay for another time. A day ends at midnight, as Amazon S3's do. */
export const restoreObject: Handler = async (call) => {
  const now = call.now()
  let status = 202
  const restored = (object: StoredObject): Pick<StoredObject, 'restore'> => {
    if (!inArchive(object) || (object.archiveStatus !== undefined && restoreOf(object, now) === 'restored'))
      throw new S3Error('InvalidObjectState', "Restore is not allowed for the object's current storage class")
    const days = daysOf(call, object)
    const state = restoreOf(object, now)
    if (state === 'ongoing') throw new S3Error('RestoreAlreadyInProgress')
    if (state === 'restored') status = 200
    const ready = state === 'restored' ? now : now + call.buckets.restoreMs
    return { restore: { ready, ...(days !== undefined && { until: Math.ceil(ready / DAY_MS + days) * DAY_MS }) } }
  }
  await call.bucket().alter(call.request.key, legalVersionId(queryOf(call.request, 'versionId')), restored, call.stillAllowed)
  return { status }
}
