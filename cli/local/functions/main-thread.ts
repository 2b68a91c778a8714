import type { Access, Executions, Reach, Signer } from '@drayage/core'
import type { MainThread, Reached } from './protocol'

/** What the main thread answers its workers. `state` reaches the state bucket with every right. */
export const mainThread = (access: Access, executions: Executions, signer: Signer, state: Reach): MainThread => ({
  create: access.create,
  confirm: access.confirm,
  suspend: access.suspend,
  remove: access.remove,
  prove: access.prove,
  inventory: access.inventory,
  ownerOf: access.ownerOf,
  endCredential: access.endCredential,
  isRunning: executions.isRunning,
  stop: executions.stop,
  // What comes from a worker is a Uint8Array: the structured clone of a Buffer is none.
  sign: (statement) => signer.sign(Buffer.from(statement)),
  reachState: () => reached(state),
  reachSource: async (migration) => reached(await access.source(migration)),
  reachDestination: async (migration, use) => reached(await access.destination(migration, use)),
})

const reached = async ({ endpoint, region, credentials }: Reach): Promise<Reached> => ({
  endpoint,
  region,
  credentials: await credentials(),
})
