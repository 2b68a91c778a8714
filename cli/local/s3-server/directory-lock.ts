import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { DirectoryUnusable } from './errors'

/** How long a process that was just killed may take to be gone, in ms. */
const PATIENCE_MS = 2000

/** Locks that this process holds: one with our own process id that is not among them was left by a killed process. */
const held = new Set<string>()

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** The process that holds the lock, or undefined when it was taken for us; `stale`: from one that is dead. */
const tryLock = (lock: string, stale = false): { holder: number | undefined; stale: boolean } => {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return { holder: undefined, stale }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const holder = Number(readFileSync(lock, 'utf8'))
  if (holder === process.pid ? held.has(lock) : isAlive(holder)) return { holder, stale }
  rmSync(lock, { force: true })
  return tryLock(lock, true)
}

/** Two processes that find one stale lock may both remove it and the second one's removal hit the first one's lock: wait it out. */
const stillOurs = async (lock: string): Promise<boolean> => {
  await pause(100)
  try {
    return readFileSync(lock, 'utf8') === String(process.pid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

export const unusable = (directory: string, error: unknown): DirectoryUnusable =>
  error instanceof DirectoryUnusable
    ? error
    : new DirectoryUnusable(
        `The S3 server cannot keep its data in ${directory}: ${(error as Error).message}. Name a directory that it may write to.`,
        { cause: error },
      )

/** Makes the directory and takes it for this server alone; returns what lets it go. Throws DirectoryUnusable. */
export const lockDirectory = async (directory: string): Promise<() => void> => {
  const lock = join(directory, 'server.pid')
  try {
    mkdirSync(directory, { recursive: true })
    for (const began = Date.now(); ; await pause(50)) {
      const { holder, stale } = tryLock(lock)
      if (holder === undefined && (!stale || (await stillOurs(lock)))) break
      if (holder === process.pid || Date.now() - began > PATIENCE_MS)
        throw new DirectoryUnusable(
          `Another S3 server (process ${holder}) holds ${directory}. End it, or name another directory; if no such server runs, remove ${lock}.`,
        )
    }
  } catch (error) {
    throw unusable(directory, error)
  }
  held.add(lock)
  return () => {
    held.delete(lock)
    rmSync(lock, { force: true })
  }
}
