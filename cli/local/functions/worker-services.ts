import { learning, s3Store, type Reach, type Services } from '@drayage/core'
import type { RunEvent } from '../../progress'
import { deadLettersIn } from '../dead-letters'
import { hearing } from '../hearing'
import { keyGrants } from '../key-grants'
import { LOCAL_KEY } from '../signing-key'
import { openLog } from '../logger'
import { ACCOUNT } from '../s3-server/account'
import { localStores } from '../stores'
import type { Ask } from './ask'
import type { Reached, WorkerSettings } from './protocol'

/** What a worker gives its functions: connections, log and dead letters of its own, and the main thread's answers. */
export const workerServices = async (settings: WorkerSettings, ask: Ask, hear: (event: RunEvent) => void): Promise<Services> => {
  const state = await reach(ask('reachState'))
  const access = {
    plan: keyGrants,
    create: ask('create'),
    confirm: ask('confirm'),
    suspend: ask('suspend'),
    remove: ask('remove'),
    prove: ask('prove'),
    // One machine has no secret: the keys are the embedded server's own or the operator's.
    checkCredential: async () => undefined,
    credentialTodo: async () => [],
    inventory: ask('inventory'),
    ownerOf: ask('ownerOf'),
    endCredential: ask('endCredential'),
    source: (migration) => reach(() => ask('reachSource')(migration)),
    destination: (migration, use) => reach(() => ask('reachDestination')(migration, use)),
  } satisfies Services['access']
  const stores = localStores(access)
  return {
    runtime: 'local',
    state: s3Store({ bucket: settings.stateBucket, reach: state, provider: 'embedded', expectedOwner: ACCOUNT, ownNames: true }),
    source: async (migration) => hearing(await stores.source(migration), hear),
    destination: stores.destination,
    settings: async (migration, call) => (await stores.destination(migration, 'read')).settings(call),
    access,
    executions: { isRunning: ask('isRunning'), stop: ask('stop') },
    deadLetters: deadLettersIn(settings.deadLetters),
    callCleanup: () => Promise.reject(new Error('only the sweep calls Cleanup, and one machine has none')),
    heldSecrets: async () => [],
    signer: { key: LOCAL_KEY, sign: ask('sign') },
    bundleSha256: null,
    // One machine has no collector of metrics: its display counts for itself.
    metrics: { add: () => undefined },
    logger: openLog(settings.log).logger,
    now: () => new Date(),
    concurrency: settings.concurrency,
    heard: (outcome, bytes) => hear({ kind: 'outcome', outcome, bytes }),
  }
}

/** What came with the place is used once; who asks again, because credentials are about to expire, gets new ones. */
const reach = async (ask: () => Promise<Reached>): Promise<Reach> => {
  const { endpoint, region, credentials } = await ask()
  const first = [credentials]
  return learning({ endpoint, region, credentials: async () => first.pop() ?? (await ask()).credentials })
}
