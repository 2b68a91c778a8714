import {
  AccessDenied,
  lambda,
  logTo,
  type Access,
  observationsOf,
  type Certificate,
  type Closure,
  type DeadLetter,
  type Grant,
  type Held,
  type Migration,
  type ObjectStore,
  type Observation,
  type Report,
  type Services,
} from '@drayage/core'
import {
  startExecution,
  loadDefinition,
  type Execution,
  type ExecutionResult,
  type StateMachineDefinition,
} from '../../cli/local/engine/index'
import { tasks } from '../../functions/index'
import { readBytes, readJson } from '../../layers/core/domain/state-files'
import { stateKeys } from '../../layers/core/domain/state-keys'
import { memoryStore, type MemoryStore } from '../support/memory-store'
import { memorySigner } from '../support/signer'

export const definition = (): StateMachineDefinition => loadDefinition('statemachines/migrate.asl.yml')

export const REQUEST = {
  source: { bucket: 'source-bucket', endpoint: 'embedded' },
  destination: { bucket: 'destination-bucket', endpoint: 'embedded' },
  limits: { batchObjects: 10, largeObjectBytes: 5 * 1024 * 1024 },
}

/** A fault: thrown by a Task's function for the first `times` calls (for ever when left out), or an answer put in place of its own. */
export interface Fault {
  error?: string
  answer?: unknown
  times?: number
  /** after the function has done its work: the answer is lost */
  late?: boolean
}

export interface WorldOptions {
  faults?: Record<string, Fault>
  source?: ObjectStore
  destination?: MemoryStore
  state?: ObjectStore
  /** ms that a Wait takes; 1 */
  waitMs?: (seconds: number) => number
  /** ms a call has */
  remainingMs?: number
}

/** Access in memory: what was created, what is left of it, and who may still write. */
export class CountingAccess implements Access {
  readonly created: string[] = []
  readonly existing = new Set<string>()
  readonly suspended = new Set<string>()
  constructor(
    private readonly now: () => Date,
    /** a grant that refuses to go: the positive control of CleanupIncomplete */
    public stuck = false,
  ) {}
  plan({ runId }: Migration): Grant[] {
    return [
      { kind: 'schedule', name: `schedule-${runId}`, purpose: 'dead man' },
      { kind: 'role', name: `role-${runId}`, purpose: 'write' },
    ]
  }
  async create({ name }: Grant) {
    this.created.push(name)
    this.existing.add(name)
  }
  async confirm() {}
  private observed({ kind, name }: Held, call: string, answer: string, closed: boolean): Observation {
    return { kind, name, call, answer, closed, at: this.now().toISOString() }
  }
  async suspend(grant: Grant) {
    this.suspended.add(grant.name)
    return [this.observed(grant, 'suspend', 'suspended', true)]
  }
  async remove(grant: Grant) {
    if (!this.stuck) this.existing.delete(grant.name)
    return [this.observed(grant, 'delete', 'deleted', true)]
  }
  async prove(grant: Grant) {
    const closed = !this.existing.has(grant.name)
    return [this.observed(grant, 'get', closed ? 'NoSuchEntity' : 'it exists', closed)]
  }
  async inventory(): Promise<Held[]> {
    return [...this.existing].map((name) => ({ kind: name.startsWith('role') ? 'role' : 'schedule', name }))
  }
  async ownerOf({ name }: Held) {
    return name.slice(name.indexOf('-') + 1)
  }
  /** what checkCredential throws, if anything */
  refusal: Error | undefined
  async checkCredential() {
    if (this.refusal !== undefined) throw this.refusal
  }
  async credentialTodo() {
    return []
  }
  readonly endedBy: string[] = []
  async endCredential({ runId }: Migration): Promise<Observation[]> {
    this.endedBy.push(runId)
    return []
  }
  async source(): Promise<never> {
    throw new Error('not asked in this harness')
  }
  async destination({ runId }: Migration) {
    const credentials = async () => {
      if (!this.existing.has(`role-${runId}`)) throw new AccessDenied(`role-${runId} does not exist`)
      return { accessKeyId: 'fake', secretAccessKey: 'fake' }
    }
    return { endpoint: undefined, region: 'eu-central-1', credentials }
  }
  /** The destination as a run's role sees it. */
  limited({ runId }: Migration, store: ObjectStore): ObjectStore {
    const refuse = () => {
      if (this.suspended.has(`role-${runId}`)) throw new AccessDenied('403 AccessDenied: suspended')
    }
    const { put, createUpload, putPart, completeUpload, mark } = store
    return {
      ...store,
      put: async (...call) => (refuse(), put(...call)),
      createUpload: async (...call) => (refuse(), createUpload(...call)),
      putPart: async (...call) => (refuse(), putPart(...call)),
      completeUpload: async (...call) => (refuse(), completeUpload(...call)),
      mark: async (...call) => (refuse(), mark(...call)),
    }
  }
}

