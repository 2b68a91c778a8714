import { archiveClass, standOf } from '../domain/archived'
import {
  CursorMoved,
  errorName,
  isOfTheSide,
  isRetryable,
  NoSuchObject,
  OutlivesAccess,
  PreconditionFailed,
  StoreUnavailable,
} from '../domain/errors'
import type { Migration } from '../domain/migration'
import type { ObjectStore } from '../domain/object-store'
import { firstRestoreFile, indexesOf, ongoingOf, rangesOf, refusedOf, type PassPosition, type RestoreFile } from '../domain/restore-file'
import { secondsToNextLook } from '../domain/restore-times'
import { findJson, listNames, readBytes, writeJson } from '../domain/state-files'
import { shardKey, shardOf, stateKeys } from '../domain/state-keys'
import { shardFromText, type Shard, type ShardObject } from '../domain/shards'
import { count, counted } from '../domain/units'
import { inPool } from './pool'
import { withRetries } from './retries'
import { toRestore, type ToRestore } from './to-restore'

export interface RestoreTurn {
  state: ObjectStore
  /** with the right to restore */
  source: ObjectStore
  /** with the right to read: nothing is restored for what is equal there */
  destination: ObjectStore
  /** seconds of copying that come after restoring, as estimated */
  copySeconds: number
  /** hours that the restores are expected to take, at most */
  hours: number
  now(): Date
  /** of the run's write probe, ISO 8601 by the destination's clock: see `writtenSince` */
  writingSince: string
  signal: AbortSignal
  /** false: take no further object */
  going(): boolean
  /** requests under way at once */
  concurrency: number
}

export interface RestoreAnswer {
  /** the call's time was over: go on at once */
  more: boolean
  /** nothing is waited for: copy */
  done: boolean
  /** until the next look */
  waitSeconds: number
  /** objects whose restore was asked for */
  asked: number
  /** of those, seen to be readable: at least so many, for a shard is left at the first of its objects that are not */
  ready: number
  ongoing: number
  /** objects that cannot be restored: they will be failed outcomes */
  refused: number
}

type Asked = 'ready' | 'ongoing' | 'not archived' | 'not needed' | { refused: string }

const readShard = async (migration: Migration, shard: string, { state, signal }: RestoreTurn): Promise<Shard> => {
  const name = shardKey(migration.runId, shard)
  return shardFromText((await readBytes(state, name, { signal })).body.toString('utf8'), name)
}

/** An object that cannot be restored is left to its GET, which makes it a failed outcome; an error of the whole side ends the call. */
const orRefused = async (act: () => Promise<Asked>, signal: AbortSignal): Promise<Asked> => {
  try {
    return await withRetries(act, signal)
  } catch (error) {
    if (signal.aborted || isRetryable(error) || isOfTheSide(error)) throw error
    return { refused: errorName(error) }
  }
}

const order = async ({ restore }: Migration, object: ShardObject, { source, signal }: RestoreTurn): Promise<Asked> => {
  // An object of Intelligent-Tiering is moved, not copied: its order takes no days (Amazon S3 API reference, RestoreObject).
  const days = archiveClass(object) === 'INTELLIGENT_TIERING' ? undefined : restore.days
  const answer = await source.restore(object.key, { tier: restore.tier, days }, { versionId: object.versionId, signal })
  return answer === 'restored' ? 'ready' : 'ongoing'
}

/** Where an object stands at the source. Throws NoSuchObject. */
const standAt = async ({ key, versionId }: ShardObject, { source, signal }: RestoreTurn): Promise<ReturnType<typeof standOf>> => {
  const info = await source.stat(key, { versionId, signal })
  if (info === undefined) throw new NoSuchObject('the object is gone from the source')
  return standOf(info)
}

