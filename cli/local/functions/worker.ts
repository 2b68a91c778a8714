import { parentPort, workerData } from 'node:worker_threads'
import type { Services } from '@drayage/core'
import type { TaskFunction } from '../../../functions/index'
import { asking } from './ask'
import { callAsLambda } from './call-as-lambda'
import { gathering } from './hear'
import { bare, namedError, type FromWorker, type FunctionCall, type ToWorker, type WorkerSettings } from './protocol'
import { workerServices } from './worker-services'

/** Serves the main thread's calls of these functions, one at a time, until the worker is ended. */
export const serve = async (tasks: Readonly<Record<string, TaskFunction>>): Promise<void> => {
  const port = parentPort!
  const post = (message: FromWorker) => port.postMessage(message)
  const { ask, told } = asking(post)
  const { hear, flush } = gathering((events) => post({ kind: 'heard', events }))
  let stopping = new AbortController()

  const answer = async (services: Services, call: FunctionCall): Promise<FromWorker> => {
    try {
      return { kind: 'answer', answer: await callAsLambda(tasks, services, call) }
    } catch (error) {
      return { kind: 'failed', error: bare(error) }
    }
  }

  port.on('message', (message: ToWorker) => {
    if (message.kind === 'told' || message.kind === 'refused') told(message)
    if (message.kind === 'stop') stopping.abort(namedError(message.reason))
    if (message.kind !== 'call') return
    stopping = new AbortController()
    void answer({ ...services, stopping: stopping.signal }, message).then((result) => {
      flush()
      post(result)
    })
  })
  const services = await workerServices(workerData as WorkerSettings, ask, hear)
  post({ kind: 'ready' })
}
