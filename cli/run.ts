import { InvalidRequest } from '@drayage/core'
import { display, silent } from './display'
import { exitCode } from './exit-codes'
import { checkKeys, readKeys } from './key-list'
import { prepare } from './local/prepare'
import { withRuntime } from './local/runtime'
import { reporting } from './reporting'
import { readRequest } from './request-file'
import { maxRssBytes, runDocument } from './run-document'
import { summary } from './summary'

export interface RunCommand {
  /** a JSON file, or - for standard input */
  request: string
  json: boolean
  dryRun: boolean
  /** state folder */
  state: string
  /** run id; undefined: a new one */
  name: string | undefined
  /** a list of keys, or - for standard input; undefined: the source's own listing, or what the request names */
  keys: string | undefined
}

/** `drayage run`. Returns the exit code. */
export const run = ({ request, json, dryRun, state, name, keys }: RunCommand): Promise<number> =>
  reporting(json, async (print, signal) => {
    if (request === '-' && keys === '-')
      throw new InvalidRequest(['--keys: standard input holds the request already; name a file for one of the two'])
    const given = keys === undefined ? undefined : await readKeys(keys)
    const prepared = prepare(await readRequest(request), { name, dryRun, keys: given })
    if (given !== undefined) await checkKeys(given, prepared.migration.source.prefix)
    const screen = json ? silent : display(process.stderr)
    const ended = await withRuntime(state, (runtime) => runtime.run(prepared, { observe: screen.observe, signal })).finally(screen.close)
    const document = runDocument(ended, maxRssBytes())
    print(document, summary(document, state))
    return exitCode(document.status, signal)
  })
