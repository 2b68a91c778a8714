import { DESTINATION_HOST, REQUEST, type Fault } from '../support/moto-cloud'
import { SOURCE_HOST, type DoorRequest } from '../support/moto-door'

/** How a run must end, in every interpreter. What is left out is not asked. */
export interface Ends {
  status: 'SUCCEEDED' | 'FAILED' | 'ABORTED'
  error?: string
  /** what the execution's cause and the report say */
  reason?: string
  copied?: number
  failed?: number
  /** objects at the destination */
  arrived?: number
  /** who had closed the run's access: the state machine's own Cleanup, or what comes after it */
  closedBy: 'cleanup' | 'closing rule' | 'sweep' | 'nothing was opened'
  secret: 'deleted' | 'kept'
}

export interface Scenario {
  name: string
  /** changes of the request */
  request?: object
  /** what the functions' environment says besides */
  environment?: Record<string, string>
  /** objects of a few bytes; 12, which is two batches */
  small?: number
  /** sizes of large objects in MiB; one of 6 */
  large?: number[]
  /** objects of a few bytes in the class GLACIER */
  archived?: number
  faults?: Record<string, Fault>
  /** what the reason begins with where the results of Map Runs are written */
  children?: string
  /** requests that are answered with 403; from the first call of the task `from` on, if it is given, until the sweep */
  refuses?: { from?: string; what: (request: DoorRequest) => boolean }
  /** by task, after how many looks at the clock a call's time is over */
  readings?: Record<string, number>
  /** the task whose first call the execution is stopped in */
  stopIn?: string
  /** a first run of the same request goes before */
  again?: true
  /** a first run goes before, to which this key could not be read: the scenario's is a retry of its failures */
  retries?: string
  /** retries wait a second and no longer: five of them otherwise take over a minute */
  hastened?: true
  /** how often functions are called, where that is the point */
  calls?: Record<string, number>
  /** messages in the queue of dead letters at the end */
  letters?: number
  ends: Ends
  /** where moto ends otherwise, and why */
  inMoto?: { because: string; ends: Partial<Ends> }
}

const SMALL = 12
const ALL = SMALL + 1

const verified = { status: 'SUCCEEDED', arrived: ALL, copied: ALL, failed: 0, closedBy: 'cleanup', secret: 'deleted' } as const
const notVerified = { status: 'FAILED', error: 'NotVerified', closedBy: 'cleanup', secret: 'kept' } as const
export const unreadable = (key: string): NonNullable<Scenario['refuses']> => ({
  what: ({ host, method, url }) => host === SOURCE_HOST && method === 'GET' && url.endsWith(`/${key}`),
})
const forGood = (task: string, error = 'SomeError') => ({ name: `${task} throws ${error} for good`, faults: { [task]: { error } } })

