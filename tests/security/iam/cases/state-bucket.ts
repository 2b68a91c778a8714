import type { Case } from '../simulate'
import { each, FUNCTIONS, key, may, mayNot, QUEUE, STATE, viaAnotherBucket, viaQueue, viaS3 } from './case'

const file = (name: string): string => `${STATE}/runs/run-1/${name}`
const mapRuns = (name: string): string => `${STATE}/map-runs/a/${name}`
const READS: Record<string, string[]> = {
  openAccess: ['request.json', 'access.json'],
  preflight: ['access.json', 'failures.jsonl'],
  listSource: ['cursor.json', 'keys.jsonl', 'shards/batches/a.jsonl'],
  restoreArchived: ['shards/batches/a.jsonl', 'shards/large/a.json', 'restore.json'],
  copyBatch: ['shards/batches/a.jsonl', 'outcomes/a/0.jsonl'],
  beginUpload: ['shards/large/a.json'],
  copyPartGroup: ['shards/large/a.json'],
  completeUpload: ['shards/large/a.json'],
  verifyBatch: ['shards/batches/a.jsonl', 'outcomes/a/0.jsonl'],
  reconcile: [
    'shards/batches/a.jsonl',
    'outcomes/a/0.jsonl',
    'verdicts/a.jsonl',
    'restore.json',
    'report.json',
    'sums/000000.json',
    'sums/rows/a',
  ],
  cleanup: ['request.json', 'access.json', 'report.json'],
  writeReport: ['report.json', 'certificate.json'],
  sweep: ['request.json'],
}
const WRITES: Record<string, string[]> = {
  openAccess: ['request.json', 'access.json', 'baseline.json'],
  preflight: ['preflight.json', 'keys.jsonl'],
  listSource: ['cursor.json', 'shards/batches/a.jsonl'],
  restoreArchived: ['restore.json'],
  copyBatch: ['outcomes/a/0.jsonl'],
  verifyBatch: ['verdicts/a.jsonl'],
  reconcile: ['report.json', 'failures.csv', 'failures.jsonl', 'extra.csv', 'not-carried.csv', 'sums/000000.json', 'sums/rows/a'],
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
  ...each(['copyBatch', 'beginUpload', 'completeUpload'], (who) => [
    may(who, 's3:GetObject', `${STATE}/uploads/pair/a.json`),
    may(who, 's3:PutObject', `${STATE}/uploads/pair/a.json`, {}, 'Cleanup finds an open upload by its record'),
  ]),
  ...each(['copyPartGroup', 'verifyBatch', 'reconcile'], (who) => mayNot(who, 's3:PutObject', `${STATE}/uploads/pair/a.json`)),
  may('preflight', 's3:GetObject', `${STATE}/inputs/keys.txt`),
  may('preflight', 's3:ListBucket', STATE, { 's3:prefix': 'inputs/keys.txt' }),
  may('preflight', 's3:ListBucket', STATE, { 's3:prefix': 'runs/run-0/failures.jsonl' }),
  mayNot('preflight', 's3:ListBucket', STATE, { 's3:prefix': 'runs/run-0/outcomes/' }),
  ...each(['request.json', 'report.json', 'outcomes/a/0.jsonl', 'shards/batches/a.jsonl'], (name) =>
    mayNot('preflight', 's3:GetObject', file(name)),
  ),
  ...each(
    KEEPERS.filter((who) => who !== 'preflight'),
    (who) => mayNot(who, 's3:GetObject', `${STATE}/inputs/keys.txt`, {}, 'Preflight alone reads what people wrote'),
  ),
  mayNot('restoreArchived', 's3:PutObject', file('shards/batches/a.jsonl')),
  mayNot('restoreArchived', 's3:GetObject', file('outcomes/a/0.jsonl')),
  ...each(['estimate', 'validateRequest'], (who) => mayNot(who, 's3:PutObject', file('request.json'), {}, 'it creates nothing')),
  mayNot('sweep', 's3:PutObject', `${STATE}/pairs/a.json`, {}, 'it only looks and calls cleanup'),
  may('cleanup', 's3:PutObject', `${STATE}/pairs/a.json`, {}, 'releases the lock'),
  mayNot('writeReport', 's3:PutObject', file('certificate.json')),
  mayNot('reconcile', 's3:PutObject', file('outcomes/a/0.jsonl'), {}, 'who counts the books writes none'),
  may('reconcile', 's3:GetObject', mapRuns('manifest.json')),
  may('reconcile', 's3:GetObject', mapRuns('FAILED_0.json'), {}, 'the report says why a shard was not copied or verified'),
  may('reconcile', 's3:ListBucket', STATE, { 's3:prefix': 'map-runs/a/FAILED_0.json' }, 'they expire'),
  mayNot('reconcile', 's3:ListBucket', STATE, { 's3:prefix': 'map-runs' }),
  mayNot('reconcile', 's3:ListBucket', STATE, { 's3:prefix': '' }),
  mayNot('reconcile', 's3:PutObject', mapRuns('FAILED_0.json'), {}, 'Step Functions alone writes them'),
  mayNot('reconcile', 's3:GetObject', file('access.json')),
  ...each(
    FUNCTIONS.filter((who) => who !== 'reconcile'),
    (who) => mayNot(who, 's3:GetObject', mapRuns('FAILED_0.json')),
  ),
  ...each(
    KEEPERS.filter((who) => who !== 'reconcile'),
    (who) => [
      mayNot(who, 's3:PutObject', file('sums/000000.json'), {}, 'who counts the books counts on nobody else'),
      mayNot(who, 's3:PutObject', file('sums/rows/a')),
    ],
  ),
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
  ...each(['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'], (action) => [
    may('reconcile', action, QUEUE, {}, 'a retry takes over the messages of the run it retries'),
    mayNot('reconcile', action, QUEUE.replace('drayage-dev', 'payroll')),
    ...each(
      FUNCTIONS.filter((who) => who !== 'reconcile'),
      (who) => mayNot(who, action, QUEUE),
    ),
  ]),
  mayNot('reconcile', 'sqs:PurgeQueue', QUEUE),
  ...each(['copyBatch', 'openAccess'], (who) => mayNot(who, 'sqs:SendMessage', QUEUE)),
]