/** One bucket each for source, destination and state, and the real functions behind the real state machine file. */
export class World {
  readonly state: ObjectStore
  readonly source: ObjectStore
  readonly destination: MemoryStore
  readonly letters: DeadLetter[] = []
  readonly calls: string[] = []
  readonly log: string[] = []
  readonly metrics: [name: string, value: number, unit: string][] = []
  readonly running = new Set<string>()
  readonly access: CountingAccess
  readonly services: Services

  constructor(private readonly options: WorldOptions = {}) {
    const now = () => new Date()
    this.source = options.source ?? memoryStore()
    this.destination = options.destination ?? memoryStore()
    this.state = options.state ?? memoryStore()
    this.access = new CountingAccess(now)
    this.services = {
      runtime: 'local',
      state: this.state,
      source: async () => this.source,
      destination: async (migration) => this.access.limited(migration, this.destination),
      settings: () => Promise.reject(new Error('the embedded server has no settings')),
      access: this.access,
      executions: {
        isRunning: async (id) => this.running.has(id),
        stop: async (id) => (this.running.delete(id) ? 'stopped' : 'it does not run'),
      },
      deadLetters: {
        send: async (messages) => void this.letters.push(...messages),
        take: async (runId) => {
          const taken = this.letters.filter((letter) => letter.runId === runId)
          for (const letter of taken) this.letters.splice(this.letters.indexOf(letter), 1)
          return taken.length
        },
      },
      callCleanup: async () => undefined,
      heldSecrets: async () => [],
      signer: memorySigner(),
      bundleSha256: null,
      logger: logTo((line) => void this.log.push(line)),
      metrics: { add: (name, value, unit) => void this.metrics.push([name, value, unit]) },
      now,
      concurrency: 8,
      heard: () => undefined,
    }
  }

  /** Calls a function as Lambda does: its event and answer are JSON. */
  async call(name: string, event: unknown): Promise<unknown> {
    this.calls.push(name)
    const fault = this.options.faults?.[name]
    const strikes = fault !== undefined && this.calls.filter((called) => called === name).length <= (fault.times ?? Infinity)
    const act = async () => {
      const { step, shape } = tasks[name]!
      const ends = Date.now() + (this.options.remainingMs ?? 900_000)
      const context = { functionName: name, awsRequestId: 'test', getRemainingTimeInMillis: () => ends - Date.now() }
      return lambda(step, shape, () => this.services)(JSON.parse(JSON.stringify(event)), context)
    }
    if (!strikes) return act()
    if (fault.late) await act()
    if (fault.error !== undefined) throw Object.assign(new Error(`planted: ${fault.error}`), { name: fault.error })
    return fault.answer
  }

  start(request: unknown, name: string): Execution {
    return startExecution(
      {
        definition: definition(),
        substitutions: { StateBucket: 'state-bucket' },
        invoke: (functionName, event) => this.call(functionName, event),
        listItems: (_bucket, prefix) => this.items(prefix),
        putResult: async (_bucket, key, body) => void (await this.state.put(Buffer.from(key), Buffer.from(body))),
        maxConcurrency: 4,
        retryIntervalMs: () => 1,
        waitMs: this.options.waitMs ?? (() => 1),
      },
      request,
      name,
    )
  }

  async run(request: unknown, name: string): Promise<ExecutionResult> {
    const execution = this.start(request, name)
    this.running.add(execution.id)
    const result = await execution.result
    this.running.delete(execution.id)
    return result
  }

  private async *items(prefix: string) {
    for await (const page of this.state.list({ prefix: Buffer.from(prefix) })) {
      for (const { key, size, etag } of page)
        yield { Key: key.toString(), Size: size, Etag: etag, LastModified: 0, StorageClass: 'STANDARD' }
    }
  }

  called(name: string): number {
    return this.calls.filter((called) => called === name).length
  }

  report = async (runId: string): Promise<Report> => (await readJson<Report>(this.state, stateKeys(runId).report)).value
  certificate = async (runId: string): Promise<Certificate> => (await readJson<Certificate>(this.state, stateKeys(runId).certificate)).value
  closure = async (runId: string): Promise<Closure> => (await readJson<Closure>(this.state, stateKeys(runId).closure)).value
  observations = async (runId: string): Promise<Observation[]> => observationsOf(await this.closure(runId))
  text = async (name: string): Promise<string> => (await readBytes(this.state, name)).body.toString('utf8')
}

/** Puts `count` small objects into a bucket, and `large` ones of 6 MiB. */
export const fill = async (store: ObjectStore, count: number, large = 0): Promise<void> => {
  for (let index = 0; index < count; index++)
    await store.put(Buffer.from(`object/${String(index).padStart(5, '0')}`), Buffer.from(`body ${index}`))
  for (let index = 0; index < large; index++) await store.put(Buffer.from(`large/${index}`), Buffer.alloc(6 * 1024 * 1024, index + 1))
}

export const listAll = async (store: ObjectStore): Promise<string[]> => {
  const keys: string[] = []
  for await (const page of store.list({ prefix: Buffer.alloc(0) }))
    for (const { key, size, etag } of page) keys.push(`${key.toString('latin1')} ${size} ${etag}`)
  return keys
}
