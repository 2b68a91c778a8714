import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gateOf, type Gate } from '../gate'

interface Entry {
  version?: string
  resolved?: string
  integrity?: string
  link?: boolean
  inBundle?: boolean
  dev?: boolean
  optional?: boolean
  os?: string[]
}

export type Lock = { packages: Record<string, Entry> }

const REGISTRY = 'https://registry.npmjs.org/'

/**
 * A development tool's build for one platform, for which scripts/lock-platforms.ts could learn no hash: it is never carried, and its
 * package is compared with its own hash wherever it was known when the lock file was written.
 */
const isUnhashedBuild = ({ dev, optional, os, integrity }: Entry): boolean =>
  dev === true && optional === true && os !== undefined && integrity === undefined

/** What of a lock file would let something else be installed than what was looked at. */
export const lockProblems = ({ packages }: Lock): string[] =>
  Object.entries(packages)
    .filter(([place, { inBundle }]) => place !== '' && !inBundle)
    .filter(([, entry]) => !isUnhashedBuild(entry))
    .flatMap(([place, { resolved, integrity, link }]) => {
      if (link) return [`${place} is a link to a folder`]
      return [
        ...(/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? '') ? [] : [`${place} has no SHA-512 of its content`]),
        // Where none is named npm asks the registry it is told of, and compares what comes with the hash.
        ...(resolved === undefined || resolved.startsWith(REGISTRY) ? [] : [`${place} comes from ${resolved}, not from ${REGISTRY}`]),
      ]
    })

export interface Manifest {
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  scripts?: Record<string, string>
}

/** Versions that are not one exact version, and scripts that npm would run on installing. */
export const manifestProblems = ({ dependencies, devDependencies, scripts }: Manifest): string[] => [
  ...Object.entries({ ...dependencies, ...devDependencies })
    .filter(([, version]) => !/^(npm:[\w@/.-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(([name, version]) => `${name} is asked for as ${version}: name one version`),
  ...['preinstall', 'install', 'postinstall', 'prepare']
    .filter((name) => scripts?.[name] !== undefined)
    .map((name) => `package.json runs ${name} on installing`),
]

/** Who is imported for tests alone because of its licence. */
const TESTS_ONLY = '@cloud-copilot/'

/** Packages of `dependencies`, by their lock entries, that must not be carried. */
export const carriedProblems = ({ packages }: Lock): string[] =>
  Object.entries(packages)
    .filter(([place, { dev }]) => place.includes(`node_modules/${TESTS_ONLY}`) && dev !== true)
    .map(([place]) => `${place} is carried: it is AGPL, for tests only`)

const readJson = <Kind>(name: string): Kind => JSON.parse(readFileSync(join(import.meta.dirname, '../../..', name), 'utf8')) as Kind

/** What is installed is what the lock file says, from npm’s registry, whole. */
export const lockFile = (): Gate => {
  const lock = readJson<Lock>('package-lock.json')
  const gate = gateOf('lock', [
    { title: 'lock file', problems: lockProblems(lock) },
    { title: 'package.json', problems: manifestProblems(readJson<Manifest>('package.json')) },
    { title: 'licence', problems: carriedProblems(lock) },
  ])
  const unhashed = Object.values(lock.packages).filter(isUnhashedBuild).length
  return {
    ...gate,
    notes: [`${Object.keys(lock.packages).length} packages, ${unhashed} builds of tools for other platforms without a hash`],
  }
}