const ask = (migration: Migration, { object, isThere }: ToRestore, turn: RestoreTurn): Promise<Asked> =>
  orRefused(async () => {
    if (await isThere()) return 'not needed'
    if (archiveClass(object) !== 'INTELLIGENT_TIERING') return order(migration, object, turn)
    const stand = await standAt(object, turn)
    if (stand === 'readable') return 'not archived'
    return stand === 'ongoing' ? 'ongoing' : order(migration, object, turn)
  }, turn.signal)

/** A restore that is neither under way nor done any more is asked for again. */
const look = (migration: Migration, object: ShardObject, turn: RestoreTurn): Promise<Asked> =>
  orRefused(async () => {
    const stand = await standAt(object, turn)
    if (stand === 'archived') return order(migration, object, turn)
    return stand === 'ongoing' ? 'ongoing' : 'ready'
  }, turn.signal)

const refuse = (file: RestoreFile, { refused }: { refused: string }): void => {
  file.refused[refused] = (file.refused[refused] ?? 0) + 1
}

const setPending = (file: RestoreFile, shard: string, indexes: readonly number[]): void => {
  if (indexes.length === 0) delete file.pending[shard]
  else file.pending[shard] = rangesOf([...indexes].sort((a, b) => a - b))
}

/** Asks for the archived objects of one shard from index `from` on. Returns the index to go on at, or undefined at its end. */
const askShard = async (migration: Migration, { shard, index: from }: PassPosition, file: RestoreFile, turn: RestoreTurn) => {
  const found = await toRestore(migration, await readShard(migration, shard, turn), from, {
    ...turn,
    reading: async () => turn.destination,
  })
  const pending = indexesOf(file.pending[shard] ?? '')
  let first = true
  const taken = await inPool(
    found,
    turn.concurrency,
    async (one) => {
      const answer = await ask(migration, one, turn)
      if (typeof answer === 'object') refuse(file, answer)
      if (answer === 'not needed') file.notNeeded++
      if (answer === 'ready' || answer === 'ongoing') file.asked++
      if (answer === 'ready') file.ready++
      if (answer === 'ongoing') pending.push(one.at)
    },
    () => {
      // A turn that asked for nothing would be followed by another one like it, for ever.
      const goesOn = first || turn.going()
      first = false
      return goesOn
    },
  )
  setPending(file, shard, pending)
  return found[taken]?.at
}

/**
 * Looks at the objects of one shard that are waited for, some at once, and leaves it at the first that are not readable: one that is
 * not is enough to wait again. So looking costs one HEAD an object over the whole run, and a few a shard for each look. False: the
 * time was over before that.
 */
const lookAtShard = async (migration: Migration, shard: string, file: RestoreFile, turn: RestoreTurn): Promise<boolean> => {
  const { objects } = await readShard(migration, shard, turn)
  let pending = indexesOf(file.pending[shard]!)
  for (;;) {
    const some = pending.slice(0, turn.concurrency)
    const answers = await Promise.all(some.map((index) => look(migration, objects[index]!, turn)))
    for (const answer of answers) {
      if (typeof answer === 'object') refuse(file, answer)
      if (answer === 'ready') file.ready++
    }
    const ongoing = some.filter((_, at) => answers[at] === 'ongoing')
    pending = [...ongoing, ...pending.slice(some.length)]
    setPending(file, shard, pending)
    if (ongoing.length > 0 || pending.length === 0) return true
    if (!turn.going()) return false
  }
}

/** restore.json, and its conditional write. */
interface Progress {
  file: RestoreFile
  write(): Promise<void>
}

const openProgress = async ({ runId }: Migration, { state, signal }: RestoreTurn): Promise<Progress> => {
  const name = stateKeys(runId).restore
  const kept = await findJson<RestoreFile>(state, name, { signal })
  const file = kept?.value ?? firstRestoreFile()
  let etag = kept?.etag
  const write = async () => {
    const condition = etag === undefined ? { ifNoneMatch: true } : { ifMatch: etag }
    etag = await writeJson(state, name, file, { ...condition, signal }).catch((error: unknown) => {
      throw error instanceof PreconditionFailed ? new CursorMoved(`another call moved ${name} first`) : error
    })
  }
  return { file, write }
}

