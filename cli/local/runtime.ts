import {
  assertTlsIsChecked,
  earlierRunProblems,
  findJson,
  INPUTS,
  InvalidRequest,
  placeProblems,
  s3Store,
  selectedKeysProblems,
  stateKeys,
  type Migration,
  type ObjectStore,
  type Observation,
  type Reach,
} from '@drayage/core'
import type { RunEvent } from '../progress'
import { localAccess, type LocalAccess } from './access'
import { earlierRun, type EarlierRun } from './earlier-run'
import { localExecutions } from './executions'
import { poolSize } from './functions/pool'
import { openHome, unusable, type Home } from './home'
import type { Prepared } from './prepare'
import { runMigration, type Ended } from './run-migration'
import { ACCOUNT, DirectoryUnusable, startEmbeddedS3 } from './s3-server/index'
import { localStores } from './stores'

const STATE_BUCKET = 'drayage-state'
/** Embedded buckets are in no region; a signature names one all the same. */
const REGION = 'us-east-1'

export interface RunOptions {
  observe(event: RunEvent): void
  /** ends the run early, through Cleanup */
  signal: AbortSignal
}

/** One machine for migrations: functions, engine, state bucket and an S3 server, over one state folder. */
export interface Runtime {
  home: Home
  /** A bucket of the embedded server with every right, created if it is missing. The caller closes it. */
  bucket(name: string): Promise<ObjectStore & { close(): Promise<void> }>
  /**
   * Runs one migration to its end, whatever end that is. Throws InvalidRequest before anything is created, and the signal's
   * reason if it came before the execution began.
   */
  run(prepared: Prepared, options: RunOptions): Promise<Ended>
  /** A run of this state folder that has ended. Throws InvalidRequest, as `earlierRun` does. */
  earlier(runId: string): Promise<EarlierRun>
  /** Uses every key that the run has, as a holder of it would: while it goes on, each must work. */
  tryActiveKeys(migration: Migration): Promise<Observation[]>
  /** The same with every key that it had: each must be refused. */
  tryEndedKeys(migration: Migration): Promise<Observation[]>
}

export interface RuntimeOptions {
  /** module that exports other functions as `tasks`: for tests, which have no other way to make a worker crash */
  functions?: URL
  /** worker threads for the functions; undefined: as the machine's cores allow */
  workers?: number
}

/** Opens the runtime over a state folder for `work`, and closes it afterwards. Throws InvalidRequest when the folder cannot be used. */
export const withRuntime = async <T>(
  folder: string,
  work: (runtime: Runtime) => Promise<T>,
  { functions, workers = poolSize() }: RuntimeOptions = {},
): Promise<T> => {
  assertTlsIsChecked(process.env)
  const home = openHome(folder)
  try {
    const server = await startEmbeddedS3({ directory: home.embedded }).catch((error: unknown) => {
      throw error instanceof DirectoryUnusable ? unusable(home.directory, error) : error
    })
    try {
      const access = localAccess({ server, now: () => new Date() })
      const executions = localExecutions()
      const root: Reach = { endpoint: server.endpoint, region: REGION, credentials: async () => server.root }
      const bucket = async (name: string) => {
        await server.createBucket(name)
        return s3Store({ bucket: name, reach: root, provider: 'embedded', expectedOwner: ACCOUNT, ownNames: name === STATE_BUCKET })
      }
      const run = async (prepared: Prepared, { observe, signal }: RunOptions): Promise<Ended> => {
        const { migration } = prepared
        await access.checkCredentials(migration)
        await checkPlaces(migration, asOperator(access, root), signal)
        const state = await bucket(STATE_BUCKET)
        try {
          await checkName(migration, state)
          await checkKeys(prepared, state, signal)
          return await runMigration(
            { home, state, stateBucket: STATE_BUCKET, stateReach: root, access, executions, functions, workers, observe },
            prepared,
            signal,
          )
        } finally {
          await state.close()
        }
      }
      const earlier = async (runId: string): Promise<EarlierRun> => {
        const state = await bucket(STATE_BUCKET)
        return earlierRun(state, runId).finally(() => state.close())
      }
      return await work({ home, bucket, run, earlier, tryActiveKeys: access.tryActive, tryEndedKeys: access.tryEnded })
    } finally {
      await server.close()
    }
  } finally {
    home.discard()
  }
}

/** Before a run has any key of its own, the embedded buckets are looked into with the server's. */
const asOperator = (access: LocalAccess, root: Reach): LocalAccess => ({
  ...access,
  source: async (migration) => (migration.source.endpoint === 'embedded' ? root : access.source(migration)),
  destination: async (migration, use) => (migration.destination.endpoint === 'embedded' ? root : access.destination(migration, use)),
})

/** Lists a key of each side. Throws InvalidRequest with a line per side that cannot be reached or listed. */
const checkPlaces = async (migration: Migration, access: LocalAccess, signal: AbortSignal): Promise<void> => {
  const stores = localStores(access)
  const problems = await placeProblems(
    migration,
    (side) => (side === 'source' ? stores.source(migration) : stores.destination(migration, 'read')),
    signal,
  ).finally(stores.close)
  signal.throwIfAborted()
  if (problems.length > 0) throw new InvalidRequest(problems)
}

const checkName = async ({ runId }: Migration, state: ObjectStore): Promise<void> => {
  if ((await findJson(state, stateKeys(runId).request)) !== undefined) {
    throw new InvalidRequest([`--name: there has been a run ${runId} in this state folder; choose another name`])
  }
}

/** Puts the list of keys that came with the request into the state bucket. Throws InvalidRequest if the keys that it names cannot be used. */
const checkKeys = async ({ migration, keys }: Prepared, state: ObjectStore, signal: AbortSignal): Promise<void> => {
  if (keys !== undefined) await state.put(Buffer.from(`${INPUTS}${migration.selection.keys}`, 'latin1'), keys, { signal })
  const problems = [
    ...(await earlierRunProblems(migration, state, { signal })),
    ...(await selectedKeysProblems(migration, state, { signal })),
  ]
  if (problems.length > 0) throw new InvalidRequest(problems)
}
