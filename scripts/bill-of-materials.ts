/**
 * The second half of `npm run package`: says what the package is made of. Into the package's folder it writes sbom.json, every npm
 * package that the layer or the command carries (CycloneDX), and bundle-hashes.json, the SHA-256 of each zip and of the template.
 * Without network: the lock file is all that is read. Equal content gives equal files.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleSha256 } from './plugins/bundle.js'

export const SBOM = 'sbom.json'
export const HASHES = 'bundle-hashes.json'
const TEMPLATE = 'cloudformation-template-update-stack.json'

const CYCLONEDX = 'node_modules/@cyclonedx/cyclonedx-npm/bin/cyclonedx-npm-cli.js'

export interface BundleHashes {
  /** over all zips: what every certificate of a deployment of this package names */
  bundleSha256: string
  /** SHA-256 in hex of the template and of every zip, by file name */
  files: Record<string, string>
}

/** The hashes of what is in a package's folder. Throws if zips or template are missing. */
export const bundleHashes = (folder: string): BundleHashes => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.zip'))
  if (names.length === 0 || !existsSync(join(folder, TEMPLATE))) throw new Error(`${folder} holds no package: run serverless package first`)
  const read = (name: string): Buffer => readFileSync(join(folder, name))
  return {
    bundleSha256: bundleSha256(names.map((name) => ({ name, bytes: read(name) }))),
    files: Object.fromEntries([...names, TEMPLATE].sort().map((name) => [name, createHash('sha256').update(read(name)).digest('hex')])),
  }
}

/** The software bill of materials of what package-lock.json says is carried, as CycloneDX 1.6 in JSON. */
const billOfMaterials = (root: string): string =>
  execFileSync(
    process.execPath,
    [
      ...[join(root, CYCLONEDX), '--package-lock-only', '--omit', 'dev', '--output-reproducible'],
      ...['--spec-version', '1.6', '--output-format', 'JSON', '--output-file', '-', join(root, 'package.json')],
    ],
    { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 },
  )

/** Writes both files into a package's folder. */
export const writeBill = (root: string, folder: string): void => {
  const hashes = bundleHashes(folder)
  writeFileSync(join(folder, SBOM), billOfMaterials(root))
  writeFileSync(join(folder, HASHES), `${JSON.stringify(hashes, null, 2)}\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = join(import.meta.dirname, '..')
  const folder = join(root, '.serverless')
  writeBill(root, folder)
  console.log(`${join('.serverless', SBOM)} and ${join('.serverless', HASHES)} are written`)
}
