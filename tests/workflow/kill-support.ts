import { lambda, type Migration, type ObjectStore } from '@drayage/core'
import { tasks } from '../../functions/index'
import { REQUEST, type World } from './harness'

/** A request to one of the stores, before it is made and after its answer. */
export interface Act {
  side: 'state' | 'source' | 'destination'
  method: keyof ObjectStore
  key: string
  answered: boolean
}

/**
 * Runs a migration in a world until `moment` says so, and leaves it there as kill -9 leaves a process: no request is made and no
 * function called any more, what was asked is not answered, nothing is cleaned up. Rejects if the run ends by itself.
 */
export const killedAt = async (world: World, name: string, moment: (act: Act) => boolean, request: unknown = REQUEST): Promise<void> => {
  const life = new AbortController()
  const death = new Promise<never>((_resolve, reject) => life.signal.addEventListener('abort', () => reject(new Error('killed'))))
  death.catch(() => undefined)

  const reached = (act: Act): void => {
    if (moment(act)) life.abort()
    if (life.signal.aborted) throw new Error('killed')
  }

  /** A store of the process: every answer is lost once it is dead. */
  const mortal = (side: Act['side'], store: ObjectStore): ObjectStore => {
    const wrapped = { ...store }
    for (const method of ['read', 'stat', 'put', 'createUpload', 'putPart', 'listParts', 'completeUpload', 'abortUpload'] as const) {
      const call = store[method] as (key: Buffer, ...rest: unknown[]) => Promise<unknown>
      Object.assign(wrapped, {
        [method]: async (key: Buffer, ...rest: unknown[]) => {
          reached({ side, method, key: key.toString(), answered: false })
          const answer = await Promise.race([call(key, ...rest), death])
          reached({ side, method, key: key.toString(), answered: true })
          return answer
        },
      })
    }
    return wrapped
  }

  const services = {
    ...world.services,
    state: mortal('state', world.state),
    source: async () => mortal('source', world.source),
    destination: async (migration: Migration) => mortal('destination', world.access.limited(migration, world.destination)),
  }
  const { call } = world
  world.call = async (functionName, event) => {
    if (life.signal.aborted) throw new Error('killed')
    const { step, shape } = tasks[functionName]!
    const context = { functionName, awsRequestId: 'test', getRemainingTimeInMillis: () => 900_000 }
    return lambda(step, shape, () => services)(JSON.parse(JSON.stringify(event)), context)
  }
  const execution = world.start(request, name)
  world.running.add(execution.id)
  const early = execution.result.then(({ status, cause }) => `the run ended ${status} before it was killed: ${cause}`)
  const why = await Promise.race([early, death.catch(() => undefined)])
  if (why !== undefined) throw new Error(why)
  execution.stop()
  await execution.result
  world.running.delete(execution.id)
  world.call = call
}
