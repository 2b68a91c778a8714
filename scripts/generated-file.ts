import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A committed file that a script of package.json writes. */
export interface GeneratedFile {
  /** from the repository's root */
  name: string
  /** what it is made from, for people */
  from: string
  /** the script of package.json */
  command: string
  /** its contents; `root` is the repository's */
  make(root: string): string
}

/** One line that says what is wrong with the file and how to mend it; undefined when it is right. */
export const driftOf = ({ name, from, command, make }: GeneratedFile, root: string): string | undefined => {
  const place = join(root, name)
  if (existsSync(place) && readFileSync(place, 'utf8') === make(root)) return undefined
  return `${name} is not what ${from} says: run npm run ${command} and commit it`
}

/** Run as a script (`module` is import.meta.url): writes the file, or with --check only says whether it is as it must be. */
export const runAsScript = (file: GeneratedFile, module: string): void => {
  if (process.argv[1] !== fileURLToPath(module)) return
  const root = join(import.meta.dirname, '..')
  try {
    if (!process.argv.includes('--check')) return writeFileSync(join(root, file.name), file.make(root))
    const drift = driftOf(file, root)
    if (drift !== undefined) throw new Error(drift)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
