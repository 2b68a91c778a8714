import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { closeAccess, openAccess, parseRequest, s3Store, type Migration, type ObjectStore } from '@drayage/core'
import { localAccess, type LocalAccess } from '../../../cli/local/access'
import { startEmbeddedS3, type EmbeddedS3 } from '../../../cli/local/s3-server/index'
import { isNamedBy } from '../../../layers/core/access/names'
import { findJson } from '../../../layers/core/domain/state-files'
import { pairKey, stateKeys } from '../../../layers/core/domain/state-keys'
import { Life, openFront, type Front } from '../../support/life'
import { memorySigner } from '../../support/signer'
import { certificateFaults } from './judge'
import type { Tally } from './tally'
import { begin } from './under-way'

const STATE = 'drayage-state'
const signal = new AbortController().signal
const signer = memorySigner()
const now = (): Date => new Date()

type Kept = ObjectStore & { close(): Promise<void> }

/** An embedded server over a folder, as one process has it; the keys that it gave end with it. */
class Machine {
  server!: EmbeddedS3
  state!: Kept
  destination!: Kept
  constructor(readonly folder: string) {}

  async start(): Promise<void> {
    this.server = await startEmbeddedS3({ directory: join(this.folder, 's3') })
    for (const name of [STATE, 'to-there']) await this.server.createBucket(name)
    this.state = this.store(STATE, this.server.endpoint)
    this.destination = this.store('to-there', this.server.endpoint)
  }

  store(bucket: string, endpoint: string): Kept {
    return s3Store({ bucket, reach: { endpoint, region: 'us-east-1', credentials: async () => this.server.root }, provider: 'embedded' })
  }

  async stop(): Promise<void> {
    for (const store of [this.state, this.destination]) await store.close()
    await this.server.close()
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }
}

/** One process's access, its changes counted: of keys as of objects. It dies in the middle of either. */
interface Process {
  life: Life
  access: LocalAccess
  turn(life: Life): Promise<{ turn: Parameters<typeof closeAccess>[2]; front: Front }>
}

const processOn = (machine: Machine): Omit<Process, 'life'> & { live: { life: Life } } => {
  const live = { life: new Life() }
  const counted = <T>(name: string, act: () => T): T => {
    if (live.life.dead) throw new Error('dead')
    const done = act()
    live.life.changed(name)
    if (live.life.dead) throw new Error('dead')
    return done
  }
  const { server } = machine
  const access = localAccess({
    now,
    env: {},
    server: {
      ...server,
      issueKey: (grant) => counted('issueKey', () => server.issueKey(grant)),
      suspendKey: async (id) => counted('suspendKey', () => server.suspendKey(id)),
      revokeKey: async (id) => counted('revokeKey', () => server.revokeKey(id)),
    },
  })
  return {
    live,
    access,
    turn: async (life) => {
      live.life = life
      const front = await openFront(server.endpoint, life)
      const destination = async (migration: Migration) => {
        const { credentials } = await access.destination(migration, 'write')
        return s3Store({ bucket: 'to-there', reach: { endpoint: front.endpoint, region: 'us-east-1', credentials }, provider: 'embedded' })
      }
      const executions = { isRunning: async () => false, stop: async () => 'it does not run' }
      const state = machine.store(STATE, front.endpoint)
      // The keys' books are in the memory that the dead one shares with those after it: it no longer gets at them.
      const mortal = Object.fromEntries(
        Object.entries(access).map(([verb, act]: [string, (...about: never[]) => unknown]) => [
          verb,
          (...about: never[]) => (life.dead ? new Promise(() => undefined) : act(...about)),
        ]),
      ) as unknown as LocalAccess
      return {
        front,
        turn: { state, access: mortal, executions, destination, signer, bundleSha256: null, now, signal, sleep: async () => undefined },
      }
    },
  }
}

let runs = 0
const migrationOf = (pair: number): Migration =>
  parseRequest(
    {
      source: { bucket: `from-${pair}`, endpoint: 'embedded' },
      destination: { bucket: 'to-there', prefix: 'in/', endpoint: 'embedded' },
    },
    { runtime: 'local', runId: `local-${++runs}`, executionId: `local:${runs}`, now: now() },
  )

const lived = async (
  process: ReturnType<typeof processOn>,
  work: (turn: Parameters<typeof closeAccess>[2]) => Promise<unknown>,
  dieAfter?: number,
): Promise<Life> => {
  const life = new Life(dieAfter)
  const { turn, front } = await process.turn(life)
  try {
    await life.live(() => work(turn).catch((error: Error) => (life.dead ? undefined : Promise.reject(error))))
  } finally {
    await front.close()
  }
  return life
}

