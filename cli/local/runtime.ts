import {
  findJson,
  InvalidRequest,
  placeProblems,
  s3Store,
  stateKeys,
  type Migration,
  type ObjectStore,
  type Observation,
} from '@drayage/core'
import type { RunEvent } from '../progress'
import { localAccess } from './access'
import { localExecutions } from './executions'
import { openHome, unusable, type Home } from './home'
import type { Prepared } from './prepare'
import { runMigration, type Ended } from './run-migration'
import { DirectoryUnusable, startEmbeddedS3 } from './s3-server/index'
import { localStores, type LocalStores } from './stores'

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
  /** Uses every key that the run had, as a holder of it would: each must be refused. */
  tryEndedKeys(migration: Migration): Promise<Observation[]>
}

/** Opens the runtime over a state folder for `work`, and closes it afterwards. Throws InvalidRequest when the folder cannot be used. */
export const withRuntime = async <T>(folder: string, work: (runtime: Runtime) => Promise<T>): Promise<T> => {
  const home = openHome(folder)
  try {
    const server = await startEmbeddedS3({ directory: home.embedded }).catch((error: unknown) => {
      throw error instanceof DirectoryUnusable ? unusable(home.directory, error) : error
    })
    try {
      const access = localAccess({ server, now: () => new Date() })
      const executions = localExecutions()
      const bucket = async (name: string) => {
        await server.createBucket(name)
        return s3Store({
          bucket: name,
          reach: { endpoint: server.endpoint, region: REGION, credentials: async () => server.root },
          provider: 'embedded',
        })
      }
      const run = async ({ input, migration }: Prepared, { observe, signal }: RunOptions): Promise<Ended> => {
        await access.checkCredentials(migration)
        const stores = localStores(access)
        try {
          await checkPlaces(migration, stores, signal)
          const state = await bucket(STATE_BUCKET)
          try {
            await checkName(migration, state)
            return await runMigration(
              { home, state, stateBucket: STATE_BUCKET, access, executions, stores, observe },
              { input, migration },
              signal,
            )
          } finally {
            await state.close()
          }
        } finally {
          await stores.close()
        }
      }
      return await work({ home, bucket, run, tryEndedKeys: access.tryEnded })
    } finally {
      await server.close()
    }
  } finally {
    home.discard()
  }
}

/** Lists a key of each side. Throws InvalidRequest with a line per side that cannot be reached or listed. */
const checkPlaces = async (migration: Migration, stores: LocalStores, signal: AbortSignal): Promise<void> => {
  const problems = await placeProblems(
    migration,
    (side) => (side === 'source' ? stores.source(migration) : stores.destination(migration, 'read')),
    signal,
  )
  signal.throwIfAborted()
  if (problems.length > 0) throw new InvalidRequest(problems)
}

const checkName = async ({ runId }: Migration, state: ObjectStore): Promise<void> => {
  if ((await findJson(state, stateKeys(runId).request)) !== undefined) {
    throw new InvalidRequest([`--name: there has been a run ${runId} in this state folder; choose another name`])
  }
}
