import { isAbsolute } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url))

/** Packages are loaded from where they are: a data: URL, which is where the script is, resolves no names. */
const packagesByPlace: Plugin = {
  name: 'packages-by-place',
  setup: ({ onResolve, resolve }) => {
    onResolve({ filter: /^[^.]/ }, async ({ path, resolveDir, kind, pluginData }) => {
      if (isAbsolute(path) || pluginData === packagesByPlace) return undefined
      const found = await resolve(path, { resolveDir, kind, pluginData: packagesByPlace })
      if (found.errors.length > 0 || found.external || !found.path.includes('node_modules')) return found
      return { path: pathToFileURL(found.path).href, external: true }
    })
  },
}

/** A deployed function's services bring seven AWS clients: 15 MB in each worker that no run on one machine uses. */
const withoutAws: Plugin = {
  name: 'without-aws',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /\/aws-services$/ }, () => ({ path: 'aws-services', namespace: 'absent' }))
    onLoad({ filter: /.*/, namespace: 'absent' }, () => ({
      contents: `export const awsServices = () => { throw new Error('the functions of one machine are given their services') }`,
    }))
  },
}

/**
 * The worker's script, for functions of a module that exports `tasks`: plain JavaScript in one piece, so that a worker needs no
 * compiler. With tsx in each, a worker takes twice the memory and three times as long to start (docs/decisions). Names are kept,
 * because Retry and Catch match errors by them. Throws what esbuild says of a module that it cannot read.
 */
export const workerScript = async (functions: URL): Promise<URL> => {
  const { outputFiles } = await build({
    stdin: {
      contents: [
        `import { tasks } from ${JSON.stringify(fileURLToPath(functions))}`,
        `import { serve } from ${JSON.stringify(WORKER)}`,
        'serve(tasks)',
        '//# sourceURL=drayage-functions.js',
      ].join('\n'),
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: [],
    keepNames: true,
    legalComments: 'none',
    logLevel: 'silent',
    plugins: [withoutAws, packagesByPlace],
  })
  return new URL(`data:text/javascript;base64,${Buffer.from(outputFiles[0]!.contents).toString('base64')}`)
}
