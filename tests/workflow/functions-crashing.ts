import { parseRequest, type ObjectStore, type Step } from '@drayage/core'
import { tasks as real, type TaskFunction } from '../../functions/index'

/** The real functions, of which CopyBatch fails in ways that only a worker thread can. Only tests load this module. */
type Copy = Step<{ migration: ReturnType<typeof parseRequest>; shard: string }, unknown>

const copyBatch = real['copyBatch']!.step as unknown as Copy

/** Whether this is the first call of all workers: a worker that crashed remembers nothing. */
const isFirst = async (state: ObjectStore): Promise<boolean> =>
  state.put(Buffer.from('test/crashed'), Buffer.alloc(0), { ifNoneMatch: true }).then(
    () => true,
    () => false,
  )

/** Ends its worker in the middle of the first batch: some objects are copied, none has its outcome written. */
const crashing: Copy = async (event, call) => {
  if (!(await isFirst(call.services.state))) return copyBatch(event, call)
  let copied = 0
  const destination: typeof call.services.destination = async (...about) => {
    const store = await call.services.destination(...about)
    const put: ObjectStore['put'] = async (...object) => {
      const written = await store.put(...object)
      return ++copied === 5 ? process.exit(7) : written
    }
    return { ...store, put }
  }
  return copyBatch(event, { ...call, services: { ...call.services, destination } })
}

/** Neither answers nor heeds its signal. */
const deaf: Copy = async (_event, { services }) => {
  services.heard('failed', 0)
  return new Promise(() => undefined)
}

export const tasks: Readonly<Record<string, TaskFunction>> = {
  ...real,
  copyBatch: {
    ...real['copyBatch']!,
    step: ((event, call) => (event.migration.runId === 'deaf' ? deaf(event, call) : crashing(event, call))) as Copy as TaskFunction['step'],
  },
}
