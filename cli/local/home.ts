import { readdirSync, rmdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { InvalidRequest } from '@drayage/core'
import { makeFolder } from './make-folder'

/** The state folder of the one-machine runtime. The embedded server's lock keeps it to one process at a time. */
export interface Home {
  directory: string
  /** data of the embedded S3 server, the state bucket among it */
  embedded: string
  deadLetters: string
  /** the key that signs certificates here; made at its first use */
  signingKey: string
  /** the functions' log of one run, JSON lines. Throws InvalidRequest when its folder cannot be had */
  log(runId: string): string
  /** folder of a run's report, copied out of the state bucket for reading. Throws InvalidRequest when it cannot be had */
  report(runId: string): string
  /** removes what opening it created, as far as it is empty: for a request that was refused before anything ran */
  discard(): void
}

/** Opens the state folder, creating it where it is missing. Throws InvalidRequest when that cannot be done. */
export const openHome = (name: string): Home => {
  // An empty name, as an unset variable of a script gives, would be the folder that the command happens to be called in.
  if (name === '') throw new InvalidRequest(['--state: is empty; name a folder, or leave it out'])
  const directory = resolve(name)
  const created = create(directory)
  const folder = (...names: string[]): string => {
    const made = join(directory, ...names)
    create(made)
    return made
  }
  const embedded = join(directory, 's3')
  return {
    directory,
    embedded,
    deadLetters: join(directory, 'dead-letters.jsonl'),
    signingKey: join(directory, 'signing-key.pem'),
    log: (runId) => join(folder('logs'), `${runId}.jsonl`),
    report: (runId) => folder('reports', runId),
    discard: () => {
      removeEmpty(embedded)
      if (created === undefined) return
      for (let at = directory; removeEmpty(at) && at !== created; at = dirname(at));
    },
  }
}

/** Returns the first folder that had to be made. */
const create = (directory: string): string | undefined => {
  try {
    return makeFolder(directory, 0o700)
  } catch (error) {
    throw unusable(directory, error)
  }
}

/** Removes a folder unless there is a file in or below it: never data, whoever wrote it meanwhile. Returns whether it is gone. */
const removeEmpty = (directory: string): boolean => {
  try {
    const entries = readdirSync(directory, { withFileTypes: true, recursive: true })
    if (!entries.every((entry) => entry.isDirectory())) return false
    const folders = entries.map(({ parentPath, name }) => join(parentPath, name))
    for (const folder of [...folders.sort().reverse(), directory]) rmdirSync(folder)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return true
    // Where we may not look we have made nothing; who asked is told why the folder cannot be used.
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'EACCES' || code === 'EPERM') return false
    throw error
  }
}

/** The refusal of a state folder, which names --state in place of the field. */
export const unusable = (directory: string, error: unknown): InvalidRequest =>
  new InvalidRequest(
    [`--state: the state folder ${directory} cannot be used (${(error as Error).message}); name another with --state DIR`],
    { cause: error },
  )
