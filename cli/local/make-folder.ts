import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/**
 * Makes a folder with those above it that are missing, and returns the first that had to be made. Throws what the system answers. Not
 * Node's own `recursive`, which asks for ever where a folder that is there lets none be made in it and says that it
 * is missing, as /proc does.
 */
export const makeFolder = (path: string, mode: number): string | undefined => {
  const missing: string[] = []
  for (let at = path; !existsSync(at) && at !== dirname(at); at = dirname(at)) missing.unshift(at)
  if (missing.length === 0 && !isFolder(path)) missing.push(path)
  for (const folder of missing) {
    try {
      mkdirSync(folder, { mode })
    } catch (error) {
      // another process was quicker
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isFolder(folder)) throw error
    }
  }
  return missing[0]
}
