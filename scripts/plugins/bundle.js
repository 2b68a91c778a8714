import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { build } from 'esbuild'
import { zipSync } from 'fflate'

const CORE = '@drayage/core'

// keepNames: Step Functions matches errors by class name, and esbuild renames a class that meets a namesake in the bundle.
// CommonJS: Lambda finds a layer's packages through NODE_PATH, which `import` does not read.
// Lines and names stay as written (only comments go): a stack trace in the log can be read.
const COMMON = {
  bundle: true,
  write: false,
  metafile: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  keepNames: true,
  legalComments: 'none',
  logLevel: 'silent',
}

/** One file's bundle. Throws on any warning of esbuild. */
const bundle = async (entry, options) => {
  const { outputFiles, metafile, warnings } = await build({ ...COMMON, ...options, entryPoints: [entry] })
  if (warnings.length > 0)
    throw new Error(`${entry}: ${warnings.map(({ text, location }) => `${text} (${location?.file}:${location?.line})`).join('; ')}`)
  return { bytes: outputFiles[0].contents, inputs: Object.keys(metafile.inputs) }
}

/**
 * The layer's bundle: layers/core with every package it uses, the AWS SDK's clients too, so that what runs is what the lock
 * file names and not what the runtime happens to bring.
 */
export const bundleCore = async (serviceDir) => (await bundle('layers/core/index.ts', { absWorkingDir: serviceDir })).bytes

/**
 * A function's bundle, with @drayage/core left to the layer. Throws if it holds anything of layers/: a second copy of an error
 * class would not be `instanceof` the first.
 */
export const bundleFunction = async (serviceDir, entry) => {
  const { bytes, inputs } = await bundle(entry, { absWorkingDir: serviceDir, external: [CORE] })
  const foreign = inputs.filter((input) => !input.startsWith('functions/'))
  if (foreign.length > 0) throw new Error(`${entry} bundles ${foreign.join(', ')}: functions import what they share from ${CORE} only`)
  return bytes
}

// A fixed time, so that equal content is an equal file; readable for all, since Lambda unpacks as another user.
const ENTRY = { mtime: new Date(1980, 0, 1), os: 3, attrs: 0o100644 << 16, level: 9 }

/** Writes a zip and says what it is. */
const writeZip = async (path, entries) => {
  const zip = zipSync(Object.fromEntries(Object.entries(entries).map(([entry, bytes]) => [entry, [bytes, ENTRY]])))
  await writeFile(path, zip)
  return { name: basename(path), bytes: zip }
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/**
 * One hash over everything that runs, in hex, which cleanup writes into each certificate. By hand, in the package folder:
 * `LC_ALL=C sha256sum *.zip | sha256sum`.
 */
export const bundleSha256 = (zips) =>
  sha256(
    [...zips]
      .sort((one, other) => (one.name < other.name ? -1 : 1))
      .map(({ name, bytes }) => `${sha256(bytes)}  ${name}\n`)
      .join(''),
  )

const kilobytes = (bytes) => `${Math.ceil(bytes / 1000)} kB`

/** Builds the layer's and every function's zip into the package folder, in place of osls's own packaging. */
export default class Bundle {
  constructor(serverless, options, { log }) {
    this.hooks = {
      'before:package:createDeploymentArtifacts': async () => {
        const { serviceDir, service } = serverless
        const folder = resolve(serviceDir, options.package ?? service.package.path ?? '.serverless')
        await mkdir(folder, { recursive: true })

        const core = await bundleCore(serviceDir)
        const layer = service.getLayer('core')
        layer.package = { artifact: join(folder, 'core.zip') }
        const layerZip = await writeZip(layer.package.artifact, {
          [`nodejs/node_modules/${CORE}/index.js`]: core,
          [`nodejs/node_modules/${CORE}/package.json`]: Buffer.from(JSON.stringify({ name: CORE, main: 'index.js', type: 'commonjs' })),
        })
        log.notice(`layer core: ${kilobytes(layerZip.bytes.length)} zipped, ${kilobytes(core.length)} unpacked`)

        const functionZips = await Promise.all(
          service.getAllFunctions().map(async (name) => {
            const definition = service.getFunction(name)
            const file = definition.handler.replace(/\.handler$/, '')
            const bytes = await bundleFunction(serviceDir, `${file}.ts`)
            definition.package = { artifact: join(folder, `${file.replace(/^functions\//, '')}.zip`) }
            return writeZip(definition.package.artifact, { [`${file}.js`]: bytes })
          }),
        )
        const largest = Math.max(...functionZips.map(({ bytes }) => bytes.length))
        log.notice(`${functionZips.length} functions: ${kilobytes(largest)} zipped at most`)

        const cleanup = service.getFunction('cleanup')
        cleanup.environment = { ...cleanup.environment, DRAYAGE_BUNDLE_SHA256: bundleSha256([layerZip, ...functionZips]) }
      },
    }
  }
}