/** What may happen to a run, each with its end. The same table for every interpreter. */
export const SCENARIOS: Scenario[] = [
  {
    name: 'a good run: four batches, and every loop turns at least twice',
    request: { limits: { ...REQUEST.limits, batchObjects: 7 } },
    small: 25,
    large: [20],
    // Behind the three looks that every call takes: two pages a turn, four objects, one part, two shards.
    readings: { listSource: 4, copyBatch: 7, copyPartGroup: 4, verifyBatch: 7, reconcile: 4 },
    calls: { listSource: 2, copyBatch: 8, beginUpload: 1, copyPartGroup: 2, completeUpload: 1, verifyBatch: 8, reconcile: 3 },
    ends: { ...verified, arrived: 26, copied: 26, reason: 'Verified: 26 listed, 26 copied, 0 already there.' },
  },
  { name: 'the same request again: nothing to copy, no part groups', again: true, ends: { ...verified, copied: 0 } },
  {
    name: 'one object that cannot be read',
    refuses: unreadable('object/00007'),
    letters: 1,
    ends: {
      ...notVerified,
      arrived: ALL - 1,
      copied: ALL - 1,
      failed: 1,
      reason: `1 failed; ${ALL} listed, ${ALL - 1} copied, 0 already there`,
    },
  },
  {
    name: 'the retry of what failed: that alone is listed, and its dead letter is taken over',
    retries: 'object/00007',
    letters: 0,
    ends: { ...verified, copied: 1, reason: 'Verified: 1 listed, 1 copied, 0 already there.' },
  },
  {
    name: 'a large object that cannot be read',
    refuses: unreadable('large/0'),
    ends: { ...notVerified, arrived: SMALL, copied: SMALL, failed: 1 },
  },
  {
    name: 'archived objects that nobody asked to restore',
    archived: 2,
    ends: { ...notVerified, arrived: ALL, copied: ALL, failed: 2, reason: `2 failed; ${ALL + 2} listed, ${ALL} copied, 0 already there` },
  },
  {
    name: 'archived objects are asked for, waited for, and copied',
    request: { restore: { archived: true, tier: 'Standard' } },
    archived: 2,
    // It asks, waits two seconds, and looks: moto restores at once.
    calls: { restoreArchived: 2 },
    ends: { ...verified, arrived: ALL + 2, copied: ALL + 2 },
  },
  { name: 'an empty source', small: 0, large: [], ends: { ...verified, arrived: 0, copied: 0 } },
  { name: 'no large object', large: [], ends: { ...verified, arrived: SMALL, copied: SMALL } },
  { name: 'only a large object', small: 0, ends: { ...verified, arrived: 1, copied: 1 } },
  {
    name: 'a dry run',
    request: { dryRun: true },
    ends: { ...verified, arrived: 0, copied: 0, secret: 'kept', reason: `Dry run: ${ALL} objects listed, nothing copied.` },
  },
  {
    name: 'credentials.after is always: the secret goes with a failed run too',
    request: { credentials: { after: 'always' } },
    faults: { estimate: { error: 'OverBudget' } },
    ends: { ...notVerified, arrived: 0, secret: 'deleted' },
  },
  {
    name: 'credentials.after is expiry: the secret outlives a verified run',
    request: { credentials: { after: 'expiry' } },
    ends: { ...verified, secret: 'kept' },
  },
  {
    name: 'a request with a misspelt field',
    request: { dryrun: true },
    calls: { validateRequest: 1 },
    ends: { status: 'FAILED', error: 'InvalidRequest', arrived: 0, closedBy: 'nothing was opened', secret: 'kept' },
  },

  { ...forGood('openAccess'), ends: { ...notVerified, arrived: 0 } },
  { ...forGood('preflight'), ends: { ...notVerified, arrived: 0 } },
  { ...forGood('listSource'), ends: { ...notVerified, arrived: 0 } },
  { ...forGood('estimate'), ends: { ...notVerified, arrived: 0 } },
  { ...forGood('copyBatch'), ends: { ...notVerified, arrived: 1, copied: 1 } },
  { ...forGood('beginUpload'), ends: { ...notVerified, arrived: SMALL, copied: SMALL, failed: 1 } },
  { ...forGood('copyPartGroup'), ends: { ...notVerified, arrived: SMALL, copied: SMALL, failed: 1 } },
  { ...forGood('completeUpload'), ends: { ...notVerified, arrived: SMALL, copied: SMALL } },
  { ...forGood('verifyBatch'), ends: { ...notVerified, arrived: ALL, copied: ALL } },
  { ...forGood('reconcile'), ends: { ...notVerified, arrived: ALL } },
  { ...forGood('writeReport'), ends: { ...verified, status: 'FAILED', error: 'ReportNotWritten' } },
  { ...forGood('cleanup'), ends: { ...verified, status: 'FAILED', error: 'CleanupIncomplete', closedBy: 'sweep' } },
  {
    name: 'Cleanup says that something may be left: it cannot list the open uploads',
    refuses: { from: 'verifyBatch', what: ({ host, url }) => host === DESTINATION_HOST && /[?&]uploads\b/.test(url) },
    ends: { ...verified, status: 'FAILED', error: 'CleanupIncomplete', closedBy: 'sweep' },
  },
  {
    name: 'Cleanup does nothing and says that it is done: the run succeeds, and the sweep closes it',
    faults: { cleanup: { answer: { complete: true }, times: 1 } },
    ends: { ...verified, closedBy: 'sweep' },
  },

  { name: 'CopyBatch is StoreUnavailable once', faults: { copyBatch: { error: 'StoreUnavailable', times: 1 } }, ends: verified },
  {
    name: 'CopyPartGroup is StoreThrottled once, after its work',
    faults: { copyPartGroup: { error: 'StoreThrottled', times: 1, late: true } },
    ends: verified,
  },
  {
    name: 'ListSource times out in its sandbox once, after its work',
    faults: { listSource: { error: 'Sandbox.Timedout', times: 1, late: true } },
    ends: verified,
  },
  {
    name: 'OpenAccess is lost once, after its work',
    faults: { openAccess: { error: 'Lambda.Unknown', times: 1, late: true } },
    ends: verified,
  },
  {
    name: 'VerifyBatch is StoreUnavailable for ever: five calls a shard',
    faults: { verifyBatch: { error: 'StoreUnavailable' } },
    hastened: true,
    calls: { verifyBatch: 10 },
    children: 'VerifyBatches: 2 children ended with StoreUnavailable: planted: StoreUnavailable',
    ends: { ...notVerified, arrived: ALL, copied: ALL },
  },
  {
    name: 'one fleet fails while the other runs: the other one finishes',
    faults: { beginUpload: { error: 'SomeError' }, completeUpload: { error: 'SomeError' } },
    small: 35,
    children: 'CopyLargeObjects: 1 child ended with SomeError: planted: SomeError',
    ends: { ...notVerified, arrived: 35, copied: 35 },
  },
  {
    name: 'a fleet that fails beyond its tolerance',
    request: { limits: { ...REQUEST.limits, toleratedFailures: 0 } },
    faults: { verifyBatch: { error: 'SomeError' } },
    ends: { ...notVerified, arrived: ALL, copied: ALL },
    inMoto: { because: 'it knows no tolerance: the failed children are found by the count, and the reason names no threshold', ends: {} },
  },

  {
    name: 'StopExecution in CopyBatch',
    stopIn: 'copyBatch',
    ends: { status: 'ABORTED', closedBy: 'closing rule', secret: 'kept' },
  },
  {
    name: 'StopExecution in ListSource',
    stopIn: 'listSource',
    ends: { status: 'ABORTED', arrived: 0, closedBy: 'closing rule', secret: 'kept' },
  },

  {
    name: 'ListSource answers 300 kB',
    faults: { listSource: { answer: { more: false, fill: 'x'.repeat(300_000) } } },
    ends: { status: 'FAILED', error: 'States.DataLimitExceeded', arrived: 0, closedBy: 'closing rule', secret: 'kept' },
    inMoto: {
      because: 'its Catch of States.ALL also catches States.DataLimitExceeded; on AWS nothing does',
      ends: { error: 'NotVerified', closedBy: 'cleanup' },
    },
  },
  {
    name: 'ListSource answers without what the Choice reads',
    faults: { listSource: { answer: { listed: 1 } } },
    ends: { status: 'FAILED', error: 'States.Runtime', arrived: 0, closedBy: 'closing rule', secret: 'kept' },
    inMoto: {
      because: 'a Choice over a missing path does not match and goes on; on AWS the execution ends there',
      ends: { error: 'NotVerified', closedBy: 'cleanup' },
    },
  },
]