/**
 * False: the time was over first. What was ordered is written down shard by shard: killed in between, the next turn asks once more for
 * objects of one shard, which changes nothing.
 */
const askAll = async (migration: Migration, { file, write }: Progress, turn: RestoreTurn): Promise<boolean> => {
  const names = await listNames(turn.state, stateKeys(migration.runId).batches, { signal: turn.signal })
  const shards = names.map((name) => shardOf(migration.runId, name))
  for (let at = Math.max(0, shards.indexOf(file.next?.shard ?? '')); at < shards.length; at++) {
    const shard = shards[at]!
    const orders = file.asked
    const index = await askShard(migration, { shard, index: file.next?.shard === shard ? file.next.index : 0 }, file, turn)
    const following = shards[at + 1]
    if (index !== undefined) file.next = { shard, index }
    else file.next = following === undefined ? null : { shard: following, index: 0 }
    if (file.next === null) break
    if (index !== undefined || !turn.going()) return false
    if (file.asked > orders) await write()
  }
  file.askedAt = turn.now().toISOString()
  return true
}

/** False: the time was over first. */
const lookAtAll = async (migration: Migration, { file }: Progress, turn: RestoreTurn): Promise<boolean> => {
  const shards = Object.keys(file.pending).sort()
  for (const shard of shards.filter((name) => name >= (file.next?.shard ?? ''))) {
    file.next = { shard, index: 0 }
    if (!(await lookAtShard(migration, shard, file, turn))) return false
    if (shard !== shards.at(-1) && !turn.going()) {
      file.next = { shard: shards[shards.indexOf(shard) + 1]!, index: 0 }
      return false
    }
  }
  file.next = null
  return true
}

/** Seconds until the next look. Throws OutlivesAccess when there is no time left for it and for copying. */
const waitSeconds = ({ access }: Migration, file: RestoreFile, { hours, copySeconds, now }: RestoreTurn): number => {
  const time = now().getTime()
  const left = Math.floor((Date.parse(access.expiresAt) - time) / 1000 - copySeconds)
  if (left < 1)
    throw new OutlivesAccess(
      `${count(ongoingOf(file))} of ${counted(file.asked, 'archived object is', 'archived objects are')} not restored yet, and the run's access ends ${access.expiresAt}; run again later: what is restored by then is not asked for again`,
    )
  return Math.min(left, secondsToNextLook(hours, (time - Date.parse(file.askedAt!)) / 1000))
}

/**
 * One turn of restoring: asks for every archived object that is not equal at the destination already, and once all are asked for
 * looks whether they can be read. Goes on from restore.json, which is written after each shard that was asked for and at the end of a
 * turn. Throws CursorMoved if another call moved it first, OutlivesAccess when waiting on would leave no time to copy, StoreUnavailable
 * when the call's time ended amid an object.
 */
export const restoreArchived = async (migration: Migration, turn: RestoreTurn): Promise<RestoreAnswer> => {
  const progress = await openProgress(migration, turn)
  const { file } = progress
  const passed = await (file.askedAt === null ? askAll : lookAtAll)(migration, progress, turn).catch((error: unknown) => {
    const late = turn.signal.aborted && errorName(turn.signal.reason) === 'DeadlinePassed'
    throw late ? new StoreUnavailable('the stores answered too slowly for the time that a call has', { cause: error }) : error
  })
  await progress.write()
  const ongoing = ongoingOf(file)
  const counts = { asked: file.asked, ready: file.ready, ongoing, refused: refusedOf(file) }
  if (!passed) return { more: true, done: false, waitSeconds: 0, ...counts }
  if (ongoing === 0) return { more: false, done: true, waitSeconds: 0, ...counts }
  return { more: false, done: false, waitSeconds: waitSeconds(migration, file, turn), ...counts }
}