/** The parts of a run's end that one machine has. */
const remains = async (machine: Machine, access: LocalAccess, migration: Migration, stranger: string): Promise<string[]> => {
  const uploads = await machine.destination.listUploads(Buffer.from('in/'))
  const lock = (await findJson<{ holder: unknown }>(machine.state, pairKey(migration.pair)))?.value
  const ended = await access.tryEnded(migration)
  return [
    ...(await access.inventory()).filter(({ name }) => isNamedBy(migration.runId, name)).map(({ name }) => `the key ${name} still works`),
    ...ended.filter(({ closed }) => !closed).map(({ name, answer }) => `the key ${name} is answered ${answer}`),
    ...uploads.filter(({ uploadId }) => uploadId !== stranger).map(({ key }) => `an open upload of ${key.toString()}`),
    ...(uploads.some(({ uploadId }) => uploadId === stranger) ? [] : ["the stranger's upload is gone"]),
    ...(lock?.holder ? ['the lock is held'] : []),
  ]
}

const certificates = (lives: readonly Life[], runId: string): number =>
  lives.flatMap(({ changes }) => changes).filter((change) => change.startsWith('PUT ') && change.includes(stateKeys(runId).certificate))
    .length

/** Every step of OpenAccess and Cleanup as the last of a process, closed by the same process, by a new one, and by the pair's next run. */
export const onOneMachine = async (tally: Tally): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'drayage-kill-points-'))
  const machine = new Machine(folder)
  await machine.start()
  const stranger = await machine.destination.createUpload(Buffer.from('in/stranger'))
  let pairs = 0

  /** A run that dies where `openingDies` or `closingDies` says, and those who come after it. */
  const die = async (
    closer: (typeof CLOSERS)[number],
    openingDies: number | undefined,
    closingDies: number | undefined,
  ): Promise<string[]> => {
    const pair = ++pairs
    const migration = migrationOf(pair)
    const first = processOn(machine)
    const lives = [await lived(first, (turn) => openAccess(migration, turn), openingDies)]
    if (openingDies === undefined) {
      await begin(machine, migration, now())
      lives.push(await lived(first, (turn) => closeAccess(migration.runId, migration, turn), closingDies))
    }
    const died = lives.at(-1)!.dead ? [] : ['it did not die there']
    if (closer === 'same process') {
      lives.push(await lived(first, (turn) => closeAccess(migration.runId, undefined, turn)))
      const left = await remains(machine, first.access, migration, stranger)
      return [...died, ...left, ...(await certificateFaults(machine.state, migration.runId, certificates(lives, migration.runId)))]
    }
    await machine.restart()
    const second = processOn(machine)
    if (closer === 'new process') {
      lives.push(await lived(second, (turn) => closeAccess(migration.runId, undefined, turn)))
      const left = await remains(machine, second.access, migration, stranger)
      return [...died, ...left, ...(await certificateFaults(machine.state, migration.runId, certificates(lives, migration.runId)))]
    }
    const next = migrationOf(pair)
    await lived(second, (turn) => openAccess(next, turn))
    const closing = await lived(second, (turn) => closeAccess(next.runId, next, turn))
    const left = await remains(machine, second.access, migration, stranger)
    return [...died, ...left, ...(await certificateFaults(machine.state, next.runId, certificates([closing], next.runId)))]
  }

  try {
    const whole = migrationOf(++pairs)
    const process = processOn(machine)
    const opening = await lived(process, (turn) => openAccess(whole, turn))
    await begin(machine, whole, now())
    const closing = await lived(process, (turn) => closeAccess(whole.runId, whole, turn))
    await tally.judge('one machine: nobody dies', async () => [
      ...(await remains(machine, process.access, whole, stranger)),
      ...(await certificateFaults(machine.state, whole.runId, certificates([closing], whole.runId))),
    ])
    for (const closer of CLOSERS) {
      for (const [index, change] of opening.changes.entries())
        await tally.judge(`one machine: OpenAccess dies after ${index + 1} ${change}, then the ${closer}`, () =>
          die(closer, index + 1, undefined),
        )
      for (const [index, change] of closing.changes.entries())
        await tally.judge(`one machine: Cleanup dies after ${index + 1} ${change}, then the ${closer}`, () =>
          die(closer, undefined, index + 1),
        )
    }
    await tally.judge('control: keys that are not revoked are caught', async () => {
      const spared = migrationOf(++pairs)
      const { server } = machine
      machine.server = { ...server, revokeKey: async () => undefined }
      const forgetful = processOn(machine)
      machine.server = server
      await lived(forgetful, (turn) => openAccess(spared, turn))
      await lived(forgetful, (turn) => closeAccess(spared.runId, spared, turn))
      const seen = await remains(machine, forgetful.access, spared, stranger)
      return seen.some((fault) => fault.includes('still works')) ? [] : ['not caught']
    })
  } finally {
    await machine.stop()
    await rm(folder, { recursive: true })
  }
}

const CLOSERS = ['same process', 'new process', 'next run of the pair'] as const
