import type { Case } from '../simulate'
import { each, FUNCTIONS, key, may, mayNot, QUEUE, STATE, viaAnotherBucket, viaQueue, viaS3 } from './case'

const file = (name: string): string => `${STATE}/runs/run-1/${name}`
const READS: Record<string, string[]> = {
  openAccess: ['request.json', 'access.json'],
  preflight: ['access.json'],
  listSource: ['cursor.json'],
  copyBatch: ['shards/batches/a.jsonl', 'outcomes/a/0.jsonl'],
  beginUpload: ['shards/large/a.json'],
  copyPartGroup: ['shards/large/a.json'],
  completeUpload: ['shards/large/a.json'],
  verifyBatch: ['shards/batches/a.jsonl', 'outcomes/a/0.jsonl'],
  reconcile: ['shards/batches/a.jsonl', 'outcomes/a/0.jsonl', 'verdicts/a.jsonl'],
  cleanup: ['request.json', 'access.json', 'report.json'],
  writeReport: ['report.json', 'certificate.json'],
  sweep: ['request.json'],
}
const WRITES: Record<string, string[]> = {
  openAccess: ['request.json', 'access.json', 'baseline.json'],
  preflight: ['preflight.json'],
  listSource: ['cursor.json', 'shards/batches/a.jsonl'],
  copyBatch: ['outcomes/a/0.jsonl'],
  verifyBatch: ['verdicts/a.jsonl'],
  reconcile: ['report.json', 'failures.csv'],
  cleanup: ['closure.json', 'certificate.json', 'certificate.sig'],
  writeReport: ['report.html', 'report.json'],
}
const KEEPERS = Object.keys(READS)

/** The files of a run, each written by who must and nobody else; encrypted with a key that none of them may use but through S3. */
export const STATE_BUCKET: Case[] = [
  ...each(Object.entries(READS), ([who, names]) => names.map((name) => may(who, 's3:GetObject', file(name)))),
  ...each(Object.entries(WRITES), ([who, names]) => names.map((name) => may(who, 's3:PutObject', file(name)))),
  ...each(['copyBatch', 'beginUpload', 'copyPartGroup', 'completeUpload'], (who) => [
    mayNot(who, 's3:GetObject', file('access.json')),
    mayNot(who, 's3:PutObject', file('report.json')),
  ]),
  ...each(['estimate', 'validateRequest'], (who) => mayNot(who, 's3:PutObject', file('request.json'), {}, 'it creates nothing')),
  mayNot('sweep', 's3:PutObject', `${STATE}/pairs/a.json`, {}, 'it only looks and calls cleanup'),
  may('cleanup', 's3:PutObject', `${STATE}/pairs/a.json`, {}, 'releases the lock'),
  mayNot('writeReport', 's3:PutObject', file('certificate.json')),
  mayNot('reconcile', 's3:PutObject', file('outcomes/a/0.jsonl'), {}, 'who counts the books writes none'),
  mayNot('copyBatch', 's3:GetObject', 'arn:aws:s3:::another-bucket/runs/run-1/shards/batches/a.jsonl'),
  mayNot('administrator', 's3:GetObject', file('report.json'), { 'aws:SecureTransport': 'false' }, 'not even he without TLS'),
  may('administrator', 's3:GetObject', file('report.json')),
  mayNot('foreignAdministrator', 's3:GetObject', file('report.json')),

  ...each(KEEPERS, (who) => [
    may(who, 'kms:Decrypt', key('StateKey'), viaS3),
    mayNot(who, 'kms:Decrypt', key('StateKey'), {}, 'not but through a service'),
    mayNot(who, 'kms:Decrypt', key('StateKey'), viaAnotherBucket, 'not another bucket'),
  ]),
  ...each(Object.keys(WRITES), (who) => may(who, 'kms:GenerateDataKey', key('StateKey'), viaS3)),
  mayNot('administrator', 'kms:Decrypt', key('StateKey'), {}, 'the key serves services alone'),
  may('administrator', 'kms:Decrypt', key('StateKey'), viaS3),
  mayNot('foreignAdministrator', 'kms:Decrypt', key('StateKey'), viaS3),

  ...each(['reconcile', 'cleanup', 'sweep'], (who) => [
    may(who, 'sqs:SendMessage', QUEUE),
    may(who, 'kms:GenerateDataKey', key('StateKey'), viaQueue),
  ]),
  ...each(FUNCTIONS, (who) => mayNot(who, 'sqs:ReceiveMessage', QUEUE)),
  ...each(['copyBatch', 'openAccess'], (who) => mayNot(who, 'sqs:SendMessage', QUEUE)),
]
