import { readFileSync, writeFileSync } from 'node:fs'

/**
 * npm leaves a package's build for another platform out of package-lock.json when the registry it asked does not have that
 * build, as some mirrors do not; `npm ci` then refuses the lock file everywhere. This adds the entries that are missing: with
 * version and platform, and without a hash, which only the mirror could not give. `--check` only says what is missing.
 */
interface LockEntry {
  version?: string
  optional?: true
  dev?: true
  os?: string[]
  cpu?: string[]
  optionalDependencies?: Record<string, string>
}

export type LockPackages = Record<string, LockEntry>

const PLATFORM = /-(darwin|win32|linux|android|freebsd|openharmony)-(arm64|x64|ia32|arm|ppc64|riscv64|s390x|loong64)(?:-|$)/

/** The entries that a lock file lacks, by their place in it. Throws for a name that does not tell its platform. */
export const missingPlatforms = (packages: LockPackages): LockPackages => {
  const missing: LockPackages = {}
  for (const [place, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (packages[`node_modules/${name}`] ?? packages[`${place}/node_modules/${name}`]) continue
      const platform = PLATFORM.exec(name)
      if (!platform) throw new Error(`${name}, which ${place} may use, is missing from package-lock.json and does not name its platform`)
      missing[`node_modules/${name}`] = { version, cpu: [platform[2]!], ...(dev ? { dev } : {}), optional: true, os: [platform[1]!] }
    }
  }
  return missing
}

const main = (check: boolean): void => {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: LockPackages }
  const missing = missingPlatforms(lock.packages)
  const names = Object.keys(missing)
  if (names.length === 0) return
  if (check) {
    process.stderr.write(`package-lock.json lacks ${names.length} builds for other platforms: npm run lock adds them\n`)
    process.exitCode = 1
    return
  }
  const all = { ...lock.packages, ...missing }
  lock.packages = Object.fromEntries(Object.entries(all).sort(([a], [b]) => a.localeCompare(b, 'en')))
  writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
}

if (process.argv[1]?.endsWith('lock-platforms.ts')) main(process.argv.includes('--check'))
