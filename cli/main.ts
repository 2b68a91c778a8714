import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { createRequire } from 'node:module'
import { outliveReaders } from './broken-pipes'
import { credentialsCommands } from './credentials/commands'
import { EXIT } from './exit-codes'
import { boundHeap } from './heap'
import { STATE_FOLDER } from './state-folder'

const { version } = createRequire(import.meta.url)('../package.json') as { version: string }

const STATE = '--state <dir>'
const JSON_OPTION = ['--json', 'print nothing on standard output but one JSON document at the end'] as const

const EPILOGUE = `
Credentials are never arguments. Each side takes its own: the AWS profile that the request names (source.profile,
destination.profile), else DRAYAGE_SOURCE_ACCESS_KEY_ID, DRAYAGE_SOURCE_SECRET_ACCESS_KEY and DRAYAGE_SOURCE_SESSION_TOKEN (or
DRAYAGE_DESTINATION_…), else, for Amazon S3 only, the AWS default chain.

Exit codes: 0 verified (or a dry run that ended well), 1 not verified, 2 bad input, 130 interrupted. Ctrl-C ends a run in Cleanup.`

const portOf = (text: string): number => {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new InvalidArgumentError('A port is a number from 0 to 65535.')
  return Number(text)
}

const program = (done: (code: number) => void): Command => {
  const drayage = new Command('drayage')
    .description('Moves every object of an S3-compatible bucket, proves that each one arrived, and leaves no access behind.')
    .version(version)
    .addHelpText('after', EPILOGUE)
    .showSuggestionAfterError()
    .showHelpAfterError('(drayage --help says more)')
    .exitOverride()

  drayage
    .command('demo')
    .description('copies some 12,000 real files and the most awkward keys between two buckets of an embedded S3 server')
    .option('--keep', 'keep the data to look at, in .drayage-demo or the folder of --state')
    .option(...JSON_OPTION)
    .option(STATE, 'state folder; it is kept (default: a temporary one, of which the report stays)')
    .action(async (options: { keep?: boolean; json?: boolean; state?: string }) => {
      boundHeap()
      const { demo } = await import('./demo')
      done(await demo({ keep: options.keep === true, json: options.json === true, state: options.state }))
    })

  drayage
    .command('run')
    .description('runs one migration on this machine')
    .argument('<request>', 'JSON file with the request, or - for standard input')
    .option(...JSON_OPTION)
    .option('--dry-run', 'list and estimate, copy nothing')
    .option(STATE, 'state folder', STATE_FOLDER)
    .option('--name <run-id>', 'name of the run: 1 to 80 letters, digits, hyphens or underscores (default: from the time)')
    .option('--keys <file>', 'migrate the keys of this list (.txt: one a line; .jsonl: one JSON key a line), or - for standard input')
    .action(async (request: string, options: { json?: boolean; dryRun?: boolean; state: string; name?: string; keys?: string }) => {
      boundHeap()
      const { run } = await import('./run')
      const { state, name, keys } = options
      done(await run({ request, json: options.json === true, dryRun: options.dryRun === true, state, name, keys }))
    })

  drayage
    .command('retry')
    .description('runs the request of an earlier run again, over just the objects that failed in it')
    .argument('<run>', 'the run whose failures are tried again: a folder in the reports of the state folder')
    .option(...JSON_OPTION)
    .option('--dry-run', 'list and estimate, copy nothing')
    .option(STATE, 'state folder', STATE_FOLDER)
    .option('--name <run-id>', 'name of the new run: 1 to 80 letters, digits, hyphens or underscores (default: from the time)')
    .action(async (runId: string, options: { json?: boolean; dryRun?: boolean; state: string; name?: string }) => {
      boundHeap()
      const { retry } = await import('./retry')
      done(await retry({ runId, json: options.json === true, dryRun: options.dryRun === true, state: options.state, name: options.name }))
    })

  drayage
    .command('serve-s3')
    .description('serves S3 on this machine, with its data in a directory of its own, until Ctrl-C')
    .argument('<dir>', 'the data; created if it is missing. The folder s3 of a state folder holds the buckets of its runs')
    .option('--port <number>', 'port on 127.0.0.1; 0 is a free one', portOf, 0)
    .option('--bucket <name>', 'create this bucket if it is missing; may be repeated', (name, names: string[]) => [...names, name], [])
    .option('--json', 'print one line of JSON with endpoint, accessKeyId and secretAccessKey, and nothing else')
    .action(async (directory: string, options: { port: number; bucket: string[]; json?: boolean }) => {
      boundHeap()
      const { serveS3 } = await import('./serve-s3')
      done(await serveS3({ directory, port: options.port, buckets: options.bucket, json: options.json === true }))
    })

  credentialsCommands(drayage, done)

  const certificate = drayage.command('certificate').description('checks what a run says of the end of its access')
  certificate
    .command('verify')
    .description('checks a certificate and its signature, offline. Exit code 0: it holds; 1: refused; 2: a file cannot be read')
    .argument('<file>', 'certificate.json of a run')
    .option('--signature <file>', 'its signature (default: certificate.sig beside it)')
    .option('--public-key <file>', 'PEM of the key that it must be signed with, from a source that you trust')
    .option(...JSON_OPTION)
    .action(async (file: string, options: { signature?: string; publicKey?: string; json?: boolean }) => {
      const { verifyCommand } = await import('./certificate')
      done(await verifyCommand({ file, signature: options.signature, publicKey: options.publicKey, json: options.json === true }))
    })

  return drayage
}

/** Runs the command and sets the process's exit code; the process ends once nothing is open any more. */
export const main = async (argv: readonly string[]): Promise<void> => {
  outliveReaders()
  try {
    await program((code) => {
      process.exitCode = code
    }).parseAsync(argv)
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = error.exitCode === 0 ? EXIT.verified : EXIT.badInput
  }
}
