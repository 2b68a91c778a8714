import { display, silent } from './display'
import { exitCode } from './exit-codes'
import { withRuntime } from './local/runtime'
import { prepare } from './local/prepare'
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
}

/** `drayage run`. Returns the exit code. */
export const run = ({ request, json, dryRun, state, name }: RunCommand): Promise<number> =>
  reporting(json, async (print, signal) => {
    const prepared = prepare(await readRequest(request), { name, dryRun })
    const screen = json ? silent : display(process.stderr)
    const ended = await withRuntime(state, (runtime) => runtime.run(prepared, { observe: screen.observe, signal })).finally(screen.close)
    const document = runDocument(ended, maxRssBytes())
    print(document, summary(document))
    return exitCode(document.status, signal)
  })
